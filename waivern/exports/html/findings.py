"""The table of findings."""

from collections.abc import Iterator

from waivern.exports.encoding.formatting import humanize, lines_in_words
from waivern.exports.html.finding_counts import FindingCounts
from waivern.exports.html.markup import Markup, element, join
from waivern.exports.model.reported_finding import Evidence, ReportedFinding
from waivern.history.decisions import Decision
from waivern.severity import severity_rank

_TITLES = ("Severity", "Rule", "Location", "Evidence (masked)", "Confidence", "Matches", "Since last run")


def findings(counts: FindingCounts) -> Iterator[Markup]:
    """Yield the section in parts: at most 5,000 findings, the most severe first, and the number of the others."""
    yield Markup('<section aria-labelledby="all-findings">')
    yield element("h2", "All findings", id="all-findings")
    if not counts.shown:
        yield join(element("p", "No findings."), Markup("</section>"))
        return
    if len(counts.shown) < counts.total:
        hidden = counts.total - len(counts.shown)
        yield element(
            "p",
            f"Only the {len(counts.shown):,} most severe findings are shown. "
            f"The exports json, csv and sarif also contain the other {hidden:,}.",
            class_="warning",
        )
    yield Markup('<div class="wide"><table class="sortable"><thead>')
    yield element("tr", [element("th", title, scope="col") for title in _TITLES])
    yield Markup("</thead><tbody>\n")
    for reported in counts.shown:
        yield join(_row(reported), "\n")
    yield Markup("</tbody></table></div></section>")


def _row(reported: ReportedFinding) -> Markup:
    finding = reported.finding
    change = reported.change.value if reported.change is not None else ""
    severity = join(element("span", class_=f"dot {finding.severity}"), finding.severity)
    special = element("div", "special category (Art. 9 GDPR)", class_="note") if finding.special_category else None
    cells = [
        element("td", severity, class_="keep", data_key=severity_rank(finding.severity)),
        element(
            "td",
            element("b", humanize(finding.rule)),
            element("div", humanize(finding.category), class_="note"),
            special,
        ),
        element("td", _location(reported), element("div", finding.source, class_="note")),
        element("td", _evidence(reported.evidence)),
        element("td", f"{finding.confidence:.0%}", class_="keep", data_key=finding.confidence),
        element("td", f"{finding.match_count:,}", class_="keep", data_key=finding.match_count),
        element("td", change and element("span", change, class_=f"badge {change}"), _decided(reported.decision)),
    ]
    return element("tr", cells, id=f"f-{finding.fingerprint}", class_="decided" if reported.decision else None)


def _location(reported: ReportedFinding) -> str:
    lines = reported.location.lines
    return reported.finding.location + (f", {lines_in_words(lines)}" if lines else "")


def _evidence(evidence: tuple[Evidence, ...] | None) -> object:
    if evidence is None:
        return element("span", "pruned", class_="faint")
    return [element("div", element("code", sample.content)) for sample in evidence]


def _decided(decision: Decision | None) -> Markup | None:
    if decision is None:
        return None
    until = f", until {decision.until.isoformat()}" if decision.until is not None else ""
    return element("div", f"{decision.verdict.value} by {decision.owner}{until}: {decision.reason}", class_="note")
