"""Which results the commit gate lets through, and which commits it waits for."""

import threading

import pytest

from waivern.runs.artifact_runner import CommitGate

FIRST, SECOND, OTHER = ("a", 1), ("a", 2), ("b", 1)


@pytest.fixture
def gate() -> CommitGate:
    return CommitGate()


def may_commit(gate: CommitGate, key: tuple[str, int]) -> bool:
    with gate.committing(key) as allowed:
        return allowed


def test_results_may_be_committed_until_the_gate_is_closed(gate: CommitGate) -> None:
    with gate.committing(FIRST) as first:
        gate.close()
        assert first
    assert may_commit(gate, OTHER) is False


def test_a_refused_attempt_is_the_only_one_that_is_refused(gate: CommitGate) -> None:
    assert gate.refuse(FIRST) is True
    assert [may_commit(gate, key) for key in (FIRST, SECOND, OTHER)] == [False, True, True]


def test_an_attempt_that_has_arrived_is_refused_no_more(gate: CommitGate) -> None:
    with gate.committing(FIRST):
        assert gate.refuse(FIRST) is False
    assert gate.refuse(FIRST) is False
    assert gate.refuse(SECOND) is True


def waiting(gate: CommitGate, *, timeout_s: float) -> threading.Event:
    """Wait for commits in a thread; the event is set once the wait has ended."""
    ended = threading.Event()

    def wait() -> None:
        gate.wait_until_idle(timeout_s=timeout_s)
        ended.set()

    threading.Thread(target=wait, daemon=True).start()
    return ended


def test_a_commit_in_progress_is_waited_for(gate: CommitGate) -> None:
    with gate.committing(FIRST):
        with gate.committing(OTHER):
            ended = waiting(gate, timeout_s=600)
        assert not ended.wait(0.05)
    assert ended.wait(60)


def test_a_commit_is_waited_for_no_longer_than_the_timeout(gate: CommitGate) -> None:
    with gate.committing(FIRST):
        assert waiting(gate, timeout_s=0.01).wait(60)


def test_neither_ended_nor_refused_commits_are_waited_for(gate: CommitGate) -> None:
    may_commit(gate, OTHER)
    gate.refuse(FIRST)
    with gate.committing(FIRST):
        assert waiting(gate, timeout_s=600).wait(60)
