"""Syncing schedules with the runbooks of a folder, on both databases."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml

from tests.builders.callers import CALLER
from waivern.errors import ScheduleError
from waivern.operations.application import Application
from waivern.operations.schedules.manage_schedules import add_schedule, pause_schedule, resume_schedule
from waivern.operations.schedules.sync_schedules import Synced, SyncStep, sync_schedules
from waivern.schedules.schedule import Schedule, ScheduleStatus
from waivern.schedules.timing import Every
from waivern.service.health import Health
from waivern.service.runbook_folder import RunbookFolder

NIGHTLY = {"cron": "0 2 * * *", "timezone": "Europe/London"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "books"
    (made / "below").mkdir(parents=True)
    return made


def sync(application: Application, folder: Path, *, dry_run: bool = False) -> Sequence[SyncStep]:
    return sync_schedules(application, folder, caller=CALLER, dry_run=dry_run)


def write_runbook(path: Path, name: str, schedule: Mapping[str, object] | None = NIGHTLY) -> Path:
    source = {"source": {"type": "filesystem", "properties": {"path": path.name}}}
    content = {"name": name, "description": "for a test", "artifacts": {"files": source}}
    path.write_text(yaml.safe_dump({**content, **({"schedule": dict(schedule)} if schedule else {})}))
    return path


def done(steps: object) -> list[tuple[str, str]]:
    assert isinstance(steps, list)
    return [(step.name, step.done.value) for step in steps]


def the_only(application: Application) -> Schedule:
    (schedule,) = application.storage.schedules.all()
    return schedule


def test_every_runbook_that_declares_a_schedule_gets_it(application: Application, folder: Path) -> None:
    scan = write_runbook(folder / "scan.yaml", "Scan", {**NIGHTLY, "overlap": "queue", "priority": 5})
    write_runbook(folder / "below" / "other.yml", "Other", {"every": "6h"})
    write_runbook(folder / "child.yaml", "Child", None)
    write_runbook(folder / ".hidden.yaml", "Hidden")
    write_runbook(folder / "notes.txt", "Notes")
    assert done(sync(application, folder, dry_run=True)) == [
        ("Other", "added"),
        ("Scan", "added"),
    ]
    assert application.storage.schedules.all() == []
    assert done(sync(application, folder)) == [("Other", "added"), ("Scan", "added")]
    definition = application.storage.schedules.find("Scan").definition
    assert (definition.runbook, definition.overlap.value, definition.priority) == (scan, "queue", 5)
    assert definition.declared_in == str(folder)
    assert done(sync(application, folder)) == [("Other", "unchanged"), ("Scan", "unchanged")]


def test_an_interval_keeps_its_anchor_until_it_changes(application: Application, folder: Path) -> None:
    path = write_runbook(folder / "scan.yaml", "Scan", {"every": "6h"})
    sync(application, folder)
    first = the_only(application).definition.timing
    write_runbook(path, "Scan", {"every": 21600, "priority": 1})
    assert done(sync(application, folder)) == [("Scan", "changed")]
    assert the_only(application).definition.timing == first
    write_runbook(path, "Scan", {"every": "7h", "priority": 1})
    assert done(sync(application, folder)) == [("Scan", "changed")]
    second = the_only(application).definition.timing
    assert isinstance(first, Every)
    assert isinstance(second, Every)
    assert second.seconds == 7 * 3600
    assert second.anchor >= first.anchor
    assert second.anchor.microsecond == 0


@pytest.mark.parametrize("how", ["gone", "no schedule", "renamed"])
def test_the_schedule_of_a_missing_runbook_is_paused_and_resumed_when_it_is_back(
    application: Application, folder: Path, how: str
) -> None:
    path = write_runbook(folder / "scan.yaml", "Scan")
    sync(application, folder)
    if how == "gone":
        path.unlink()
    else:
        write_runbook(path, "Scan" if how == "no schedule" else "New", None if how == "no schedule" else NIGHTLY)
    assert ("Scan", "paused") in done(sync(application, folder, dry_run=True))
    assert application.storage.schedules.find("Scan").status is ScheduleStatus.ACTIVE
    assert ("Scan", "paused") in done(sync(application, folder))
    reason = f"gone from {folder}" if how == "gone" else "no longer declares a schedule with this name"
    assert reason in str(application.storage.schedules.find("Scan").paused_because)
    assert ("Scan", "paused") not in done(sync(application, folder))
    write_runbook(path, "Scan")
    assert ("Scan", "resumed") in done(sync(application, folder))
    resumed = application.storage.schedules.find("Scan")
    assert (resumed.status, resumed.paused_because) == (ScheduleStatus.ACTIVE, None)


@pytest.mark.parametrize("first", ["a person", "the folder"])
def test_a_schedule_that_a_person_paused_is_not_resumed_by_a_sync(
    application: Application, folder: Path, first: str
) -> None:
    path = write_runbook(folder / "scan.yaml", "Scan")
    sync(application, folder)
    if first == "a person":
        pause_schedule(application, "Scan", caller=CALLER)
    path.unlink()
    sync(application, folder)
    if first == "the folder":
        pause_schedule(application, "Scan", caller=CALLER)
    with pytest.raises(ScheduleError, match="already paused"):
        pause_schedule(application, "Scan", caller=CALLER)
    write_runbook(path, "Scan", {"cron": "0 3 * * *"})
    (step,) = sync(application, folder)
    assert (step.done, step.reason) == (Synced.CHANGED, "it is paused")
    assert the_only(application).status is ScheduleStatus.PAUSED
    resume_schedule(application, "Scan", caller=CALLER)
    assert sync(application, folder) == [SyncStep(Synced.UNCHANGED, "Scan", path)]


@pytest.mark.parametrize(
    "broken",
    [
        "name: [unclosed",
        "name: Scan\nschedule: {cron: '0 2 * * *'}",
        "name: Scan\ndescription: d\nschedule: {cron: '0 0 31 2 *'}\nartifacts: {a: {inputs: []}}",
        "name: Scan\ndescription: d\nschedule: {every: 1h}\nartifacts: {a: {inputs: nothing}}",
    ],
)
def test_a_broken_runbook_leaves_its_schedule_and_all_others_alone(
    application: Application, folder: Path, broken: str
) -> None:
    path = write_runbook(folder / "scan.yaml", "Scan")
    sync(application, folder)
    before = the_only(application)
    path.write_text(broken)
    write_runbook(folder / "zebra.yaml", "Zebra")
    refused, added = sync(application, folder)
    assert (refused.done, refused.runbook, added.done) == (Synced.REFUSED, path, Synced.ADDED)
    assert str(path) in refused.reason
    assert application.storage.schedules.find("Scan") == before


@pytest.mark.parametrize("copy", ["a.yaml", "z.yaml"])
def test_a_copy_of_a_runbook_is_refused_and_takes_over_no_schedule(
    application: Application, folder: Path, copy: str
) -> None:
    path = write_runbook(folder / "scan.yaml", "Scan")
    sync(application, folder)
    before = the_only(application)
    write_runbook(folder / copy, "Scan", {"every": "1h"})
    steps = {step.runbook: step for step in sync(application, folder)}
    assert (steps[path].done, steps[folder / copy].done) == (Synced.UNCHANGED, Synced.REFUSED)
    assert f"{path} has the same name" in steps[folder / copy].reason
    path.write_text("name: [unclosed")
    assert [step.done for step in sync(application, folder)] == [
        Synced.REFUSED,
        Synced.REFUSED,
    ]
    assert the_only(application) == before
    path.unlink()
    (step,) = sync(application, folder)
    assert (step.done, step.runbook) == (Synced.CHANGED, folder / copy)


def test_a_schedule_with_the_same_name_from_a_different_origin_is_a_conflict(
    application: Application, folder: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    write_runbook(elsewhere / "scan.yaml", "Scan")
    sync(application, elsewhere)
    add_schedule(
        application, "Hand", write_runbook(tmp_path / "hand.yaml", "Hand", None), {"every": "1h"}, caller=CALLER
    )
    before = application.storage.schedules.all()
    write_runbook(folder / "scan.yaml", "Scan", {"every": "1h"})
    write_runbook(folder / "hand.yaml", "Hand")
    steps = {step.name: step for step in sync(application, folder)}
    assert {step.done for step in steps.values()} == {Synced.REFUSED}
    assert f"by the runbooks in {elsewhere}" in steps["Scan"].reason
    assert "by hand" in steps["Hand"].reason
    assert application.storage.schedules.all() == before


def test_a_missing_folder_pauses_nothing(application: Application, folder: Path) -> None:
    write_runbook(folder / "scan.yaml", "Scan")
    watched = RunbookFolder(application, folder, caller=CALLER, health=Health())
    watched.sync_if_changed()
    away = folder.rename(folder.with_name("away"))
    with pytest.raises(ScheduleError, match="There is no folder"):
        sync(application, folder)
    watched.sync_if_changed()
    assert the_only(application).status is ScheduleStatus.ACTIVE
    (away / "scan.yaml").unlink()
    away.rename(folder)
    watched.sync_if_changed()
    assert the_only(application).status is ScheduleStatus.PAUSED


def test_concurrent_syncs_of_one_folder_add_each_schedule_once(application: Application, folder: Path) -> None:
    names = [f"Scan {number}" for number in range(8)]
    for name in names:
        write_runbook(folder / f"{name}.yaml", name, {"every": "1h"})
    with ThreadPoolExecutor(4) as pool:
        output = list(pool.map(lambda _: sync(application, folder), range(4)))
    assert sorted(schedule.name for schedule in application.storage.schedules.all()) == names
    assert not [step for steps in output for step in steps if step.done is Synced.REFUSED]
    assert sum(step.done is Synced.ADDED for steps in output for step in steps) == len(names)


REFUSED_NOTIFY = {
    "'/opt/page' is not allowed": {"command": ["/opt/page"]},
    "may contain a secret": {"webhook": {"url": "https://hooks.slack.com/services/hunter2"}},
    "secret would be stored": {"webhook": {"url": "https://x.org", "secret": "hunter2"}},
}


@pytest.mark.parametrize("reason", REFUSED_NOTIFY)
def test_a_schedule_with_a_command_that_is_not_allowed_or_a_literal_secret_is_refused(
    application: Application, folder: Path, reason: str
) -> None:
    write_runbook(folder / "paging.yaml", "Paging", {**NIGHTLY, "notify": REFUSED_NOTIFY[reason]})
    write_runbook(folder / "silent.yaml", "Silent")
    refused, added = sync(application, folder)
    assert (refused.name, refused.done, added.done) == ("paging", Synced.REFUSED, Synced.ADDED)
    assert reason in refused.reason
    assert "hunter2" not in refused.reason
