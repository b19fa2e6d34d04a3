"""The detector: from texts and a ruleset to spans. It validates the engine's matches and weighs their context."""

import functools
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, groupby
from operator import attrgetter

from waivern.errors import RulesetError
from waivern.rulesets.detection.compiled_pattern import SUPPORTED_BY_CONTEXT_WORD, CompiledPattern, compile_pattern
from waivern.rulesets.detection.context import (
    ContextMatches,
    ContextWordIndex,
    NegativeContext,
    context_search_words,
)
from waivern.rulesets.detection.context_patterns import ContextPatterns
from waivern.rulesets.detection.field_names import FieldNameIndex
from waivern.rulesets.detection.field_names_in_text import FieldNameFinder, FieldNameMatch
from waivern.rulesets.detection.keywords import WHOLE_NAME, KeywordFinder
from waivern.rulesets.engine.batch import NO_CONTEXT, Batch, TextContext
from waivern.rulesets.engine.distinct_texts import DistinctTexts
from waivern.rulesets.engine.engine_factory import compile_engine
from waivern.rulesets.engine.pattern_engine import Engine, Matches, PatternSet, Word
from waivern.rulesets.engine.spans import Span, merged_windows, to_character_offsets, without_overlaps
from waivern.rulesets.model.ruleset import Ruleset

ContextByRule = Mapping[int, ContextMatches]
PatternMatch = tuple[CompiledPattern, int, int]

LITERAL_WINDOW = 200
"""A pattern with literals must match within this many characters before and after the end of a literal."""


def detect(text: str, ruleset: Ruleset) -> list[Span]:
    """Return the spans of values, keywords and field names in `text`, sorted by start.

    The result depends on the text and the rules only. Values do not overlap. Spans of any confidence are returned; the
    caller applies a threshold.

    Raises:
        RulesetError: The engine rejects a pattern of a rule.
    """
    return detector_for(ruleset).detect_all([text]).get(0, [])


@functools.lru_cache(32)
def detector_for(ruleset: Ruleset) -> "Detector":
    """Return the detector of a ruleset, which is compiled once per process."""
    return Detector(ruleset)


class Detector:
    """A compiled ruleset. Safe to use from several threads at once.

    The engine searches for patterns that count without context, for field names, keywords and context words. Patterns
    that count only with context are searched for near context words.

    Raises:
        RulesetError: The engine rejects a pattern of a rule.
    """

    def __init__(self, ruleset: Ruleset, *, make_engine: Callable[[PatternSet], Engine] = compile_engine) -> None:
        self.ruleset = ruleset
        self.field_names = FieldNameIndex(ruleset)
        self.context_words = ContextWordIndex(rule.context_words for rule in ruleset.rules)
        self.negative_context_words = ContextWordIndex(rule.negative_context_words for rule in ruleset.rules)
        self._negative_contexts = [
            NegativeContext(rule.negative_context_words) if rule.negative_context_words else None
            for rule in ruleset.rules
        ]
        self._field_name_finder = FieldNameFinder(self.field_names)
        self._keyword_finder = KeywordFinder(ruleset)
        patterns = [
            compile_pattern(number, rule, pattern)
            for number, rule in enumerate(ruleset.rules)
            for pattern in rule.patterns
        ]
        self._literal_patterns = [pattern for pattern in patterns if pattern.literals]
        self._engine_patterns = [pattern for pattern in patterns if pattern.alone is not None and not pattern.literals]
        self._context_patterns = [pattern for pattern in patterns if pattern.alone is None]
        self._context_patterns_of = functools.lru_cache(1024)(self._find_context_patterns)
        try:
            self._engine = make_engine(self._pattern_set())
            self._context_finders = {
                rule: ContextPatterns(list(rule_patterns), make_engine)
                for rule, rule_patterns in groupby(self._context_patterns, key=attrgetter("rule"))
            }
        except ValueError as error:
            raise RulesetError(f"The ruleset {ruleset.uri} does not compile: {error}") from error

    def scan(self, data: bytes) -> Matches:
        """Return the engine's matches, without validation."""
        return self._engine.scan(data)

    def detect_all(
        self, texts: Sequence[str], contexts: Sequence[tuple[int, TextContext]] | None = None
    ) -> dict[int, list[Span]]:
        """Scan several texts in one pass; return {index of the text: its spans} for texts with spans.

        Args:
            texts: Any texts, including ones with NULs or lone surrogates.
            contexts: (number of consecutive texts, their context); None if nothing is known about any text.
        """
        distinct = DistinctTexts(texts, contexts or [(len(texts), NO_CONTEXT)])
        return distinct.expanded(self._detect(Batch(distinct.texts, distinct.contexts)))

    def _detect(self, batch: Batch) -> dict[int, list[Span]]:
        data = batch.joined.encode("utf-8", "replace")  # a lone surrogate becomes "?": still one character
        matches = to_character_offsets(batch.joined, data, self.scan(data))
        strong, weak, *ends_by_rule = matches.word_ends
        context_ends, keyword_ends, literal_ends = _split(
            ends_by_rule, len(self.ruleset.rules), len(self._keyword_finder.rules)
        )
        found_names = self._field_name_finder.find(batch.joined, strong, weak)
        names = [name for name in found_names if not batch.is_cell(name.start)]
        context = _context_by_rule(context_ends, names)
        spans: dict[int, list[Span]] = defaultdict(list)
        for index, span in chain(
            self._pattern_spans(batch, matches, context),
            self._literal_spans(batch, literal_ends, context),
            self._keyword_spans(batch, keyword_ends, context),
        ):
            spans[index].append(span)
        found = {index: without_overlaps(text_spans) for index, text_spans in spans.items()}
        for index, name_spans in self._name_spans(batch, names).items():
            found[index] = sorted([*found.get(index, ()), *name_spans])
        return found

    def _name_spans(self, batch: Batch, names: Iterable[FieldNameMatch]) -> dict[int, list[Span]]:
        spans: dict[int, list[Span]] = defaultdict(list)
        for name in names:
            index, start, end = batch.locate(name.start, name.end)
            rule = self.ruleset.rules[name.term.rule]
            reasons = (name.reason,)
            spans[index].append(
                Span(start, end, rule.category, rule.name, name.term.term, name.confidence, reasons, True)
            )
        return spans

    def _pattern_spans(self, batch: Batch, matches: Matches, context: ContextByRule) -> Iterator[tuple[int, Span]]:
        patterns = self._engine_patterns
        found = ((patterns[pattern], start, end) for start, end, pattern in matches.patterns)
        yield from self._counting_spans(batch, found, context)
        for rule, finder in self._context_finders.items():
            if rule in context:
                yield from finder.spans(batch, context[rule])
        for first, last, text_context in batch.runs_of_equal_context():
            if text_context.supported_rules:
                yield from self._supported_spans(batch, first, last, text_context.supported_rules)

    def _literal_spans(
        self, batch: Batch, ends: Sequence[Sequence[int]], context: ContextByRule
    ) -> Iterator[tuple[int, Span]]:
        """Yield the matches of patterns with literals, which are tried around the literals only."""
        for pattern, literal_ends in zip(self._literal_patterns, ends, strict=True):
            for first, last in merged_windows(literal_ends, before=LITERAL_WINDOW, after=LITERAL_WINDOW):
                found = ((pattern, *match.span()) for match in pattern.regex.finditer(batch.joined, first, last))
                yield from self._counting_spans(batch, found, context)

    def _counting_spans(
        self, batch: Batch, matches: Iterable[PatternMatch], context: ContextByRule
    ) -> Iterator[tuple[int, Span]]:
        """Yield (index of the text, span) for each match in the joined text that counts."""
        index, text_start, text_end, text, text_context = -1, 0, -1, "", NO_CONTEXT
        for pattern, start, end in matches:
            if not text_start <= start < text_end:
                index = batch.index_at(start)
                text_start, text_end = batch.bounds(index)
                text, text_context = batch.texts[index], batch.context_of(index)
            rule = pattern.rule
            first, last = start - text_start, end - text_start
            has_context = has_negative_context = False
            if rule not in text_context.supported_rules:
                rule_context = context.get(rule)
                if rule_context is not None:
                    has_context = rule_context.supports(start, end, within=(text_start, text_end))
                if pattern.with_negative_context is not None and not has_context:
                    negative = self._negative_contexts[rule]
                    has_negative_context = negative is not None and (
                        rule in text_context.contradicted_rules or negative.is_near(text, first, last)
                    )
            span = pattern.span(
                text,
                first,
                last,
                text_context.supported_rules,
                has_context=has_context,
                has_negative_context=has_negative_context,
            )
            if span is not None:
                yield index, span

    def _keyword_spans(
        self, batch: Batch, ends: Sequence[Sequence[int]], context: ContextByRule
    ) -> Iterator[tuple[int, Span]]:
        def context_reason(rule: int, start: int, end: int) -> str | None:
            if batch.is_whole_name(start, end):
                return WHOLE_NAME
            rule_context = context.get(rule)
            if rule_context is not None and rule_context.supports(start, end, within=batch.bounds_at(start)):
                return SUPPORTED_BY_CONTEXT_WORD
            return None

        for span in self._keyword_finder.spans(batch.joined, ends, context_reason):
            index, start, end = batch.locate(span.start, span.end)
            yield index, span._replace(start=start, end=end)

    def _supported_spans(
        self, batch: Batch, first: int, last: int, supported_rules: frozenset[int]
    ) -> Iterator[tuple[int, Span]]:
        """Yield the matches of context patterns in a run of texts whose context supports their rules."""
        index, text_start, text_end, text = -1, 0, -1, ""
        for pattern in self._context_patterns_of(supported_rules):
            for match in pattern.regex.finditer(batch.joined, first, last):
                start, end = match.span()
                if not text_start <= start < text_end:
                    index = batch.index_at(start)
                    text_start, text_end = batch.bounds(index)
                    text = batch.texts[index]
                span = pattern.span(text, start - text_start, end - text_start, supported_rules, has_context=False)
                if span is not None:
                    yield index, span

    def _find_context_patterns(self, rules: frozenset[int]) -> list[CompiledPattern]:
        return [pattern for pattern in self._context_patterns if pattern.rule in rules]

    def _pattern_set(self) -> PatternSet:
        return PatternSet(
            patterns=[pattern.scan_pattern for pattern in self._engine_patterns],
            word_groups=[
                self.field_names.strong_words(),
                self.field_names.weak_words(),
                *(context_search_words(rule.context_words) for rule in self.ruleset.rules),
                *self._keyword_finder.search_words(),
                *(
                    [Word(literal, case_sensitive=True) for literal in pattern.literals]
                    for pattern in self._literal_patterns
                ),
            ],
        )


def _context_by_rule(context_ends: Sequence[list[int]], names: Iterable[FieldNameMatch]) -> ContextByRule:
    """Return what supports each rule: its context words, and the names of its own fields."""
    ends: dict[int, list[int]] = {rule: list(rule_ends) for rule, rule_ends in enumerate(context_ends) if rule_ends}
    for name in names:
        ends.setdefault(name.term.rule, []).append(name.end)
    return {rule: ContextMatches(rule_ends) for rule, rule_ends in ends.items()}


def _split(groups: Sequence[list[int]], *sizes: int) -> Iterator[Sequence[list[int]]]:
    """Yield consecutive slices of the given sizes, then the rest."""
    first = 0
    for size in sizes:
        yield groups[first : first + size]
        first += size
    yield groups[first:]
