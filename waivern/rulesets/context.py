"""Words near a value that say what it is."""

import functools
import re
from collections import defaultdict

from waivern.rulesets.field_names import in_bytes, words_of
from waivern.rulesets.ruleset import Ruleset

BEFORE = 60
AFTER = 30
"""Characters before and after a value in which a context word counts."""

_REMEMBERED = 4096
_EDGE_WORD = re.compile(r"\w+\Z")


class ContextWords:
    """The context words of a ruleset, ready to be looked up."""

    def __init__(self, ruleset: Ruleset) -> None:
        self._phrases: dict[str, list[tuple[list[str], int]]] = defaultdict(list)
        for number, rule in enumerate(ruleset.rules):
            for phrase in rule.context:
                words = phrase.split()
                self._phrases[words[0]].append((words, number))
        self._first_words = frozenset(self._phrases)
        self.gates = [_gate(rule.context) for rule in ruleset.rules]
        self.spoken_for = functools.lru_cache(_REMEMBERED)(self._spoken_for)

    def near(self, text: str, start: int, end: int) -> frozenset[int]:
        """Return the rules (their indexes) that words near the characters `start` to `end` speak for."""
        before = text[max(0, start - BEFORE) : start]
        return self.spoken_for(f"{before} {text[end : end + AFTER]}")

    def _spoken_for(self, text: str) -> frozenset[int]:
        words = words_of(text)
        if self._first_words.isdisjoint(words):
            return frozenset()
        return frozenset(
            number
            for place, word in enumerate(words)
            for phrase, number in self._phrases.get(word, ())
            if words[place : place + len(phrase)] == phrase
        )


def _gate(context: tuple[str, ...]) -> list[str]:
    """What must match somewhere for a rule's context to be near anything at all."""
    words = sorted({max(phrase.split(), key=len) for phrase in context})
    return [f"(?i){in_bytes(word)}" for word in words]
