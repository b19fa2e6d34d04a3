"""One run as text: artifacts, errors, what was not scanned, and next steps."""

import shlex
from collections.abc import Iterable, Iterator, Sequence

import click

from waivern.cli.terminal.formatting import count, duration, local_time, result, short_id, state
from waivern.cli.terminal.output import as_table
from waivern.escaping import lines, one_line
from waivern.history.run_records import ArtifactRecord, RunDetails, RunRecord
from waivern.operations.exports.export_artifacts import ExportedArtifacts
from waivern.runs.run import RESUMABLE, ArtifactStatus, RunStatus, Trigger


def as_text(details: RunDetails) -> str:
    """Return the run as text."""
    sections = [_heading(details.run), _table(details.artifacts), *_details(details)]
    return "\n\n".join(section for section in sections if section)


def next_steps(details: RunDetails, *, database: str | None, runbook: str = "RUNBOOK") -> str:
    """Return the commands that show details of the run, or resume it.

    `database` is the URL passed as `--db`, if any; a URL that may hold a password is not repeated.
    """
    run = short_id(details.run.id)
    commands = [f"waivern history show {run}"]
    available = [
        artifact
        for artifact in details.artifacts
        if artifact.status is ArtifactStatus.SUCCEEDED and artifact.pruned_at is None
    ]
    if available:
        best = next((artifact for artifact in reversed(available) if artifact.output), available[-1])
        commands.append(f"waivern artifacts show {run} {shlex.quote(one_line(best.artifact_id))}")
    if details.run.reanalysis_of is not None:
        commands.append(f"waivern diff {short_id(details.run.reanalysis_of)} {run}")
    elif details.run.status in RESUMABLE:
        commands.append(f"waivern run {shlex.quote(runbook)} --resume {run}")
    return "\n".join([_title("Next steps:"), *(f"  {command}{same_database(database)}" for command in commands)])


def files_in_words(exported: ExportedArtifacts) -> Iterator[str]:
    """Yield a line for each artifact that was skipped, and one for the files that were written."""
    for artifact_id in exported.pruned:
        yield f"Skipped '{one_line(artifact_id)}': its content was pruned"
    yield f"Wrote {count(len(exported.files), 'artifact')} to {exported.folder}"


def same_database(database: str | None) -> str:
    """Return the `--db` option that selects the same database, or nothing for the default."""
    if database is None:
        return ""
    return f" --db {shlex.quote(database)}" if database.startswith("sqlite:") else " --db URL"


def _heading(run: RunRecord) -> str:
    status = state(run.status)
    styled_status = click.style(status.text, fg=status.style or None, bold=True)
    took = duration(run.duration_seconds)
    start = (
        f"queued {local_time(run.created_at)}" if run.started_at is None else f"started {local_time(run.started_at)}"
    )
    facts = [f"Run {run.id}", start]
    if run.trigger != Trigger.MANUAL:
        facts.append(_cause(run))
    if run.due_at is not None:
        late = run.lateness_seconds
        facts.append(f"due {local_time(run.due_at)}" + (f" and {duration(late)} late" if late is not None else ""))
    if run.attempts > 1:
        facts.append(f"attempt {run.attempts}" + (f" of {run.max_attempts}" if run.max_attempts > 1 else ""))
    if run.worker is not None and (run.status is RunStatus.RUNNING or run.trigger != Trigger.MANUAL):
        facts.append(f"worker: {run.worker}")
    heading = f"{click.style(one_line(run.runbook), bold=True)}: {styled_status}{f' in {took}' if took else ''}"
    return "\n".join([heading, click.style(one_line(", ".join(facts)), dim=True)])


def _cause(run: RunRecord) -> str:
    if run.reanalysis_of is not None:
        return f"reanalysis of run {run.reanalysis_of}"
    if run.schedule is None:
        return f"trigger {run.trigger}"
    by = {
        Trigger.SCHEDULE: "by schedule",
        Trigger.CATCH_UP: "caught up by schedule",
        Trigger.BACKFILL: "backfilled for",
    }
    return f"{by.get(Trigger(run.trigger), 'triggered for')} '{run.schedule}'"


def _table(artifacts: Sequence[ArtifactRecord]) -> str:
    rows = [
        (
            artifact.artifact_id,
            state(artifact.status, optional=artifact.optional and artifact.status is ArtifactStatus.FAILED),
            duration(artifact.duration_seconds),
            result(artifact),
        )
        for artifact in artifacts
    ]
    return as_table(("ARTIFACT", "STATUS", "TIME", "RESULT"), rows, right=("TIME",))


def _details(details: RunDetails) -> Iterator[str]:
    yield _section("Attempts", _attempts(details))
    yield _section("Errors", _errors(details))
    yield _section("Not scanned", _not_scanned(details.artifacts))
    yield _section("Partially scanned", _partially_scanned(details.artifacts))
    yield _section("Gates", _gates(details))


def _gates(details: RunDetails) -> Iterator[str]:
    for gate, violations in details.gates.items():
        yield _indented(f"{gate}: " + (f"failed, {count(violations, 'violation')}" if violations else "passed"))


def _attempts(details: RunDetails) -> Iterator[str]:
    """Yield the attempts, unless there was only one and it had no error."""
    if len(details.attempts) > 1 or any(attempt.error for attempt in details.attempts):
        for attempt in details.attempts:
            outcome = (attempt.outcome or "running").replace("_", " ")
            error = f": {attempt.error}" if attempt.error else ""
            yield _indented(f"{attempt.number}. {local_time(attempt.started_at)}, {attempt.worker}: {outcome}{error}")
    for failed in details.failed_attempts:
        started = local_time(failed.started_at)
        yield _indented(f"{failed.artifact_id}, attempt {failed.attempt} at {started}: {failed.error}")


def _errors(details: RunDetails) -> Iterator[str]:
    if details.run.error:
        yield _indented(f"the run: {details.run.error}")
    for artifact in details.artifacts:
        if artifact.error:
            yield _indented(f"{artifact.artifact_id}: {artifact.error}")


def _not_scanned(artifacts: Iterable[ArtifactRecord]) -> Iterator[str]:
    shown: set[tuple[str, str]] = set()
    for artifact in artifacts:
        overview = artifact.overview
        if overview is None or not overview.not_scanned:
            continue
        examples = [(str(gap.get("name")), str(gap.get("reason"))) for gap in overview.not_scanned_examples]
        if shown.issuperset(examples):
            continue  # an analyser repeats the gaps of its inputs
        shown.update(examples)
        yield _indented(f"{artifact.artifact_id}: {overview.not_scanned:,} not scanned")
        yield from (_indented(f"  {name}: {reason}") for name, reason in examples)
        yield from _and_more(overview.not_scanned - len(examples))


def _partially_scanned(artifacts: Iterable[ArtifactRecord]) -> Iterator[str]:
    shown: set[tuple[str, str, str]] = set()
    for artifact in artifacts:
        overview = artifact.overview
        if overview is None or not overview.sampled:
            continue
        examples = [
            (_value(gap, "name"), _value(gap, "read"), _value(gap, "total")) for gap in overview.sampled_examples
        ]
        if shown.issuperset(examples):
            continue
        shown.update(examples)
        yield from (_indented(f"{artifact.artifact_id}: {name}: {read} of {total}") for name, read, total in examples)
        yield from _and_more(overview.sampled - len(examples))


def _value(example: dict[str, object], key: str) -> str:
    value = example.get(key)
    return f"{value:,}" if isinstance(value, int) else str(value)


def _and_more(number: int) -> Iterator[str]:
    if number > 0:
        yield f"    and {number:,} more"


def _section(title: str, entries: Iterable[str]) -> str:
    lines_of_section = list(entries)
    return "\n".join([_title(f"{title}:"), *lines_of_section]) if lines_of_section else ""


def _title(text: str) -> str:
    return click.style(text, bold=True)


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in lines(text).splitlines())
