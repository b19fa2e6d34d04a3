"""The record as a page: by activity, then what does not fit together."""

from collections.abc import Iterator, Sequence

from waivern import __version__
from waivern.exports.encoding.formatting import instant
from waivern.exports.html.exporter import page
from waivern.exports.html.markup import Made, element
from waivern.exports.ropa.record import MISSING, PROPOSED, Entry, Record
from waivern.exports.ropa.tables import RECORD, heading_of, sections_of

_TITLES = ("Article", "What", "Value", "By", "Evidence", "Remark")
_BADGES = {MISSING: "failed", PROPOSED: "unknown"}


def page_of(record: Record) -> Iterator[str]:
    """Yield the page."""
    return page(heading_of(record), _body(record), with_script=False)


def _body(record: Record) -> Iterator[Made]:
    report = record.report
    alarm = report.incomplete_reason
    yield element(
        "header",
        element("h1", "Record of processing activities ", element("span", "draft", class_="badge unknown")),
        element("p", f"GDPR Art. 30(1)(a) to (g), for '{report.run.runbook}'", class_="faint"),
        element("p", f"From run {report.run.id} of {instant(report.run.created_at)}. ", class_="faint"),
        element(
            "p",
            "What is found or proposed is for a person to confirm; what is declared comes from the organisation file. "
            "This is no legal advice.",
            class_="warning",
        ),
        element("p", element("b", "Incomplete. "), f"{alarm}.", class_="alarm", role="alert") if alarm else None,
    )
    yield Made("<main>")
    for section, entries in sections_of(record):
        yield from _activities(entries) if section == RECORD else [_section(section.capitalize(), entries)]
    yield Made("</main>")
    yield element("footer", f"Written by Waivern {__version__}. Nothing is loaded from anywhere.")


def _activities(entries: Sequence[Entry]) -> Iterator[Made]:
    for name in dict.fromkeys(entry.activity for entry in entries):
        of_it = [entry for entry in entries if entry.activity == name]
        yield _section(name or "The organisation", of_it)


def _section(title: str, entries: Sequence[Entry]) -> Made:
    if not entries:
        return element("section", element("h2", title), element("p", "Nothing."))
    top = element("thead", element("tr", [element("th", each, scope="col") for each in _TITLES]))
    body = element("tbody", [_row(each) for each in entries])
    return element(
        "section", element("h2", title), element("div", element("table", top, body, class_="record"), class_="wide")
    )


def _row(entry: Entry) -> Made:
    links = [
        element("div", place, " ", element("code", fingerprint[:12], class_="faint"))
        for place, fingerprint in zip(entry.places, entry.fingerprints, strict=True)
    ]
    number = element("div", f"{entry.findings:,} in all", class_="note") if entry.findings > len(links) else None
    status = element("span", entry.status, class_=f"badge {_BADGES.get(entry.status, '')}")
    term = element("div", element("code", entry.dpv), class_="note") if entry.dpv else None
    cells = (entry.article, entry.what, [element("b", entry.value), term], status, [*links, number], entry.remark)
    return element("tr", [element("td", cell) for cell in cells])
