"""Which way of telling how a run goes on fits whoever reads standard error."""

import sys

from waivern.cli.terminal.output import on_terminal
from waivern.cli.terminal.progress import PlainProgress, Progress, SilentProgress


def progress_on_standard_error(*, quiet: bool) -> Progress:
    """Return the progress that fits: a live display for a person, lines for a file, nothing where none is wanted."""
    if quiet:
        return SilentProgress()
    if on_terminal(sys.stderr):
        from waivern.cli.terminal.live_progress import LiveProgress

        return LiveProgress()
    return PlainProgress()
