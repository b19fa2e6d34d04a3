"""Loads a runbook from a file or from plain data and reports every problem with its line."""

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
from waivern.runbooks.reading.problems import (
    KeyPath,
    MisspeltKey,
    Problem,
    format_key_path,
    misspelt_keys_in,
    problems_in,
    truncate_problems,
)
from waivern.runbooks.reading.yaml_parser import MAX_DEPTH, NUL_PROBLEM, Node, YamlSyntaxError, line_of, parse_yaml

MAX_FILE_BYTES = 1 << 20
MAX_VALUES = 500_000
_NAME = re.compile(r"\w[\w.-]{0,199}")


@dataclass(frozen=True, eq=False)
class LoadedRunbook:
    """A runbook with its unresolved text and the line of every key.

    For a runbook given as plain data, `path` is None, `text` is its JSON, and `describe` adds no line.
    """

    runbook: Runbook
    text: str
    path: Path | None = None
    _root: Node | None = field(default=None, repr=False)

    def describe(self, problem: Problem) -> str:
        """Return the problem as text, after its file and line if there are any."""
        if self.path is None or self._root is None:
            return str(problem)
        return f"{self.path}:{line_of(self._root, problem.full_key_path)}: {problem}"


def load_runbook(path: Path, *, shown_as: Path | None = None, problems: list[str] | None = None) -> LoadedRunbook:
    """Read a runbook's YAML file.

    Args:
        path: The file.
        shown_as: The path to show in errors; `path` if None.
        problems: A list to which problems with unknown keys are added instead of raising them. The returned runbook
            then has those keys corrected or removed. It is only good for finding more problems in the same pass.

    Raises:
        RunbookError: the file cannot be read, or is not valid YAML.
        PlanError: it is not a valid runbook; holds every problem with its line.
    """
    shown = shown_as or path
    text = _read_text(path, shown)
    try:
        root, yaml_problems = parse_yaml(text)
    except YamlSyntaxError as error:
        raise RunbookError(f"{shown}:{error.line}: {error.happened}", remedy=error.remedy) from None
    if root is None:
        raise RunbookError(f"{shown} is empty", remedy="A runbook has at least name, description and artifacts")
    runbook, found = _validate(root.data, root)
    numbered = [*yaml_problems, *((line_of(root, problem.full_key_path), str(problem)) for problem in found)]
    described = [f"{shown}:{line}: {message}" for line, message in sorted(numbered)]
    return LoadedRunbook(_accept(runbook, described, problems), text, shown, root)


def read_runbook_name(name_or_file: str) -> str:
    """Return the name of the runbook in a file, or the text itself if there is no such file.

    Raises:
        RunbookError, PlanError: the file exists but cannot be read.
    """
    return load_runbook(Path(name_or_file)).runbook.name if is_file(Path(name_or_file)) else name_or_file


def is_file(path: Path) -> bool:
    """Return whether the file exists; False also for names that the file system refuses, such as very long ones."""
    try:
        return path.is_file()
    except OSError:
        return False


def runbook_from_data(data: Mapping[str, Any], *, problems: list[str] | None = None) -> LoadedRunbook:
    """Read a runbook from plain data (as parsed from JSON), with the same checks as a file.

    `problems` works as in `load_runbook`.

    Raises:
        PlanError: it is not a valid runbook; holds every problem with its key path.
    """
    found: list[Problem] = []
    plain = _to_json_data(data, (), found, iter(range(MAX_VALUES)))
    runbook, more = _validate(plain) if not found else (None, [])
    described = [str(problem) for problem in (*found, *more)]
    return LoadedRunbook(_accept(runbook, described, problems), canonical_bytes(plain).decode())


def _accept(runbook: Runbook | None, described: list[str], problems: list[str] | None) -> Runbook:
    if runbook is None or (described and problems is None):
        raise PlanError(truncate_problems(described))
    if problems is not None:
        problems.extend(described)
    return runbook


def _validate(data: Any, root: Node | None = None) -> tuple[Runbook | None, list[Problem]]:
    """Return the runbook and its problems.

    If unknown keys are the only problem, the runbook has them corrected or removed. With other problems it is None.
    """
    if not isinstance(data, dict):
        kind = "a list" if isinstance(data, list) else "a single value"
        return None, [Problem((), f"a runbook is a mapping with name, description and artifacts; this is {kind}")]
    problems = list(_invalid_names(data))
    try:
        runbook = Runbook.model_validate(data)
    except ValidationError as error:
        misspelt = misspelt_keys_in(error, data)
        if not misspelt:
            return None, problems + problems_in(error, data)
        problems += [problem for problem in problems_in(error, data) if problem.key is not None]
        corrected, more = _validate(_correct_keys(data, misspelt, root), root)
        return corrected, list(dict.fromkeys(problems + more))
    return (None if problems else runbook), problems


def _correct_keys(data: Any, misspelt: Sequence[MisspeltKey], root: Node | None) -> Any:
    """Return a copy of the data in which unknown keys are replaced by the suggested ones, or removed."""
    corrected = copy.deepcopy(data)
    for unknown in misspelt:
        parent: Any = corrected
        for step in unknown.parent:
            parent = parent[step]
        value = parent.pop(unknown.key)
        if unknown.suggestion is not None and unknown.suggestion not in parent:
            parent[unknown.suggestion] = value
            if root is not None:
                _add_node_alias(_node_at(root, unknown.parent), unknown.key, unknown.suggestion)
    return corrected


def _add_node_alias(node: Node, key: str, alias: str) -> None:
    """Make the node of a misspelt key available under the corrected key, so that its lines are found."""
    if key in node.children:
        node.children[alias], node.key_lines[alias] = node.children[key], node.key_lines[key]


def _node_at(root: Node, key_path: KeyPath) -> Node:
    node = root
    for step in key_path:
        node = node.children.get(step, node)
    return node


def _invalid_names(data: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield names that hold a slash (reserved for ids of child artifacts) or cannot be typed on a command line."""
    for section in ("artifacts", "inputs", "outputs"):
        names = data.get(section)
        for name in names if isinstance(names, dict) else ():
            if not _NAME.fullmatch(name):
                message = f"'{name[:60]}' is not a valid name: use letters, digits and _, then also - and ."
                yield Problem((section, name), message)


def _read_text(path: Path, shown: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        raise _unreadable(path, shown, error) from None
    if len(content) > MAX_FILE_BYTES:
        raise RunbookError(f"{shown} is larger than 1 MB", remedy="Split it into child runbooks")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise RunbookError(f"{shown}:{line}: the text is not valid UTF-8", remedy="Save the file as UTF-8") from None


def _unreadable(path: Path, shown: Path, error: Exception) -> RunbookError:
    if isinstance(error, FileNotFoundError):
        no_folder = f"There is no folder {shown.parent}"
        remedy = did_you_mean(path.name, _names_in(path.parent)) if path.parent.is_dir() else no_folder
        return RunbookError(f"There is no runbook {shown}", remedy=remedy)
    if isinstance(error, IsADirectoryError):
        inside = [name for name in _names_in(path) if name.endswith((".yaml", ".yml"))]
        remedy = f"Name one of its files: {', '.join(inside[:5])}" if inside else "Name a YAML file"
        return RunbookError(f"{shown} is a folder", remedy=remedy)
    if isinstance(error, PermissionError):
        return RunbookError(f"Cannot read {shown}: permission denied", remedy="Give this user permission to read it")
    return RunbookError(f"Cannot read {shown}: {getattr(error, 'strerror', None) or error}")


def _names_in(folder: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in folder.iterdir())
    except OSError:
        return []


def _to_json_data(value: Any, key_path: KeyPath, problems: list[Problem], budget: Iterator[int]) -> Any:
    """Return the value as JSON data. What JSON cannot represent is added to `problems`."""
    if next(budget, None) is None or len(key_path) > MAX_DEPTH:
        limits = f"more than {MAX_VALUES:,} values or {MAX_DEPTH} levels"
        raise PlanError([f"{format_key_path(key_path[:5])}: the runbook has {limits}"])
    if isinstance(value, Mapping):
        other_keys = [key for key in value if not isinstance(key, str)]
        problems.extend(
            Problem(key_path, f"a key must be a text, not of type {type(key).__name__}") for key in other_keys
        )
        problems.extend(Problem(key_path, NUL_PROBLEM) for key in value if isinstance(key, str) and "\0" in key)
        return {
            key: _to_json_data(item, (*key_path, key), problems, budget)
            for key, item in value.items()
            if isinstance(key, str)
        }
    if isinstance(value, list | tuple):
        return [_to_json_data(item, (*key_path, index), problems, budget) for index, item in enumerate(value)]
    if isinstance(value, str) and "\0" in value:
        problems.append(Problem(key_path, NUL_PROBLEM))
    if not _is_json_scalar(value):
        problems.append(Problem(key_path, f"this {type(value).__name__} cannot be represented in JSON"))
    return value


def _is_json_scalar(value: Any) -> bool:
    if isinstance(value, str):
        return not any("\ud800" <= character <= "\udfff" for character in value)
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or isinstance(value, bool) or (isinstance(value, int) and abs(value) < 2**63)
