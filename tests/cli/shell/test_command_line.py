"""What holds for every command."""

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
            yield from ((f"{name} {below}", each) for below, each in command.commands.items())


@pytest.mark.parametrize(("name", "command"), list(_every_command()), ids=lambda value: str(value))
def test_every_command_has_a_help_whose_first_sentence_is_short(name: str, command: click.Command) -> None:
    assert command.help is not None
    first = command.help.split("\n\n")[0]
    assert len(first) < 120
    assert first.endswith(".")
    assert "\\b" not in command.help


@pytest.mark.parametrize("name", COMMANDS)
def test_help_tells_of_a_command_what_the_command_tells_itself(name: str) -> None:
    command = waivern.get_command(click.Context(waivern), name)
    assert command is not None
    assert command.short_help == COMMANDS[name].help


def test_help_imports_no_command(folder) -> None:
    program = (
        "import sys; from waivern.cli.shell.main import waivern; from waivern.cli.shell.exit_codes import exit_code_of;"
        "exit_code_of(waivern, ['--help']);"
        "print(','.join(sorted(sys.modules)), file=sys.stderr)"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    imported = set(told.stderr.strip().split(","))
    assert not imported & SLOW_TO_IMPORT
    assert not {f"waivern.cli.commands.{each.location.partition(':')[0]}" for each in COMMANDS.values()} & imported


def test_asking_for_the_history_waits_for_nothing_that_it_does_not_need(folder) -> None:
    program = (
        "import sys; from waivern.cli.shell.main import waivern; from waivern.cli.shell.exit_codes import exit_code_of;"
        "exit_code_of(waivern, ['db', 'upgrade']);"
        "[sys.modules.pop(name) for name in list(sys.modules) if name.partition('.')[0] == 'alembic'];"
        "exit_code_of(waivern, ['history']);"
        "print(','.join(sorted(sys.modules)), file=sys.stderr)"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    imported = set(told.stderr.strip().splitlines()[-1].split(","))
    assert not imported & {"pydantic", "rich", "alembic", "yaml"}


def test_every_setting_stands_in_the_help(ask) -> None:
    told = ask("--help").out
    for setting in fields(Settings):
        assert f"{PREFIX}{setting.name.upper()} " in told
        assert f"[{str(setting.default).removesuffix('.0')}]" in told


def test_the_version_is_told(ask) -> None:
    assert ask("--version").out == f"waivern {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (("hisotry",), "Did you mean 'history'?"),
        (("history", "shwo", "latest"), "Did you mean 'show'?"),
        (("db", "upgarde"), "Did you mean 'upgrade'?"),
        (("history", "--statsu", "failed"), "--status"),
        (("run", "x.yaml", "--resum", "latest"), "--resume"),
    ],
)
def test_what_is_misspelt_is_answered_with_what_was_meant(ask, arguments, meant) -> None:
    outcome = ask(*arguments)
    assert outcome.code == 2
    assert meant in outcome.err
    assert outcome.out == ""


def test_a_setting_that_is_misspelt_is_an_error(ask, monkeypatch) -> None:
    monkeypatch.setenv("WAIVERN_DATABASE_ULR", "sqlite:///elsewhere.db")
    outcome = ask("history")
    assert outcome.code == 2
    assert "WAIVERN_DATABASE_URL" in outcome.err


def test_an_error_says_what_to_do_in_a_line_of_its_own(ask) -> None:
    ask("db", "upgrade")
    outcome = ask("history", "show", "latest")
    assert outcome.code == 2
    assert outcome.err == (
        "Error: There are no runs yet\n  See `waivern history`, or start one with `waivern run RUNBOOK`\n"
    )


def test_what_nobody_expected_is_told_without_a_traceback(ask, monkeypatch) -> None:
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


def test_the_exit_code_is_the_error_s(ask, monkeypatch) -> None:
    class OddError(WaivernError):
        exit_code = 4

    def breaks(*arguments: object, **options: object) -> None:
        raise OddError("It is odd")

    monkeypatch.setattr("waivern.cli.commands.runs.history.show_run", breaks)
    assert ask("history", "show", "latest").code == 4


def test_a_plug_in_that_exits_does_not_make_a_runbook_valid(ask, runbook) -> None:
    outcome = ask("validate", runbook({"a": {"exits_when_made": True}}))
    assert outcome.code != 0


def test_an_interrupted_question_ends_as_shells_expect(ask, monkeypatch) -> None:
    def interrupted(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("waivern.cli.commands.runs.history.show_run", interrupted)
    outcome = ask("history", "show", "latest")
    assert (outcome.code, outcome.err) == (130, "Interrupted\n")


@pytest.mark.parametrize("url", ["mysql://u:geheim@h/x", "nonsense", "postgresql://u:geheim@127.0.0.1:1/x"])
def test_a_database_that_cannot_be_used_is_4_and_no_password_is_told(ask, url) -> None:
    outcome = ask("history", "--db", url)
    assert outcome.code == 4
    assert "Error: " in outcome.err
    assert "geheim" not in outcome.err


def test_the_database_may_be_named_before_or_after_the_subcommand(ask, folder) -> None:
    before = ask("history", "--db", "sqlite:///a/x.db", "show", "latest")
    behind = ask("history", "show", "latest", "--db", "sqlite:///a/x.db")
    both = ask("history", "--db", "sqlite:///b/x.db", "show", "latest", "--db", "sqlite:///a/x.db")
    assert "There is no database file a/x.db" in before.err
    assert before == behind == both


def test_whoever_stops_reading_hears_no_complaint(folder, start) -> None:
    with start("schema") as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == ""
        assert process.wait() == 0


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no full device")  # noqa: PTH110
def test_a_full_disk_under_standard_output_is_told(folder) -> None:
    with open("/dev/full", "w") as full:  # noqa: PTH123
        told = subprocess.run(
            [sys.executable, "-m", "waivern", "schema"], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert told.returncode == 2
    assert told.stderr == "Error: Standard output cannot be written: No space left on device\n"


def test_the_shell_can_complete(ask_process) -> None:
    environment = {"_WAIVERN_COMPLETE": "bash_complete", "COMP_WORDS": "waivern hist", "COMP_CWORD": "1"}
    assert ask_process(environment=environment).out == "plain,history\n"
