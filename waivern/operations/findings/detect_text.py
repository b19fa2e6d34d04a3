"""Try rules on a text, without a runbook and without a database."""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from waivern.errors import UsageError
from waivern.rulesets.detection.detector import detector_for
from waivern.rulesets.engine.spans import Span
from waivern.rulesets.loading.ruleset_loader import load_ruleset


class _Line(msgspec.Struct):
    text: str


class TextDetector:
    """Finds what one ruleset says in one text after another.

    Args:
        ruleset: "provider/name/1.0.0".
        threshold: Spans of less confidence do not count.
        names: Whether the names of fields are found, or values alone.

    Raises:
        RulesetError: there is no such ruleset, or it cannot be used.
    """

    def __init__(self, ruleset: str, *, threshold: float, names: bool) -> None:
        self._detector = detector_for(load_ruleset(ruleset))
        self._threshold = threshold
        self._names = names

    @property
    def shows_matches(self) -> bool:
        """Whether what matched may be shown: it is nobody's data."""
        return self._detector.ruleset.show_matches

    def spans(self, text: str) -> list[Span]:
        """Return what is found in `text`, by where it starts."""
        found = self._detector.detect_all([text]).get(0, [])
        return [span for span in found if span.confidence >= self._threshold and (self._names or not span.is_name)]

    def answers(self, lines: Iterable[bytes]) -> Iterator[bytes]:
        """Yield one line of JSON, `{"spans": [...]}`, for each line `{"text": "..."}`; empty lines are passed over.

        Raises:
            UsageError: a line is no such object; the text says which, and not what stands there.
        """
        decode = msgspec.json.Decoder(_Line).decode
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                text = decode(line).text
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                remedy = 'Each line is one JSON object with a "text", such as {"text": "Write to ann@example.org"}'
                raise UsageError(f"Line {number} cannot be read: {error}", remedy=remedy) from None
            yield msgspec.json.encode({"spans": [span_as_json(span) for span in self.spans(text)]})


def span_as_json(span: Span) -> dict[str, Any]:
    """Return what is told of a span; `start` and `end` are characters, the end is exclusive."""
    return {
        "category": span.category,
        "rule": span.rule,
        "pattern": span.pattern,
        "kind": "name" if span.is_name else "value",
        "start": span.start,
        "end": span.end,
        "confidence": span.confidence,
        "reasons": span.reasons,
    }
