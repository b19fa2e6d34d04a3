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
  0  success
  1  a gate failed
  2  a usage error, or an invalid runbook
  3  the run failed, timed out, was cancelled or is incomplete
  4  the database cannot be used

\b
Settings (environment variables):
  WAIVERN_DATABASE_URL        database URL [sqlite:///.waivern/waivern.db]
  WAIVERN_SQLITE_SYNCHRONOUS  FULL survives power loss, NORMAL is faster [FULL]
  WAIVERN_LEASE_SECONDS       seconds without a heartbeat before a takeover [30]
  WAIVERN_LOG_LEVEL           DEBUG, INFO, WARNING or ERROR [WARNING]
  WAIVERN_LOG_FORMAT          text, or json with one object per line [text]
  WAIVERN_ENCRYPTION_KEY      key that encrypts stored content [none]
  WAIVERN_ENCRYPTION_KEY_FILE file that holds the key [none]
  WAIVERN_ANCHOR_KEY_FILE     file with the key that signs anchors [none]
  WAIVERN_DEFAULT_TIMEOUT     timeout of runs that set none: 6h, never or auto [auto]
  WAIVERN_PRUNE_AT            time of the daily pruning (UTC), or never [03:30]
  WAIVERN_HOOK_COMMANDS       hook commands that schedules may run [none]
  WAIVERN_CACHE_DIR           folder for compiled rules, or none [~/.cache/waivern]
"""


@click.group(
    cls=LazyGroup,
    table=COMMANDS,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="waivern", message="%(prog)s %(version)s")
def waivern() -> None:
    """Run compliance scans and keep a permanent record of them.

    A runbook (YAML) declares what is scanned and how. Every run, with its results and the reasons for failures, is
    stored in a database.
    """


def main() -> NoReturn:
    """Run the command line and exit with its exit code."""
    split_if_init()
    open_missing_streams()
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # both are text streams here
    logging.captureWarnings(capture=True)
    log_uncaught_exceptions()
    raise_gc_threshold()
    leave(exit_code_of(waivern, sys.argv[1:]))
