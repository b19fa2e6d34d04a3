"""Reading a runbook from a file or from data, with every fault named by its place."""

import copy
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from waivern.errors import PlanError, RunbookError, did_you_mean
from waivern.messages.canonical import canonical_bytes
from waivern.runbooks.model.runbook import Runbook
from waivern.runbooks.reading.problems import Fault, Misspelling, Place, dotted, faults_of, misspellings_in, the_first
from waivern.runbooks.reading.yaml_parser import DEEPEST, HOLDS_NUL, Node, YamlSyntaxError, read_yaml

LARGEST_FILE = 1 << 20
MOST_VALUES = 500_000
_NAME = re.compile(r"\w[\w.-]{0,199}")


@dataclass(frozen=True, eq=False)
class LoadedRunbook:
    """A runbook, its unresolved text, and where in its file everything stands.

    `path` is None, and `located` names no line, where the runbook was given as data; the text is then its JSON.
    """

    runbook: Runbook
    text: str
    path: Path | None = None
    _root: Node | None = field(default=None, repr=False)

    def located(self, fault: Fault) -> str:
        """Return the fault with file and line before it, as far as these are known."""
        if self.path is None or self._root is None:
            return str(fault)
        return f"{self.path}:{_line_of(self._root, fault.stands_at)}: {fault}"


def load_runbook(path: Path, *, shown_as: Path | None = None, problems: list[str] | None = None) -> LoadedRunbook:
    """Read a runbook's YAML.

    Args:
        path: The file.
        shown_as: The path that errors name, where it is not `path`.
        problems: Where misspelt keys are added, with their lines, instead of being raised. What is returned is then
            what was probably meant: fit to be checked further, so that all that is wrong is said at once, and no more.

    Raises:
        RunbookError: the file cannot be read, or is no YAML.
        PlanError: it is no runbook; names every fault with its line.
    """
    shown = shown_as or path
    text = _text_of(path, shown)
    try:
        root, yaml_faults = read_yaml(text)
    except YamlSyntaxError as error:
        raise RunbookError(f"{shown}:{error.line}: {error.happened}", remedy=error.remedy) from None
    if root is None:
        raise RunbookError(f"{shown} is empty", remedy="A runbook has at least name, description and artifacts")
    runbook, faults = _validated(root.data, root)
    lines = [*yaml_faults, *((_line_of(root, fault.stands_at), str(fault)) for fault in faults)]
    runbook = _usable(runbook, [f"{shown}:{line}: {what}" for line, what in sorted(lines)], problems)
    return LoadedRunbook(runbook, text, shown, root)


def name_of_runbook(named: str) -> str:
    """Return the name of the runbook in a file, where `named` is one; else it is a name itself.

    Raises:
        RunbookError, PlanError: there is such a file, and it cannot be read.
    """
    return load_runbook(Path(named)).runbook.name if is_file(Path(named)) else named


def is_file(path: Path) -> bool:
    """Say whether there is such a file; there is none of a name that no file could have, either."""
    try:
        return path.is_file()
    except OSError:
        return False


def runbook_from_data(data: Mapping[str, Any], *, problems: list[str] | None = None) -> LoadedRunbook:
    """Read a runbook from plain data, as JSON would give it, with the checks that a file undergoes.

    `problems` are as in `load_runbook`.

    Raises:
        PlanError: it is no runbook; names every fault with the keys that lead there.
    """
    faults: list[Fault] = []
    plain = _plain(data, (), faults, iter(range(MOST_VALUES)))
    runbook, more = _validated(plain) if not faults else (None, [])
    faults.extend(more)
    return LoadedRunbook(_usable(runbook, [str(fault) for fault in faults], problems), canonical_bytes(plain).decode())


def _usable(runbook: Runbook | None, faults: list[str], problems: list[str] | None) -> Runbook:
    """The runbook, if it is one, and its faults are none or somebody collects them."""
    if runbook is None or (faults and problems is None):
        raise PlanError(the_first(faults))
    if problems is not None:
        problems.extend(faults)
    return runbook


def _validated(written: Any, root: Node | None = None) -> tuple[Runbook | None, list[Fault]]:
    """The runbook, or what was probably meant by it, and what is wrong; None where it cannot be made out."""
    if not isinstance(written, dict):
        kind = "a list" if isinstance(written, list) else "a single value"
        return None, [Fault((), f"a runbook is a mapping with name, description and artifacts; this is {kind}")]
    faults = list(_unfit_names(written))
    try:
        runbook = Runbook.model_validate(written)
    except ValidationError as error:
        misspellings = misspellings_in(error, written)
        if not misspellings:
            return None, faults + faults_of(error, written)
        faults += [each for each in faults_of(error, written) if each.key is not None]
        meant, more = _validated(_as_meant(written, misspellings, root), root)
        return meant, list(dict.fromkeys(faults + more))
    return (None if faults else runbook), faults


def _as_meant(written: Any, misspellings: Sequence[Misspelling], root: Node | None) -> Any:
    """What was written with known keys in place of misspelt ones, and without those that are like none."""
    meant = copy.deepcopy(written)
    for each in misspellings:
        parent: Any = meant
        for step in each.parent:
            parent = parent[step]
        value = parent.pop(each.key)
        if each.meant is not None and each.meant not in parent:
            parent[each.meant] = value
            if root is not None:
                _call(_node_at(root, each.parent), each.key, each.meant)
    return meant


def _call(node: Node, key: str, meant: str) -> None:
    """Let what stands under a misspelt key be found by the known one."""
    if key in node.children:
        node.children[meant], node.key_lines[meant] = node.children[key], node.key_lines[key]


def _node_at(root: Node, place: Place) -> Node:
    node = root
    for step in place:
        node = node.children.get(step, node)
    return node


def _unfit_names(written: Mapping[str, Any]) -> Iterator[Fault]:
    """Names that could not be told from a child's (`parent/child`), or not be written on a command line."""
    for section in ("artifacts", "inputs", "outputs"):
        names = written.get(section)
        for name in names if isinstance(names, dict) else ():
            if not _NAME.fullmatch(name):
                yield Fault((section, name), f"'{name[:60]}' is no name: use letters, digits, _, and within it - and .")


def _text_of(path: Path, shown: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
    except (OSError, ValueError) as error:
        raise _unreadable(path, shown, error) from None
    if len(content) > LARGEST_FILE:
        raise RunbookError(f"{shown} is larger than 1 MB", remedy="Split it into child runbooks")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise RunbookError(f"{shown}:{line}: this is not UTF-8", remedy="Save the file as UTF-8") from None


def _unreadable(path: Path, shown: Path, error: Exception) -> RunbookError:
    if isinstance(error, FileNotFoundError):
        there_is_none = f"There is no folder {shown.parent}"
        remedy = did_you_mean(path.name, _names_in(path.parent)) if path.parent.is_dir() else there_is_none
        return RunbookError(f"There is no runbook {shown}", remedy=remedy)
    if isinstance(error, IsADirectoryError):
        inside = [name for name in _names_in(path) if name.endswith((".yaml", ".yml"))]
        remedy = f"Name one of its files: {', '.join(inside[:5])}" if inside else "Name a YAML file"
        return RunbookError(f"{shown} is a folder", remedy=remedy)
    if isinstance(error, PermissionError):
        return RunbookError(f"{shown} may not be read", remedy="Give this user the right to read it")
    return RunbookError(f"{shown} cannot be read: {getattr(error, 'strerror', None) or error}")


def _names_in(folder: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in folder.iterdir())
    except OSError:
        return []


def _line_of(root: Node, place: Place) -> int:
    """The line of the last key of `place` that is written there."""
    node, line = root, root.line
    for step in place:
        if step not in node.children:
            break
        line = node.key_lines.get(step, node.children[step].line)
        node = node.children[step]
    return line


def _plain(value: Any, place: Place, faults: list[Fault], budget: Iterator[int]) -> Any:
    """The value as JSON has it; what JSON cannot say is added to `faults`."""
    if next(budget, None) is None or len(place) > DEEPEST:
        raise PlanError([f"{dotted(place[:5])}: is larger than {MOST_VALUES:,} values or deeper than {DEEPEST} levels"])
    if isinstance(value, Mapping):
        unfit = [key for key in value if not isinstance(key, str)]
        faults.extend(Fault(place, f"a key is a text, not of type {type(key).__name__}") for key in unfit)
        faults.extend(Fault(place, HOLDS_NUL) for key in value if isinstance(key, str) and "\0" in key)
        return {key: _plain(each, (*place, key), faults, budget) for key, each in value.items() if isinstance(key, str)}
    if isinstance(value, list | tuple):
        return [_plain(each, (*place, index), faults, budget) for index, each in enumerate(value)]
    if isinstance(value, str) and "\0" in value:
        faults.append(Fault(place, HOLDS_NUL))
    if not _is_json_scalar(value):
        faults.append(Fault(place, f"this {type(value).__name__} cannot be said in JSON"))
    return value


def _is_json_scalar(value: Any) -> bool:
    if isinstance(value, str):
        return not any("\ud800" <= character <= "\udfff" for character in value)
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or isinstance(value, bool) or (isinstance(value, int) and abs(value) < 2**63)
