"""Finding the files of rulesets and parsing their YAML.

A shipped ruleset is the file `content/<name>/<version>.yaml`; its provider is `local`. Installed packages provide
others: an entry point of the group `waivern.rulesets` has the provider's name and refers to a package (or the path of
a folder) with the same layout as `content/`. A name that ends in `_classification` is a classification's; see
`classification`.
"""

import functools
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml

from waivern.discovery import discover
from waivern.errors import RulesetError, did_you_mean

ENTRY_POINT_GROUP = "waivern.rulesets"
LOCAL = "local"

NAME_ALIASES = {"personal_data": "personal_data_indicator", "data_subjects": "data_subject_indicator"}
"""Names that runbooks for other scanners use for shipped rulesets."""

T = TypeVar("T")

_VERSION = re.compile(r"\d+\.\d+\.\d+")
_MAX_BYTES = 4_000_000


@dataclass(frozen=True)
class RulesetFiles:
    """The files of all rulesets by URI, and {provider: error} for providers whose rulesets could not be found."""

    by_uri: Mapping[str, Any]
    broken: Mapping[str, str]


class RulesetHeader(msgspec.Struct, frozen=True, kw_only=True):
    """The keys that all ruleset files have."""

    name: str
    version: str
    rules: tuple[Any, ...]
    description: str = ""


Header = TypeVar("Header", bound=RulesetHeader)


def full_uri(name: str) -> str:
    """Return the full URI for a name in a runbook: a bare name means the newest shipped version.

    An unknown name is returned unchanged.
    """
    known = ruleset_files().by_uri
    if name in known:
        return name
    provider, base, version = name.split("/") if name.count("/") == 2 else (LOCAL, name, "")
    if provider != LOCAL:
        return name
    for candidate in (base, NAME_ALIASES.get(base, base)):
        found = [uri for uri in known if uri.startswith(f"{LOCAL}/{candidate}/") and version in ("", uri.split("/")[2])]
        if found:
            return max(found, key=lambda uri: [int(number) for number in uri.split("/")[2].split(".")])
    return name


def is_classification(uri: str) -> bool:
    """Return whether a URI is a classification's, not a ruleset's."""
    return uri.count("/") == 2 and uri.split("/")[1].endswith("_classification")


def ruleset_file(uri: str, *, classification: bool) -> Any:
    """Return the file of a ruleset, or of a classification.

    Raises:
        RulesetError: There is no such file (the text suggests similar names), or it is of the other kind.
    """
    files = ruleset_files().by_uri
    known = [known_uri for known_uri in files if is_classification(known_uri) == classification]
    if uri in files and uri not in known:
        kinds = ("a classification", "a ruleset") if is_classification(uri) else ("a ruleset", "a classification")
        raise RulesetError(f"'{uri}' is {kinds[0]}, not {kinds[1]}", remedy=f"Available: {', '.join(known) or 'none'}")
    if uri not in files:
        remedy = " ".join(filter(None, (did_you_mean(uri, known), f"Available: {', '.join(known) or 'none'}")))
        raise RulesetError(f"There is no ruleset '{uri}'", remedy=remedy)
    return files[uri]


def read_ruleset_file(content: bytes, shape: type[Header], *, where: str, uri: str) -> tuple[Header, str]:
    """Parse a ruleset's file; return it with its rules unconverted, and the rules' version.

    Raises:
        RulesetError: The file is invalid, or its name and version do not match `uri`.
    """
    header = convert(_parse(content, where), shape, where=where)
    if not uri.endswith(f"/{header.name}/{header.version}"):
        raise RulesetError(f"{where}: the file declares {header.name}/{header.version}, but its path is that of {uri}")
    return header, f"{header.version}+{hashlib.sha256(content).hexdigest()[:12]}"


def convert(raw: Any, shape: type[T], *, where: str) -> T:
    """Convert parsed YAML into a struct.

    Raises:
        RulesetError: The data is invalid; the text begins with `where`.
    """
    try:
        return msgspec.convert(raw, shape)
    except msgspec.ValidationError as error:
        raise RulesetError(f"{where}: {error}") from error


def rule_label(raw: Any, number: int) -> str:
    """Return the label of the `number`-th rule of a file for error messages."""
    name = raw.get("name") if isinstance(raw, dict) else None
    return f"rule '{name}'" if isinstance(name, str) else f"rule number {number}"


def check_unique(names: Sequence[str], *, where: str, kind: str) -> None:
    """Raise RulesetError if a name occurs twice."""
    duplicates = sorted({name for name in names if names.count(name) > 1})
    if duplicates:
        raise RulesetError(f"{where}: duplicate {kind} '{duplicates[0]}'")


@functools.cache
def ruleset_files() -> RulesetFiles:
    """Return the files of all rulesets, without reading them. They are searched for once per process."""
    found = dict(_files_in(LOCAL, resources.files("waivern.rulesets") / "content"))
    discovered = discover(ENTRY_POINT_GROUP)
    broken = dict(discovered.broken)
    for provider, target in discovered.loaded.items():
        if provider == LOCAL:
            broken[provider] = f"the name '{LOCAL}' is reserved for the rulesets that Waivern ships"
            continue
        try:
            folder = Path(target) if isinstance(target, (str, Path)) else resources.files(target)
            found.update(_files_in(provider, folder))
        except Exception as error:  # noqa: BLE001  a plug-in's entry point may refer to anything
            broken[provider] = f"{type(error).__name__}: {error}"
    return RulesetFiles(dict(sorted(found.items())), broken)


def _files_in(provider: str, folder: Any) -> Iterator[tuple[str, Any]]:
    for subfolder in folder.iterdir():
        if not subfolder.is_dir():
            continue
        for file in subfolder.iterdir():
            version = file.name.removesuffix(".yaml")
            if file.name.endswith(".yaml") and _VERSION.fullmatch(version):
                yield f"{provider}/{subfolder.name}/{version}", file


def _parse(content: bytes, where: str) -> Any:
    if len(content) > _MAX_BYTES:
        raise RulesetError(f"{where}: the file is larger than {_MAX_BYTES // 1_000_000} MB")
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(content, Loader=_Loader)):
            raise RulesetError(f"{where}: YAML aliases are not allowed in a ruleset")
        return yaml.load(content, Loader=_Loader)  # noqa: S506  a safe loader
    except (yaml.YAMLError, RecursionError) as error:
        raise RulesetError(f"{where}: {str(error).replace(chr(10), ' ')}") from error


_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
