"""Finding the files of rulesets and reading their YAML.

A shipped ruleset is `content/<name>/<version>.yaml`, its provider is `local`. Others come from installed packages: an
entry point of the group `waivern.rulesets` has the provider's name and leads to a package (or the path of a folder)
laid out as `content/` is. A name that ends in `_classification` is that of a classification; see `classification`.
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

OLDER_NAMES = {"personal_data": "personal_data_indicator", "data_subjects": "data_subject_indicator"}
"""What runbooks for other scanners call rulesets that Waivern ships."""

T = TypeVar("T")

_VERSION = re.compile(r"\d+\.\d+\.\d+")
_MOST_BYTES = 4_000_000


@dataclass(frozen=True)
class RulesetFiles:
    """The files of all rulesets by URI, and {provider: why its rulesets cannot be found}."""

    by_uri: Mapping[str, Any]
    broken: Mapping[str, str]


class RulesetHead(msgspec.Struct, frozen=True, kw_only=True):
    """What every ruleset's file says first."""

    name: str
    version: str
    rules: tuple[Any, ...]
    description: str = ""


Head = TypeVar("Head", bound=RulesetHead)


def full_uri(written: str) -> str:
    """Return the URI that a runbook means: a bare name is that of the newest version that Waivern ships.

    What nobody provides comes back as it was written.
    """
    known = ruleset_files().by_uri
    if written in known:
        return written
    provider, name, version = written.split("/") if written.count("/") == 2 else (LOCAL, written, "")
    if provider != LOCAL:
        return written
    for each in (name, OLDER_NAMES.get(name, name)):
        found = [uri for uri in known if uri.startswith(f"{LOCAL}/{each}/") and version in ("", uri.split("/")[2])]
        if found:
            return max(found, key=lambda uri: [int(number) for number in uri.split("/")[2].split(".")])
    return written


def is_classification(uri: str) -> bool:
    """Say whether a URI is that of a classification, and not of rules that find something."""
    return uri.count("/") == 2 and uri.split("/")[1].endswith("_classification")


def file_of(uri: str, *, classification: bool) -> Any:
    """Return the file of a ruleset, or of a classification.

    Raises:
        RulesetError: nobody provides it (the text names what is near), or it is of the other kind.
    """
    files = ruleset_files().by_uri
    known = [each for each in files if is_classification(each) == classification]
    if uri in files and uri not in known:
        what = "classifies what was found, and finds nothing" if is_classification(uri) else "is no classification"
        raise RulesetError(f"The ruleset '{uri}' {what}", remedy=f"Known here: {', '.join(known) or 'none'}")
    if uri not in files:
        remedy = " ".join(filter(None, (did_you_mean(uri, known), f"Known: {', '.join(known) or 'none'}")))
        raise RulesetError(f"There is no ruleset '{uri}'", remedy=remedy)
    return files[uri]


def read_head(file: Any, shape: type[Head], *, uri: str) -> tuple[Head, str]:
    """Read a ruleset's file; return what it says, its rules still raw, and its rules' version.

    Raises:
        RulesetError: it does not say what it must, or calls itself something else than `uri`.
    """
    content = file.read_bytes()
    head = converted(_parsed(content, str(file)), shape, where=str(file))
    if not uri.endswith(f"/{head.name}/{head.version}"):
        raise RulesetError(f"{file}: the ruleset calls itself {head.name}/{head.version}, it is kept as {uri}")
    return head, f"{head.version}+{hashlib.sha256(content).hexdigest()[:12]}"


def converted(raw: Any, shape: type[T], *, where: str) -> T:
    """Return raw YAML in a shape.

    Raises:
        RulesetError: it does not fit; the text says where.
    """
    try:
        return msgspec.convert(raw, shape)
    except msgspec.ValidationError as error:
        raise RulesetError(f"{where}: {error}") from error


def called(raw: Any, number: int) -> str:
    """Return what errors call the rule that is the `number`-th of its file."""
    name = raw.get("name") if isinstance(raw, dict) else None
    return f"rule '{name}'" if isinstance(name, str) else f"rule number {number}"


def check_unique(names: Sequence[str], *, where: str, what: str) -> None:
    """Raise RulesetError where a name stands there twice."""
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise RulesetError(f"{where}: the {what} '{twice[0]}' stands there twice")


@functools.cache
def ruleset_files() -> RulesetFiles:
    """Return all that are there, looked for once in a process; none of them is read."""
    found = dict(_in_folder(LOCAL, resources.files("waivern.rulesets") / "content"))
    offered = discover(ENTRY_POINT_GROUP)
    broken = dict(offered.broken)
    for provider, place in offered.loaded.items():
        if provider == LOCAL:
            broken[provider] = f"the name '{LOCAL}' is kept for the rulesets that Waivern ships"
            continue
        try:
            found.update(
                _in_folder(provider, Path(place) if isinstance(place, (str, Path)) else resources.files(place))
            )
        except Exception as error:  # noqa: BLE001  what a plug-in offers may be anything
            broken[provider] = f"{type(error).__name__}: {error}"
    return RulesetFiles(dict(sorted(found.items())), broken)


def _in_folder(provider: str, folder: Any) -> Iterator[tuple[str, Any]]:
    for by_name in folder.iterdir():
        if not by_name.is_dir():
            continue
        for file in by_name.iterdir():
            version = file.name.removesuffix(".yaml")
            if file.name.endswith(".yaml") and _VERSION.fullmatch(version):
                yield f"{provider}/{by_name.name}/{version}", file


def _parsed(content: bytes, where: str) -> Any:
    if len(content) > _MOST_BYTES:
        raise RulesetError(f"{where}: the file is larger than {_MOST_BYTES // 1_000_000} MB")
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(content, Loader=_Loader)):
            raise RulesetError(f"{where}: a ruleset has no YAML aliases")
        return yaml.load(content, Loader=_Loader)  # noqa: S506  a safe loader
    except (yaml.YAMLError, RecursionError) as error:
        raise RulesetError(f"{where}: {str(error).replace(chr(10), ' ')}") from error


_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
