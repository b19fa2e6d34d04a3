"""Charts as inline SVG, each with a text alternative."""

from collections.abc import Mapping, Sequence
from datetime import UTC

from waivern.exports.encoding.formatting import humanize
from waivern.exports.html.markup import Markup, element
from waivern.exports.model.report import PastRun
from waivern.runs.run import RunStatus
from waivern.severity import SEVERITIES

_MAX_CATEGORIES = 12
_HIGHEST_FIRST = tuple(reversed(SEVERITIES))
_OTHERS = "others"


def severities(numbers: Mapping[str, int]) -> Markup:
    """Return one bar divided by severity, with its legend."""
    total = sum(numbers.values())
    description = ", ".join(f"{numbers.get(severity, 0):,} {severity}" for severity in _HIGHEST_FIRST)
    bar, left = [], 0.0
    for severity in _HIGHEST_FIRST:
        share = 600 * numbers.get(severity, 0) / total if total else 0
        if share:
            bar.append(_rect(left, 0, max(share - 2, 1), 26, severity, f"{severity}: {numbers[severity]:,}"))
        left += share
    empty = None if total else element("rect", x=0, y=0, width=600, height=26, rx=3, class_="none")
    svg = element("svg", element("title", description), empty, bar, viewbox="0 0 600 26", role="img", class_="bar")
    legend = [
        element(
            "li",
            element("span", class_=f"dot {severity}"),
            element("b", f"{numbers.get(severity, 0):,}"),
            f" {severity}",
        )
        for severity in _HIGHEST_FIRST
    ]
    return element("figure", element("figcaption", "By severity"), svg, element("ul", legend, class_="legend"))


def categories(numbers: Mapping[str, Mapping[str, int]]) -> Markup:
    """Return one bar per category, longest first, divided by severity. The others after the 12th share one bar."""
    totals = sorted(
        ((sum(by_severity.values()), name) for name, by_severity in numbers.items()),
        key=lambda total_and_name: (-total_and_name[0], total_and_name[1]),
    )
    shown = [(name, number, numbers[name]) for number, name in totals[:_MAX_CATEGORIES]]
    rest = [numbers[name] for _, name in totals[_MAX_CATEGORIES:]]
    if rest:
        combined = {severity: sum(by_severity.get(severity, 0) for by_severity in rest) for severity in SEVERITIES}
        shown.append((f"{len(rest)} {_OTHERS}", sum(combined.values()), combined))
    longest = max((number for _, number, _ in shown), default=1)
    rows = [
        _category(row, name, number, by_severity, longest=longest)
        for row, (name, number, by_severity) in enumerate(shown)
    ]
    description = ", ".join(f"{name} {number:,}" for name, number, _ in shown) or "none"
    height = max(len(shown) * 28, 28)
    svg = element("svg", element("title", description), rows, viewbox=f"0 0 600 {height}", role="img")
    return element("figure", element("figcaption", "By category"), svg)


def _category(row: int, name: str, number: int, by_severity: Mapping[str, int], *, longest: int) -> list[Markup]:
    top, left = row * 28, 190.0
    bars = []
    for severity in _HIGHEST_FIRST:
        width = 340 * by_severity.get(severity, 0) / longest
        if width:
            bars.append(_rect(left, top + 4, max(width, 1.5), 18, severity, f"{severity}: {by_severity[severity]:,}"))
        left += width
    label = element("text", _short(humanize(name), 26), x=180, y=top + 18, text_anchor="end")
    return [label, *bars, element("text", f"{number:,}", x=left + 8, y=top + 18, class_="number")]


def findings_per_run(runs: Sequence[PastRun]) -> Markup:
    """Return one column per run, the newest on the right. Incomplete runs are marked, as they may miss findings."""
    highest = max((past.total for past in runs), default=0) or 1
    step = 560 / max(len(runs), 6)
    columns = [_column(past, 30 + number * step, step, highest) for number, past in enumerate(runs)]
    description = ", ".join(f"{_day(past)}: {past.total:,}{_mark(past)}" for past in runs)
    axis = element("line", x1=20, y1=190, x2=595, y2=190, class_="axis")
    svg = element("svg", element("title", description), axis, columns, viewbox="0 0 600 226", role="img")
    marked = any(_mark(past) for past in runs)
    note = element("p", "* incomplete run", class_="note") if marked else None
    return element("figure", element("figcaption", "Over the last runs"), svg, note)


def _column(past: PastRun, left: float, step: float, highest: int) -> list[Markup]:
    width, bottom = min(step * 0.7, 54), 190.0
    middle = left + width / 2
    bars = []
    for severity in SEVERITIES:
        height = 160 * past.findings.get(severity, 0) / highest
        if height:
            bars.append(
                _rect(left, bottom - height, width, height, severity, f"{severity}: {past.findings[severity]:,}")
            )
        bottom -= height
    number = element("text", f"{past.total:,}", x=middle, y=bottom - 6, text_anchor="middle", class_="number")
    day = element("text", _day(past) + _mark(past), x=middle, y=207, text_anchor="middle", class_="small")
    time = element("text", _time(past), x=middle, y=222, text_anchor="middle", class_="small faint")
    return [*bars, number, day, time]


def _mark(past: PastRun) -> str:
    return "" if past.run.status is RunStatus.SUCCEEDED else "*"


def _day(past: PastRun) -> str:
    return f"{past.run.created_at.astimezone(UTC):%d %b}"


def _time(past: PastRun) -> str:
    return f"{past.run.created_at.astimezone(UTC):%H:%M}"


def _rect(x: float, y: float, width: float, height: float, severity: str, description: str) -> Markup:
    known = severity if severity in SEVERITIES else "medium"
    return element(
        "rect",
        element("title", description),
        x=f"{x:.1f}",
        y=f"{y:.1f}",
        width=f"{width:.1f}",
        height=f"{height:.1f}",
        class_=known,
        rx=2,
    )


def _short(text: str, max_length: int) -> str:
    return text if len(text) <= max_length else f"{text[: max_length - 1]}…"
