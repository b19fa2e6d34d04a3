from datetime import UTC, datetime, timedelta
from uuid import RFC_4122, UUID

from hypothesis import given
from hypothesis import strategies as st

from waivern.runs.run import new_run_id

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
