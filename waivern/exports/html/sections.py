"""The sections of the page but for its findings: what it is about, numbers, artifacts, changes, omissions."""

from collections.abc import Iterator, Sequence

from waivern.exports.encoding.formatting import count, duration, instant, words
from waivern.exports.html import charts, dag
from waivern.exports.html.markup import Made, element, joined
from waivern.exports.html.numbers import Numbers
from waivern.exports.model.report import Report
from waivern.history.comparison import Change, Difference, Reason
from waivern.history.run_history import ArtifactRecord

_MOST_OF_A_CHANGE = 50
_TOLD = (Change.NEW, Change.REOPENED, Change.FIXED, Change.CHANGED, Change.UNKNOWN)


def head(report: Report, numbers: Numbers) -> Made:
    """What was scanned, when, and how it ended; that it is incomplete stands above everything else."""
    run = report.run
    facts = [
        ("Run", element("code", run.id)),
        ("Began", instant(run.started_at or run.created_at)),
        ("Took", duration(run.duration_seconds)),
        ("Caused by", words(run.trigger) + (f" of {run.schedule}" if run.schedule else "")),
        ("Contact", report.contact),
        ("Framework", report.framework),
    ]
    listed = [element("div", element("dt", name), element("dd", value)) for name, value in facts if value]
    return element(
        "header",
        element("h1", run.runbook, " ", _badge(run.status.value)),
        element("p", report.description) if report.description else None,
        element("dl", listed, class_="facts"),
        _alarms(report),
        _figures(report, numbers),
    )


def _alarms(report: Report) -> Iterator[Made]:
    if report.incomplete_reason is not None:
        yield element("p", element("b", "Incomplete. "), f"{report.incomplete_reason}.", class_="alarm", role="alert")
    if report.without_evidence:
        named = ", ".join(report.without_evidence)
        yield element(
            "p", f"What these artifacts held was pruned, so their findings have no evidence: {named}.", class_="warning"
        )


def _figures(report: Report, numbers: Numbers) -> Made:
    changes = {} if report.comparison is None else report.comparison.in_numbers()
    figures = [("findings", numbers.total)]
    figures += [(name, changes[name]) for name in ("new", "reopened", "fixed", "unknown") if name in changes]
    figures += [("suppressed or accepted", numbers.decided), ("not looked at", len(report.left_out))]
    return element(
        "ul",
        [element("li", element("b", f"{number:,}"), element("span", name)) for name, number in figures],
        class_="figures",
    )


def overview(report: Report, numbers: Numbers) -> Made:
    """The charts."""
    left = element("div", charts.severities(numbers.by_severity), charts.over_runs(list(report.past_runs)))
    return _section(
        "Findings", element("div", left, element("div", charts.categories(numbers.by_category)), class_="charts")
    )


def artifacts(report: Report) -> Made:
    """What was made of what, as a drawing and as a table."""
    titles = ("Artifact", "State", "Made by", "From", "Schema", "Began", "Took")
    drawing = dag.drawn(report.artifacts)
    without = (
        None if drawing is not None else element("p", f"{count(len(report.artifacts), 'artifact')}: too many to draw.")
    )
    rows = [_artifact(each) for each in report.artifacts]
    table = element("details", element("summary", "As a table"), element("div", _table(titles, rows), class_="wide"))
    return _section("Artifacts", element("div", drawing, class_="wide") if drawing else without, table)


def _artifact(artifact: ArtifactRecord) -> list[object]:
    why = artifact.error or (f"because of {artifact.skipped_because}" if artifact.skipped_because else None)
    return [
        element("b", artifact.artifact_id),
        joined(_badge(artifact.status.value), element("div", why, class_="note") if why else None),
        artifact.component or artifact.kind,
        ", ".join(artifact.inputs),
        artifact.schema or "",
        instant(artifact.started_at),
        duration(artifact.duration_seconds),
    ]


def changes(report: Report) -> Made:
    """What came and went since the complete run before, each with its reason."""
    comparison = report.comparison
    if comparison is None:
        return _section("What changed", element("p", "There is no complete run before this one to compare it to."))
    numbers = ", ".join(f"{number:,} {name}" for name, number in comparison.in_numbers().items() if number)
    base = comparison.base
    since = element(
        "p", f"Since run {base.id[:18]} of {instant(base.started_at)}: {numbers or 'no findings in either'}."
    )
    return _section("What changed", since, [_change(each, comparison.of(each)) for each in _TOLD])


def _change(change: Change, differences: Sequence[Difference]) -> Made | None:
    if not differences:
        return None
    rows = [_difference(each) for each in differences[:_MOST_OF_A_CHANGE]]
    beyond = len(differences) - len(rows)
    more = element("p", f"and {beyond:,} more", class_="note") if beyond else None
    title = element("h3", _badge(change.value), f" {count(len(differences), 'finding')}")
    return element("div", title, element("ul", rows, class_="plain"), more)


def _difference(difference: Difference) -> Made:
    finding = difference.finding
    where = f"{finding.location} in {finding.source}" if finding.location else finding.source
    return element(
        "li",
        element("span", class_=f"dot {finding.severity}", title=finding.severity),
        element("b", words(finding.rule)),
        f" at {where} ",
        element("span", f"({_why(difference)})", class_="faint"),
    )


def _why(difference: Difference) -> str:
    if difference.reason is Reason.SCOPE:
        return f"not looked at: {difference.because}"
    return "the rules changed" if difference.reason is Reason.RULES else "the data changed"


def omissions(report: Report) -> Made:
    """What was not looked at, or only in part."""
    if not report.left_out and not report.in_part and not report.not_made:
        return _section("What was not looked at", element("p", "Everything that the runbook names was looked at."))
    rows: list[Sequence[object]] = [
        [
            each.artifact_id,
            _badge(each.status.value),
            each.error or f"because of {each.skipped_because or each.skip_reason}",
        ]
        for each in report.not_made
    ]
    rows += [[each.artifact_id, each.what, each.why] for each in report.left_out]
    rows += [
        [each.artifact_id, each.what, f"read {each.read:,} of {each.of:,}" + (f"; {each.bound}" if each.bound else "")]
        for each in report.in_part
    ]
    return _section("What was not looked at", _table(("Artifact", "What", "Why"), rows))


def rules(report: Report, numbers: Numbers) -> Made:
    """The rules that found something, and what they rest on."""
    by_name = {(rule.ruleset, rule.name): rule for rule in report.rules}
    rows = []
    for (ruleset, name), number in sorted(numbers.by_rule.items(), key=lambda item: (-item[1], item[0][1])):
        rule = by_name.get((ruleset or "", name))
        said = rule.description if rule else ""
        rows.append([words(name), f"{number:,}", rule.source if rule else "", said, ruleset or ""])
    tried = element("p", f"{count(len(report.rules), 'rule')} were looked for; these found something.", class_="note")
    return _section("Rules", tried, _table(("Rule", "Findings", "Source", "What it means", "Ruleset"), rows))


def _section(title: str, *content: object) -> Made:
    anchor = title.lower().replace(" ", "-")
    return element("section", element("h2", title, id=anchor), *content, aria_labelledby=anchor)


def _table(titles: Sequence[str], rows: Sequence[Sequence[object]]) -> Made:
    top = element("thead", element("tr", [element("th", title, scope="col") for title in titles]))
    body = element("tbody", [element("tr", [element("td", cell) for cell in row]) for row in rows])
    return element("table", top, body)


def _badge(state: str) -> Made:
    return element("span", words(state), class_=f"badge {state}")
