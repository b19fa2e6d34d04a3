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

    def test_it_declares_its_media_type_and_extensions(self, exporter: type[Exporter]) -> None:
        assert "/" in exporter.get_media_type()
        assert exporter.extensions
        assert all(extension == extension.lower().strip(".") for extension in exporter.extensions)

    def test_the_same_report_gives_the_same_bytes(self, exporter: type[Exporter]) -> None:
        for extension in exporter.extensions:
            assert written(exporter, sample_report(), extension) == written(exporter, sample_report(), extension)

    def test_a_run_without_findings_or_that_failed_can_be_exported(self, exporter: type[Exporter]) -> None:
        for extension in exporter.extensions:
            for report in (empty_report(), failed_report(), sample_report([])):
                assert written(exporter, report, extension)

    def test_findings_are_exported(self, exporter: type[Exporter]) -> None:
        for extension in exporter.extensions:
            assert written(exporter, sample_report(), extension) != written(exporter, sample_report([]), extension)

    def test_text_is_utf_8(self, exporter: type[Exporter]) -> None:
        for extension in set(exporter.extensions) - set(exporter.binary_extensions):
            written(exporter, sample_report(), extension).decode()

    def test_a_report_without_evidence_can_be_exported(self, exporter: type[Exporter]) -> None:
        for extension in exporter.extensions:
            assert written(exporter, sample_report(without_evidence=["personal_data"]), extension)


def written(exporter: type[Exporter], report: Report, extension: str = "") -> bytes:
    """Return everything that an exporter writes."""
    return b"".join(exporter().export(report, Preferences(extension=extension or exporter.extensions[0])))
