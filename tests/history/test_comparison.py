"""Comparisons of two runs: a finding at a location that was not scanned is never fixed."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from waivern.history.comparison import Change, ComparedRun, Comparison, Reason, compare
from waivern.history.coverage_gaps import CoverageGaps, NotScanned
from waivern.history.finding import Finding, SnapshotRef
from waivern.history.run_records import ArtifactCounts, RunRecord
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
    snapshots: Mapping[str, SnapshotRef] | None = None,
    not_scanned: Mapping[str, str] | None = None,
) -> ComparedRun:
    refs = {"found": SnapshotRef(1, "rules", "1")} if snapshots is None else snapshots
    gaps = CoverageGaps(NotScanned(name, reason) for name, reason in (not_scanned or {}).items())
    return ComparedRun(a_run(name), [("found", finding) for finding in findings], refs, lambda _: gaps)


def compared(base: ComparedRun, head: ComparedRun, seen_before: Collection[str] = ()) -> Comparison:
    return compare(base, head, seen_before=lambda fingerprints: set(seen_before) & set(fingerprints))


def changes(comparison: Comparison) -> list[tuple[Change, Reason | None]]:
    return [(difference.change, difference.reason) for difference in comparison.differences]


def test_an_equal_finding_is_unchanged() -> None:
    assert changes(compared(a_side("base", A_FINDING), a_side("head", A_FINDING))) == [(Change.UNCHANGED, None)]


def test_a_finding_that_appears_is_new_and_one_that_disappears_is_fixed() -> None:
    assert changes(compared(a_side("base"), a_side("head", A_FINDING))) == [(Change.NEW, Reason.DATA)]
    assert changes(compared(a_side("base", A_FINDING), a_side("head"))) == [(Change.FIXED, Reason.DATA)]


def test_a_finding_that_a_run_before_the_base_had_is_reopened() -> None:
    comparison = compared(a_side("base"), a_side("head", A_FINDING), seen_before=["f"])
    assert changes(comparison) == [(Change.REOPENED, Reason.DATA)]


def test_the_rules_are_the_reason_if_their_version_differs() -> None:
    other = {"found": SnapshotRef(2, "rules", "2")}
    assert changes(compared(a_side("base", A_FINDING), a_side("head", snapshots=other))) == [
        (Change.FIXED, Reason.RULES)
    ]
    surer = replace(A_FINDING, confidence=0.99)
    (difference,) = compared(a_side("base", A_FINDING), a_side("head", surer, snapshots=other)).differences
    assert (difference.change, difference.reason, difference.before) == (Change.CHANGED, Reason.RULES, A_FINDING)


def test_a_finding_is_unknown_if_its_artifact_or_location_was_not_scanned() -> None:
    for head in (
        a_side("head", snapshots={}),
        a_side("head", not_scanned={"a.txt": "binary"}),
        a_side("head", not_scanned={"a.txt": "3 characters are not UTF-8"}),
    ):
        (difference,) = compared(a_side("base", A_FINDING), head).differences
        assert (difference.change, difference.reason) == (Change.UNKNOWN, Reason.SCOPE)
        assert difference.because is not None
    elsewhere = a_side("head", not_scanned={"b.txt": "binary", "a.txt.old": "binary"})
    assert changes(compared(a_side("base", A_FINDING), elsewhere)) == [(Change.FIXED, Reason.DATA)]


def test_a_folder_or_table_that_was_not_scanned_covers_its_contents() -> None:
    in_folder = replace(A_FINDING, location="logs/a.txt")
    in_table = replace(A_FINDING, location="customers.email")
    in_sheet = replace(A_FINDING, location="a.xlsx:people.email")
    for finding, what in ((in_folder, "logs/"), (in_table, "customers"), (in_sheet, "a.xlsx")):
        comparison = compared(a_side("base", finding), a_side("head", not_scanned={what: "excluded"}))
        assert changes(comparison) == [(Change.UNKNOWN, Reason.SCOPE)]


def test_a_finding_in_a_file_that_was_not_scanned_before_is_new_because_of_the_scope() -> None:
    base = a_side("base", not_scanned={"a.txt": "binary"})
    assert changes(compared(base, a_side("head", A_FINDING))) == [(Change.NEW, Reason.SCOPE)]


def test_classified_findings_take_precedence_and_one_artifact_suffices_to_call_a_finding_fixed() -> None:
    classified = replace(A_FINDING, special_category=True)
    snapshots = {"found": SnapshotRef(1, "rules", "1"), "classified": SnapshotRef(1, "gdpr", "1")}
    findings = [("found", A_FINDING), ("classified", classified)]
    base = ComparedRun(a_run("base"), findings, snapshots, lambda _: CoverageGaps())
    head = ComparedRun(a_run("head"), [], {"found": snapshots["found"]}, lambda _: CoverageGaps())
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
omitted = st.dictionaries(st.sampled_from(["a.txt", "logs/", "t", "u"]), st.just("excluded"))


@given(sets_of_findings, sets_of_findings, omitted, omitted, st.sets(st.sampled_from("abcdefgh")))
def test_each_finding_is_reported_once_and_never_fixed_if_it_was_not_scanned(
    base: list[Finding], head: list[Finding], gaps_before: dict[str, str], gaps_now: dict[str, str], seen: set[str]
) -> None:
    comparison = compared(
        a_side("base", *base, not_scanned=gaps_before), a_side("head", *head, not_scanned=gaps_now), seen_before=seen
    )
    names = [difference.finding.fingerprint for difference in comparison.differences]
    before, after = ({finding.fingerprint for finding in side} for side in (base, head))
    assert sorted(names) == sorted(before | after)
    assert sum(comparison.counts().values()) == len(names)
    for difference in comparison.differences:
        name = difference.finding.fingerprint
        has_disappeared = difference.change in (Change.FIXED, Change.UNKNOWN)
        assert has_disappeared == (name in before - after)
        assert (difference.change in (Change.NEW, Change.REOPENED)) == (name in after - before)
        assert (difference.change is Change.REOPENED) == (name in (after - before) & seen)
        if difference.change is Change.FIXED:
            assert not any(difference.finding.location.startswith(what.rstrip("/")) for what in gaps_now)
        assert (difference.because is not None) == (difference.reason is Reason.SCOPE)
