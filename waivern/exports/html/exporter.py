"""The page: head, sections, and what makes it look and sort, all in one file."""

import base64
import functools
import hashlib
from collections.abc import Iterator
from importlib import resources

from waivern import __version__
from waivern.exports.encoding.formatting import instant
from waivern.exports.encoding.json_encoding import in_chunks
from waivern.exports.exporter import Exporter, Preferences
from waivern.exports.html import sections
from waivern.exports.html.findings import findings
from waivern.exports.html.markup import Made, element
from waivern.exports.html.numbers import counted
from waivern.exports.model.report import Report


class HtmlExporter(Exporter):
    """Its policy forbids every load: a browser shows it without asking anybody, even if something slipped in."""

    endings = ("html", "htm")

    @classmethod
    def get_name(cls) -> str:
        return "html"

    @classmethod
    def get_media_type(cls) -> str:
        return "text/html"

    def export(self, report: Report, preferences: Preferences) -> Iterator[bytes]:
        return in_chunks(part.encode() for part in _written(report))


def page(title: str, parts: Iterator[Made], *, with_script: bool) -> Iterator[str]:
    """Yield a whole page around its parts."""
    yield '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
    script_source = f"'sha256-{_digest(_script())}'" if with_script else "'none'"
    policy = f"default-src 'none'; style-src 'sha256-{_digest(_style())}'; script-src {script_source}"
    yield element("meta", http_equiv="Content-Security-Policy", content=policy)
    yield element("meta", name="viewport", content="width=device-width, initial-scale=1")
    yield element("title", title)
    yield f"\n<style>{_style()}</style>\n</head>\n<body>\n"
    yield from parts
    if with_script:
        yield f"\n<script>{_script()}</script>"
    yield "\n</body>\n</html>\n"


def _written(report: Report) -> Iterator[str]:
    return page(f"{report.run.runbook}: {instant(report.run.created_at)}", _body(report), with_script=True)


def _body(report: Report) -> Iterator[Made]:
    numbers = counted(report)
    yield element("a", "To the findings", href="#all-findings", class_="skip")
    yield sections.head(report, numbers)
    yield Made("\n<main>\n")
    yield sections.overview(report, numbers)
    yield sections.changes(report)
    yield sections.omissions(report)
    yield sections.artifacts(report)
    yield from findings(numbers)
    yield sections.rules(report, numbers)
    yield Made("\n</main>\n")
    yield element("footer", f"Written by Waivern {__version__}. Evidence is masked; nothing is loaded from anywhere.")


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@functools.cache
def _style() -> str:
    return (resources.files(__package__) / "report.css").read_text(encoding="utf-8")


@functools.cache
def _script() -> str:
    return (resources.files(__package__) / "report.js").read_text(encoding="utf-8")
