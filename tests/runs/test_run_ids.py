from datetime import UTC, datetime, timedelta
from uuid import RFC_4122, UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waivern.runs import run
from waivern.runs.run import new_run_id, short_id, utc_now

INSTANTS = st.timedeltas(timedelta(0), timedelta(days=2_900_000)).map(
    lambda since: datetime(1970, 1, 1, tzinfo=UTC) + since
)


@given(INSTANTS, st.integers(2, 50))
def test_ids_of_one_instant_are_unique_and_sort_in_the_order_of_their_creation(now, number):
    ids = [new_run_id(now) for _ in range(number)]
    assert ids == sorted(set(ids))


@given(INSTANTS, INSTANTS)
def test_ids_sort_by_their_instants(earlier, later):
    earlier, later = sorted((earlier, later))
    for order in ((earlier, later), (later, earlier)):
        ids = {instant: new_run_id(instant) for instant in order}
        if later - earlier >= timedelta(milliseconds=1):
            assert ids[earlier] < ids[later]


@given(INSTANTS)
def test_an_id_is_a_version_7_uuid_with_its_millisecond(now):
    read = UUID(new_run_id(now))
    assert (read.version, read.variant, read.int >> 80) == (7, RFC_4122, int(now.timestamp() * 1000))


@pytest.mark.parametrize(
    ("tail", "expected"),
    [
        (0, "018bcfe5-6800-7000-8000-000000000000"),
        (1, "018bcfe5-6800-7000-8000-000000000001"),
        ((1 << 62) - 1, "018bcfe5-6800-7000-bfff-ffffffffffff"),
        (1 << 62, "018bcfe5-6800-7001-8000-000000000000"),
        ((0xABC << 62) | 0x123, "018bcfe5-6800-7abc-8000-000000000123"),
        ((1 << 74) - 1, "018bcfe5-6800-7fff-bfff-ffffffffffff"),
    ],
)
def test_the_random_bits_of_an_id_are_around_its_version_and_variant(monkeypatch, tail, expected):
    asked = []
    monkeypatch.setattr(run._RANDOM_TAIL, "next", lambda milliseconds: asked.append(milliseconds) or tail)
    assert new_run_id(datetime.fromtimestamp(1_700_000_000, UTC)) == expected
    assert asked == [1_700_000_000_000]


def test_the_random_bits_are_new_in_each_millisecond_and_grow_by_a_random_step_within_one(monkeypatch):
    asked = []

    def randbits(number: int) -> int:
        asked.append(number)
        return {73: 1_000 * len(asked), 32: 10}[number]

    monkeypatch.setattr(run.secrets, "randbits", randbits)
    tail = run._RandomTail()
    assert [tail.next(milliseconds) for milliseconds in (1, 1, 1, 2, 2, 1)] == [
        1_000,
        1_011,
        1_022,
        4_000,
        4_011,
        6_000,
    ]
    assert asked == [73, 32, 32, 73, 32, 73]


def test_the_short_id_is_the_milliseconds_and_the_first_random_bits():
    assert short_id("018bcfe5-6800-7abc-8000-000000000123") == "018bcfe5-6800-7abc"


def test_the_present_instant_is_in_utc():
    before = datetime.now(UTC)
    now = utc_now()
    assert before <= now <= datetime.now(UTC)
    assert now.tzinfo is UTC
