"""The contract of exporters, as tests that authors of plug-ins run for their exporter."""

from importlib.metadata import entry_points

from waivern.exports.exporter import Exporter, Preferences
from waivern.exports.model.report import Report
from waivern.exports.registry import EXPORTERS
from waivern.testing.sample_reports import empty_report, failed_report, sample_report


class ExporterContract:
    """Tests for pytest; a subclass whose name begins with `Test` provides one fixture, `exporter`: the class."""

    def test_its_name_matches_its_entry_point(self, exporter: type[Exporter]) -> None:
        object_reference = f"{exporter.__module__}:{exporter.__qualname__}"
        names = {
            entry_point.name for entry_point in entry_points(group=EXPORTERS) if entry_point.value == object_reference
        }
        assert names == {exporter.get_name()}

    def test_it_declares_its_media_type_and_endings(self, exporter: type[Exporter]) -> None:
        assert "/" in exporter.get_media_type()
        assert exporter.endings
        assert all(ending == ending.lower().strip(".") for ending in exporter.endings)

    def test_the_same_report_gives_the_same_bytes(self, exporter: type[Exporter]) -> None:
        for ending in exporter.endings:
            assert written(exporter, sample_report(), ending) == written(exporter, sample_report(), ending)

    def test_a_run_without_findings_or_that_failed_can_be_exported(self, exporter: type[Exporter]) -> None:
        for ending in exporter.endings:
            for report in (empty_report(), failed_report(), sample_report([])):
                assert written(exporter, report, ending)

    def test_findings_are_exported(self, exporter: type[Exporter]) -> None:
        for ending in exporter.endings:
            assert written(exporter, sample_report(), ending) != written(exporter, sample_report([]), ending)

    def test_text_is_utf_8(self, exporter: type[Exporter]) -> None:
        for ending in set(exporter.endings) - set(exporter.binary_endings):
            written(exporter, sample_report(), ending).decode()

    def test_a_report_without_evidence_can_be_exported(self, exporter: type[Exporter]) -> None:
        for ending in exporter.endings:
            assert written(exporter, sample_report(without_evidence=["personal_data"]), ending)


def written(exporter: type[Exporter], report: Report, ending: str = "") -> bytes:
    """Return everything that an exporter writes."""
    return b"".join(exporter().export(report, Preferences(ending=ending or exporter.endings[0])))
