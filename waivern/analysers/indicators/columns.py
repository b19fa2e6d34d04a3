"""The context of columns: which rules a column's name supports, given its table and the columns next to it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from heapq import nsmallest

from waivern.analysers.indicators.input_texts import ColumnValues, Location
from waivern.rulesets.detection.detector import Detector
from waivern.rulesets.detection.field_names import TermMatch
from waivern.rulesets.detection.masking import masked
from waivern.rulesets.engine.batch import TextContext
from waivern.rulesets.engine.spans import Span

MaskedValue = tuple[str, str]
"""The row of a value, and the value masked."""

_Table = tuple[str, str, str]

STRONG_CONFIDENCE = 0.85
WEAK_CONFIDENCE = 0.65
"""Confidence that a column contains what its name says, for names that count anywhere and for weak names."""

_PERSON_CATEGORIES = frozenset({"name", "email", "date_of_birth", "government_id"})
"""A strong column name of these categories marks a table as being about people. Shops and hotels have phones too."""

_CATEGORIES_OF_THINGS = frozenset({"name"})
"""Categories that things have as well: in a table about things, a column `name` contains the names of things."""

_CATEGORIES_OF_ORGANISATIONS = frozenset({"phone"})
_MAX_ORGANISATION_CONFIDENCE = 0.55
"""Maximum confidence of these categories in a table about organisations that has no columns about people."""
_ORGANISATION_TABLE = "but the table is about organisations or places"


class ColumnContexts:
    """The meaning of column names.

    `name_spans` maps each column whose name matches rules to one span per rule, which covers no text. `contexts` maps
    every column to the context of its values.
    """

    def __init__(self, columns: Iterable[Location], detector: Detector) -> None:
        self._detector = detector
        self._person_tables_only = {rule.name for rule in detector.ruleset.rules if rule.person_tables_only}
        field_names = detector.field_names
        matches = {column: field_names.match(column.column or "") for column in columns}
        tables = {_table_of(column) for column in matches}
        self._named_after_people = {table for table in tables if field_names.is_person_table(table[-1])}
        named_after_organisations = {
            table for table in tables - self._named_after_people if field_names.is_organisation_table(table[-1])
        }
        self._person_tables = self._named_after_people | self._tables_with_people(matches, named_after_organisations)
        self._organisation_tables = named_after_organisations - self._person_tables
        self.name_spans: dict[Location, list[Span]] = {}
        self.contexts: dict[Location, TextContext] = {}
        self._ignored_rules: dict[Location, frozenset[str]] = {}
        for column, terms in matches.items():
            counting = [term for term in terms if self._counts(term, _table_of(column))]
            self._ignored_rules[column] = self._rules_about_things(set(terms) - set(counting))
            self.contexts[column] = TextContext(
                detector.context_words.rules_in(column.column or "") | {term.rule for term in counting},
                is_cell=True,
                contradicted_rules=detector.negative_context_words.rules_in(column.column or ""),
            )
            spans = self.adjust(column, [self._name_span(term) for term in counting])
            if spans:
                self.name_spans[column] = spans

    def adjust(self, location: Location, spans: list[Span]) -> list[Span]:
        """Return the spans that count at a location: fewer, or less confident, in tables that are not about people."""
        table = _table_of(location)
        if not location.is_column or table in self._person_tables:
            return spans
        person_tables_only = self._person_tables_only
        is_organisation_table = table in self._organisation_tables
        counting = [
            span
            for span in spans
            if span.rule not in self._ignored_rules.get(location, ())
            and (span.rule not in person_tables_only or (span.is_name and not is_organisation_table))
        ]
        return list(map(_limit_confidence, counting)) if is_organisation_table else counting

    def _counts(self, term: TermMatch, table: _Table) -> bool:
        return term.strong or table in (self._person_tables if term.in_any_person_table else self._named_after_people)

    def _rules_about_things(self, terms: Iterable[TermMatch]) -> frozenset[str]:
        rules = (self._detector.ruleset.rules[term.rule] for term in terms)
        return frozenset(rule.name for rule in rules if rule.category in _CATEGORIES_OF_THINGS)

    def _tables_with_people(
        self, matches: Mapping[Location, Iterable[TermMatch]], named_after_organisations: Set[_Table]
    ) -> set[_Table]:
        """Return the tables with a column about people. A table about organisations may have one name, of a contact."""
        rules = self._detector.ruleset.rules
        categories_by_table: dict[_Table, list[str]] = defaultdict(list)
        for column, terms in matches.items():
            categories = {rules[term.rule].category for term in terms if term.strong}
            categories_by_table[_table_of(column)] += categories & _PERSON_CATEGORIES
        return {
            table
            for table, found in categories_by_table.items()
            if found and (table not in named_after_organisations or "date_of_birth" in found or found.count("name") > 1)
        }

    def _name_span(self, term: TermMatch) -> Span:
        rule = self._detector.ruleset.rules[term.rule]
        reason = f"the column is named '{term.term}'" + ("" if term.strong else ", in a table about people")
        confidence = STRONG_CONFIDENCE if term.strong else WEAK_CONFIDENCE
        return Span(0, 0, rule.category, rule.name, term.term, confidence, (reason,), True)


class ColumnSamples:
    """The first `size` non-blank values of each column, by row."""

    def __init__(self, columns: Iterable[Location], *, size: int) -> None:
        self._samples: dict[Location, list[tuple[str, str]]] = {column: [] for column in columns}
        self._size = size

    def add(self, column: Location, values: ColumnValues) -> None:
        sample = self._samples.get(column)
        if sample is None:
            return
        last_row = sample[-1][0] if len(sample) == self._size else None
        candidates = (
            (row, content)
            for row, content in zip(values.rows, values.contents, strict=True)
            if last_row is None or row <= last_row
        )
        sample[:] = nsmallest(self._size, [*sample, *(value for value in candidates if value[1].strip())])

    def masked(self) -> dict[Location, list[MaskedValue]]:
        """Return the rows and the masked values of each column that has any."""
        return {
            column: [(row, masked(content.strip())) for row, content in sample]
            for column, sample in self._samples.items()
            if sample
        }


def first_values(samples: Iterable[Sequence[MaskedValue]], *, size: int) -> list[MaskedValue]:
    """Return the first `size` values by row of several samples of one column."""
    return nsmallest(size, (value for sample in samples for value in sample))


def _limit_confidence(span: Span) -> Span:
    if span.category not in _CATEGORIES_OF_ORGANISATIONS or span.confidence <= _MAX_ORGANISATION_CONFIDENCE:
        return span
    return span._replace(confidence=_MAX_ORGANISATION_CONFIDENCE, reasons=(*span.reasons, _ORGANISATION_TABLE))


def _table_of(column: Location) -> _Table:
    return column.source, column.path or "", column.table or ""
