"""Columns by their names: which rules a name speaks for, given the table and the columns beside it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from heapq import nsmallest

from waivern.analysers.indicators.items import Cells, Item, Place
from waivern.rulesets.detection import Detector
from waivern.rulesets.field_names import NamedRule
from waivern.rulesets.spans import Span

STRONG = 0.85
WEAK = 0.65
"""Confidence that a column holds what its name says, where the name speaks for itself and where its company does."""

_PERSONAL = frozenset({"name", "email", "date_of_birth", "government_id"})
"""Categories that make a table one of people, so that its weak names count; shops and hotels have telephones too."""


class Columns:
    """What the names of columns say.

    `named` maps each column whose name speaks for rules to one span a rule (which covers no text), `spoken_for` every
    column to the rules (their indexes) whose values its name makes likely.
    """

    def __init__(self, columns: Iterable[Place], detector: Detector) -> None:
        self._detector = detector
        self._of_people_only = {rule.name for rule in detector.ruleset.rules if rule.of_people_only}
        said = {column: detector.field_terms.named_by(column.column or "") for column in columns}
        self._of_people = self._tables_of_people(said)
        self.named: dict[Place, list[Span]] = {}
        self.spoken_for: dict[Place, frozenset[int]] = {}
        for column, terms in said.items():
            counting = [named for named in terms if named.strong or _table(column) in self._of_people]
            near = detector.context_words.spoken_for(column.column or "")
            self.spoken_for[column] = near | {named.rule for named in counting}
            if counting:
                self.named[column] = [self._span(named) for named in counting]

    def counting(self, place: Place, spans: list[Span]) -> list[Span]:
        """Return the spans that count at a place: in a table of other things than people, not all do."""
        if not (self._of_people_only and place.is_column) or _table(place) in self._of_people:
            return spans
        return [span for span in spans if span.rule not in self._of_people_only]

    def _tables_of_people(self, said: Mapping[Place, Iterable[NamedRule]]) -> set[tuple[str, str, str]]:
        rules = self._detector.ruleset.rules
        company: dict[tuple[str, str, str], set[str]] = defaultdict(set)
        for column, terms in said.items():
            company[_table(column)] |= {rules[named.rule].category for named in terms if named.strong} & _PERSONAL
        says_person = self._detector.field_terms.says_person
        return {table for table, categories in company.items() if categories or says_person(table[-1])}

    def _span(self, named: NamedRule) -> Span:
        rule = self._detector.ruleset.rules[named.rule]
        reason = f"the column is named '{named.term}'" + ("" if named.strong else ", in a table of people")
        confidence = STRONG if named.strong else WEAK
        return Span(0, 0, rule.category, rule.name, named.term, confidence, (reason,), True)


class FirstCells:
    """The first values of columns by row, so many of each."""

    def __init__(self, columns: Iterable[Place], *, most: int) -> None:
        self._first: dict[Place, list[tuple[str, str]]] = {column: [] for column in columns}
        self._most = most

    def note(self, column: Place, cells: Cells) -> None:
        """Look through more values of a column."""
        first = self._first.get(column)
        if first is None:
            return
        last = first[-1][0] if len(first) == self._most else None
        more = (
            (row, text) for row, text in zip(cells.rows, cells.contents, strict=True) if last is None or row <= last
        )
        first[:] = nsmallest(self._most, [*first, *(each for each in more if each[1].strip())])

    def of(self, column: Place) -> list[Item]:
        return [Item(column, content, row) for row, content in self._first[column]]


def _table(column: Place) -> tuple[str, str, str]:
    return column.source, column.path or "", column.table or ""
