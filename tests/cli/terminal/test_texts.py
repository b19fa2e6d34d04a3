"""Text output: tables, CSV, JSON, times and durations."""

import csv
import io
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waivern.cli.shell.time_options import end_of, instant_of
from waivern.cli.terminal.formatting import duration
from waivern.cli.terminal.output import Styled, as_csv, as_json, as_table
from waivern.escaping import json_text, lines, one_line
from waivern.formats.records_as_json import instant_as_json

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
ZONES = st.integers(-14, 14).map(lambda hours: timezone(timedelta(hours=hours)))
ANY_TEXT = st.text(st.characters(codec=None))
UNSAFE = [*map(chr, range(0x20)), *map(chr, range(0x7F, 0xA0)), "\u202e", "\u2066", "\u2028"]


def test_a_table_in_a_pipe_is_aligned_and_plain() -> None:
    table = as_table(("NAME", "TIME"), [("a", "12 ms"), (Styled("longer", "red"), "3 s")], right=("TIME",))
    assert table == "NAME     TIME\na       12 ms\nlonger    3 s"


def test_wide_characters_keep_the_columns_straight() -> None:
    assert as_table(("N", "X"), [("顧客", "a"), ("e\u0301", "b")]).splitlines()[1:] == ["顧客  a", "e\u0301     b"]


@given(ANY_TEXT)
def test_no_text_moves_the_cursor_or_breaks_its_line(text: str) -> None:
    assert not any(unsafe in one_line(text) for unsafe in UNSAFE)
    assert not any(unsafe in lines(text) for unsafe in UNSAFE if unsafe not in "\n\t")
    one_line(text).encode()


@given(st.text(st.characters(codec="utf-8", exclude_categories=["C", "Zl", "Zp"])))
def test_ordinary_text_is_unchanged(text: str) -> None:
    assert one_line(text) == text


@given(
    st.recursive(st.none() | st.integers() | ANY_TEXT, lambda inner: st.lists(inner) | st.dictionaries(ANY_TEXT, inner))
)
def test_json_round_trips_without_control_characters(value: object) -> None:
    written = as_json(value)
    assert json.loads(written) == value
    assert not any(unsafe in written for unsafe in UNSAFE if unsafe != "\n")


def test_json_text_escapes_only_control_characters() -> None:
    assert json_text('"Zoë \x9b"') == '"Zoë \\u009b"'


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["C", "Zl", "Zp"])), min_size=2, max_size=2))
def test_no_csv_cell_is_a_formula_and_no_text_is_lost(cells: list[str]) -> None:
    written = as_csv([{"a": cells[0], "b": cells[1]}], ("a", "b"))
    _, row = csv.reader(io.StringIO(written))
    assert not any(cell.startswith(("=", "+", "-", "@")) for cell in row)
    assert [cell.removeprefix("'") for cell in row] == [cell.removeprefix("'") for cell in cells]


def test_numbers_in_a_csv_may_be_negative() -> None:
    assert as_csv([{"a": -1, "b": None}], ("a", "b")) == "a,b\n-1,"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, ""),
        (-1, "0 ms"),
        (0.0123, "12 ms"),
        (0.9994, "999 ms"),
        (0.9996, "1.0 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 00 s"),
        (125, "2 min 05 s"),
        (3725, "1 h 02 min"),
    ],
)
def test_a_duration_uses_a_fitting_unit(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("text", "ago"),
    [
        ("7d", timedelta(days=7)),
        ("12h", timedelta(hours=12)),
        ("30M", timedelta(minutes=30)),
        (" 2w ", timedelta(weeks=2)),
    ],
)
def test_a_time_can_be_relative(text: str, ago: timedelta) -> None:
    assert instant_of(text, now=NOW) == NOW - ago


@pytest.fixture
def in_tokyo(monkeypatch: pytest.MonkeyPatch):
    with local_zone(monkeypatch, "Asia/Tokyo"):
        yield


@pytest.fixture
def in_london(monkeypatch: pytest.MonkeyPatch):
    with local_zone(monkeypatch, "Europe/London"):
        yield


@contextmanager
def local_zone(monkeypatch: pytest.MonkeyPatch, zone: str) -> Iterator[None]:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_a_date_without_a_zone_is_local(in_tokyo) -> None:
    assert instant_of("2026-11-01", now=NOW) == datetime(2026, 10, 31, 15, tzinfo=UTC)
    assert instant_of("2026-11-01T09:30", now=NOW) == datetime(2026, 11, 1, 0, 30, tzinfo=UTC)
    assert instant_of("2026-11-01T09:30Z", now=NOW) == datetime(2026, 11, 1, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize("text", ["yesterday", "", "7", "7y", "2026-13-01", "999999999w", "-1d", "0001-01-01"])
def test_an_invalid_time_is_refused(text: str, in_tokyo) -> None:
    with pytest.raises((ValueError, OverflowError, OSError)):
        instant_of(text, now=NOW)


@pytest.mark.parametrize(
    ("day", "next_day"),
    [
        ("2026-10-25", datetime(2026, 10, 26, tzinfo=UTC)),  # 25 hours
        ("2026-03-29", datetime(2026, 3, 29, 23, tzinfo=UTC)),  # 23 hours
        ("2026-11-01", datetime(2026, 11, 2, tzinfo=UTC)),
    ],
)
def test_a_day_ends_where_the_next_begins_even_at_a_clock_change(day: str, next_day: datetime, in_london) -> None:
    assert end_of(day, now=NOW) == next_day - datetime.resolution
    assert end_of(f"{day}T12:00Z", now=NOW) == instant_of(f"{day}T12:00Z", now=NOW)


@given(st.datetimes(timezones=ZONES), st.datetimes(timezones=ZONES))
def test_instants_in_json_sort_as_text(one: datetime, other: datetime) -> None:
    try:
        written = [str(instant_as_json(one)), str(instant_as_json(other))]
    except OverflowError:
        return  # beyond year 9999 or before year 1 in UTC
    assert (one < other) == (written[0] < written[1])
    assert datetime.fromisoformat(written[0]) == one
