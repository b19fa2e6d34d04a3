"""The reviewed file of decisions that lies beside a runbook."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

from waivern.errors import DecisionError, did_you_mean
from waivern.history.decision_log import DecisionFile
from waivern.history.decisions import Decision, Origin, Verdict
from waivern.runbooks.reading.problems import truncate_problems
from waivern.runbooks.reading.runbook_loader import MAX_FILE_BYTES
from waivern.runbooks.reading.yaml_parser import Node, YamlSyntaxError, parse_yaml

FILE_NAME = "waivern-decisions.yaml"

_LENGTH_OF_FINGERPRINT = 32
_KEYS = ("fingerprint", "rule", "location", "verdict", "reason", "owner", "until")
_VERDICTS = (Verdict.SUPPRESSED.value, Verdict.ACCEPTED.value)


@dataclass(frozen=True)
class _Fault:
    line: int
    what: str


def decisions_beside(runbook: Path) -> DecisionFile | None:
    """Return the decisions of the file beside a runbook; None where there is none.

    Raises:
        DecisionError: it cannot be read; names every fault with its line.
    """
    path = runbook.parent / FILE_NAME
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DecisionError(f"{path} cannot be read: {error.strerror}") from None
    return DecisionFile(FILE_NAME, sha256(content).hexdigest(), _decisions(content, path))


def _decisions(content: bytes, path: Path) -> list[Decision]:
    if len(content) > MAX_FILE_BYTES:
        raise DecisionError(f"{path} is larger than 1 MB", remedy="Decide by rule and location")
    try:
        root, yaml_faults = parse_yaml(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DecisionError(f"{path}:{line}: this is not UTF-8") from None
    except YamlSyntaxError as error:
        raise DecisionError(f"{path}:{error.line}: {error.happened}", remedy=error.remedy) from None
    faults = [_Fault(*each) for each in yaml_faults]
    decisions = list(_read(root, faults)) if root is not None else []
    if faults:
        in_order = sorted(faults, key=lambda fault: fault.line)
        raise DecisionError(_in_words([f"{path}:{each.line}: {each.what}" for each in in_order]))
    return decisions


def _in_words(problems: list[str]) -> str:
    if len(problems) == 1:
        return problems[0]
    return f"{len(problems)} problems" + "".join(f"\n  - {problem}" for problem in truncate_problems(problems))


def _read(root: Node, faults: list[_Fault]) -> Iterator[Decision]:
    listed = root.children.get("decisions") if isinstance(root.data, dict) else None
    if listed is None or not isinstance(listed.data, list):
        faults.append(_Fault(root.line, "a file of decisions is a mapping with a list, decisions"))
        return
    faults += _unknown_keys(root, ("decisions",))
    made: Counter[tuple[str | None, ...]] = Counter()
    for entry in listed.children.values():
        found = list(_faults_of(entry))
        if found:
            faults += found
            continue
        decision = _decision(entry.data)
        made[decision.target] += 1
        if made[decision.target] > 1:
            faults.append(_Fault(entry.line, f"{decision.about} is decided about twice"))
        yield decision


def _faults_of(entry: Node) -> Iterator[_Fault]:
    if not isinstance(entry.data, dict):
        yield _Fault(entry.line, "a decision is a mapping with what it is about, verdict, reason and owner")
        return
    yield from _unknown_keys(entry, _KEYS)
    for key, node in entry.children.items():
        if key in _KEYS and not (isinstance(node.data, str) and node.data.strip()):
            yield _Fault(entry.key_lines[key], f"{key} must be a text" + ("" if node.data else ", not empty"))
    for key in ("verdict", "reason", "owner"):
        if key not in entry.data:
            yield _Fault(entry.line, f"'{key}' is required")
    yield from _faults_of_target(entry)
    yield from _faults_of_value(entry, "verdict", _why_no_verdict)
    yield from _faults_of_value(entry, "until", _why_no_day)


def _faults_of_target(entry: Node) -> Iterator[_Fault]:
    by_pattern = [key for key in ("rule", "location") if key in entry.data]
    if "fingerprint" in entry.data and by_pattern:
        yield _Fault(entry.key_lines[by_pattern[0]], "give either fingerprint, or rule and location")
    elif "fingerprint" not in entry.data and len(by_pattern) < 2:
        yield _Fault(entry.line, "fingerprint is required, or rule and location")
    yield from _faults_of_value(entry, "fingerprint", _why_no_fingerprint)


def _faults_of_value(entry: Node, key: str, why: Any) -> Iterator[_Fault]:
    value = entry.data.get(key)
    said = why(value.strip()) if isinstance(value, str) and value.strip() else None
    if said is not None:
        yield _Fault(entry.key_lines[key], f"{key}: {said}")


def _unknown_keys(node: Node, known: tuple[str, ...]) -> Iterator[_Fault]:
    for key in node.data:
        if key not in known:
            remedy = did_you_mean(key, known) or f"Known: {', '.join(known)}"
            yield _Fault(node.key_lines[key], f"'{key}' is not known. {remedy}")


def _why_no_verdict(word: str) -> str | None:
    if word in _VERDICTS:
        return None
    there_are = f"There are: {', '.join(_VERDICTS)}"
    return f"'{word}' is none. {did_you_mean(word, _VERDICTS) or there_are}"


def _why_no_fingerprint(text: str) -> str | None:
    is_one = len(text) == _LENGTH_OF_FINGERPRINT and all(digit in "0123456789abcdef" for digit in text)
    return None if is_one else f"give all {_LENGTH_OF_FINGERPRINT} digits (0-9, a-f) of it"


def _why_no_day(text: str) -> str | None:
    try:
        date.fromisoformat(text)
    except ValueError:
        return f"'{text[:40]}' is no day: write 2027-03-31"
    return None


def _decision(entry: dict[str, Any]) -> Decision:
    said: dict[str, Any] = {key: value.strip() for key, value in entry.items()}
    until = date.fromisoformat(said.pop("until")) if "until" in said else None
    return Decision(Verdict(said.pop("verdict")), **said, until=until, origin=Origin.FILE)
