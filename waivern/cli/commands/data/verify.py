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
from waivern.escaping import one_line
from waivern.formats.anchor import AnchorKey
from waivern.history.verification import Verification
from waivern.operations.application import Application
from waivern.operations.data.verify_history import AnchorFile, AnchorUse, Verified, verified_as_json, verify_history

MISMATCH = 3
_PROGRESS_EVERY_S = 0.5
_ANCHOR = {
    None: "No anchor was written",
    AnchorUse.CHECKED: "Anchor checked",
    AnchorUse.WRITTEN: "Anchor written; keep it where no one who can change the database can write",
    AnchorUse.RENEWED: "Anchor checked and updated to the newest event",
}


@click.command(short_help="Verify that the stored record was not altered.")
@click.option("--run", metavar="RUN", help="Verify only this run: id, prefix of an id, or 'latest'.")
@click.option(
    "--anchor",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Check this anchor; write it if it does not exist.",
)
@click.option("--renew", is_flag=True, help="Then update the anchor to the newest event.")
@click.option(
    "--key",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Anchor key (overrides WAIVERN_ANCHOR_KEY_FILE).",
)
@database_option
@format_option("text", "json")
@pass_existing
def verify(
    application: Application, run: str | None, anchor: Path | None, renew: bool, key: Path | None, output_format: str
) -> None:
    """Verify that the stored record was not altered.

    Every digest, hash and link is recomputed. The exit code is 3 if something does not match. Only an anchor that is
    kept elsewhere proves that the newest events were not removed. It is signed with an Ed25519 key (`openssl genpkey
    -algorithm ed25519`) or a secret (`openssl rand -hex 32`).

    \b
    Examples:
      waivern verify
      waivern verify --run latest
      waivern verify --anchor /mnt/usb/waivern.anchor --key ~/anchor.pem --renew
    """
    file = None if anchor is None else AnchorFile(anchor, _key(key), renew=renew)
    if anchor is None and (renew or key is not None):
        raise click.UsageError("--renew and --key need --anchor")
    verified = verify_history(application, run=run, anchor=file, progress=_Progress().show)
    if output_format == "json":
        write(as_json(verified_as_json(verified)))
    else:
        write(_as_text(verified, anchor))
    if not verified.verification.is_intact:
        click.get_current_context().exit(MISMATCH)


def _key(given: Path | None) -> AnchorKey:
    named = current_settings().anchor_key_file
    path = given if given is not None else None if named == "none" else Path(named)
    if path is None:
        raise UsageError(
            "An anchor needs a key",
            remedy="Set --key or WAIVERN_ANCHOR_KEY_FILE; create one with `openssl rand -hex 32 > anchor.key`",
        )
    try:
        return AnchorKey(path.read_bytes())
    except OSError as error:
        raise UsageError(f"Cannot read the key {path}: {error.strerror}", remedy="Check its path") from None


class _Progress:
    """A progress line on standard error; on a terminal it is overwritten."""

    def __init__(self) -> None:
        self._shown_at = time.monotonic()
        self._stream: IO[str] = sys.stderr
        self._is_terminal = on_terminal(self._stream)

    def show(self, kind: str, done: int) -> None:
        now = time.monotonic()
        if now - self._shown_at < _PROGRESS_EVERY_S:
            return
        self._shown_at = now
        end = "\r" if self._is_terminal else "\n"
        self._stream.write(f"Verifying {kind}: {done:,}".ljust(60 if self._is_terminal else 0) + end)
        self._stream.flush()


def _as_text(verified: Verified, anchor: Path | None) -> str:
    result = verified.verification
    lines = [
        _verdict(result),
        *(one_line(f"  {mismatch.record}: {mismatch.problem}") for mismatch in result.mismatches),
    ]
    if result.mismatch_count > len(result.mismatches):
        lines.append(f"  and {result.mismatch_count - len(result.mismatches):,} more")
    lines += _coverage(result)
    if anchor is not None:
        lines.append(f"{_ANCHOR[verified.anchor]}: {anchor}")
    return "\n".join(lines)


def _verdict(result: Verification) -> str:
    if result.is_intact:
        return "OK: no tampering found"
    number = result.mismatch_count
    return f"{number:,} {'record does' if number == 1 else 'records do'} not match:"


def _coverage(result: Verification) -> list[str]:
    numbers = [
        count(result.counts[name], name.removesuffix("s")) for name in ("events", "runs", "artifacts", "findings")
    ]
    contents = f"{count(result.counts['contents'], 'content')} of {bytes_in_words(result.counts['bytes'])}"
    lines = [f"Verified {', '.join(numbers)}, {contents}"]
    if result.counts["imported_events"]:
        lines.append(f"{count(result.counts['imported_events'], 'imported event')} verified")
    if result.pruned:
        lines.append(f"{count(result.pruned, 'content')} deleted: only their digests are verified")
    if result.undecryptable:
        lines.append(f"{count(result.undecryptable, 'content')} encrypted with an unknown key: not verified")
    if result.open_runs:
        lines.append(f"{count(result.open_runs, 'run')} queued or running: not verified yet")
    if result.unproven_runs:
        lines.append(f"{count(result.unproven_runs, 'run')} restored without proof of what it was before")
    if result.end is not None:
        lines.append(f"Newest event: {result.end.seq}, {result.end.hash}")
    return lines
