"""Live progress of a run on a terminal: one line per artifact, as many as fit."""

import sys
from collections.abc import Iterator
from datetime import datetime
from types import TracebackType
from typing import Self

from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from waivern.cli.terminal.formatting import duration, short_id, state
from waivern.cli.terminal.output import on_terminal
from waivern.cli.terminal.progress import Progress, Step
from waivern.escaping import one_line
from waivern.history.run_records import seconds_between
from waivern.runs.run import ArtifactStatus, utc_now

_SIGNS = {
    ArtifactStatus.PENDING: "·",
    ArtifactStatus.SUCCEEDED: "✓",
    ArtifactStatus.FAILED: "✗",
    ArtifactStatus.SKIPPED: "-",
}
_PLAIN_SIGNS = {**_SIGNS, ArtifactStatus.PENDING: ".", ArtifactStatus.SUCCEEDED: "+", ArtifactStatus.FAILED: "x"}
_OTHER_LINES = 4
_MOST_NAMED = 3
_GAP = 2
_SIGN_WIDTH = 1
_TIME_WIDTH = len("59 min 59 s")
_MIN_NAME_WIDTH = 20
_BY_IMPORTANCE = (
    ArtifactStatus.RUNNING,
    ArtifactStatus.FAILED,
    ArtifactStatus.PENDING,
    ArtifactStatus.SKIPPED,
    ArtifactStatus.SUCCEEDED,
)
_REFRESHES_PER_SECOND = 8


class LiveProgress(Progress):
    """Redraws itself in place, and disappears if the summary is printed to the same terminal."""

    def __init__(self) -> None:
        super().__init__()
        self._console = Console(stderr=True)
        self._signs = _PLAIN_SIGNS if self._console.options.ascii_only else _SIGNS
        self._spinner = Spinner("line" if self._console.options.ascii_only else "dots", style="cyan")
        self._live = Live(
            console=self._console,
            get_renderable=self._render,
            refresh_per_second=_REFRESHES_PER_SECOND,
            transient=on_terminal(sys.stdout),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._live.stop()

    def _opened(self) -> None:
        self._live.start()

    def _changed(self, artifact_id: str, step: Step) -> None:
        """Nothing to do: the next refresh shows it."""

    def _render(self) -> RenderableType:
        shown = self._visible_artifacts()
        table = self._grid(longest=max((cell_len(one_line(name)) for name in shown), default=1))
        now = utc_now()
        for artifact_id in shown:
            table.add_row(*self._row(artifact_id, self.steps[artifact_id], now))
        return Group(self._heading(), table, *self._hidden_count(len(shown)))

    def _grid(self, *, longest: int) -> Table:
        """Return a grid with fixed column widths, so that the display does not jump."""
        name_width = min(longest, max(_MIN_NAME_WIDTH, self._console.width // 2))
        remark_width = self._console.width - _SIGN_WIDTH - name_width - _TIME_WIDTH - 3 * _GAP - 1
        table = Table.grid(padding=(0, _GAP, 0, 0))
        table.add_column(width=_SIGN_WIDTH)
        table.add_column(width=name_width, no_wrap=True, overflow="ellipsis")
        table.add_column(width=_TIME_WIDTH, justify="right", no_wrap=True)
        table.add_column(width=max(1, remark_width), no_wrap=True, overflow="ellipsis")
        return table

    def _heading(self) -> Text:
        return Text.assemble(
            (self.runbook, "bold"),
            (f"  {self.ended:,} of {len(self.steps):,}  run {short_id(self.run_id or '')}", "dim"),
            no_wrap=True,
            overflow="ellipsis",
        )

    def _row(self, artifact_id: str, step: Step, now: datetime) -> Iterator[RenderableType]:
        style = state(step.status).style
        yield self._spinner if step.status is ArtifactStatus.RUNNING else Text(self._signs[step.status], style=style)
        yield Text(one_line(artifact_id), style="dim" if step.status is ArtifactStatus.PENDING else "")
        yield Text(duration(seconds_between(step.started_at, step.ended_at or now)), style="dim")
        yield Text(step.remark or self._waiting_for(artifact_id, step), style="red" if style == "red" else "dim")

    def _waiting_for(self, artifact_id: str, step: Step) -> str:
        if step.status is not ArtifactStatus.PENDING:
            return ""
        missing = [one_line(name) for name in self.inputs[artifact_id] if not self.steps[name].has_ended]
        beyond = f" and {len(missing) - _MOST_NAMED:,} more" if len(missing) > _MOST_NAMED else ""
        return f"waits for {', '.join(missing[:_MOST_NAMED])}{beyond}" if missing else ""

    def _visible_artifacts(self) -> list[str]:
        """Return the artifacts in plan order; if too many, only the most important ones."""
        room = max(1, self._console.height - _OTHER_LINES)
        if len(self.steps) <= room:
            return list(self.steps)
        rank = {status: number for number, status in enumerate(_BY_IMPORTANCE)}
        chosen = set(sorted(self.steps, key=lambda artifact_id: rank[self.steps[artifact_id].status])[:room])
        return [artifact_id for artifact_id in self.steps if artifact_id in chosen]

    def _hidden_count(self, shown: int) -> Iterator[Text]:
        if shown < len(self.steps):
            yield Text(f"and {len(self.steps) - shown:,} more", style="dim")
