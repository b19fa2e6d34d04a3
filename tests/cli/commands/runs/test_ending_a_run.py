"""How the process of a run ends: at its deadline, on a signal, and with a closed output."""

import json
import re
import signal
import subprocess
import sys
import time

import pytest

HANGING = {"hangs": {"does": "hangs"}, "after": {"inputs": ["hangs"]}, "quick": {}}


def _begun(process) -> None:
    """Wait until the hanging component is at work."""
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("quick: succeeded"):
            return
    raise AssertionError("the run never began")


def test_a_run_ends_within_a_second_of_its_deadline_even_if_a_component_hangs(ask, start, runbook) -> None:
    name = runbook(HANGING, timeout=1)
    with start("run", name, "--format", "json") as process:
        _begun(process)
        out, err = process.communicate(timeout=10)
    ended = time.time()
    output = json.loads(out)
    created = json.loads(ask("history", "--format", "json").out)[0]["started_at"]
    assert process.returncode == 3
    assert output["status"] == "timed_out"
    assert ended - _seconds(created) < 2.0
    assert {artifact["artifact_id"]: artifact["status"] for artifact in output["artifacts"]} == {
        "hangs": "skipped",
        "after": "skipped",
        "quick": "succeeded",
    }
    assert "Traceback" not in err


def _seconds(instant: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(instant).timestamp()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_cancels_the_run_and_it_can_be_resumed(ask, start, runbook, number, monkeypatch) -> None:
    name = runbook({**HANGING, "hangs": {"does": "${DOES}"}})
    with start("run", name, environment={"DOES": "hangs"}) as process:
        _begun(process)
        process.send_signal(number)
        out, err = process.communicate(timeout=10)
    assert process.returncode == 3
    assert "Test scan: cancelled" in out
    assert "Traceback" not in err
    (run,) = json.loads(ask("history", "--format", "json").out)
    assert run["status"] == "cancelled"
    assert run["artifacts"] == {"total": 3, "succeeded": 1, "failed": 0, "skipped": 2}
    monkeypatch.setenv("DOES", "gives")
    assert ask("run", name, "--resume", "latest").code == 0


def test_a_run_cancelled_by_another_process_ends_even_if_a_component_hangs(ask, start, runbook) -> None:
    with start("run", runbook(HANGING), environment={"WAIVERN_LEASE_SECONDS": "3"}) as process:
        _begun(process)
        cancelled = ask("cancel", "latest")
        try:
            _, err = process.communicate(timeout=30)
        finally:
            process.kill()
    assert cancelled.code == 0, cancelled.err
    assert process.returncode == 3
    assert "no longer belongs to this process: another one resumed it, or it was closed" in err
    assert "Traceback" not in err
    (run,) = json.loads(ask("history", "--format", "json").out)
    assert run["status"] == "cancelled"


def test_a_second_interrupt_ends_the_process_even_if_the_database_does_not_answer(folder, ask, start, runbook) -> None:
    import sqlite3

    name = runbook(HANGING)
    with start("run", name) as process:
        _begun(process)
        time.sleep(0.5)
        with sqlite3.connect(folder / ".waivern" / "waivern.db", isolation_level=None) as database:
            database.execute("BEGIN IMMEDIATE")  # closing the run waits for this
            process.send_signal(signal.SIGINT)
            time.sleep(0.5)
            assert process.poll() is None
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=2) == 3
            database.execute("ROLLBACK")
        database.close()
    (run,) = json.loads(ask("history", "--format", "json").out)
    assert run["status"] == "interrupted"


def test_a_database_lost_during_a_run_is_exit_code_4_and_the_run_can_be_resumed(folder, start, runbook) -> None:
    import sqlite3

    with start("run", runbook({"quick": {}, "slow": {"does": "is_slow", "seconds": 1}})) as process:
        _begun(process)
        with sqlite3.connect(folder / ".waivern" / "waivern.db") as database:
            database.execute("ALTER TABLE artifacts RENAME TO elsewhere")
        database.close()
        _, err = process.communicate(timeout=10)
    assert process.returncode == 4
    assert "lacks tables" in err
    assert "Resume it with: waivern run scan.yaml --resume " in err
    assert "Traceback" not in err


def test_a_closed_pipe_does_not_change_the_status_of_a_run(ask, start, runbook) -> None:
    with start("run", runbook({"a": {"does": "is_slow"}}), "--format", "json") as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        process.stderr.close()
        assert process.wait(timeout=10) == 0
    assert json.loads(ask("history", "--format", "json").out)[0]["status"] == "succeeded"


def test_output_to_a_pipe_has_no_escape_codes(ask_process, runbook) -> None:
    outcome = ask_process("run", runbook({"a": {}, "b": {"does": "fails"}}), environment={"TERM": "xterm-256color"})
    assert outcome.code == 3
    assert "\x1b" not in outcome.out + outcome.err


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals")
def test_on_a_terminal_the_live_display_is_removed_before_the_summary(folder, runbook) -> None:
    import os
    import pty

    name = runbook(
        {"slow": {"does": "is_slow", "seconds": 0.6}, "after": {"inputs": ["slow"]}, "bad": {"does": "fails"}}
    )
    child, terminal = pty.fork()
    if child == 0:
        os.environ.update(TERM="xterm-256color", COLUMNS="100", LINES="30")
        os.execv(sys.executable, [sys.executable, "-m", "waivern", "run", name])
    shown = b""
    try:
        while piece := os.read(terminal, 65536):
            shown += piece
    except OSError:  # the terminal's other end is closed
        pass
    _, status = os.waitpid(child, 0)
    os.close(terminal)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())
    assert os.waitstatus_to_exitcode(status) == 3
    assert "waits for slow" in text
    assert "✗" in text
    assert shown.rfind(b"\x1b[?25h") > shown.rfind(b"\x1b[?25l")  # the cursor is there again
    assert text.count("Test scan: failed") == 1
    assert "waits for slow" not in text.partition("Test scan: failed")[2]


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_process_with_closed_standard_streams_executes_the_run(folder, ask, runbook, closed) -> None:
    name = runbook({"quick": {}})
    command = f"exec {sys.executable} -m waivern run {name} {closed}"
    done = subprocess.run(["sh", "-c", command], cwd=folder, timeout=60)
    assert done.returncode == 0
    assert json.loads(ask("history", "--format", "json").out)[0]["status"] == "succeeded"


def test_an_empty_database_url_is_refused(ask, runbook) -> None:
    asked = ask("history", "--db", "")
    assert asked.code == 2
    assert "the URL is empty" in asked.err
