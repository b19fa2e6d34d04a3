"""Apply rules to a text, without a runbook and without a database."""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from waivern.errors import UsageError
from waivern.exports.encoding.json_encoding import encode_json
from waivern.rulesets.detection.detector import detector_for
from waivern.rulesets.engine.spans import Span
from waivern.rulesets.loading.ruleset_loader import load_ruleset


class _Line(msgspec.Struct):
    text: str


class TextDetector:
    """Detects the matches of one ruleset in texts.

    Args:
        ruleset: "provider/name/1.0.0".
        threshold: Spans with a lower confidence are dropped.
        names: Whether names of fields are detected too, or only values.

    Raises:
        RulesetError: the ruleset does not exist or is not valid.
    """

    def __init__(self, ruleset: str, *, threshold: float, names: bool) -> None:
        self._detector = detector_for(load_ruleset(ruleset))
        self._threshold = threshold
        self._names = names

    @property
    def shows_matches(self) -> bool:
        """Whether matches may be shown unmasked, because they are not personal data."""
        return self._detector.ruleset.show_matches

    def spans(self, text: str) -> list[Span]:
        """Return the matches in `text`, sorted by their start."""
        found = self._detector.detect_all([text]).get(0, [])
        return [span for span in found if span.confidence >= self._threshold and (self._names or not span.is_name)]

    def answers(self, lines: Iterable[bytes]) -> Iterator[bytes]:
        """Yield a JSON line `{"spans": [...]}` for each line `{"text": "..."}`; empty lines are skipped.

        Raises:
            UsageError: a line is not such an object; the error names the line, but not its content.
        """
        decode = msgspec.json.Decoder(_Line).decode
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                text = decode(line).text
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                remedy = 'Each line is one JSON object with a "text", such as {"text": "Write to ann@example.org"}'
                raise UsageError(f"Cannot read line {number}: {error}", remedy=remedy) from None
            yield encode_json({"spans": [span_as_json(span) for span in self.spans(text)]})


def span_as_json(span: Span) -> dict[str, Any]:
    """Return a span as a JSON object; `start` and `end` are character offsets, the end is exclusive."""
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
