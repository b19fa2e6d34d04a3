"""The end of a run's report: changes since the previous run, gates and expired decisions."""

from collections.abc import Iterator

import click

from waivern.cli.shell.escaping import one_line
from waivern.cli.terminal.comparison import finding_line, since_last
from waivern.cli.terminal.formatting import count, lapsed_in_words
from waivern.history.gates import GateResult
from waivern.operations.runs.conclude_run import Conclusion

_MOST_SHOWN = 20


def conclusion_in_words(conclusion: Conclusion) -> Iterator[str]:
    """Yield the sections of the report."""
    if conclusion.comparison is not None:
        yield since_last(conclusion.comparison)
    if conclusion.gates:
        yield "\n".join(["Gates:", *(line for result in conclusion.gates for line in _gate(result))])
    if conclusion.lapsed:
        yield "\n".join(["Decisions:", *lapsed_in_words(conclusion.lapsed)])


def _gate(result: GateResult) -> Iterator[str]:
    if not result.has_tripped:
        yield f"  {result.gate.text}: {click.style('passed', fg='green')}"
        return
    by = count(result.number, "finding") if result.gate.scope.concerns_findings else f"{result.number:,} left out"
    yield f"  {result.gate.text}: {click.style('tripped', fg='red')} by {by}"
    told = [*map(finding_line, result.findings), *result.omissions]
    yield from (f"    {one_line(each)}" for each in told[:_MOST_SHOWN])
    beyond = result.number - len(told[:_MOST_SHOWN])
    if beyond > 0:
        yield f"    and {beyond:,} more"
