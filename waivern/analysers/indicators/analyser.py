"""The indicator analyser: it scans messages with a ruleset and returns a message of findings."""

import functools
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any, ClassVar

from waivern.analysers.indicators.columns import ColumnContexts, ColumnSamples, MaskedValue, first_values
from waivern.analysers.indicators.evidence import EvidenceMasker
from waivern.analysers.indicators.findings import FindingCollector
from waivern.analysers.indicators.indicator_kind import IndicatorKind
from waivern.analysers.indicators.input_texts import (
    ColumnValues,
    Item,
    Location,
    PartTexts,
    batched_by_size,
    columns_in,
    name_items,
)
from waivern.components.outputs import check_output_schema
from waivern.components.partwise import InputPart, PartResult, PartwiseAnalyser
from waivern.messages.compressed_items import CompressedItems
from waivern.messages.compressed_message import CompressedMessage
from waivern.messages.message import Message
from waivern.messages.schema import Schema
from waivern.rulesets.detection.detector import Detector, detector_for
from waivern.rulesets.engine.batch import NAME_CONTEXT, NO_CONTEXT, TextContext
from waivern.rulesets.engine.spans import Span
from waivern.rulesets.loading.ruleset_loader import load_ruleset
from waivern.rulesets.model.ruleset import ruleset_digest
from waivern.rulesets.validators.phone_numbers import phone_number_version

if TYPE_CHECKING:
    from waivern.analysers.indicators.properties import IndicatorProperties


class _PartScan:
    """The scan of one part: its texts, and what was found in them so far."""

    columns: ColumnContexts
    samples: ColumnSamples | None = None

    def __init__(self, texts: PartTexts, findings: FindingCollector, context: Any) -> None:
        self.texts = texts
        self.findings = findings
        self.context = context

    def begin_columns(self, detector: Detector, *, size: int) -> None:
        """Determine the contexts of the columns, and take samples of those whose names count."""
        own = {(*location.table_key, location.column): location for location in self.texts.locations}
        columns = (Location(*column) for column in self.context)
        self.columns = ColumnContexts(
            [own.get((*column.table_key, column.column), column) for column in columns], detector
        )
        self.samples = ColumnSamples(self.columns.name_spans, size=size)
        for batch in self.texts.column_batches:
            for column, values in batch.items():
                self.samples.add(column, values)

    def result(self) -> dict[str, Any]:
        positions = {location: position for position, location in enumerate(self.texts.locations)}
        samples = {} if self.samples is None else self.samples.masked()
        return {
            "locations": [location.as_json() for location in positions],
            "findings": self.findings.as_result(positions),
            "values": [[positions[column], sample] for column, sample in samples.items()],
        }


class IndicatorAnalyser(PartwiseAnalyser):
    """Finds what the rules of its kind describe: patterns, keywords and field names.

    A finding is all matches of one rule at one location: a file, a table or a column. What the inputs report as not
    scanned or sampled is repeated in the output, so that the findings are complete without the inputs.
    """

    kind: ClassVar[IndicatorKind]

    def __init__(self, properties: "IndicatorProperties") -> None:
        self._properties = properties
        self._ruleset = load_ruleset(properties.pattern_matching.ruleset or self.kind.ruleset).for_scans()
        self.version = f"1/{self._ruleset.rules_version}"

    @classmethod
    def get_name(cls) -> str:
        return cls.kind.name

    @classmethod
    def get_input_requirements(cls) -> list[list[Schema]]:
        return [list(combination) for combination in cls.kind.inputs]

    @classmethod
    def get_supported_output_schemas(cls) -> list[Schema]:
        return [cls.kind.output_schema]

    def identity(self) -> Mapping[str, Any]:
        matching = self._properties.pattern_matching
        return {
            "rules": ruleset_digest(self._ruleset),
            "threshold": self._properties.confidence_threshold,
            "evidence": [matching.maximum_evidence_count, matching.evidence_context_size],
            "phone numbers": phone_number_version(),
        }

    def outline(self, part: InputPart) -> Any:
        """Return the columns in the part, which the values of other columns of the same table depend on."""
        return [column.as_json() for column in columns_in(part)] or None

    def contexts(self, outlines: Sequence[Any]) -> Sequence[Any]:
        """Return, for each part with columns, all columns of their tables."""
        tables: dict[Any, dict[str | None, list[Any]]] = {}
        for column in (column for outline in outlines for column in outline or ()):
            location = Location(*column)
            tables.setdefault(location.table_key, {}).setdefault(location.column, column)
        return [None if outline is None else _columns_of_tables(outline, tables) for outline in outlines]

    def analyse(self, part: InputPart, context: Any) -> Any:
        (result,) = self.analyse_all([(part, context)])
        return result

    def analyse_all(self, parts: Sequence[tuple[InputPart, Any]]) -> Sequence[Any]:
        detector = detector_for(self._ruleset)
        scans = [_PartScan(PartTexts(part), self._new_collector(), context) for part, context in parts]
        items = [(scan, item) for scan in scans for item in scan.texts.file_items]
        for batch in batched_by_size(items, lambda owned: len(owned[1].content)):
            contents = [item.content for _, item in batch]
            for index, spans in detector.detect_all(contents, [(len(contents), NO_CONTEXT)]).items():
                scan, item = batch[index]
                scan.findings.add(item, spans)
        self._scan_columns([scan for scan in scans if scan.context is not None], detector)
        return [scan.result() for scan in scans]

    def _scan_columns(self, scans: Sequence[_PartScan], detector: Detector) -> None:
        """Add the findings in the values of columns, and samples of the columns whose names count."""
        size = self._properties.pattern_matching.maximum_evidence_count
        runs: list[tuple[_PartScan, Location, ColumnValues]] = []
        for scan in scans:
            scan.begin_columns(detector, size=size)
            runs += [(scan, column, values) for batch in scan.texts.column_batches for column, values in batch.items()]
        for batch in batched_by_size(runs, lambda run: sum(map(len, run[2].contents))):
            contents = [content for _, _, values in batch for content in values.contents]
            contexts = [(len(values.contents), scan.columns.contexts[column]) for scan, column, values in batch]
            starts = list(accumulate((length for length, _ in contexts), initial=0))
            for index, spans in detector.detect_all(contents, contexts).items():
                number = bisect_right(starts, index) - 1
                scan, column, values = batch[number]
                item = Item(column, contents[index], values.rows[index - starts[number]])
                scan.findings.add(item, scan.columns.adjust(column, spans))

    def combine(
        self, envelopes: Sequence[Mapping[str, Any]], parts: Iterable[PartResult], output_schema: Schema
    ) -> Message:
        check_output_schema(self, output_schema)
        findings = self._new_collector()
        locations: dict[Any, Location] = {}
        samples: dict[Location, list[list[MaskedValue]]] = {}
        for part in parts:
            found = [Location(*location) for location in part.result["locations"]]
            own = [locations.setdefault((*location.table_key, location.column), location) for location in found]
            findings.merge(part.result["findings"], own)
            for position, sample in part.result["values"]:
                samples.setdefault(own[position], []).append([(row, content) for row, content in sample])
        columns = [location for location in locations.values() if location.is_column]
        if columns:
            self._add_names(columns, samples, findings)
        envelope = self._envelope(findings, envelopes, scanned=len(locations))
        return CompressedMessage(
            self.kind.name, envelope, "findings", CompressedItems(findings.drain()), self.kind.output_schema
        )

    def _add_names(
        self,
        locations: Sequence[Location],
        samples: Mapping[Location, Sequence[Sequence[MaskedValue]]],
        findings: FindingCollector,
    ) -> None:
        detector = detector_for(self._ruleset)
        columns = ColumnContexts(locations, detector)
        if self._ruleset.scan_names:
            for item, spans in _detect(name_items(locations), NAME_CONTEXT, detector):
                findings.add(item, columns.adjust(item.location, spans))
        size = self._properties.pattern_matching.maximum_evidence_count
        for column, name_spans in columns.name_spans.items():
            values = first_values(samples.get(column, ()), size=size)
            for span in name_spans:
                findings.add_column(column, span, values)

    def _new_collector(self) -> FindingCollector:
        matching = self._properties.pattern_matching
        return FindingCollector(
            threshold=self._properties.confidence_threshold,
            max_evidence=matching.maximum_evidence_count,
            masker=self._masker,
            ruleset=self._ruleset,
        )

    @functools.cached_property
    def _masker(self) -> EvidenceMasker:
        size = self._properties.pattern_matching.evidence_context_size
        return EvidenceMasker(self._ruleset, context_size=size)

    def _envelope(
        self, findings: FindingCollector, envelopes: Sequence[Mapping[str, Any]], *, scanned: int
    ) -> dict[str, Any]:
        return {
            "summary": findings.summary(),
            "analysis_metadata": {
                "ruleset": self._ruleset.uri,
                "rules_version": self._ruleset.rules_version,
                "scanned": scanned,
                "not_scanned": _combined_metadata(envelopes, "not_scanned"),
                "sampled": _combined_metadata(envelopes, "sampled"),
            },
        }


def _columns_of_tables(outline: Sequence[Any], tables: Mapping[Any, Mapping[str | None, list[Any]]]) -> list[Any]:
    wanted = {Location(*column).table_key: None for column in outline}
    columns = [column for table in wanted for column in tables[table].values()]
    return sorted(columns, key=lambda column: Location(*column).sort_key())


def _combined_metadata(envelopes: Sequence[Mapping[str, Any]], key: str) -> list[Any]:
    return [entry for envelope in envelopes for entry in (envelope.get("metadata") or {}).get(key, ())]


def _detect(items: Iterable[Item], context: TextContext, detector: Detector) -> Iterator[tuple[Item, list[Span]]]:
    for batch in batched_by_size(items, lambda item: len(item.content)):
        for index, spans in detector.detect_all([item.content for item in batch], [(len(batch), context)]).items():
            yield batch[index], spans
