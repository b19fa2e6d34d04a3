"""The table of findings, a row at a time."""

from collections.abc import Iterator

from waivern.exports.encoding.formatting import words
from waivern.exports.html.markup import Made, element, joined
from waivern.exports.html.numbers import Numbers
from waivern.exports.model.reported_finding import Evidence, ReportedFinding, severity_rank
from waivern.history.decisions import Decision

_TITLES = ("Severity", "What", "Where", "Evidence, masked", "Sure", "Times", "Since last run")


def findings(numbers: Numbers) -> Iterator[Made]:
    """Yield the section in parts; of very many findings the gravest, and how many are left out."""
    yield Made('<section aria-labelledby="all-findings">')
    yield element("h2", "All findings", id="all-findings")
    if not numbers.shown:
        yield joined(element("p", "Nothing was found."), Made("</section>"))
        return
    if len(numbers.shown) < numbers.total:
        left_out = numbers.total - len(numbers.shown)
        yield element(
            "p",
            f"The gravest {len(numbers.shown):,} are shown; {left_out:,} more are in the exports json, csv and sarif.",
            class_="warning",
        )
    yield Made('<div class="wide"><table class="sortable"><thead>')
    yield element("tr", [element("th", title, scope="col") for title in _TITLES])
    yield Made("</thead><tbody>\n")
    for reported in numbers.shown:
        yield joined(_row(reported), "\n")
    yield Made("</tbody></table></div></section>")


def _row(reported: ReportedFinding) -> Made:
    finding = reported.finding
    change = reported.change.value if reported.change is not None else ""
    severity = joined(element("span", class_=f"dot {finding.severity}"), finding.severity)
    special = element("div", "special category (Art. 9 GDPR)", class_="note") if finding.special_category else None
    cells = [
        element("td", severity, class_="keep", data_key=severity_rank(finding.severity)),
        element(
            "td", element("b", words(finding.rule)), element("div", words(finding.category), class_="note"), special
        ),
        element("td", _where(reported), element("div", finding.source, class_="note")),
        element("td", _evidence(reported.evidence)),
        element("td", f"{finding.confidence:.0%}", class_="keep", data_key=finding.confidence),
        element("td", f"{finding.match_count:,}", class_="keep", data_key=finding.match_count),
        element("td", change and element("span", change, class_=f"badge {change}"), _decided(reported.decision)),
    ]
    return element("tr", cells, id=f"f-{finding.fingerprint}", class_="decided" if reported.decision else None)


def _where(reported: ReportedFinding) -> str:
    lines = reported.location.lines
    return reported.finding.location + (f", line {', '.join(map(str, lines))}" if lines else "")


def _evidence(evidence: tuple[Evidence, ...] | None) -> object:
    if evidence is None:
        return element("span", "pruned", class_="faint")
    return [element("div", element("code", each.content)) for each in evidence]


def _decided(decision: Decision | None) -> Made | None:
    if decision is None:
        return None
    until = f", until {decision.until.isoformat()}" if decision.until is not None else ""
    return element("div", f"{decision.verdict.value} by {decision.owner}{until}: {decision.reason}", class_="note")
