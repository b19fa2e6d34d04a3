"""Choice of the progress display that fits standard error."""

import sys

from waivern.cli.terminal.output import on_terminal
from waivern.cli.terminal.progress import PlainProgress, Progress, SilentProgress


def progress_on_standard_error(*, quiet: bool) -> Progress:
    """Return a live display for a terminal, lines for a file, or nothing if `quiet`."""
    if quiet:
        return SilentProgress()
    if on_terminal(sys.stderr):
        from waivern.cli.terminal.live_progress import LiveProgress

        return LiveProgress()
    return PlainProgress()
