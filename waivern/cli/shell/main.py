"""The `waivern` command: its subcommands, and the module of each."""

import logging
import sys
from typing import NoReturn

import click

from waivern import __version__
from waivern.cli.shell.exit_codes import exit_code_of, leave, open_missing_streams
from waivern.cli.shell.groups import LazyCommand, LazyGroup
from waivern.cli.shell.logs import log_uncaught_exceptions
from waivern.gc_tuning import raise_gc_threshold
from waivern.processes.init import split_if_init

COMMANDS = {
    "run": LazyCommand("Run a runbook and store its results.", "runs.run:run"),
    "serve": LazyCommand("Run the scheduler and workers.", "schedules.serve:serve"),
    "worker": LazyCommand("Execute queued runs (no scheduler).", "schedules.serve:worker"),
    "validate": LazyCommand("Check runbooks without running them.", "catalogue.validate:validate"),
    "plan": LazyCommand("Show a runbook's artifacts and their order.", "catalogue.plan:plan"),
    "history": LazyCommand("List past runs, or show one.", "runs.history:history"),
    "schedule": LazyCommand("Manage schedules.", "schedules.schedule:schedule"),
    "status": LazyCommand("Show services, the queue and running runs.", "runs.queue:status"),
    "cancel": LazyCommand("Cancel a queued or running run.", "runs.queue:cancel"),
    "backfill": LazyCommand("Queue runs for past scheduled times.", "runs.queue:backfill"),
    "artifacts": LazyCommand("List, show and export a run's artifacts.", "runs.artifacts:artifacts"),
    "export": LazyCommand("Export a run (HTML, CSV, SARIF, RoPA, ...).", "runs.export:export"),
    "diff": LazyCommand("Compare the findings of two runs.", "findings.diff:diff"),
    "prune": LazyCommand("Delete stored content past its retention period.", "data.prune:prune"),
    "findings": LazyCommand("List findings and their status.", "findings.findings:findings"),
    "reanalyse": LazyCommand("Apply the current rules to a past run's data.", "runs.reanalyse:reanalyse"),
    "suppress": LazyCommand("Suppress a finding (false positive).", "findings.decisions:suppress"),
    "accept": LazyCommand("Accept a finding (legal basis or accepted risk).", "findings.decisions:accept"),
    "reopen": LazyCommand("Reopen a suppressed or accepted finding.", "findings.decisions:reopen"),
    "erase": LazyCommand("Erase stored content about a person or from a run.", "data.erase:erase_command"),
    "archive": LazyCommand("Write runs to an archive file.", "data.archive:archive"),
    "restore": LazyCommand("Restore runs from an archive file.", "data.archive:restore"),
    "keys": LazyCommand("Manage encryption keys.", "data.keys:keys"),
    "explain": LazyCommand("Explain a finding: rule, law, matches, confidence.", "findings.explain:explain"),
    "components": LazyCommand("List connectors, analysers and exporters.", "catalogue.components:components"),
    "rulesets": LazyCommand("List the available rulesets.", "catalogue.rulesets:rulesets"),
    "detect": LazyCommand("Apply rules to a text.", "findings.detect:detect"),
    "schema": LazyCommand("Print the JSON Schema of runbooks or messages.", "catalogue.schema:schema"),
    "events": LazyCommand("List audit events, newest first.", "data.events:events"),
    "verify": LazyCommand("Verify that the stored record was not altered.", "data.verify:verify"),
    "db": LazyCommand("Manage the database.", "data.db:db"),
}

_EPILOG = """
\b
Examples:
  waivern run nightly.yaml
  waivern history --status failed --since 7d
  waivern history show latest

\b
Exit codes:
  0  it succeeded
  1  a gate tripped on findings
  2  wrong usage, or a runbook that does not plan
  3  the run failed, timed out, was cancelled or is incomplete
  4  the database cannot be used

\b
Settings (environment variables):
  WAIVERN_DATABASE_URL        where runs are kept [sqlite:///.waivern/waivern.db]
  WAIVERN_SQLITE_SYNCHRONOUS  FULL survives a power cut, NORMAL is faster [FULL]
  WAIVERN_LEASE_SECONDS       after which silence a run may be taken over [30]
  WAIVERN_LOG_LEVEL           DEBUG, INFO, WARNING or ERROR [WARNING]
  WAIVERN_LOG_FORMAT          text, or json with an object a line [text]
  WAIVERN_ENCRYPTION_KEY      what messages hold is encrypted by it [none]
  WAIVERN_ENCRYPTION_KEY_FILE a file that holds the key [none]
  WAIVERN_ANCHOR_KEY_FILE     the key that anchors are signed with [none]
  WAIVERN_PRUNE_AT            when a service prunes each day (UTC), or never [03:30]
  WAIVERN_HOOK_COMMANDS       commands that notifications may run [none]
  WAIVERN_CACHE_DIR           where compiled rules are cached, or none [~/.cache/waivern]
"""


@click.group(
    cls=LazyGroup,
    table=COMMANDS,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="waivern", message="%(prog)s %(version)s")
def waivern() -> None:
    """Run compliance scans and remember everything they found.

    A runbook (YAML) says what is scanned and how; each run of it is kept in a database, where it can be asked about
    years later.
    """


def main() -> NoReturn:
    """Carry out the command line and leave with its exit code."""
    split_if_init()
    open_missing_streams()
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # both are text streams here
    logging.captureWarnings(capture=True)
    log_uncaught_exceptions()
    raise_gc_threshold()
    leave(exit_code_of(waivern, sys.argv[1:]))
