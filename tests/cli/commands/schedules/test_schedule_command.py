"""`waivern schedule`, `status`, `cancel` and `backfill`, without a running service."""

import json
from pathlib import Path

import pytest
import yaml


@pytest.fixture
def scan(runbook) -> str:
    """Return the file of a runbook that plans."""
    return str(runbook({"a": {}}, name="Scan", file="scan.yaml"))


@pytest.fixture
def nightly(ask, scan) -> str:
    """Add a schedule and return its name."""
    added = ask("schedule", "add", "nightly", scan, "--cron", "0 2 * * *", "--timezone", "Europe/London")
    assert (added.code, added.err) == (0, "")
    assert added.out.startswith("Added 'nightly': cron 0 2 * * * in Europe/London, next at ")
    return "nightly"


def test_a_schedule_is_listed_with_its_next_time(ask, nightly) -> None:
    lines = ask("schedule", "list").out.splitlines()
    assert lines[0].split("  ")[0] == "SCHEDULE"
    assert "cron 0 2 * * * in Europe/London" in lines[1]
    (listed,) = json.loads(ask("schedule", "list", "--format", "json").out)
    assert (listed["name"], listed["runbook"], listed["status"], listed["last_run"]) == (
        "nightly",
        "Scan",
        "active",
        None,
    )
    assert listed["next_due_at"].endswith(":00:00.000000Z")


def test_a_schedule_is_shown_with_its_next_five_times(ask, nightly) -> None:
    shown = ask("schedule", "show", nightly)
    assert shown.code == 0
    assert shown.out.count(" 02:00 in Europe/London") + shown.out.count(" 02:00:00") >= 5
    details = json.loads(ask("schedule", "show", nightly, "--format", "json").out)
    assert len(details["next_due"]) == 5
    assert (details["runs"], details["triggers"]) == ([], [])
    assert len(ask("schedule", "next", nightly, "--count", "7").out.splitlines()) == 7


def test_of_a_webhook_only_the_host_is_shown(ask, scan, monkeypatch) -> None:
    monkeypatch.setenv("WAIVERN_HOOK_COMMANDS", "/opt/page")
    monkeypatch.setenv("SLACK_KEY", "hunter2")
    webhook = ["--notify-webhook", "https://hooks.slack.com/services/${SLACK_KEY}", "--notify-secret", "${SLACK_KEY}"]
    assert ask("schedule", "add", "x", scan, "--cron", "@daily", *webhook, "--notify-command", "/opt/page").code == 0
    assert "webhook (hooks.slack.com) and command: failed" in ask("schedule", "show", "x").out
    details = json.loads(ask("schedule", "show", "x", "--format", "json").out)
    assert details["notify"]["webhook_host"] == "hooks.slack.com"
    for command in (["schedule", "show", "x"], ["schedule", "list"], ["events"]):
        for form in ("text", "json", "csv"):
            shown = ask(*command, "--format", form)
            assert "hunter2" not in shown.out + shown.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--cron", "0 0 31 2 *"], "is never due"),
        (["--cron", "0 2 * *"], "has 4 fields"),
        (["--cron", "0 2 * * *", "--timezone", "Europe/Londn"], "Did you mean 'Europe/London'?"),
        (["--every", "6 parsecs"], "is not a valid duration"),
        (["--every", "0.1"], "is not a valid duration|interval"),
        (["--at", "2020-01-01T00:00"], "its time has passed"),
        (["--at", "tomorrow"], "is not a valid date and time"),
        (["--at", "9999-12-31T23:59", "--timezone", "America/New_York"], "Use a year from 1970 to 9998"),
        (["--at", "0001-01-01T00:00+14:00"], "Use a year from 1970 to 9998"),
        (["--every", "400d"], "every: must be less than"),
        (["--every", "1h", "--jitter", "400d"], "jitter: must be less than"),
        ([], "exactly one of --cron, --every and --at; none was given"),
        (["--cron", "@daily", "--every", "1h"], "--cron and --every were given"),
        (["--cron", "@daily", "--catch-up", "some"], "'some' is not one of"),
        (["--cron", "@daily", "--max-catch-up", "0"], "0 is not in the range"),
        (["--cron", "@daily", "--max-catch-up", "3"], "max_catch_up has an effect only with catch_up: all"),
        (["--every", "1h", "--timezone", "Asia/Tokyo"], "timezone has no effect with every"),
        (["--cron", "@daily", "--notify-secret", "x"], "needs --notify-webhook"),
        (["--cron", "@daily", "--notify-webhook", "ftp://x"], "begins with http"),
        (["--cron", "@daily", "--notify-webhook", "https://x.org/hunter2"], "may contain a secret"),
        (["--cron", "@daily", "--notify-webhook", "https://x.org", "--notify-secret", "hunter2"], "write ${NAME}"),
        (["--cron", "@daily", "--notify-command", "/opt/page"], "'/opt/page' is not allowed"),
    ],
)
def test_invalid_terms_are_refused_with_the_reason(ask, scan, arguments, message) -> None:
    refused = ask("schedule", "add", "x", scan, *arguments)
    assert (refused.code, refused.out) == (2, "")
    assert any(text in refused.err for text in message.split("|")), refused.err
    assert "hunter2" not in refused.err
    assert ask("schedule", "list").out == ""


def test_a_schedule_for_a_runbook_that_does_not_plan_is_refused(ask, runbook) -> None:
    refused = ask("schedule", "add", "x", str(runbook({"a": {"inputs": ["b"]}}, file="bad.yaml")), "--every", "1h")
    assert refused.code == 2
    assert "'b'" in refused.err
    missing = ask("schedule", "add", "x", "scann.yaml", "--every", "1h")
    assert (missing.code, "There is no runbook scann.yaml" in missing.err) == (2, True)


def test_a_name_is_unique(ask, nightly, scan) -> None:
    same_database = ask("schedule", "add", nightly, scan, "--every", "1h")
    assert same_database.code == 2
    assert "There is already a schedule 'nightly'" in same_database.err
    assert ask("schedule", "add", " blank", scan, "--every", "1h").code == 2


@pytest.mark.parametrize("command", ["show", "pause", "resume", "remove", "trigger", "next"])
def test_an_unknown_schedule_is_refused_with_a_suggestion(ask, nightly, command: str) -> None:
    refused = ask("schedule", command, "nigthly")
    assert refused.code == 2
    assert "Did you mean 'nightly'?" in refused.err


def test_a_schedule_is_paused_resumed_and_removed(ask, nightly) -> None:
    assert ask("schedule", "resume", nightly).code == 2
    assert ask("schedule", "pause", nightly).out == "Paused 'nightly'\n"
    assert "already paused" in ask("schedule", "pause", nightly).err
    (listed,) = json.loads(ask("schedule", "list", "--format", "json").out)
    assert (listed["status"], listed["next_due_at"]) == ("paused", None)
    assert "Due next (skipped while paused):\n" in ask("schedule", "show", nightly).out
    assert ask("schedule", "resume", nightly).out == "Resumed 'nightly'\n"
    assert ask("schedule", "remove", nightly).code == 0
    assert "No schedules yet" in ask("schedule", "list").err


def test_a_triggered_run_is_queued_shown_and_can_be_cancelled(ask, nightly) -> None:
    queued = ask("schedule", "trigger", nightly)
    assert queued.code == 0
    status = ask("status")
    assert status.code == 3
    assert "Queue: 1 run waiting" in status.out
    assert "No service is running" in status.err
    status = json.loads(ask("status", "--format", "json").out)
    assert (status["queued"], status["running"], status["services"], status["schedules"]) == (1, [], [], 1)
    (run,) = json.loads(ask("history", "--schedule", nightly, "--format", "json").out)
    assert (run["status"], run["trigger"], run["schedule"], run["runbook_digest"]) == (
        "queued",
        "trigger",
        "nightly",
        None,
    )
    shown = ask("history", "show", run["id"])
    assert "triggered for 'nightly'" in shown.out
    assert f"Run {run['id']}, queued 20" in shown.out  # and not "started", which it has not
    assert ask("cancel", run["id"][:18]).out == f"Cancelled run {run['id']} of 'Scan'\n"
    assert "has already ended: cancelled" in ask("cancel", "latest").err
    assert ask("cancel", "ffff").code == 2


def test_the_status_of_an_empty_installation_is_a_success(ask, folder) -> None:
    ask("db", "upgrade")
    assert (ask("status").code, ask("status").err) == (0, "")


def test_a_backfill_queues_runs_for_times_without_one(ask, nightly) -> None:
    span = ("--from", "2026-11-01", "--to", "2026-11-03")
    dry = ask("backfill", nightly, *span, "--dry-run")
    assert dry.out.splitlines()[-1] == "3 runs would be queued"
    assert json.loads(ask("history", "--format", "json").out) == []
    assert ask("backfill", nightly, *span).out.splitlines()[-1] == "3 runs queued"
    assert ask("backfill", nightly, *span).out == "0 runs queued\n"
    assert len(ask("history", "--trigger", "backfill").out.splitlines()) == 4
    assert ask("history", "--trigger", "schedule").out == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--from", "2026-11-03", "--to", "2026-11-01"], "--from is later than --to"),
        (["--from", "someday"], "is not a valid time"),
        (["--from", "0001-01-01T00:00+14:00"], "is not a valid time"),
        (["--from", "0001-01-01T00:00Z"], "more than 10,000 times"),
        (["--from", "2026-11-01", "--to", "9999-12-31"], "is not a valid time"),
        ([], "--from"),
    ],
)
def test_an_invalid_period_is_refused(ask, nightly, arguments, message) -> None:
    refused = ask("backfill", nightly, *arguments)
    assert refused.code == 2
    assert message in refused.err


def test_a_backfill_of_too_many_times_is_refused(ask, scan) -> None:
    ask("schedule", "add", "often", scan, "--cron", "* * * * *")
    refused = ask("backfill", "often", "--from", "2020-01-01")
    assert refused.code == 2
    assert "more than 10,000 times" in refused.err


@pytest.fixture
def books(folder: Path, runbook) -> Path:
    """A folder with a runbook that has a schedule, one that has none, and one that is broken."""
    made = folder / "books"
    (made / "below").mkdir(parents=True)
    declared = yaml.safe_load(Path(runbook({"a": {}}, name="Declared", file="one.yaml")).read_text())
    (made / "one.yaml").write_text(yaml.safe_dump({**declared, "schedule": {"cron": "0 3 * * *"}}))
    (made / "below" / "none.yml").write_text(yaml.safe_dump({**declared, "name": "None"}))
    (made / ".hidden.yaml").write_text("no: runbook")
    return made


def test_a_folder_is_synced(ask, books: Path) -> None:
    assert ask("schedule", "sync", str(books), "--dry-run").out == "added      Declared\n"
    assert ask("schedule", "list").out == ""
    assert ask("schedule", "sync", str(books)).out == "added      Declared\n"
    assert ask("schedule", "sync", str(books)).out == "unchanged  Declared\n"
    text = (books / "one.yaml").read_text()
    (books / "one.yaml").write_text(text.replace("0 3", "0 4"))
    assert json.loads(ask("schedule", "sync", str(books), "--format", "json").out)[0]["done"] == "changed"
    (books / "one.yaml").rename(books / "gone")
    assert ask("schedule", "sync", str(books)).out.startswith("paused     Declared: its runbook is gone from")
    (books / "gone").rename(books / "one.yaml")
    assert ask("schedule", "sync", str(books)).out == "resumed    Declared\n"


def test_a_schedule_that_a_person_paused_stays_paused(ask, books: Path) -> None:
    ask("schedule", "sync", str(books))
    ask("schedule", "pause", "Declared")
    assert ask("schedule", "sync", str(books)).out == "unchanged  Declared: it is paused\n"


def test_refused_runbooks_are_listed_and_the_others_are_synced(ask, books: Path, scan) -> None:
    ask("schedule", "sync", str(books))
    (books / "two.yaml").write_text((books / "one.yaml").read_text())
    (books / "bad.yaml").write_text("name: Bad")
    synced = ask("schedule", "sync", str(books))
    assert synced.code == 2
    lines = synced.out.splitlines()
    assert any(line.startswith("refused    bad: ") for line in lines)
    assert any("has the same name" in line for line in lines)
    assert "unchanged  Declared" in lines
    (books / "one.yaml").write_text("name: [broken")
    assert "paused" not in ask("schedule", "sync", str(books / ".")).out.split()


def test_a_schedule_that_was_added_manually_is_left_alone(ask, books: Path, scan) -> None:
    ask("schedule", "add", "Declared", scan, "--every", "1h")
    synced = ask("schedule", "sync", str(books))
    assert synced.code == 2
    assert "added by hand" in synced.out


def test_a_missing_folder_is_a_usage_error(ask, folder) -> None:
    assert ask("serve", "--runbooks", "nowhere").code == 2
    assert ask("schedule", "sync", "nowhere").code == 2


def test_a_runbook_that_cannot_be_followed_is_listed_with_its_fault_until_it_is_repaired(ask, folder) -> None:
    books = folder / "books"
    books.mkdir()
    schedule = "description: d\nschedule: {cron: '%s'}\nartifacts: {a: {source: {type: odd}}}\n"
    (books / "good.yaml").write_text("name: Good\n" + schedule % "@daily")
    (books / "bad.yaml").write_text("name: Bad\n" + schedule % "0 0 1,,2 * *")
    synced = ask("schedule", "sync", str(books))
    assert synced.code == 2
    assert "refused    bad: " in synced.out
    assert "added      Good" in synced.out
    table = ask("schedule", "list").out
    assert "refused" in table
    assert "'1,,2' is not a valid day of month" in table
    by_name = {schedule["name"]: schedule for schedule in json.loads(ask("schedule", "list", "--format", "json").out)}
    assert by_name["Good"]["problem"] is None
    assert (by_name["bad"]["status"], by_name["bad"]["path"]) == ("refused", str(books / "bad.yaml"))
    assert by_name["bad"].keys() == by_name["Good"].keys() - {"every_seconds", "anchor", "at"}
    assert len(ask("schedule", "list", "--format", "csv").out.splitlines()) == 3
    (books / "bad.yaml").write_text("name: Bad\n" + schedule % "0 0 1,2 * *")
    assert ask("schedule", "sync", str(books)).code == 0
    assert "refused" not in ask("schedule", "list").out


@pytest.mark.parametrize(
    ("options", "text", "key"),
    [
        ((), "2 queued runs cancelled", "cancelled_runs"),
        (("--cancel-queued",), "2 queued runs cancelled", "cancelled_runs"),
        (("--keep-queued",), "2 queued runs kept and will be executed", "kept_runs"),
    ],
)
def test_a_schedule_is_removed_with_its_queued_runs_or_without_them(ask, nightly, scan, options, text, key) -> None:
    def queue_two(name: str) -> set[str]:
        return {json.loads(ask("schedule", "trigger", name, "--format", "json").out)["id"] for _ in range(2)}

    queue_two(nightly)
    removed = ask("schedule", "remove", nightly, *options)
    assert (removed.code, removed.out) == (0, f"Removed 'nightly'; {text}; its runs stay in the history\n")
    statuses = [run["status"] for run in json.loads(ask("history", "--format", "json").out)]
    assert statuses == ["queued" if "--keep-queued" in options else "cancelled"] * 2
    ask("schedule", "add", "other", scan, "--every", "1h")
    queued = queue_two("other")
    removed = json.loads(ask("schedule", "remove", "other", *options, "--format", "json").out)
    assert set(removed[key]) == queued
    assert len(removed["cancelled_runs"]) + len(removed["kept_runs"]) == 2
    ask("schedule", "add", "third", scan, "--every", "1h")
    assert "no run was queued" in ask("schedule", "remove", "third", *options).out
