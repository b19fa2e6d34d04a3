"""`waivern verify`."""

import sys
import time
from pathlib import Path
from typing import IO

import click

from waivern.cli.shell.options import current_settings, database_option, format_option, pass_existing
from waivern.cli.terminal.formatting import bytes_in_words, count
from waivern.cli.terminal.output import as_json, on_terminal, write
from waivern.errors import UsageError
from waivern.history.anchor import AnchorKey
from waivern.history.verification import Verification
from waivern.operations.application import Application
from waivern.operations.data.verify_history import AnchorFile, AnchorUse, Verified, verified_as_json, verify_history

DAMAGED = 3
_EVERY_S = 0.5
_ANCHOR = {
    None: "No anchor was written",
    AnchorUse.CHECKED: "The chain goes on from the anchor",
    AnchorUse.WRITTEN: "There was no anchor: this one was written; keep it away from who can change the database",
    AnchorUse.RENEWED: "The chain goes on from the anchor, which holds the newest event now",
}


@click.command(short_help="Verify that the stored record was not altered.")
@click.option(
    "--run", metavar="RUN", help="Only this run and the chain of events; an id, the beginning of one, or 'latest'."
)
@click.option(
    "--anchor",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Check that the chain goes on from this anchor; where there is none, write it.",
)
@click.option("--renew", is_flag=True, help="Put the newest event into the anchor once everything has been proven.")
@click.option(
    "--key",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The key that the anchor is signed with, in place of WAIVERN_ANCHOR_KEY_FILE.",
)
@database_option
@format_option("text", "json")
@pass_existing
def verify(
    application: Application, run: str | None, anchor: Path | None, renew: bool, key: Path | None, form: str
) -> None:
    """Compute every digest, root and link anew, and name the first that does not fit.

    Exit code 3 says that something does not fit. The end of the chain proves itself only against an anchor that is kept
    elsewhere: an Ed25519 key (`openssl genpkey -algorithm ed25519`) or a secret (`openssl rand -hex 32`) signs it.

    \b
    Examples:
      waivern verify
      waivern verify --run latest
      waivern verify --anchor /mnt/usb/waivern.anchor --key ~/anchor.pem --renew
    """
    file = None if anchor is None else AnchorFile(anchor, _key(key), renew=renew)
    if anchor is None and (renew or key is not None):
        raise click.UsageError("--renew and --key are about an anchor: give --anchor, too")
    verified = verify_history(application, run=run, anchor=file, progress=_Progress().tell)
    if form == "json":
        write(as_json(verified_as_json(verified)))
    else:
        write(_as_text(verified, anchor))
    if verified.verification.damage:
        click.get_current_context().exit(DAMAGED)


def _key(given: Path | None) -> AnchorKey:
    named = current_settings().anchor_key_file
    path = given if given is not None else None if named == "none" else Path(named)
    if path is None:
        raise UsageError(
            "An anchor needs a key",
            remedy="Give --key FILE or set WAIVERN_ANCHOR_KEY_FILE; make one with `openssl rand -hex 32 > anchor.key`",
        )
    try:
        return AnchorKey(path.read_bytes())
    except OSError as error:
        raise UsageError(f"The key {path} cannot be read: {error.strerror}", remedy="Check its path") from None


class _Progress:
    """A line on standard error that is written over, where somebody looks at it."""

    def __init__(self) -> None:
        self._told_at = time.monotonic()
        self._stream: IO[str] = sys.stderr
        self._is_shown = on_terminal(self._stream)

    def tell(self, what: str, done: int) -> None:
        now = time.monotonic()
        if now - self._told_at < _EVERY_S:
            return
        self._told_at = now
        end = "\r" if self._is_shown else "\n"
        self._stream.write(f"Verifying {what}: {done:,}".ljust(60 if self._is_shown else 0) + end)
        self._stream.flush()


def _as_text(verified: Verified, anchor: Path | None) -> str:
    found = verified.verification
    lines = [_verdict(found), *(f"  {each.what}: {each.why}" for each in found.damages)]
    if found.damage > len(found.damages):
        lines.append(f"  and {found.damage - len(found.damages):,} more")
    lines += _looked_at(found)
    if anchor is not None:
        lines.append(f"{_ANCHOR[verified.anchor]}: {anchor}")
    return "\n".join(lines)


def _verdict(found: Verification) -> str:
    if found.damage:
        return f"{count(found.damage, 'thing')} {'does' if found.damage == 1 else 'do'} not fit:"
    return "Everything fits"


def _looked_at(found: Verification) -> list[str]:
    numbers = [
        count(found.counts[name], name.removesuffix("s")) for name in ("events", "runs", "artifacts", "findings")
    ]
    contents = f"{count(found.counts['contents'], 'content')} of {bytes_in_words(found.counts['bytes'])}"
    lines = [f"Verified {', '.join(numbers)}, {contents}"]
    if found.counts["imported_events"]:
        lines.append(f"{count(found.counts['imported_events'], 'event')} of the databases that runs came from")
    if found.pruned:
        lines.append(f"{count(found.pruned, 'content')} pruned: only the digests are left to prove")
    if found.sealed:
        lines.append(f"{count(found.sealed, 'content')} encrypted by a key that is not known here: not proven")
    if found.open_runs:
        lines.append(f"{count(found.open_runs, 'run')} still open: nothing is proven of them yet")
    if found.unproven_runs:
        lines.append(f"{count(found.unproven_runs, 'run')} from before there were events: only contents are proven")
    if found.end is not None:
        lines.append(f"The newest event is {found.end.seq}, {found.end.hash}")
    return lines
