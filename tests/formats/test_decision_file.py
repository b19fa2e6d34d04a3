"""The reviewed file of decisions beside a runbook."""

import contextlib
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waivern.errors import DecisionError
from waivern.formats.decision_file import parse_decisions, read_decision_file
from waivern.history.decisions import Origin, Verdict

FINGERPRINT = "3f2a91c0" * 4


def write_file(folder: Path, text: str) -> Path:
    (folder / "waivern-decisions.yaml").write_text(text, encoding="utf-8")
    return folder / "nightly.yaml"


def test_a_file_decides_by_fingerprint_or_by_rule_and_location(tmp_path: Path) -> None:
    file = read_decision_file(
        write_file(
            tmp_path,
            f"""
decisions:
  - {{fingerprint: {FINGERPRINT}, verdict: accepted, reason: contract, owner: dpo@example.org, until: 2027-03-31}}
  - rule: email_address
    location: "fixtures/*"
    verdict: suppressed
    reason: made up for tests
    owner: qa
""",
        )
    )
    assert file is not None
    one, other = file.decisions
    assert (one.fingerprint, one.verdict, one.until) == (FINGERPRINT, Verdict.ACCEPTED, date(2027, 3, 31))
    assert (other.rule, other.location, other.owner, other.origin) == ("email_address", "fixtures/*", "qa", Origin.FILE)
    assert len(file.digest) == 64


def test_a_missing_file_is_none_and_an_empty_file_has_no_decisions(tmp_path: Path) -> None:
    assert read_decision_file(tmp_path / "nightly.yaml") is None
    assert read_decision_file(write_file(tmp_path, "decisions: []")).decisions == []  # type: ignore[union-attr]


ENTRY = {"fingerprint": FINGERPRINT, "verdict": "accepted", "reason": "why", "owner": "who"}


def entry(**changes: str | None) -> str:
    values = {key: value for key, value in {**ENTRY, **changes}.items() if value is not None}
    return "decisions:\n  - " + "\n    ".join(f"{key}: {value}" for key, value in values.items())


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("decisions: [", 2, "this is not valid YAML"),
        ("- a", 1, "must be a mapping with the list `decisions`"),
        ("decisions: 7", 1, "must be a mapping with the list `decisions`"),
        ("decisions: []\nmore: 1", 2, "'more' is not known"),
        ("decisions: [x]", 1, "a decision must be a mapping"),
        (entry(reason=None), 2, "'reason' is required"),
        (entry(reason='" "'), 4, "reason must be a text"),
        (entry(owner="7"), 5, "owner must be a text"),
        (entry(resaon="x"), 6, "Did you mean 'reason'?"),
        (entry(verdict="acepted"), 3, "Did you mean 'accepted'?"),
        (entry(verdict="reopened"), 3, "'reopened' is not a valid verdict"),
        (entry(until="soon"), 6, "'soon' is not a valid date"),
        (entry(fingerprint="3f2a"), 2, "give all 32 digits"),
        (entry(fingerprint=None), 2, "fingerprint is required, or rule and location"),
        (entry(fingerprint=None, rule="x"), 2, "fingerprint is required, or rule and location"),
        (entry(rule="x", location="y"), 6, "give either fingerprint, or rule and location"),
        (entry() + "\n" + entry().removeprefix("decisions:\n"), 6, "more than one decision about"),
        (entry(owner="a\n    owner: b"), 6, "the key 'owner' is repeated"),
    ],
)
def test_a_problem_is_named_with_its_file_and_line(tmp_path: Path, text: str, line: int, what: str) -> None:
    with pytest.raises(DecisionError) as refused:
        read_decision_file(write_file(tmp_path, text))
    assert f"waivern-decisions.yaml:{line}: " in str(refused.value)
    assert what in str(refused.value)


def test_all_problems_are_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(DecisionError, match="2 problems"):
        read_decision_file(write_file(tmp_path, entry(verdict="x", reason=None)))


@given(st.binary(max_size=200))
def test_any_content_is_parsed_or_refused(content: bytes) -> None:
    with contextlib.suppress(DecisionError):
        assert isinstance(parse_decisions(content, Path("waivern-decisions.yaml")), list)
