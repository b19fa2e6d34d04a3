"""Charts as inline SVG, each with a text for those who do not see it."""

from collections.abc import Mapping, Sequence
from datetime import UTC

from waivern.exports.html.markup import Made, element
from waivern.exports.model.report import PastRun
from waivern.runs.run import RunStatus
from waivern.severity import SEVERITIES

_MOST_CATEGORIES = 12
_GRAVEST_FIRST = tuple(reversed(SEVERITIES))
_OTHERS = "others"


def severities(numbers: Mapping[str, int]) -> Made:
    """One bar, cut by severity, over its legend."""
    total = sum(numbers.values())
    told = ", ".join(f"{numbers.get(each, 0):,} {each}" for each in _GRAVEST_FIRST)
    bar, left = [], 0.0
    for severity in _GRAVEST_FIRST:
        share = 600 * numbers.get(severity, 0) / total if total else 0
        if share:
            bar.append(_rect(left, 0, max(share - 2, 1), 26, severity, f"{severity}: {numbers[severity]:,}"))
        left += share
    empty = None if total else element("rect", x=0, y=0, width=600, height=26, rx=3, class_="none")
    svg = element("svg", element("title", told), empty, bar, viewbox="0 0 600 26", role="img", class_="bar")
    legend = [
        element("li", element("span", class_=f"dot {each}"), element("b", f"{numbers.get(each, 0):,}"), f" {each}")
        for each in _GRAVEST_FIRST
    ]
    return element("figure", element("figcaption", "By severity"), svg, element("ul", legend, class_="legend"))


def categories(numbers: Mapping[str, Mapping[str, int]]) -> Made:
    """A bar a category, the longest first, each cut by severity; what has no room is put together."""
    sums = sorted(((sum(each.values()), name) for name, each in numbers.items()), key=lambda pair: (-pair[0], pair[1]))
    shown = [(name, number, numbers[name]) for number, name in sums[:_MOST_CATEGORIES]]
    rest = [numbers[name] for _, name in sums[_MOST_CATEGORIES:]]
    if rest:
        together = {each: sum(number.get(each, 0) for number in rest) for each in SEVERITIES}
        shown.append((f"{len(rest)} {_OTHERS}", sum(together.values()), together))
    longest = max((number for _, number, _ in shown), default=1)
    rows = [_category(place, *each, longest=longest) for place, each in enumerate(shown)]
    told = ", ".join(f"{name} {number:,}" for name, number, _ in shown) or "none"
    height = max(len(shown) * 28, 28)
    svg = element("svg", element("title", told), rows, viewbox=f"0 0 600 {height}", role="img")
    return element("figure", element("figcaption", "By category"), svg)


def _category(place: int, name: str, number: int, by_severity: Mapping[str, int], *, longest: int) -> list[Made]:
    top, left = place * 28, 190.0
    cut = []
    for severity in _GRAVEST_FIRST:
        width = 340 * by_severity.get(severity, 0) / longest
        if width:
            cut.append(_rect(left, top + 4, max(width, 1.5), 18, severity, f"{severity}: {by_severity[severity]:,}"))
        left += width
    label = element("text", _short(name.replace("_", " "), 26), x=180, y=top + 18, text_anchor="end")
    return [label, *cut, element("text", f"{number:,}", x=left + 8, y=top + 18, class_="number")]


def over_runs(runs: Sequence[PastRun]) -> Made:
    """A column a run, the newest on the right; one that did not end well is marked, for it may have missed some."""
    highest = max((each.total for each in runs), default=0) or 1
    step = 560 / max(len(runs), 6)
    columns = [_column(each, 30 + place * step, step, highest) for place, each in enumerate(runs)]
    told = ", ".join(f"{_day(each)}: {each.total:,}{_mark(each)}" for each in runs)
    axis = element("line", x1=20, y1=190, x2=595, y2=190, class_="axis")
    svg = element("svg", element("title", told), axis, columns, viewbox="0 0 600 226", role="img")
    marked = any(_mark(each) for each in runs)
    note = element("p", "* the run did not end well", class_="note") if marked else None
    return element("figure", element("figcaption", "Over the last runs"), svg, note)


def _column(past: PastRun, left: float, step: float, highest: int) -> list[Made]:
    width, bottom = min(step * 0.7, 54), 190.0
    middle = left + width / 2
    cut = []
    for severity in SEVERITIES:
        height = 160 * past.findings.get(severity, 0) / highest
        if height:
            cut.append(
                _rect(left, bottom - height, width, height, severity, f"{severity}: {past.findings[severity]:,}")
            )
        bottom -= height
    number = element("text", f"{past.total:,}", x=middle, y=bottom - 6, text_anchor="middle", class_="number")
    day = element("text", _day(past) + _mark(past), x=middle, y=207, text_anchor="middle", class_="small")
    time = element("text", _time(past), x=middle, y=222, text_anchor="middle", class_="small faint")
    return [*cut, number, day, time]


def _mark(past: PastRun) -> str:
    return "" if past.run.status is RunStatus.SUCCEEDED else "*"


def _day(past: PastRun) -> str:
    return f"{past.run.created_at.astimezone(UTC):%d %b}"


def _time(past: PastRun) -> str:
    return f"{past.run.created_at.astimezone(UTC):%H:%M}"


def _rect(x: float, y: float, width: float, height: float, severity: str, told: str) -> Made:
    known = severity if severity in SEVERITIES else "medium"
    return element(
        "rect",
        element("title", told),
        x=f"{x:.1f}",
        y=f"{y:.1f}",
        width=f"{width:.1f}",
        height=f"{height:.1f}",
        class_=known,
        rx=2,
    )


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
