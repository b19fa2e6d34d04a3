"""Behaviour that all commands share."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields

import click
import pytest

from waivern import __version__
from waivern.cli.shell.main import COMMANDS, waivern
from waivern.errors import WaivernError
from waivern.settings import PREFIX, Settings

SLOW_TO_IMPORT = {"pydantic", "rich", "sqlalchemy", "alembic", "asyncio", "yaml", "hyperscan", "phonenumbers"}


def _every_command() -> Iterator[tuple[str, click.Command]]:
    context = click.Context(waivern)
    for name in COMMANDS:
        command = waivern.get_command(context, name)
        assert command is not None
        yield name, command
        if isinstance(command, click.Group):
            yield from ((f"{name} {subname}", subcommand) for subname, subcommand in command.commands.items())


@pytest.mark.parametrize(("name", "command"), list(_every_command()), ids=lambda value: str(value))
def test_every_command_has_a_help_whose_first_sentence_is_short(name: str, command: click.Command) -> None:
    assert command.help is not None
    first = command.help.split("\n\n")[0]
    assert len(first) < 120
    assert first.endswith(".")
    assert "\\b" not in command.help


@pytest.mark.parametrize("name", COMMANDS)
def test_the_command_list_shows_each_commands_own_short_help(name: str) -> None:
    command = waivern.get_command(click.Context(waivern), name)
    assert command is not None
    assert command.short_help == COMMANDS[name].help


def test_help_imports_no_command(folder) -> None:
    program = (
        "import sys; from waivern.cli.shell.main import waivern; from waivern.cli.shell.exit_codes import exit_code_of;"
        "exit_code_of(waivern, ['--help']);"
        "print(','.join(sorted(sys.modules)), file=sys.stderr)"
    )
    completed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    imported = set(completed.stderr.strip().split(","))
    assert not imported & SLOW_TO_IMPORT
    assert (
        not {f"waivern.cli.commands.{command.location.partition(':')[0]}" for command in COMMANDS.values()} & imported
    )


def test_history_does_not_import_slow_modules(folder) -> None:
    program = (
        "import sys; from waivern.cli.shell.main import waivern; from waivern.cli.shell.exit_codes import exit_code_of;"
        "exit_code_of(waivern, ['db', 'upgrade']);"
        "[sys.modules.pop(name) for name in list(sys.modules) if name.partition('.')[0] == 'alembic'];"
        "exit_code_of(waivern, ['history']);"
        "print(','.join(sorted(sys.modules)), file=sys.stderr)"
    )
    completed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    imported = set(completed.stderr.strip().splitlines()[-1].split(","))
    assert not imported & {"pydantic", "rich", "alembic", "yaml"}


def test_help_lists_every_setting_with_its_default(ask) -> None:
    help_text = ask("--help").out
    for setting in fields(Settings):
        assert f"{PREFIX}{setting.name.upper()} " in help_text
        assert f"[{str(setting.default).removesuffix('.0')}]" in help_text


def test_version_prints_the_version(ask) -> None:
    assert ask("--version").out == f"waivern {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "suggestion"),
    [
        (("hisotry",), "Did you mean 'history'?"),
        (("history", "shwo", "latest"), "Did you mean 'show'?"),
        (("db", "upgarde"), "Did you mean 'upgrade'?"),
        (("history", "--statsu", "failed"), "--status"),
        (("run", "x.yaml", "--resum", "latest"), "--resume"),
    ],
)
def test_a_typo_is_answered_with_a_suggestion(ask, arguments, suggestion) -> None:
    outcome = ask(*arguments)
    assert outcome.code == 2
    assert suggestion in outcome.err
    assert outcome.out == ""


def test_a_misspelt_setting_is_an_error(ask, monkeypatch) -> None:
    monkeypatch.setenv("WAIVERN_DATABASE_ULR", "sqlite:///elsewhere.db")
    outcome = ask("history")
    assert outcome.code == 2
    assert "WAIVERN_DATABASE_URL" in outcome.err


def test_an_error_prints_its_remedy_on_its_own_line(ask) -> None:
    ask("db", "upgrade")
    outcome = ask("history", "show", "latest")
    assert outcome.code == 2
    assert outcome.err == (
        "Error: There are no runs yet\n  See `waivern history`, or start one with `waivern run RUNBOOK`\n"
    )


def test_an_unexpected_error_is_reported_without_a_traceback(ask, monkeypatch) -> None:
    def breaks(*arguments: object, **options: object) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr("waivern.cli.commands.runs.history.show_run", breaks)
    outcome = ask("history", "show", "latest")
    assert outcome.code == 3
    assert "ZeroDivisionError: division by zero. This is a bug" in outcome.err
    assert "WAIVERN_LOG_LEVEL=DEBUG" in outcome.err
    assert "Traceback" not in outcome.err

    monkeypatch.setenv("WAIVERN_LOG_LEVEL", "DEBUG")
    assert "Traceback" in ask("history", "show", "latest").err


def test_the_exit_code_comes_from_the_error(ask, monkeypatch) -> None:
    class OddError(WaivernError):
        exit_code = 4

    def breaks(*arguments: object, **options: object) -> None:
        raise OddError("It is odd")

    monkeypatch.setattr("waivern.cli.commands.runs.history.show_run", breaks)
    assert ask("history", "show", "latest").code == 4


def test_a_plug_in_that_exits_does_not_make_a_runbook_valid(ask, runbook) -> None:
    outcome = ask("validate", runbook({"a": {"exits_when_made": True}}))
    assert outcome.code != 0


def test_an_interrupted_query_exits_with_130(ask, monkeypatch) -> None:
    def interrupted(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("waivern.cli.commands.runs.history.show_run", interrupted)
    outcome = ask("history", "show", "latest")
    assert (outcome.code, outcome.err) == (130, "Interrupted\n")


@pytest.mark.parametrize("url", ["mysql://u:geheim@h/x", "nonsense", "postgresql://u:geheim@127.0.0.1:1/x"])
def test_an_unusable_database_exits_with_4_and_shows_no_password(ask, url) -> None:
    outcome = ask("history", "--db", url)
    assert outcome.code == 4
    assert "Error: " in outcome.err
    assert "geheim" not in outcome.err


def test_the_database_option_works_before_and_after_the_subcommand(ask, folder) -> None:
    before = ask("history", "--db", "sqlite:///a/x.db", "show", "latest")
    after = ask("history", "show", "latest", "--db", "sqlite:///a/x.db")
    both = ask("history", "--db", "sqlite:///b/x.db", "show", "latest", "--db", "sqlite:///a/x.db")
    assert "There is no database file a/x.db" in before.err
    assert before == after == both


def test_a_closed_pipe_causes_no_error(folder, start) -> None:
    with start("schema") as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == ""
        assert process.wait() == 0


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no full device")  # noqa: PTH110
def test_a_full_disk_behind_standard_output_is_an_error(folder) -> None:
    with open("/dev/full", "w") as full:  # noqa: PTH123
        completed = subprocess.run(
            [sys.executable, "-m", "waivern", "schema"], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert completed.returncode == 2
    assert completed.stderr == "Error: Standard output cannot be written: No space left on device\n"


def test_shell_completion_lists_commands(ask_process) -> None:
    environment = {"_WAIVERN_COMPLETE": "bash_complete", "COMP_WORDS": "waivern hist", "COMP_CWORD": "1"}
    assert ask_process(environment=environment).out == "plain,history\n"
