"""Columns by their names: which rules a name speaks for, given the table and the columns beside it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Set
from heapq import nsmallest

from waivern.analysers.indicators.items import Cells, Item, Place
from waivern.rulesets.detection.detector import Detector
from waivern.rulesets.detection.field_names import NamedRule
from waivern.rulesets.engine.batch import Surroundings
from waivern.rulesets.engine.spans import Span

_Table = tuple[str, str, str]

STRONG = 0.85
WEAK = 0.65
"""Confidence that a column holds what its name says, where the name speaks for itself and where its company does."""

_PERSONAL = frozenset({"name", "email", "date_of_birth", "government_id"})
"""Categories that make a table one of people, so that its weak names count; shops and hotels have telephones too."""


_OF_THINGS_TOO = frozenset({"name"})
"""Categories of what things have as well: a column `name` in a table of other things than people holds their names."""

_MAY_BE_A_FIRMS = frozenset({"phone"})
_OF_A_FIRM = 0.55
"""Confidence, at the most, of what firms have as well, in a table of firms or places without a column about people."""
_FIRM_TABLE = "but the table is one of firms or places"


class Columns:
    """What the names of columns say.

    `named` maps each column whose name speaks for rules to one span a rule (which covers no text), `around` every
    column to what its name makes of its values: which rules it speaks for, and which against.
    """

    def __init__(self, columns: Iterable[Place], detector: Detector) -> None:
        self._detector = detector
        self._of_people_only = {rule.name for rule in detector.ruleset.rules if rule.of_people_only}
        said = {column: detector.field_terms.named_by(column.column or "") for column in columns}
        tables = {_table(column) for column in said}
        says = detector.field_terms
        self._called_after_people = {table for table in tables if says.says_person(table[-1])}
        called_after_firms = {table for table in tables - self._called_after_people if says.says_firm(table[-1])}
        self._of_people = self._called_after_people | self._with_people(said, called_after_firms)
        self._of_firms = called_after_firms - self._of_people
        self.named: dict[Place, list[Span]] = {}
        self.around: dict[Place, Surroundings] = {}
        self._of_things: dict[Place, frozenset[str]] = {}
        for column, terms in said.items():
            named = [each for each in terms if self._counts(each, _table(column))]
            self._of_things[column] = self._rules_of_things(set(terms) - set(named))
            self.around[column] = Surroundings(
                detector.context_words.spoken_for(column.column or "") | {each.rule for each in named},
                is_cell=True,
                spoken_against=detector.doubt_words.spoken_for(column.column or ""),
            )
            counting = self.counting(column, [self._span(each) for each in named])
            if counting:
                self.named[column] = counting

    def counting(self, place: Place, spans: list[Span]) -> list[Span]:
        """Return the spans that count at a place: in a table of other things than people not all do, nor as surely."""
        table = _table(place)
        if not place.is_column or table in self._of_people:
            return spans
        of_people_only = self._of_people_only
        is_of_firms = table in self._of_firms
        counting = [
            span
            for span in spans
            if span.rule not in self._of_things.get(place, ())
            and (span.rule not in of_people_only or (span.is_name and not is_of_firms))
        ]
        return list(map(_less_sure, counting)) if is_of_firms else counting

    def _counts(self, named: NamedRule, table: _Table) -> bool:
        return named.strong or table in (self._of_people if named.beside_people else self._called_after_people)

    def _rules_of_things(self, named: Iterable[NamedRule]) -> frozenset[str]:
        rules = (self._detector.ruleset.rules[each.rule] for each in named)
        return frozenset(rule.name for rule in rules if rule.category in _OF_THINGS_TOO)

    def _with_people(self, said: Mapping[Place, Iterable[NamedRule]], of_firms: Set[_Table]) -> set[_Table]:
        """The tables of which some column is about people; one of firms may have a single name, of whom to ask for."""
        rules = self._detector.ruleset.rules
        about: dict[_Table, list[str]] = defaultdict(list)
        for column, terms in said.items():
            categories = {rules[named.rule].category for named in terms if named.strong}
            about[_table(column)] += categories & _PERSONAL
        return {
            table
            for table, found in about.items()
            if found and (table not in of_firms or "date_of_birth" in found or found.count("name") > 1)
        }

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


def _less_sure(span: Span) -> Span:
    if span.category not in _MAY_BE_A_FIRMS or span.confidence <= _OF_A_FIRM:
        return span
    return span._replace(confidence=_OF_A_FIRM, reasons=(*span.reasons, _FIRM_TABLE))


def _table(column: Place) -> _Table:
    return column.source, column.path or "", column.table or ""
