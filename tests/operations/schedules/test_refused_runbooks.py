"""Whatever is wrong with one runbook of a followed folder, the others are followed, and its fault is named."""

import logging
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.builders.callers import CALLER
from tests.operations.schedules.test_syncing_schedules import sync, write_runbook
from waivern.database.connection.engine import writing
from waivern.database.schema.tables import schedules
from waivern.operations.application import Application
from waivern.operations.schedules.list_schedules import list_schedules
from waivern.operations.schedules.schedules_as_json import list_as_json
from waivern.operations.schedules.sync_schedules import Synced
from waivern.schedules.schedule import ScheduleStatus
from waivern.service.health import Health
from waivern.service.runbook_folder import RunbookFolder

HEAD = "name: Bad\ndescription: d\nartifacts: {a: {source: {type: filesystem, properties: {path: .}}}}\n"
BOMB = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 40))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "books"
    made.mkdir()
    write_runbook(made / "good.yaml", "Good")
    write_runbook(made / "z.yaml", "Also good")
    return made


def with_text(text: str) -> Callable[[Path], None]:
    return lambda path: path.write_text(text, encoding="utf-8", errors="surrogateescape") and None


def with_cron(expression: str) -> Callable[[Path], None]:
    return with_text(f"{HEAD}schedule: {{cron: '{expression}'}}\n")


FAULTS = {
    "an empty item in a list of days": with_cron("0 0 1,,2 * *"),
    "a step of nothing": with_cron("*/ * * * *"),
    "a number of 5000 digits": with_cron(f"{'9' * 5000} * * * *"),
    "a day that no month has": with_cron("0 0 30 2 *"),
    "an unknown time zone": with_text(f"{HEAD}schedule: {{cron: '@daily', timezone: Moon/Base}}\n"),
    "an integer that no database stores": with_text(
        f"{HEAD}schedule: {{every: 1h, catch_up: all, max_catch_up: {10**17}}}\n"
    ),
    "a name with a direction mark": with_text(HEAD.replace("Bad", '"B\\u202Ead"') + "schedule: {every: 1h}\n"),
    "a name that is too long": with_text(HEAD.replace("Bad", "B" * 300) + "schedule: {every: 1h}\n"),
    "the name of another runbook": with_text(HEAD.replace("Bad", "Good") + "schedule: {every: 1h}\n"),
    "a text in another encoding": lambda path: path.write_bytes(b"name: Caf\xe9") and None,
    "a YAML bomb": with_text(BOMB),
    "deep nesting": with_text("[" * 50_000),
    "an empty file": with_text(""),
    "a link to itself": lambda path: path.symlink_to(path.name),
    "a link to nothing": lambda path: path.symlink_to("nowhere"),
    "a pipe": lambda path: os.mkfifo(path),
}


@pytest.mark.parametrize("make", FAULTS.values(), ids=FAULTS)
def test_the_others_are_followed_and_the_fault_is_named(
    application: Application, folder: Path, make: Callable[[Path], None]
) -> None:
    bad = folder / "zz.yaml"
    make(bad)
    steps = sync(application, folder)
    (refused,) = (step for step in steps if step.done is Synced.REFUSED)
    assert refused.runbook == bad
    assert {step.name for step in steps if step.done is Synced.ADDED} == {"Good", "Also good"}
    found = list_schedules(application)
    assert [(runbook.path, runbook.problem) for runbook in found.refused] == [(str(bad), refused.reason)]
    assert [row["status"] for row in list_as_json(found)] == ["active", "active", "refused"]
    bad.unlink()
    assert {step.done for step in sync(application, folder)} == {Synced.UNCHANGED}
    assert list_schedules(application).refused == []


def test_an_unexpected_error_of_one_runbook_stops_no_other(
    application: Application, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def definition_of(*arguments: object, name: str, **terms: object) -> object:
        if name == "Good":
            raise ZeroDivisionError("a bug")
        return original(*arguments, name=name, **terms)

    module = "waivern.operations.schedules.sync_schedules"
    original = __import__(module, fromlist=["definition_of"]).definition_of
    monkeypatch.setattr(f"{module}.definition_of", definition_of)
    steps = {step.name: step for step in sync(application, folder)}
    assert (steps["good"].done, steps["good"].reason) == (Synced.REFUSED, "ZeroDivisionError: a bug")
    assert steps["Also good"].done is Synced.ADDED


def test_the_schedules_of_a_folder_that_cannot_be_read_are_left_alone(
    application: Application, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = folder / "closed"
    closed.mkdir()
    write_runbook(closed / "inside.yaml", "Inside")
    sync(application, folder)
    scandir = os.scandir

    def refusing(path: str) -> object:
        if Path(path) == closed:
            raise PermissionError(13, "Permission denied", str(closed))
        return scandir(path)

    monkeypatch.setattr("os.scandir", refusing)
    steps = sync(application, folder)
    (refused,) = (step for step in steps if step.done is Synced.REFUSED)
    assert (refused.runbook, refused.reason) == (closed, "It cannot be read: Permission denied")
    assert {step.name for step in steps if step.done is Synced.UNCHANGED} == {"Good", "Also good"}
    assert application.storage.schedules.find("Inside").status is ScheduleStatus.ACTIVE


def test_a_schedule_whose_runbook_was_broken_is_listed_with_the_reason(application: Application, folder: Path) -> None:
    sync(application, folder)
    with_cron("0 0 1,,2 * *")(folder / "good.yaml")
    sync(application, folder)
    by_name = {summary.schedule.name: summary for summary in list_schedules(application).schedules}
    assert "'1,,2' is not a valid day of month" in str(by_name["Good"].problem)
    assert by_name["Also good"].problem is None
    assert list_schedules(application).refused == []


def test_a_dry_run_stores_no_faults(application: Application, folder: Path) -> None:
    with_text("")(folder / "bad.yaml")
    assert sync(application, folder, dry_run=True)[0].done is Synced.REFUSED
    assert list_schedules(application).refused == []


def test_a_stored_schedule_that_cannot_be_used_stops_no_sync_and_is_listed(
    application: Application, folder: Path, engine: sa.Engine
) -> None:
    sync(application, folder)
    with writing(engine) as connection:
        connection.execute(sa.update(schedules).where(schedules.c.name == "Good").values(timezone="Moon/Base"))
    write_runbook(folder / "new.yaml", "New")
    done = {step.name: step.done for step in sync(application, folder)}
    assert done == {"Good": Synced.REFUSED, "Also good": Synced.UNCHANGED, "New": Synced.ADDED}
    found = list_schedules(application)
    assert "'Moon/Base' is not a known time zone" in found.refused[0].problem
    assert [summary.schedule.name for summary in found.schedules] == ["Also good", "New"]


def test_a_service_logs_each_fault_once_and_complains_until_it_is_repaired(
    application: Application, folder: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.WARNING)
    health, bad = Health(), folder / "bad.yaml"
    followed = RunbookFolder(application, folder, caller=CALLER, health=health)
    monkeypatch.setattr("waivern.service.runbook_folder._RETRY_REFUSED_S", 0.0)
    with_cron("0 0 1,,2 * *")(bad)
    for _ in range(5):
        followed.sync_if_changed()
    (problem,) = health.problems()
    assert (str(bad) in problem.text, problem.is_serious) == (True, False)
    assert caplog.text.count("was refused") == 1
    with_cron("0 0 1 * * *")(bad)
    for _ in range(3):
        followed.sync_if_changed()
    assert caplog.text.count("was refused") == 2
    with_cron("0 0 1 * *")(bad)
    followed.sync_if_changed()
    assert health.problems() == []
    assert application.storage.schedules.find("Bad").status is ScheduleStatus.ACTIVE


def test_a_missing_folder_is_a_complaint_until_it_is_back(
    application: Application, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    health = Health()
    followed = RunbookFolder(application, folder, caller=CALLER, health=health)
    away = folder.rename(folder.with_name("away"))
    for _ in range(3):
        followed.sync_if_changed()
    assert [problem.text for problem in health.problems()] == [
        f"There is no folder {folder}; its schedules are left as they are"
    ]
    assert caplog.text.count("There is no folder") == 1
    away.rename(folder)
    followed.sync_if_changed()
    assert health.problems() == []


def test_a_file_that_only_got_other_permissions_is_read_again(application: Application, folder: Path) -> None:
    followed = RunbookFolder(application, folder, caller=CALLER, health=Health())
    before = followed._state()
    (folder / "good.yaml").chmod(0o640)
    assert followed._state() != before
