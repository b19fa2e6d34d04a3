"""The order of severities."""

from waivern.severity import SEVERITIES, severity_rank


def test_severities_are_ranked_and_an_unknown_one_counts_as_medium() -> None:
    assert [severity_rank(severity) for severity in SEVERITIES] == [0, 1, 2, 3]
    assert severity_rank("blocker") == severity_rank("medium")
