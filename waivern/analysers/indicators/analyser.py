"""The analyser itself: messages in, one message of findings out."""

from collections.abc import Iterator, Sequence
from heapq import nsmallest
from typing import TYPE_CHECKING, Any, ClassVar

from waivern.analysers.indicators.columns import Columns
from waivern.analysers.indicators.findings import Findings
from waivern.analysers.indicators.items import Item, Place, items_of, named_places
from waivern.analysers.indicators.kind import Kind
from waivern.analysers.indicators.masking import Masker
from waivern.components.analyser import Analyser
from waivern.components.outputs import check_makes
from waivern.messages.message import Message
from waivern.messages.schema import Schema
from waivern.rulesets.batch import A_NAME, NOTHING_KNOWN, Surroundings
from waivern.rulesets.detection import Detector, detector_for
from waivern.rulesets.loading import load_ruleset
from waivern.rulesets.spans import Span

if TYPE_CHECKING:
    from waivern.analysers.indicators.properties import IndicatorProperties

CHARACTERS_A_SCAN = 1_000_000
"""Small texts are scanned together, up to so many characters."""


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
        items = items_of(inputs)
        detector = detector_for(self._ruleset)
        places = dict.fromkeys(item.place for item in items)
        columns = Columns([place for place in places if place.is_column], detector)
        findings = self._findings(detector)
        for item, spans in _detected(items, columns, detector):
            findings.add(item, spans)
        if self._ruleset.reads_names:
            for item, spans in _detected(named_places(places), columns, detector):
                findings.add(item, spans)
        self._add_named_columns(findings, items, columns)
        return Message(kind.name, self._content(findings, inputs, scanned=len(places)), kind.indicator)

    def _add_named_columns(self, findings: Findings, items: Sequence[Item], columns: Columns) -> None:
        cells: dict[Place, list[Item]] = {column: [] for column in columns.named}
        for item in items:
            if item.place in cells and item.content.strip():
                cells[item.place].append(item)
        most = self._properties.pattern_matching.maximum_evidence_count
        for column, named in columns.named.items():
            first = nsmallest(most, cells[column], key=lambda cell: (cell.row, cell.content))
            for span in named:
                findings.add_column(column, span, first)

    def _findings(self, detector: Detector) -> Findings:
        matching = self._properties.pattern_matching
        return Findings(
            threshold=self._properties.confidence_threshold,
            most_evidence=matching.maximum_evidence_count,
            masker=Masker(detector, context_size=matching.evidence_context_size),
            ruleset=self._ruleset,
        )

    def _content(self, findings: Findings, inputs: Sequence[Message], *, scanned: int) -> dict[str, Any]:
        return {
            "findings": findings.as_content(),
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
    return [each for message in inputs for each in message.content.get("metadata", {}).get(key, ())]


def _detected(items: Sequence[Item], columns: Columns, detector: Detector) -> Iterator[tuple[Item, list[Span]]]:
    around = {column: Surroundings(rules, is_cell=True) for column, rules in columns.spoken_for.items()}
    for batch in _batches(items):
        surroundings = [A_NAME if item.is_name else around.get(item.place, NOTHING_KNOWN) for item in batch]
        for number, spans in detector.detect_all([item.content for item in batch], surroundings).items():
            yield batch[number], columns.counting(batch[number].place, spans)


def _batches(items: Sequence[Item]) -> Iterator[list[Item]]:
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
