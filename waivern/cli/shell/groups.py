"""Command groups that import their subcommands on demand and suggest corrections for typos."""

import importlib
import os
from collections.abc import Mapping
from typing import Any, NamedTuple

import click

from waivern.errors import did_you_mean

_COMMANDS = "waivern.cli.commands"


class LazyCommand(NamedTuple):
    """A command that is not imported yet.

    `location` is "module:name", with the module relative to `waivern.cli.commands`.
    """

    help: str
    location: str


class SuggestingGroup(click.Group):
    """A group whose error for an unknown command suggests the nearest known one."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = os.fspath(args[0])
        if not ctx.resilient_parsing and not name.startswith("-") and self.get_command(ctx, name) is None:
            known = self.list_commands(ctx)
            remedy = did_you_mean(name, known) or f"There are: {', '.join(known)}."
            raise click.UsageError(f"There is no command '{name}'. {remedy}", ctx)
        return super().resolve_command(ctx, args)


class LazyGroup(SuggestingGroup):
    """Imports a command's module when the command is used, so that `--help` of the group imports none of them.

    Args:
        table: The commands by name, in the order in which help lists them.
    """

    def __init__(self, *args: Any, table: Mapping[str, LazyCommand], **options: Any) -> None:
        super().__init__(*args, **options)
        self._table = table

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(self._table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in self._table:
            return None
        module, _, name = self._table[cmd_name].location.partition(":")
        command: click.Command = getattr(importlib.import_module(f"{_COMMANDS}.{module}"), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.help) for name, command in self._table.items()])
