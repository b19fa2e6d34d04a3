"""Patterns compiled for matching: everything that a match needs is computed once per pattern."""

import functools
import logging
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from waivern.rulesets.engine.pattern_engine import ScanPattern
from waivern.rulesets.engine.spans import Span
from waivern.rulesets.model.rule import Pattern, Rule
from waivern.rulesets.validators.registry import Validator, get_validator

logger = logging.getLogger(__name__)

_new_span: Callable[[tuple[Any, ...]], Span] = functools.partial(tuple.__new__, Span)
"""Creates a span from all its fields, without the function call of a named tuple's constructor: there are millions."""

FIELD_NAME_BONUS = 0.1
"""Added to the confidence with context if the field's name supports the value."""

SUPPORTED_BY_CONTEXT_WORD = "a context word is nearby"
CONTRADICTED_BY_CONTEXT_WORD = "a negative context word is nearby"


class CompiledPattern(NamedTuple):
    """A pattern of the rule with index `rule`, with its confidence and reasons for each kind of context."""

    rule: int
    name: str
    category: str
    rule_name: str
    scan_pattern: ScanPattern
    validate: Validator | None
    alone: float | None
    with_context: float
    with_field_name: float
    reasons_alone: tuple[str, ...]
    reasons_with_context: tuple[str, ...]
    reasons_with_field_name: tuple[str, ...]
    with_negative_context: float | None = None
    literals: tuple[str, ...] = ()

    @property
    def regex(self) -> re.Pattern[str]:
        """The regular expression for text. It is compiled on first use: a ruleset may have a thousand of them."""
        return _compile(self.scan_pattern.regex)

    def span(
        self,
        text: str,
        start: int,
        end: int,
        supported_rules: frozenset[int],
        *,
        has_context: bool,
        has_negative_context: bool = False,
    ) -> Span | None:
        """Return the span of a match, or None if the match does not count or is not valid.

        Args:
            text: The text in which the characters `start` to `end` were matched.
            start: The start of the match.
            end: The end of the match, exclusive.
            supported_rules: The rules that the text's context supports.
            has_context: Whether a context word of the rule is nearby.
            has_negative_context: Whether a negative context word of the rule is nearby.
        """
        if self.rule in supported_rules:
            confidence, reasons = self.with_field_name, self.reasons_with_field_name
        elif has_context:
            confidence, reasons = self.with_context, self.reasons_with_context
        elif has_negative_context and self.with_negative_context is not None:
            confidence, reasons = self.with_negative_context, (*self.reasons_alone, CONTRADICTED_BY_CONTEXT_WORD)
        elif self.alone is not None:
            confidence, reasons = self.alone, self.reasons_alone
        else:
            return None
        if self.validate is not None:
            try:
                valid = self.validate(text[start:end])
            except Exception as error:  # noqa: BLE001  a plug-in may have any validator; the text may contain the value
                # A validator that fails does not cost the other findings.
                logger.warning("The validator of pattern '%s' failed: %s", self.name, type(error).__name__)
                return None
            if valid is None:
                return None
            start, end = start + valid[0], start + valid[1]
        return _new_span((start, end, self.category, self.rule_name, self.name, confidence, reasons, False))


def compile_pattern(rule_index: int, rule: Rule, pattern: Pattern) -> CompiledPattern:
    """Compile one pattern of the rule with index `rule_index`."""
    validated = f", validated by {pattern.validator}" if pattern.validator else ""
    reason = f"the value matches the pattern '{pattern.name}'{validated}"
    confidence = pattern.confidence
    return CompiledPattern(
        rule=rule_index,
        name=pattern.name,
        category=rule.category,
        rule_name=rule.name,
        scan_pattern=ScanPattern(pattern.regex, pattern.left_extension),
        validate=get_validator(pattern.validator) if pattern.validator else None,
        alone=confidence.alone,
        with_context=confidence.with_context,
        with_field_name=min(0.99, round(confidence.with_context + FIELD_NAME_BONUS, 2)),
        reasons_alone=(reason,),
        reasons_with_context=(reason, SUPPORTED_BY_CONTEXT_WORD),
        reasons_with_field_name=(reason, "the name of the field supports it"),
        with_negative_context=confidence.with_negative_context,
        literals=pattern.literals,
    )


@functools.cache
def _compile(regex: str) -> re.Pattern[str]:
    return re.compile(regex, re.ASCII if regex.isascii() else 0)
