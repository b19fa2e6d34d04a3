"""Coverage gaps: which locations they affect, and what is stored of them."""

import pytest

from waivern.history.coverage_gaps import CoverageGaps, NotScanned, PartiallyScanned

METADATA = {
    "not_scanned": [
        {"name": "logs/", "reason": "matches an exclude pattern", "code": "excluded"},
        {"name": "a.pdf", "reason": "page 1 cannot be read", "code": "damaged"},
        {"name": "a.pdf", "reason": "page 2 without text", "code": "no_text"},
        {"name": "people.xlsx:Staff", "reason": "damaged"},
    ],
    "sampled": [{"name": "customers", "read": 1000, "total": 5000, "bound": "..."}],
}


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("logs/a.txt", "logs: matches an exclude pattern"),
        ("a.pdf:form.Name", "a.pdf: page 2 without text"),
        ("people.xlsx:Staff.email", "people.xlsx:Staff: damaged"),
        ("people.xlsx:Others.email", None),
        ("customers.email", "customers: partially scanned, 1,000 of 5,000"),
        ("b.pdf", None),
        ("", None),
    ],
)
def test_a_gap_affects_what_is_in_the_file_folder_or_table(location: str, reason: str | None) -> None:
    found = CoverageGaps.in_metadata(METADATA).reason_for(location)
    assert (found or "").replace("logs/", "logs") == (reason or "")


def test_the_reason_code_decides_what_is_excluded() -> None:
    assert NotScanned("a", "any reason", "excluded").is_excluded
    assert not NotScanned("a", "excluded by the pattern a", "binary").is_excluded
    assert not NotScanned("a", "excluded by the pattern a").is_excluded


def test_gaps_are_stored_without_empty_lists_and_read_back() -> None:
    gaps = CoverageGaps.in_metadata(METADATA)
    stored = gaps.as_json()
    assert [entry["name"] for entry in stored["not_scanned"]] == ["logs/", "a.pdf", "a.pdf", "people.xlsx:Staff"]
    assert stored["partially_scanned"] == [{"name": "customers", "read": 1000, "total": 5000}]
    again = CoverageGaps.from_json(stored)
    assert (again.not_scanned, again.partially_scanned) == (gaps.not_scanned, gaps.partially_scanned)
    assert CoverageGaps().as_json() == {}


def test_an_entry_without_a_name_affects_every_location() -> None:
    gaps = CoverageGaps.in_metadata({"not_scanned": [{"reason": "unknown"}], "sampled": ["odd"]})
    assert gaps.reason_for("anything") is not None
    assert gaps.partially_scanned == (PartiallyScanned("", 0, 0),)
