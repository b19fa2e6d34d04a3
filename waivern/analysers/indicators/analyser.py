"""The analyser itself: messages in, one message of findings out."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any, ClassVar

from waivern.analysers.indicators.columns import Columns, FirstCells
from waivern.analysers.indicators.findings import Findings
from waivern.analysers.indicators.items import CHARACTERS_A_SCAN, Item, Place, Texts, Values, named_places
from waivern.analysers.indicators.kind import Kind
from waivern.analysers.indicators.masking import Masker
from waivern.components.analyser import Analyser
from waivern.components.outputs import check_makes
from waivern.messages.message import Message
from waivern.messages.packed import PackedItems, PackedMessage
from waivern.messages.schema import Schema
from waivern.rulesets.detection.detector import Detector, detector_for
from waivern.rulesets.engine.batch import A_NAME, NOTHING_KNOWN, Surroundings
from waivern.rulesets.engine.spans import Span
from waivern.rulesets.loading.ruleset_loader import load_ruleset

if TYPE_CHECKING:
    from waivern.analysers.indicators.properties import IndicatorProperties


class IndicatorAnalyser(Analyser):
    """Finds what the rules of its kind say, by the form of values, by words and by the names of fields.

    A finding is all that one rule found at one place: a file, or a table's column. What the inputs say was not
    scanned, or read in part, is repeated beside the findings, so that these can be read by themselves.
    """

    kind: ClassVar[Kind]

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
        return [cls.kind.indicator]

    def process(self, inputs: Sequence[Message], output_schema: Schema) -> Message:
        kind = self.kind
        check_makes(self, output_schema)
        texts, detector = Texts(inputs), detector_for(self._ruleset)
        findings = self._findings(detector)
        for item, spans in _detected(texts.of_files(), NOTHING_KNOWN, detector):
            findings.add(item, spans)
        self._find_in_columns(texts, findings, detector)
        around = self._around(findings, inputs, scanned=len(texts.places))
        return PackedMessage(kind.name, around, "findings", PackedItems(findings.handed_over()), kind.indicator)

    def _find_in_columns(self, texts: Texts, findings: Findings, detector: Detector) -> None:
        columns = Columns([place for place in texts.places if place.is_column], detector)
        first = FirstCells(columns.named, most=self._properties.pattern_matching.maximum_evidence_count)
        for batch in texts.of_columns():
            for column, cells in batch.items():
                first.note(column, cells)
            for item, spans in _detected_in_columns(batch, columns.around, detector):
                findings.add(item, columns.counting(item.place, spans))
        if self._ruleset.reads_names:
            for item, spans in _detected(named_places(texts.places), A_NAME, detector):
                findings.add(item, columns.counting(item.place, spans))
        for column, named in columns.named.items():
            for span in named:
                findings.add_column(column, span, first.of(column))

    def _findings(self, detector: Detector) -> Findings:
        matching = self._properties.pattern_matching
        return Findings(
            threshold=self._properties.confidence_threshold,
            most_evidence=matching.maximum_evidence_count,
            masker=Masker(detector, context_size=matching.evidence_context_size),
            ruleset=self._ruleset,
        )

    def _around(self, findings: Findings, inputs: Sequence[Message], *, scanned: int) -> dict[str, Any]:
        return {
            "summary": findings.summary(),
            "analysis_metadata": {
                "ruleset": self._ruleset.uri,
                "rules_version": self._ruleset.rules_version,
                "scanned": scanned,
                "not_scanned": _of_all(inputs, "not_scanned"),
                "sampled": _of_all(inputs, "sampled"),
            },
        }


def _of_all(inputs: Sequence[Message], key: str) -> list[Any]:
    return [each for message in inputs for each in message.content_around("data").get("metadata", {}).get(key, ())]


def _detected(items: Iterable[Item], around: Surroundings, detector: Detector) -> Iterator[tuple[Item, list[Span]]]:
    for batch in _batches(items):
        for number, spans in detector.detect_all([item.content for item in batch], [(len(batch), around)]).items():
            yield batch[number], spans


def _detected_in_columns(
    columns: Values, around: Mapping[Place, Surroundings], detector: Detector
) -> Iterator[tuple[Item, list[Span]]]:
    contents = [content for cells in columns.values() for content in cells.contents]
    surroundings = [(len(cells.contents), around[column]) for column, cells in columns.items()]
    firsts, places = list(accumulate((number for number, _ in surroundings), initial=0)), list(columns)
    for number, spans in detector.detect_all(contents, surroundings).items():
        place = bisect_right(firsts, number) - 1
        column = places[place]
        yield Item(column, contents[number], columns[column].rows[number - firsts[place]]), spans


def _batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    batch: list[Item] = []
    size = 0
    for item in items:
        if batch and size + len(item.content) > CHARACTERS_A_SCAN:
            yield batch
            batch, size = [], 0
        batch.append(item)
        size += len(item.content) + 1
    if batch:
        yield batch
