"""What every exporter holds to, as tests that a plug-in's author runs on theirs."""

from importlib.metadata import entry_points

from waivern.exports.exporter import Exporter, Preferences
from waivern.exports.model.report import Report
from waivern.exports.registry import EXPORTERS
from waivern.testing.sample_reports import empty_report, failed_report, sample_report


class ExporterContract:
    """Tests for pytest; a subclass whose name begins with `Test` provides one fixture, `exporter`: the class."""

    def test_its_name_is_that_of_its_entry_point(self, exporter: type[Exporter]) -> None:
        leading_here = f"{exporter.__module__}:{exporter.__qualname__}"
        names = {each.name for each in entry_points(group=EXPORTERS) if each.value == leading_here}
        assert names == {exporter.get_name()}

    def test_it_says_what_its_files_are(self, exporter: type[Exporter]) -> None:
        assert "/" in exporter.get_media_type()
        assert exporter.endings
        assert all(each == each.lower().strip(".") for each in exporter.endings)

    def test_the_same_report_gives_the_same_bytes(self, exporter: type[Exporter]) -> None:
        for ending in exporter.endings:
            assert written(exporter, sample_report(), ending) == written(exporter, sample_report(), ending)

    def test_a_run_that_found_nothing_or_did_not_end_well_can_be_told(self, exporter: type[Exporter]) -> None:
        for ending in exporter.endings:
            for report in (empty_report(), failed_report(), sample_report([])):
                assert written(exporter, report, ending)

    def test_what_was_found_is_told(self, exporter: type[Exporter]) -> None:
        for ending in exporter.endings:
            assert written(exporter, sample_report(), ending) != written(exporter, sample_report([]), ending)

    def test_text_is_utf_8(self, exporter: type[Exporter]) -> None:
        for ending in set(exporter.endings) - set(exporter.binary_endings):
            written(exporter, sample_report(), ending).decode()

    def test_only_what_is_pruned_is_without_evidence(self, exporter: type[Exporter]) -> None:
        """A report without evidence can be told too."""
        for ending in exporter.endings:
            assert written(exporter, sample_report(without_evidence=["personal_data"]), ending)


def written(exporter: type[Exporter], report: Report, ending: str = "") -> bytes:
    """Return all that an exporter writes."""
    return b"".join(exporter().export(report, Preferences(ending=ending or exporter.endings[0])))
