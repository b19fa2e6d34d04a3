"""What came and what went between two runs, and why: what was not looked at is never called fixed."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from waivern.history.comparison import Change, Comparison, Reason, Side, compare
from waivern.history.finding import Finding
from waivern.history.finding_history import HeldSet
from waivern.history.omissions import Omissions
from waivern.history.run_history import ArtifactCounts, RunRecord
from waivern.runs.run import RunStatus

NOW = datetime(2026, 11, 24, tzinfo=UTC)
A_FINDING = Finding("f", "email_address", "email", "medium", None, "./files", "a.txt", 0.95, 1)


def a_run(name: str) -> RunRecord:
    counts = ArtifactCounts(1, 1, 0, 0)
    fields = dict.fromkeys(RunRecord.__dataclass_fields__)
    given = {"id": name, "runbook": "Scan", "status": RunStatus.SUCCEEDED, "created_at": NOW, "artifacts": counts}
    return RunRecord(**{**fields, **given})  # type: ignore[arg-type]


def a_side(
    name: str,
    *findings: Finding,
    held: Mapping[str, HeldSet] | None = None,
    omissions: Mapping[str, str] | None = None,
) -> Side:
    sets = {"found": HeldSet(1, "rules", "1")} if held is None else held
    return Side(a_run(name), [("found", each) for each in findings], sets, lambda _: Omissions(omissions or {}, {}))


def compared(base: Side, head: Side, seen_before: Collection[str] = ()) -> Comparison:
    return compare(base, head, seen_before=lambda fingerprints: set(seen_before) & set(fingerprints))


def told(comparison: Comparison) -> list[tuple[Change, Reason | None]]:
    return [(each.change, each.reason) for each in comparison.differences]


def test_what_is_found_as_before_is_unchanged() -> None:
    assert told(compared(a_side("base", A_FINDING), a_side("head", A_FINDING))) == [(Change.UNCHANGED, None)]


def test_what_was_never_found_is_new_and_what_is_gone_is_fixed() -> None:
    assert told(compared(a_side("base"), a_side("head", A_FINDING))) == [(Change.NEW, Reason.DATA)]
    assert told(compared(a_side("base", A_FINDING), a_side("head"))) == [(Change.FIXED, Reason.DATA)]


def test_what_an_earlier_run_had_found_is_reopened() -> None:
    comparison = compared(a_side("base"), a_side("head", A_FINDING), seen_before=["f"])
    assert told(comparison) == [(Change.REOPENED, Reason.DATA)]


def test_other_rules_are_the_reason_where_they_are_others() -> None:
    other = {"found": HeldSet(2, "rules", "2")}
    assert told(compared(a_side("base", A_FINDING), a_side("head", held=other))) == [(Change.FIXED, Reason.RULES)]
    surer = replace(A_FINDING, confidence=0.99)
    (difference,) = compared(a_side("base", A_FINDING), a_side("head", surer, held=other)).differences
    assert (difference.change, difference.reason, difference.before) == (Change.CHANGED, Reason.RULES, A_FINDING)


def test_what_was_not_made_or_not_looked_at_is_unknown() -> None:
    for head in (
        a_side("head", held={}),
        a_side("head", omissions={"a.txt": "binary"}),
        a_side("head", omissions={"a.txt (3 characters)": "not UTF-8"}),
    ):
        (difference,) = compared(a_side("base", A_FINDING), head).differences
        assert (difference.change, difference.reason) == (Change.UNKNOWN, Reason.SCOPE)
        assert difference.because is not None
    elsewhere = a_side("head", omissions={"b.txt": "binary", "a.txt.old": "binary"})
    assert told(compared(a_side("base", A_FINDING), elsewhere)) == [(Change.FIXED, Reason.DATA)]


def test_a_folder_or_table_that_was_left_out_covers_what_is_in_it() -> None:
    in_folder = replace(A_FINDING, location="logs/a.txt")
    in_table = replace(A_FINDING, location="customers.email")
    in_sheet = replace(A_FINDING, location="a.xlsx:people.email")
    for finding, what in ((in_folder, "logs/"), (in_table, "customers"), (in_sheet, "a.xlsx")):
        comparison = compared(a_side("base", finding), a_side("head", omissions={what: "left out"}))
        assert told(comparison) == [(Change.UNKNOWN, Reason.SCOPE)]


def test_what_came_since_its_file_was_first_read_is_new_for_that_reason() -> None:
    base = a_side("base", omissions={"a.txt": "binary"})
    assert told(compared(base, a_side("head", A_FINDING))) == [(Change.NEW, Reason.SCOPE)]


def test_what_a_classifier_says_counts_and_either_holder_can_tell_that_it_is_gone() -> None:
    classified = replace(A_FINDING, special_category=True)
    held = {"found": HeldSet(1, "rules", "1"), "classified": HeldSet(1, "gdpr", "1")}
    base = Side(a_run("base"), [("found", A_FINDING), ("classified", classified)], held, lambda _: Omissions({}, {}))
    head = Side(a_run("head"), [], {"found": held["found"]}, lambda _: Omissions({}, {}))
    (difference,) = compared(base, head).differences
    assert (difference.change, difference.finding.special_category) == (Change.FIXED, True)


findings = st.builds(
    Finding,
    fingerprint=st.sampled_from("abcdefgh"),
    rule=st.sampled_from(["x", "y"]),
    category=st.just("c"),
    severity=st.just("low"),
    special_category=st.none() | st.booleans(),
    source=st.just("s"),
    location=st.sampled_from(["a.txt", "logs/b.txt", "t.c"]),
    confidence=st.sampled_from([0.5, 0.9]),
    match_count=st.integers(1, 3),
)
sets_of_findings = st.lists(findings, unique_by=lambda finding: finding.fingerprint)
omitted = st.dictionaries(st.sampled_from(["a.txt", "logs/", "t", "u"]), st.just("left out"))


@given(sets_of_findings, sets_of_findings, omitted, omitted, st.sets(st.sampled_from("abcdefgh")))
def test_each_finding_is_told_once_and_nothing_that_was_not_looked_at_is_fixed(
    base: list[Finding], head: list[Finding], left_before: dict[str, str], left_now: dict[str, str], seen: set[str]
) -> None:
    comparison = compared(
        a_side("base", *base, omissions=left_before), a_side("head", *head, omissions=left_now), seen_before=seen
    )
    names = [each.finding.fingerprint for each in comparison.differences]
    before, after = ({finding.fingerprint for finding in side} for side in (base, head))
    assert sorted(names) == sorted(before | after)
    assert sum(comparison.in_numbers().values()) == len(names)
    for each in comparison.differences:
        name = each.finding.fingerprint
        is_lost = each.change in (Change.FIXED, Change.UNKNOWN)
        assert is_lost == (name in before - after)
        assert (each.change in (Change.NEW, Change.REOPENED)) == (name in after - before)
        assert (each.change is Change.REOPENED) == (name in (after - before) & seen)
        if each.change is Change.FIXED:
            assert not any(each.finding.location.startswith(what.rstrip("/")) for what in left_now)
        assert (each.because is not None) == (each.reason is Reason.SCOPE)
