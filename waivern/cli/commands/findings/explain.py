"""`waivern explain`."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click

from waivern.cli.shell.options import database_option, format_option, pass_existing
from waivern.cli.terminal.formatting import count, local_time, short_id
from waivern.cli.terminal.output import as_json, write
from waivern.escaping import one_line
from waivern.exports.encoding.formatting import lines_in_words
from waivern.operations.application import Application
from waivern.operations.findings.explain_finding import Explanation, explain_finding, explanation_as_json
from waivern.rulesets.model.rule import Rule

_MAX_WORDS = 12


@click.command(short_help="Explain a finding: rule, law, matches, confidence.")
@click.argument("fingerprint")
@click.option("--run", metavar="RUN", help="Take the finding from this run: an id, a prefix or 'latest'.")
@database_option
@format_option("text", "json")
@pass_existing
def explain(application: Application, fingerprint: str, run: str | None, output_format: str) -> None:
    """Explain a finding: rule, law, matches and confidence.

    FINGERPRINT is a finding's fingerprint, or a prefix of it. Without --run, the newest run that has it is used.

    \b
    Examples:
      waivern explain 3f2a91c0
      waivern explain 3f2a91c0 --run latest --format json
    """
    explanation = explain_finding(application, fingerprint, run=run)
    write(as_json(explanation_as_json(explanation)) if output_format == "json" else _as_text(explanation))


def _as_text(explanation: Explanation) -> str:
    finding = explanation.finding
    lines = [f"Finding {finding['fingerprint']}"]
    lines += [f"  {name:<10} {one_line(value)}" for name, value in _facts(explanation) if value]
    lines += _section("Matches", _matches(explanation))
    lines += _section("Evidence", [_evidence_line(sample) for sample in finding.get("evidence", ())])
    return "\n".join(lines)


def _facts(explanation: Explanation) -> Iterator[tuple[str, str]]:
    finding, rule, run = explanation.finding, explanation.rule, explanation.run
    yield (
        "found in",
        f"run {short_id(run.id)} of {run.runbook}, {local_time(run.started_at)}, {explanation.artifact_id}",
    )
    yield "category", f"{finding.get('category')}, rule {finding.get('rule')}"
    yield "location", _location(finding)
    yield "confidence", f"{finding.get('confidence', 0):.0%}: {'; '.join(finding.get('reasons', ()))}"
    if rule is not None:
        yield "meaning", rule.description
        yield "basis", rule.source
        yield from _detection(rule)
    yield "rules", _rules(explanation)


def _detection(rule: Rule) -> Iterator[tuple[str, str]]:
    keywords, names = rule.keywords, rule.field_names
    yield "keywords", _listed("", keywords.terms if keywords is not None else ())
    yield "", _listed("with supporting context: ", keywords.weak if keywords is not None else ())
    yield "context", _listed("higher confidence near: ", rule.context_words)
    yield "", _listed("lower confidence near: ", rule.negative_context_words)
    yield "fields", _listed("named: ", names.strong)
    yield "", _listed("near other fields about a person, named: ", names.weak)
    yield "", _listed("in a table about people, named: ", names.weak_columns)
    yield "limited to", "tables about people" if rule.person_tables_only else ""


def _location(finding: Mapping[str, Any]) -> str:
    location = finding.get("location", {})
    source = finding.get("metadata", {}).get("source", "")
    parts = [f"{key} {location[key]}" for key in ("table", "column") if location.get(key)]
    if location.get("file_path"):
        parts.insert(0, str(location["file_path"]))
    if location.get("lines"):
        parts.append(lines_in_words(location["lines"]))
    return f"{', '.join(parts)} in {source}" if parts else str(source)


def _rules(explanation: Explanation) -> str:
    then, today = explanation.rules_version, explanation.rules_version_today
    if today is None:
        return f"{explanation.ruleset} {then}, no longer installed"
    if today == then:
        return f"{explanation.ruleset} {then}, the current version"
    removed = "" if explanation.rule is not None else ", which no longer has this rule"
    return f"{explanation.ruleset} {then}; the current version is {today}{removed}; the rule is shown as it is now"


def _matches(explanation: Explanation) -> list[str]:
    patterns = {pattern.name: pattern for pattern in explanation.rule.patterns} if explanation.rule is not None else {}
    lines = []
    for match in explanation.finding.get("matched_patterns", ()):
        line = f"{match['pattern']}, {count(match['match_count'], 'match', 'matches')}"
        pattern = patterns.get(str(match["pattern"]).removeprefix("value: "))
        if pattern is not None:
            checked = f", validated by {pattern.validator}" if pattern.validator else ""
            line += f": {pattern.regex}{checked}"
        lines.append(line)
    return lines


def _evidence_line(sample: Mapping[str, Any]) -> str:
    line = f"line {sample['line']}: " if sample.get("line") else ""
    return f"{line}{sample.get('content', '')}"


def _listed(label: str, words: Sequence[str]) -> str:
    more = f" and {len(words) - _MAX_WORDS} more" if len(words) > _MAX_WORDS else ""
    return f"{label}{', '.join(words[:_MAX_WORDS])}{more}" if words else ""


def _section(title: str, items: Sequence[str]) -> list[str]:
    return [f"{title}:", *(f"  {one_line(item)}" for item in items)] if items else []
