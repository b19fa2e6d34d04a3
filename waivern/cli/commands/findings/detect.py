"""`waivern detect`."""

import sys
from typing import IO, BinaryIO

import click

from waivern.cli.shell.exit_codes import silence
from waivern.cli.shell.options import format_option
from waivern.cli.terminal.output import Cell, as_json, as_table, write
from waivern.errors import UsageError
from waivern.files.decoding import NotTextError, decode
from waivern.operations.findings.detect_text import TextDetector, span_as_json
from waivern.rulesets.detection.masking import masked
from waivern.rulesets.engine.spans import Span

_TITLES = ("POSITION", "CATEGORY", "RULE", "CONFIDENCE", "MATCH", "REASONS")


@click.command(short_help="Apply rules to a text.")
@click.argument("file", type=click.File("rb"), default="-")
@click.option(
    "--ruleset", default="local/personal_data_indicator/1.0.0", show_default=True, metavar="URI", help="The ruleset."
)
@click.option(
    "--confidence",
    type=click.FloatRange(0, 1),
    default=0.5,
    show_default=True,
    help="Minimum confidence of a match.",
)
@click.option(
    "--names/--no-names",
    default=None,
    help="Detect field names too [default: yes; with --jsonl: no].",
)
@click.option("--jsonl", is_flag=True, help="Read and write one JSON object per line.")
@format_option("text", "json")
def detect(
    file: BinaryIO, ruleset: str, confidence: float, names: bool | None, jsonl: bool, output_format: str
) -> None:
    """Apply rules to the text in FILE or on standard input.

    No database is needed, and no personal data is printed.

    With --jsonl each line is an object {"text": "..."}, and each answer {"spans": [...]}: character offsets from 0, the
    end is exclusive.

    \b
    Examples:
      echo "Write to ann@example.org" | waivern detect
      waivern detect notes.txt --ruleset local/secret_indicator/1.0.0
    """
    detector = TextDetector(ruleset, threshold=confidence, names=not jsonl if names is None else names)
    if jsonl:
        _answer(detector, file)
        return
    text = _read(file)
    spans = detector.spans(text)
    if output_format == "json":
        write(as_json({"spans": [span_as_json(span) for span in spans]}))
    else:
        write(_as_text(text, spans, shows_matches=detector.shows_matches))


def _answer(detector: TextDetector, file: IO[bytes]) -> None:
    try:
        for answer in detector.answers(file):
            sys.stdout.write(answer.decode() + "\n")
            sys.stdout.flush()
    except BrokenPipeError:
        silence(sys.stdout)


def _read(file: IO[bytes]) -> str:
    try:
        return decode(file.read()).text
    except NotTextError as error:
        raise UsageError(f"Cannot read {file.name}: {error}") from None


def _as_text(text: str, spans: list[Span], *, shows_matches: bool) -> str:
    if not spans:
        return "Nothing found"
    rows: list[list[Cell]] = []
    line, line_start, counted = 1, 0, 0
    for span in spans:
        line += text.count("\n", counted, span.start)
        line_start = text.rfind("\n", 0, span.start) + 1
        counted = span.start
        match = span.pattern if span.is_name else text[span.start : span.end]
        shown = match if span.is_name or shows_matches else masked(match)
        position, confidence = f"{line}:{span.start - line_start + 1}", f"{span.confidence:.0%}"
        rows.append([position, span.category, span.rule, confidence, shown, "; ".join(span.reasons)])
    return as_table(_TITLES, rows, right=("CONFIDENCE",))
