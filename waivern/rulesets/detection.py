"""From texts and rules to what was found where: the engine's matches, validated, weighed by what stands near them."""

import functools
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

from waivern.errors import RulesetError
from waivern.rulesets.context import ContextWords
from waivern.rulesets.field_names import FieldTerms
from waivern.rulesets.keys import KeyFinder
from waivern.rulesets.matching import Engine, Matched, ValueForm, Wanted, compile_engine
from waivern.rulesets.rule import Rule, ValuePattern
from waivern.rulesets.ruleset import Ruleset
from waivern.rulesets.spans import Span, in_characters, without_overlaps
from waivern.rulesets.validators import Validator, validator_named

BETWEEN = "\0"
"""What ends each of the texts that are scanned together; no value pattern matches it."""

SURER_IN_FIELD = 0.1
"""By how much a value whose field is named for it is surer than one with fitting words near by."""


class Surroundings(NamedTuple):
    """What is known of where a text stands.

    Args:
        spoken_for: Rules (their indexes) that the text's surroundings speak for, such as its column's name.
        is_cell: Whether it is one value of a table, so that no name of a field stands in it.
    """

    spoken_for: frozenset[int] = frozenset()
    is_cell: bool = False


NOTHING_KNOWN = Surroundings()


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


class _Pattern(NamedTuple):
    """A value pattern, with all that a hit needs made ready."""

    rule: int
    name: str
    category: str
    rule_name: str
    alone: float | None
    in_context: float
    in_field: float
    validate: Validator | None
    reasons_alone: tuple[str, ...]
    reasons_in_context: tuple[str, ...]


class Detector:
    """A compiled ruleset. Safe to use from several threads at once.

    Raises:
        RulesetError: the engine refuses a rule's pattern.
    """

    def __init__(self, ruleset: Ruleset, *, make_engine: Callable[[Wanted], Engine] = compile_engine) -> None:
        self.ruleset = ruleset
        self.field_terms = FieldTerms(ruleset)
        self.context_words = ContextWords(ruleset)
        self._keys = KeyFinder(self.field_terms)
        self._patterns = [
            _pattern(number, rule, value) for number, rule in enumerate(ruleset.rules) for value in rule.values
        ]
        self._gated = [number for number, gate in enumerate(self.context_words.gates) if gate]
        try:
            self._engine = make_engine(self._wanted())
        except ValueError as error:
            raise RulesetError(f"The ruleset {ruleset.uri} cannot be used: {error}") from error

    def scan(self, data: bytes) -> Matched:
        """Return what the engine alone finds, before anything is validated."""
        return self._engine.scan(data)

    def detect_all(
        self, texts: Sequence[str], surroundings: Sequence[Surroundings] | None = None
    ) -> dict[int, list[Span]]:
        """Return {index of a text: its spans}, for texts in which something was found; all are scanned in one pass.

        Args:
            texts: May hold anything, NULs and lone surrogates too.
            surroundings: Of each text; None where nothing is known.
        """
        around = surroundings or [NOTHING_KNOWN] * len(texts)
        joined = BETWEEN.join([*texts, ""])
        data = joined.encode("utf-8", "replace")  # a lone surrogate becomes "?": one character, as before
        matched = in_characters(joined, data, self.scan(data))
        starts = list(accumulate((len(text) + 1 for text in texts[:-1]), initial=0))
        found: dict[int, list[Span]] = defaultdict(list)
        for number, span in self._values(texts, around, starts, matched):
            found[number].append(span)
        for number, spans in found.items():
            found[number] = without_overlaps(spans)
        for number, span in self._names(joined, around, starts, matched.names):
            found[number].append(span)
        return {number: sorted(spans) for number, spans in sorted(found.items())}

    def _values(
        self, texts: Sequence[str], around: Sequence[Surroundings], starts: list[int], matched: Matched
    ) -> Iterator[tuple[int, Span]]:
        live = {self._gated[gate] for gate in matched.gates}
        for start, end, pattern_number in matched.values:
            pattern = self._patterns[pattern_number]
            number = bisect_right(starts, start) - 1
            text, first, last = texts[number], start - starts[number], end - starts[number]
            is_named = pattern.rule in around[number].spoken_for
            in_context = is_named or (
                pattern.rule in live and pattern.rule in self.context_words.near(text, first, last)
            )
            confidence = pattern.in_field if is_named else pattern.in_context if in_context else pattern.alone
            if confidence is None:
                continue
            valid = pattern.validate(text[first:last]) if pattern.validate is not None else (0, last - first)
            if valid is not None:
                reasons = pattern.reasons_in_context if in_context else pattern.reasons_alone
                first, last = first + valid[0], first + valid[1]
                yield number, Span(first, last, pattern.category, pattern.rule_name, pattern.name, confidence, reasons)

    def _names(
        self, joined: str, around: Sequence[Surroundings], starts: list[int], names: list[list[int]]
    ) -> Iterator[tuple[int, Span]]:
        strong, weak = names
        for place in self._keys.names_in(joined, strong, weak) if strong else ():
            number = bisect_right(starts, place.start) - 1
            if around[number].is_cell:
                continue
            rule = self.ruleset.rules[place.named.rule]
            start, end = place.start - starts[number], place.end - starts[number]
            reasons = (place.reason,)
            yield number, Span(start, end, rule.category, rule.name, place.named.term, place.confidence, reasons, True)

    def _wanted(self) -> Wanted:
        return Wanted(
            values=[ValueForm(value.regex, value.lead) for rule in self.ruleset.rules for value in rule.values],
            names=[self.field_terms.strong_regexes(), self.field_terms.weak_regexes()],
            gates=[gate for gate in self.context_words.gates if gate],
        )


def _pattern(number: int, rule: Rule, value: ValuePattern) -> _Pattern:
    checked = f", checked by {value.validator}" if value.validator else ""
    form = f"the value has the form '{value.name}'{checked}"
    return _Pattern(
        rule=number,
        name=value.name,
        category=rule.category,
        rule_name=rule.name,
        alone=value.confidence.alone,
        in_context=value.confidence.in_context,
        in_field=min(0.99, round(value.confidence.in_context + SURER_IN_FIELD, 2)),
        validate=validator_named(value.validator) if value.validator else None,
        reasons_alone=(form,),
        reasons_in_context=(form, "words near by or the field's name speak for it"),
    )
