"""The indicator analyser: it scans messages with a ruleset and returns a message of findings."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any, ClassVar

from waivern.analysers.indicators.columns import ColumnContexts, ColumnSamples
from waivern.analysers.indicators.evidence import EvidenceMasker
from waivern.analysers.indicators.findings import FindingCollector
from waivern.analysers.indicators.indicator_kind import IndicatorKind
from waivern.analysers.indicators.input_texts import (
    ColumnBatch,
    InputTexts,
    Item,
    Location,
    item_batches,
    name_items,
)
from waivern.components.analyser import Analyser
from waivern.components.outputs import check_output_schema
from waivern.messages.compressed_items import CompressedItems, CompressedMessage
from waivern.messages.message import Message
from waivern.messages.schema import Schema
from waivern.rulesets.detection.detector import Detector, detector_for
from waivern.rulesets.engine.batch import NAME_CONTEXT, NO_CONTEXT, TextContext
from waivern.rulesets.engine.spans import Span
from waivern.rulesets.loading.ruleset_loader import load_ruleset

if TYPE_CHECKING:
    from waivern.analysers.indicators.properties import IndicatorProperties


class IndicatorAnalyser(Analyser):
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

    def process(self, inputs: Sequence[Message], output_schema: Schema) -> Message:
        check_output_schema(self, output_schema)
        texts, detector = InputTexts(inputs), detector_for(self._ruleset)
        findings = self._new_collector(detector)
        for item, spans in _detect(texts.file_items(), NO_CONTEXT, detector):
            findings.add(item, spans)
        self._scan_columns(texts, findings, detector)
        envelope = self._envelope(findings, inputs, scanned=len(texts.locations))
        return CompressedMessage(
            self.kind.name, envelope, "findings", CompressedItems(findings.drain()), self.kind.output_schema
        )

    def _scan_columns(self, texts: InputTexts, findings: FindingCollector, detector: Detector) -> None:
        columns = ColumnContexts([location for location in texts.locations if location.is_column], detector)
        samples = ColumnSamples(columns.name_spans, size=self._properties.pattern_matching.maximum_evidence_count)
        for batch in texts.column_batches():
            for column, values in batch.items():
                samples.add(column, values)
            for item, spans in _detect_in_columns(batch, columns.contexts, detector):
                findings.add(item, columns.adjust(item.location, spans))
        if self._ruleset.scan_names:
            for item, spans in _detect(name_items(texts.locations), NAME_CONTEXT, detector):
                findings.add(item, columns.adjust(item.location, spans))
        for column, name_spans in columns.name_spans.items():
            for span in name_spans:
                findings.add_column(column, span, samples.items(column))

    def _new_collector(self, detector: Detector) -> FindingCollector:
        matching = self._properties.pattern_matching
        return FindingCollector(
            threshold=self._properties.confidence_threshold,
            max_evidence=matching.maximum_evidence_count,
            masker=EvidenceMasker(detector, context_size=matching.evidence_context_size),
            ruleset=self._ruleset,
        )

    def _envelope(self, findings: FindingCollector, inputs: Sequence[Message], *, scanned: int) -> dict[str, Any]:
        return {
            "summary": findings.summary(),
            "analysis_metadata": {
                "ruleset": self._ruleset.uri,
                "rules_version": self._ruleset.rules_version,
                "scanned": scanned,
                "not_scanned": _combined_metadata(inputs, "not_scanned"),
                "sampled": _combined_metadata(inputs, "sampled"),
            },
        }


def _combined_metadata(inputs: Sequence[Message], key: str) -> list[Any]:
    return [entry for message in inputs for entry in message.envelope_without("data").get("metadata", {}).get(key, ())]


def _detect(items: Iterable[Item], context: TextContext, detector: Detector) -> Iterator[tuple[Item, list[Span]]]:
    for batch in item_batches(items):
        for index, spans in detector.detect_all([item.content for item in batch], [(len(batch), context)]).items():
            yield batch[index], spans


def _detect_in_columns(
    batch: ColumnBatch, contexts: Mapping[Location, TextContext], detector: Detector
) -> Iterator[tuple[Item, list[Span]]]:
    contents = [content for values in batch.values() for content in values.contents]
    runs = [(len(values.contents), contexts[column]) for column, values in batch.items()]
    run_starts, columns = list(accumulate((length for length, _ in runs), initial=0)), list(batch)
    for index, spans in detector.detect_all(contents, runs).items():
        run = bisect_right(run_starts, index) - 1
        column = columns[run]
        yield Item(column, contents[index], batch[column].rows[index - run_starts[run]]), spans
