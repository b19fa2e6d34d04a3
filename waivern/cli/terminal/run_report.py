"""The end of a run's report: changes since the previous run, gates and expired decisions."""

from collections.abc import Iterator

import click

from waivern.cli.terminal.comparison import finding_line, since_last
from waivern.cli.terminal.formatting import count, inactive_decision_lines
from waivern.escaping import one_line
from waivern.history.gates import GateResult
from waivern.operations.runs.conclude_run import Conclusion

_MAX_SHOWN = 20


def conclusion_in_words(conclusion: Conclusion) -> Iterator[str]:
    """Yield the sections of the report."""
    if conclusion.comparison is not None:
        yield since_last(conclusion.comparison)
    if conclusion.gates:
        yield "\n".join(["Gates:", *(line for result in conclusion.gates for line in _gate(result))])
    if conclusion.inactive_decisions:
        yield "\n".join(["Decisions:", *inactive_decision_lines(conclusion.inactive_decisions)])


def _gate(result: GateResult) -> Iterator[str]:
    if not result.failed:
        yield f"  {one_line(result.gate.text)}: {click.style('passed', fg='green')}"
        return
    violations = count(result.violations, "finding" if result.gate.scope.concerns_findings else "coverage gap")
    yield f"  {one_line(result.gate.text)}: {click.style('failed', fg='red')}, {violations}"
    lines = [*map(finding_line, result.findings), *result.coverage_gaps][:_MAX_SHOWN]
    yield from (f"    {one_line(line)}" for line in lines)
    further = result.violations - len(lines)
    if further > 0:
        yield f"    and {further:,} more"
