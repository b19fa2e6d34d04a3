"""A value pattern with all that a hit needs made ready, for hits are many."""

import functools
import logging
import re
from typing import NamedTuple

from waivern.rulesets.engine.pattern_engine import ValueForm
from waivern.rulesets.engine.spans import Span
from waivern.rulesets.model.rule import Rule, ValuePattern
from waivern.rulesets.validators.registry import Validator, validator_named

logger = logging.getLogger(__name__)

SURER_IN_FIELD = 0.1
"""By how much a value whose field is named for it is surer than one with fitting words near by."""

WORD_NEAR = "a word near by speaks for it"
WORD_OF_DOUBT = "a word near by speaks against it"


class ReadyPattern(NamedTuple):
    """A pattern of the rule with the index `rule`, its confidence by where it stands, and the reasons to give."""

    rule: int
    name: str
    category: str
    rule_name: str
    form: ValueForm
    validate: Validator | None
    alone: float | None
    in_context: float
    in_field: float
    reasons_alone: tuple[str, ...]
    reasons_in_context: tuple[str, ...]
    reasons_in_field: tuple[str, ...]
    in_doubt: float | None = None
    literals: tuple[str, ...] = ()

    @property
    def regex(self) -> re.Pattern[str]:
        """What is tried on text; compiled when it first is, as a ruleset may have a thousand and a file few of them."""
        return _compiled(self.form.regex)

    def span(
        self,
        text: str,
        start: int,
        end: int,
        spoken_for: frozenset[int],
        *,
        is_near: bool,
        is_doubted: bool = False,
    ) -> Span | None:
        """Return what is found where the pattern matched; None where it does not count or is not valid.

        Args:
            text: The text, in which the characters `start` to `end` were matched.
            spoken_for: The rules that the text's surroundings speak for.
            is_near: Whether a word near by speaks for the rule.
            is_doubted: Whether a word near by speaks against it.
        """
        if self.rule in spoken_for:
            confidence, reasons = self.in_field, self.reasons_in_field
        elif is_near:
            confidence, reasons = self.in_context, self.reasons_in_context
        elif is_doubted and self.in_doubt is not None:
            confidence, reasons = self.in_doubt, (*self.reasons_alone, WORD_OF_DOUBT)
        elif self.alone is not None:
            confidence, reasons = self.alone, self.reasons_alone
        else:
            return None
        valid = self._valid(text[start:end])
        if valid is None:
            return None
        first, last = start + valid[0], start + valid[1]
        return Span(first, last, self.category, self.rule_name, self.name, confidence, reasons)

    def _valid(self, value: str) -> tuple[int, int] | None:
        """What of the value is valid; a validator that cannot cope with it does not cost the other findings."""
        if self.validate is None:
            return 0, len(value)
        try:
            return self.validate(value)
        except Exception as error:  # noqa: BLE001  a third party's ruleset may name any; its text may hold the value
            logger.warning("The validator of '%s' failed on a value: %s", self.name, type(error).__name__)
            return None


def value_pattern(number: int, rule: Rule, value: ValuePattern) -> ReadyPattern:
    """Make ready a pattern of the rule that has the index `number`."""
    checked = f", checked by {value.validator}" if value.validator else ""
    form = f"the value has the form '{value.name}'{checked}"
    return ReadyPattern(
        rule=number,
        name=value.name,
        category=rule.category,
        rule_name=rule.name,
        form=ValueForm(value.regex, value.lead),
        validate=validator_named(value.validator) if value.validator else None,
        alone=value.confidence.alone,
        in_context=value.confidence.in_context,
        in_field=min(0.99, round(value.confidence.in_context + SURER_IN_FIELD, 2)),
        reasons_alone=(form,),
        reasons_in_context=(form, WORD_NEAR),
        reasons_in_field=(form, "the field's name speaks for it"),
        in_doubt=value.confidence.in_doubt,
        literals=value.literals,
    )


@functools.cache
def _compiled(regex: str) -> re.Pattern[str]:
    return re.compile(regex, re.ASCII if regex.isascii() else 0)
