"""The reviewed file of decisions beside a runbook, `waivern-decisions.yaml`."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

from waivern.errors import DecisionError, did_you_mean
from waivern.history.decision_log import DecisionFile
from waivern.history.decisions import Decision, Origin, Target, Verdict
from waivern.runbooks.reading.problems import truncate_problems
from waivern.runbooks.reading.runbook_loader import MAX_FILE_BYTES
from waivern.runbooks.reading.yaml_parser import Node, YamlSyntaxError, parse_yaml

FILE_NAME = "waivern-decisions.yaml"

_FINGERPRINT_LENGTH = 32
_KEYS = ("fingerprint", "rule", "location", "verdict", "reason", "owner", "until")
_VERDICTS = (Verdict.SUPPRESSED.value, Verdict.ACCEPTED.value)


@dataclass(frozen=True)
class _Problem:
    line: int
    text: str


def read_decision_file(runbook: Path) -> DecisionFile | None:
    """Return the decisions of the file in the runbook's folder; None if there is no such file.

    Raises:
        DecisionError: the file cannot be read or is not valid; names every problem with its line.
    """
    path = runbook.parent / FILE_NAME
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DecisionError(f"Cannot read {path}: {error.strerror}") from None
    return DecisionFile(FILE_NAME, sha256(content).hexdigest(), parse_decisions(content, path))


def parse_decisions(content: bytes, path: Path) -> list[Decision]:
    """Return the decisions in the bytes of a file; `path` is named in errors.

    Raises:
        DecisionError: the content is not valid; names every problem with its line.
    """
    if len(content) > MAX_FILE_BYTES:
        raise DecisionError(f"{path} is larger than 1 MB", remedy="Decide by rule and location")
    try:
        root, yaml_problems = parse_yaml(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DecisionError(f"{path}:{line}: not valid UTF-8") from None
    except YamlSyntaxError as error:
        raise DecisionError(f"{path}:{error.line}: {error.happened}", remedy=error.remedy) from None
    problems = [_Problem(*problem) for problem in yaml_problems]
    decisions = list(_parse_root(root, problems)) if root is not None else []
    if problems:
        in_order = sorted(problems, key=lambda problem: problem.line)
        raise DecisionError(_summary([f"{path}:{problem.line}: {problem.text}" for problem in in_order]))
    return decisions


def _summary(problems: list[str]) -> str:
    if len(problems) == 1:
        return problems[0]
    return f"{len(problems)} problems" + "".join(f"\n  - {problem}" for problem in truncate_problems(problems))


def _parse_root(root: Node, problems: list[_Problem]) -> Iterator[Decision]:
    entries = root.children.get("decisions") if isinstance(root.data, dict) else None
    if entries is None or not isinstance(entries.data, list):
        problems.append(_Problem(root.line, "the file must be a mapping with the list `decisions`"))
        return
    problems += _unknown_keys(root, ("decisions",))
    targets: Counter[Target] = Counter()
    for entry in entries.children.values():
        problems_of_entry = list(_problems_of(entry))
        if problems_of_entry:
            problems += problems_of_entry
            continue
        decision = _decision(entry.data)
        targets[decision.target] += 1
        if targets[decision.target] > 1:
            problems.append(_Problem(entry.line, f"more than one decision about {decision.target_text}"))
        yield decision


def _problems_of(entry: Node) -> Iterator[_Problem]:
    if not isinstance(entry.data, dict):
        yield _Problem(entry.line, "a decision must be a mapping with verdict, reason, owner and what it is about")
        return
    yield from _unknown_keys(entry, _KEYS)
    for key, node in entry.children.items():
        if key in _KEYS and not (isinstance(node.data, str) and node.data.strip()):
            yield _Problem(entry.key_lines[key], f"{key} must be a text" + ("" if node.data else ", not empty"))
    for key in ("verdict", "reason", "owner"):
        if key not in entry.data:
            yield _Problem(entry.line, f"'{key}' is required")
    yield from _target_problems(entry)
    yield from _value_problems(entry, "verdict", _verdict_problem)
    yield from _value_problems(entry, "until", _date_problem)


def _target_problems(entry: Node) -> Iterator[_Problem]:
    pattern_keys = [key for key in ("rule", "location") if key in entry.data]
    if "fingerprint" in entry.data and pattern_keys:
        yield _Problem(entry.key_lines[pattern_keys[0]], "give either fingerprint, or rule and location")
    elif "fingerprint" not in entry.data and len(pattern_keys) < 2:
        yield _Problem(entry.line, "fingerprint is required, or rule and location")
    yield from _value_problems(entry, "fingerprint", _fingerprint_problem)


def _value_problems(entry: Node, key: str, check: Callable[[str], str | None]) -> Iterator[_Problem]:
    value = entry.data.get(key)
    problem = check(value.strip()) if isinstance(value, str) and value.strip() else None
    if problem is not None:
        yield _Problem(entry.key_lines[key], f"{key}: {problem}")


def _unknown_keys(node: Node, known: tuple[str, ...]) -> Iterator[_Problem]:
    for key in node.data:
        if key not in known:
            remedy = did_you_mean(key, known) or f"Known: {', '.join(known)}"
            yield _Problem(node.key_lines[key], f"'{key}' is not known. {remedy}")


def _verdict_problem(text: str) -> str | None:
    if text in _VERDICTS:
        return None
    remedy = did_you_mean(text, _VERDICTS) or f"Known: {', '.join(_VERDICTS)}"
    return f"'{text}' is not a valid verdict. {remedy}"


def _fingerprint_problem(text: str) -> str | None:
    is_valid = len(text) == _FINGERPRINT_LENGTH and all(digit in "0123456789abcdef" for digit in text)
    return None if is_valid else f"give all {_FINGERPRINT_LENGTH} digits (0-9, a-f)"


def _date_problem(text: str) -> str | None:
    try:
        date.fromisoformat(text)
    except ValueError:
        return f"'{text[:40]}' is not a valid date: write 2027-03-31"
    return None


def _decision(entry: dict[str, Any]) -> Decision:
    values: dict[str, Any] = {key: value.strip() for key, value in entry.items()}
    until = date.fromisoformat(values.pop("until")) if "until" in values else None
    return Decision(Verdict(values.pop("verdict")), **values, until=until, origin=Origin.FILE)
