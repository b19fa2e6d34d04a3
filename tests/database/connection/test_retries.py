"""Transactions are retried after conflicts only, and not forever."""

from collections.abc import Callable

import pytest

from waivern.database.connection import retries
from waivern.database.connection.retries import retry_on_conflict
from waivern.errors import DatabaseUnavailableError


@pytest.fixture(autouse=True)
def sleeps(monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, float]]:
    slept: list[tuple[float, float]] = []
    monkeypatch.setattr(retries, "sleep_with_jitter", lambda *limits: slept.append(limits))
    return slept


def failing(times: int, sqlstate: str) -> tuple[list[int], Callable[[], str]]:
    """Return the calls so far, and a transaction that fails the first `times` calls."""
    calls: list[int] = []

    def transaction() -> str:
        calls.append(len(calls))
        if len(calls) > times:
            return "committed"
        cause = Exception("driver")
        cause.sqlstate = sqlstate  # type: ignore[attr-defined]
        raise DatabaseUnavailableError("conflict") from cause

    return calls, transaction


@pytest.mark.parametrize("sqlstate", ["40001", "40P01"])
def test_a_conflict_is_retried_with_a_growing_pause(sleeps: list[tuple[float, float]], sqlstate: str) -> None:
    calls, transaction = failing(4, sqlstate)
    assert retry_on_conflict(transaction) == "committed"
    assert len(calls) == 5
    assert sleeps == [pytest.approx((0.01 * n, 0.1 * n)) for n in (1, 2, 3, 4)]


def test_the_fifth_conflict_is_raised(sleeps: list[tuple[float, float]]) -> None:
    calls, transaction = failing(5, "40001")
    with pytest.raises(DatabaseUnavailableError):
        retry_on_conflict(transaction)
    assert (len(calls), len(sleeps)) == (5, 4)


def test_other_errors_are_not_retried() -> None:
    calls, transaction = failing(1, "57P01")
    with pytest.raises(DatabaseUnavailableError):
        retry_on_conflict(transaction)
    assert len(calls) == 1
