"""Which commands of notifications an installation allows."""

import pytest

from waivern.bootstrap import build_application
from waivern.errors import ScheduleError, UsageError
from waivern.schedules.hook_commands import HookCommands
from waivern.settings import Settings

ALLOWED = HookCommands.parse("/opt/page --low; /opt/notify *;\n '/opt/with space' 'two words'")


def is_allowed(*command: str, allowed: HookCommands = ALLOWED, is_resolved: bool = True) -> bool:
    try:
        allowed.require(command, is_resolved=is_resolved)
    except ScheduleError:
        return False
    return True


def test_a_command_is_allowed_with_exactly_its_arguments_or_with_any_after_an_asterisk() -> None:
    assert is_allowed("/opt/page", "--low")
    assert is_allowed("/opt/notify")
    assert is_allowed("/opt/notify", "any", "thing")
    assert is_allowed("/opt/with space", "two words")


@pytest.mark.parametrize(
    "command",
    [
        ("/opt/page",),
        ("/opt/page", "--high"),
        ("/opt/page", "--low", "more"),
        ("/opt/../opt/page", "--low"),
        ("page", "--low"),
        ("/bin/sh", "-c", "/opt/page --low"),
        ("/opt/notifying",),
        ("/opt/page --low",),
        ("*",),
    ],
)
def test_any_other_command_is_not_allowed(command: tuple[str, ...]) -> None:
    assert not is_allowed(*command)


def test_nothing_is_allowed_by_default() -> None:
    for settings in (Settings(), Settings.from_environment({})):
        assert build_application(settings).hook_commands == HookCommands()
    assert not is_allowed("/opt/page", "--low", allowed=HookCommands())


def test_a_word_with_a_variable_is_decided_when_it_is_resolved() -> None:
    assert is_allowed("/opt/page", "${LEVEL}", is_resolved=False)
    assert not is_allowed("/opt/page", "${LEVEL}")
    assert not is_allowed("/opt/other", "${LEVEL}", is_resolved=False)


@pytest.mark.parametrize(("text", "reason"), [("page --low", "not an absolute path"), ("/opt/page 'x", "quotation")])
def test_an_invalid_setting_is_refused(text: str, reason: str) -> None:
    with pytest.raises(UsageError, match=f"WAIVERN_HOOK_COMMANDS is not valid: .*{reason}"):
        Settings.from_environment({"WAIVERN_HOOK_COMMANDS": text})


def test_the_error_names_the_program_and_the_setting_but_no_argument() -> None:
    with pytest.raises(ScheduleError) as refused:
        ALLOWED.require(["/opt/other", "hunter2"], is_resolved=True)
    assert "'/opt/other' is not allowed" in str(refused.value)
    assert "WAIVERN_HOOK_COMMANDS" in str(refused.value)
    assert "hunter2" not in str(refused.value)
