"""From texts and rules to what was found where: the engine's matches, validated, weighed by what stands near them."""

import functools
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import attrgetter

from waivern.errors import RulesetError
from waivern.rulesets.detection.compiled_pattern import WORD_NEAR, ReadyPattern, value_pattern
from waivern.rulesets.detection.context import ContextPlaces, ContextWords, WordsNear, words_looked_for
from waivern.rulesets.detection.context_patterns import NearWords
from waivern.rulesets.detection.field_names import FieldTerms
from waivern.rulesets.detection.field_names_in_text import KeyFinder, NamePlace
from waivern.rulesets.detection.keywords import WHOLE_NAME, WordFinder
from waivern.rulesets.engine.batch import NOTHING_KNOWN, Batch, Surroundings
from waivern.rulesets.engine.engine_factory import compile_engine
from waivern.rulesets.engine.pattern_engine import Engine, Matched, Wanted, Word
from waivern.rulesets.engine.spans import Span, in_characters, without_overlaps
from waivern.rulesets.model.ruleset import Ruleset

Places = Mapping[int, ContextPlaces]

AROUND_LITERAL = 200
"""Characters before and after the end of a literal in which the pattern that holds it has to match."""


def detect(text: str, ruleset: Ruleset) -> list[Span]:
    """Return what the rules find in `text`, values and names of fields, sorted by where they start.

    The same text and rules always give the same; values do not overlap one another. Below which confidence a span is
    of no use is for the caller to say.

    Raises:
        RulesetError: the engine refuses a rule's pattern.
    """
    return detector_for(ruleset).detect_all([text]).get(0, [])


@functools.lru_cache(32)
def detector_for(ruleset: Ruleset) -> "Detector":
    """Return the detector of a ruleset, compiled once in a process."""
    return Detector(ruleset)


class Detector:
    """A compiled ruleset. Safe to use from several threads at once.

    The engine looks for values that count by themselves, for field names and for context words. Values that count in
    context only are looked for where the engine found a word that speaks for them, and nowhere else.

    Raises:
        RulesetError: the engine refuses a rule's pattern.
    """

    def __init__(self, ruleset: Ruleset, *, make_engine: Callable[[Wanted], Engine] = compile_engine) -> None:
        self.ruleset = ruleset
        self.field_terms = FieldTerms(ruleset)
        self.context_words = ContextWords(rule.context for rule in ruleset.rules)
        self.doubt_words = ContextWords(rule.doubt for rule in ruleset.rules)
        self._doubts = [WordsNear(rule.doubt) if rule.doubt else None for rule in ruleset.rules]
        self._keys = KeyFinder(self.field_terms)
        self._words = WordFinder(ruleset)
        patterns = [
            value_pattern(number, rule, value) for number, rule in enumerate(ruleset.rules) for value in rule.values
        ]
        self._around_literals = [pattern for pattern in patterns if pattern.literals]
        self._by_themselves = [pattern for pattern in patterns if pattern.alone is not None and not pattern.literals]
        self._in_context = [pattern for pattern in patterns if pattern.alone is None]
        self._in_field = functools.lru_cache(1024)(self._in_context_of)
        try:
            self._engine = make_engine(self._wanted())
            self._near_words = {
                rule: NearWords(list(of_rule), make_engine)
                for rule, of_rule in groupby(self._in_context, key=attrgetter("rule"))
            }
        except ValueError as error:
            raise RulesetError(f"The ruleset {ruleset.uri} cannot be used: {error}") from error

    def scan(self, data: bytes) -> Matched:
        """Return what the engine alone finds, before anything is validated."""
        return self._engine.scan(data)

    def detect_all(
        self, texts: Sequence[str], surroundings: Sequence[tuple[int, Surroundings]] | None = None
    ) -> dict[int, list[Span]]:
        """Return {index of a text: its spans}, for texts in which something was found; all are scanned in one pass.

        Args:
            texts: May hold anything, NULs and lone surrogates too.
            surroundings: How many texts, one after the other, stand in which; None where nothing is known of any.
        """
        batch = Batch(texts, surroundings or [(len(texts), NOTHING_KNOWN)])
        data = batch.joined.encode("utf-8", "replace")  # a lone surrogate becomes "?": one character, as before
        matched = in_characters(batch.joined, data, self.scan(data))
        strong, weak, *words = matched.words
        rules = len(self.ruleset.rules)
        context, said, literals = _parted(words, rules, len(self._words.rules))
        names = [place for place in self._keys.names_in(batch.joined, strong, weak) if not batch.is_cell(place.start)]
        places = _context_places(context, names)
        found: dict[int, list[Span]] = defaultdict(list)
        for number, span in self._values(batch, matched, places):
            found[number].append(span)
        for number, span in self._literal(batch, literals, places):
            found[number].append(span)
        for number, span in self._said(batch, said, places):
            found[number].append(span)
        for number, spans in found.items():
            found[number] = without_overlaps(spans)
        for place in names:
            number, start, end = batch.within_text(place.start, place.end)
            rule = self.ruleset.rules[place.named.rule]
            reasons = (place.reason,)
            term = place.named.term
            found[number].append(Span(start, end, rule.category, rule.name, term, place.confidence, reasons, True))
        return {number: sorted(spans) for number, spans in sorted(found.items())}

    def _values(self, batch: Batch, matched: Matched, places: Places) -> Iterator[tuple[int, Span]]:
        for start, end, pattern_number in matched.values:
            found = self._span_at(self._by_themselves[pattern_number], start, end, batch, places)
            if found is not None:
                yield found
        for rule, near_words in self._near_words.items():
            if rule in places:
                yield from near_words.values(batch, places[rule])
        for first, last, around in batch.alike():
            if around.spoken_for:
                yield from self._in_named_fields(batch, first, last, around.spoken_for)

    def _literal(self, batch: Batch, ends: Sequence[Sequence[int]], places: Places) -> Iterator[tuple[int, Span]]:
        """What of a pattern that holds literals matches around them."""
        for pattern, of_pattern in zip(self._around_literals, ends, strict=True):
            for first, last in _stretches(of_pattern):
                for match in pattern.regex.finditer(batch.joined, first, last):
                    found = self._span_at(pattern, match.start(), match.end(), batch, places)
                    if found is not None:
                        yield found

    def _span_at(
        self, pattern: ReadyPattern, start: int, end: int, batch: Batch, places: Places
    ) -> tuple[int, Span] | None:
        """Return which text a pattern matched in, at characters `start` to `end` of all, and what it found there."""
        number, first, last = batch.within_text(start, end)
        text, around, near = batch.texts[number], batch.around(number), places.get(pattern.rule)
        doubt = self._doubts[pattern.rule] if pattern.in_doubt is not None else None
        span = pattern.span(
            text,
            first,
            last,
            around.spoken_for,
            is_near=near is not None and near.speak_for(start, end, within=batch.bounds(number)),
            is_doubted=doubt is not None
            and (pattern.rule in around.spoken_against or doubt.stand_near(text, first, last)),
        )
        return None if span is None else (number, span)

    def _said(self, batch: Batch, ends: Sequence[Sequence[int]], places: Places) -> Iterator[tuple[int, Span]]:
        def speaks(rule: int, start: int, end: int) -> str | None:
            if batch.is_whole_name(start, end):
                return WHOLE_NAME
            near = places.get(rule)
            is_near = near is not None and near.speak_for(start, end, within=batch.bounds_at(start))
            return WORD_NEAR if is_near else None

        for span in self._words.spans(batch.joined, ends, speaks):
            number, start, end = batch.within_text(span.start, span.end)
            yield number, span._replace(start=start, end=end)

    def _in_named_fields(
        self, batch: Batch, first: int, last: int, spoken_for: frozenset[int]
    ) -> Iterator[tuple[int, Span]]:
        """What counts in fields that are named for it, in texts side by side, whose ends no pattern matches."""
        for pattern in self._in_field(spoken_for):
            for match in pattern.regex.finditer(batch.joined, first, last):
                number, start, end = batch.within_text(*match.span())
                span = pattern.span(batch.texts[number], start, end, spoken_for, is_near=False)
                if span is not None:
                    yield number, span

    def _in_context_of(self, rules: frozenset[int]) -> list[ReadyPattern]:
        return [pattern for pattern in self._in_context if pattern.rule in rules]

    def _wanted(self) -> Wanted:
        return Wanted(
            values=[pattern.form for pattern in self._by_themselves],
            words=[
                self.field_terms.strong_words(),
                self.field_terms.weak_words(),
                *(words_looked_for(rule.context) for rule in self.ruleset.rules),
                *self._words.looked_for(),
                *([Word(literal, exact=True) for literal in pattern.literals] for pattern in self._around_literals),
            ],
        )


def _context_places(words: Sequence[list[int]], names: Iterable[NamePlace]) -> Places:
    """Where something speaks for a rule, by its number: its context words, and the names of its own fields."""
    ends: dict[int, list[int]] = {rule: list(of_rule) for rule, of_rule in enumerate(words) if of_rule}
    for place in names:
        ends.setdefault(place.named.rule, []).append(place.end)
    return {rule: ContextPlaces(of_rule) for rule, of_rule in ends.items()}


def _parted(words: Sequence[list[int]], *sizes: int) -> Iterator[Sequence[list[int]]]:
    """Yield the first so many of `words`, then the next so many, then the rest."""
    first = 0
    for size in sizes:
        yield words[first : first + size]
        first += size
    yield words[first:]


def _stretches(ends: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield the stretches, in order and apart from one another, that lie around literals with these ends."""
    first = last = -1
    for end in ends:
        begin = max(0, end - AROUND_LITERAL)
        if begin > last >= 0:
            yield first, last
        if begin > last:
            first = begin
        last = end + AROUND_LITERAL
    if ends:
        yield first, last
