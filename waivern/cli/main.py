"""The `waivern` command: which subcommands there are, and where each is."""

import logging
import sys
from typing import NoReturn

import click

from waivern import __version__
from waivern.cli.endings import exit_code_of, leave, open_missing_streams
from waivern.cli.groups import LazyCommand, LazyGroup
from waivern.operations.collecting import collect_seldom

COMMANDS = {
    "run": LazyCommand("Run a runbook and remember what it finds.", "waivern.cli.run:run"),
    "serve": LazyCommand("Run runbooks when their schedules are due.", "waivern.cli.serve:serve"),
    "worker": LazyCommand("Make runs that others have queued.", "waivern.cli.serve:worker"),
    "validate": LazyCommand("Check runbooks without running them.", "waivern.cli.validate:validate"),
    "plan": LazyCommand("Show what a runbook would make, in which order.", "waivern.cli.plan:plan"),
    "history": LazyCommand("List past runs, or show one.", "waivern.cli.history:history"),
    "schedule": LazyCommand("Say which runbooks are run when.", "waivern.cli.schedule:schedule"),
    "status": LazyCommand("Show services, queue and running runs.", "waivern.cli.queue:status"),
    "cancel": LazyCommand("End a queued or running run.", "waivern.cli.queue:cancel"),
    "backfill": LazyCommand("Make a schedule's runs for past instants.", "waivern.cli.queue:backfill"),
    "artifacts": LazyCommand("List, show and export what a run made.", "waivern.cli.artifacts:artifacts"),
    "export": LazyCommand("Write a run down in a format that others read.", "waivern.cli.export:export"),
    "diff": LazyCommand("Show what changed between two runs.", "waivern.cli.diff:diff"),
    "prune": LazyCommand("Let go of what need not be kept any longer.", "waivern.cli.prune:prune"),
    "findings": LazyCommand("List what was found, and how it stands.", "waivern.cli.findings:findings"),
    "reanalyse": LazyCommand("Apply today's rules to what a run had read.", "waivern.cli.reanalyse:reanalyse"),
    "suppress": LazyCommand("Say that a finding is none.", "waivern.cli.decisions:suppress"),
    "accept": LazyCommand("Say that a finding may stay.", "waivern.cli.decisions:accept"),
    "reopen": LazyCommand("Take back what was decided about a finding.", "waivern.cli.decisions:reopen"),
    "erase": LazyCommand("Erase what messages hold of a person or a run.", "waivern.cli.erase:erase_command"),
    "archive": LazyCommand("Write runs into a file for another database.", "waivern.cli.archive:archive"),
    "restore": LazyCommand("Take in the runs of such a file.", "waivern.cli.archive:restore"),
    "keys": LazyCommand("Look after the keys of stored contents.", "waivern.cli.keys:keys"),
    "explain": LazyCommand("Say why a finding is one.", "waivern.cli.explain:explain"),
    "components": LazyCommand("List connectors, analysers and exporters.", "waivern.cli.components:components"),
    "rulesets": LazyCommand("List the rulesets there are.", "waivern.cli.rulesets:rulesets"),
    "detect": LazyCommand("Try rules on a text.", "waivern.cli.detect:detect"),
    "schema": LazyCommand("Print the JSON Schema of runbooks or of a message.", "waivern.cli.schema:schema"),
    "events": LazyCommand("List what happened, newest first.", "waivern.cli.events:events"),
    "verify": LazyCommand("Prove that nothing was altered.", "waivern.cli.verify:verify"),
    "db": LazyCommand("Look after the database.", "waivern.cli.db:db"),
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
    open_missing_streams()
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # both are text streams here
    logging.captureWarnings(capture=True)
    collect_seldom()
    leave(exit_code_of(waivern, sys.argv[1:]))
