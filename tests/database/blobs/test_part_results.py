"""Remembered results of part-wise analysers: kept as long as their parts, or longer after `retain: none`."""

from datetime import timedelta

import sqlalchemy as sa

from tests.builders.callers import CALLER
from tests.builders.installations import migrated
from tests.database.blobs.test_parts import DPO, FILES, content_of, prune_all
from waivern.database.blobs.part_results import KEPT_UNUSED, SqlPartResults, forget_unused_results
from waivern.database.connection.engine import open_engine
from waivern.database.connection.keyring import new_key, read_keyring
from waivern.database.data.sql_retention import SqlRetention
from waivern.database.runs.run_store import SqlRunStore
from waivern.database.schema.tables import blobs, part_results
from waivern.history.retention import PruneRequest
from waivern.messages.message import Message
from waivern.messages.schema import Schema
from waivern.runs.run import RunStatus, utc_now
from waivern.testing.builders import plan_of

KEY, OTHER = "a" * 64, "b" * 64
LONG = b'{"found":"' + b"x" * 5_000 + b'"}'


def saved_parts(engine: sa.Engine, *, retain: str | None = None) -> list[str]:
    """Return the digests of the parts of a content that a run has saved."""
    definition = {"source": {"type": "make", "properties": {}}, **({"retain": retain} if retain else {})}
    run = SqlRunStore(engine).create(plan_of({"a": definition}), trigger="test", caller=CALLER)
    message = Message("", content_of(FILES), Schema("any", "1.0.0"))
    run.store.save("a", message)
    run.log.close(RunStatus.SUCCEEDED)
    parts = message.canonical_form().parts
    assert parts is not None
    return [part.digest for part in parts.manifest.parts]


def count(engine: sa.Engine) -> int:
    with engine.connect() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(part_results)).scalar_one()


def test_results_are_found_by_key_and_part(database: sa.Engine) -> None:
    first, second, third, *_ = saved_parts(database)
    SqlPartResults(database).remember(KEY, {first: b"null", second: LONG})
    SqlPartResults(database).remember(OTHER, {first: b"[1]"})
    results = SqlPartResults(database)
    assert results.find(KEY, [first, second, third]) == {first: b"null", second: LONG}
    assert results.find(OTHER, {first, second}) == {first: b"[1]"}
    assert results.find("c" * 64, [first]) == {}
    results.remember(KEY, {first: b"[2]"})
    assert results.find(KEY, [first]) == {first: b"[2]"}


def test_results_of_parts_that_are_not_stored_are_not_remembered(database: sa.Engine) -> None:
    SqlPartResults(database).remember(KEY, {"d" * 64: b"null"})
    assert count(database) == 0


def test_results_are_encrypted_if_contents_are(database: sa.Engine) -> None:
    part = saved_parts(database)[0]
    SqlPartResults(database).remember(KEY, {part: b'"amelia"'})
    with database.connect() as connection:
        row = connection.execute(sa.select(part_results)).one()
    assert (b"amelia" in bytes(row.result)) == (row.key_id is None)


def test_a_result_that_is_damaged_moved_or_under_another_key_is_not_found(
    database: sa.Engine, database_url: str
) -> None:
    first, second, *_ = saved_parts(database)
    results = SqlPartResults(database)
    results.remember(KEY, {first: LONG})
    other = open_engine(database_url, synchronous="NORMAL", keys=read_keyring(text=new_key()))
    assert SqlPartResults(other).find(KEY, [first]) == {}
    other.dispose()
    with database.begin() as connection:
        is_encrypted = connection.execute(sa.update(part_results), {"part": second}) and bool(
            connection.scalar(sa.select(part_results.c.key_id))
        )
    if is_encrypted:  # bound to its part
        assert results.find(KEY, [second]) == {}
    with database.begin() as connection:
        connection.execute(sa.update(part_results), {"result": b"damaged"})
    assert results.find(KEY, [second]) == {}


def test_results_are_deleted_with_their_parts(database: sa.Engine) -> None:
    parts = saved_parts(database)
    SqlPartResults(database).remember(KEY, dict.fromkeys(parts, b"null"))
    prune_all(database)
    assert count(database) == 0


def test_results_stay_after_retain_none_and_the_next_run_finds_them(database: sa.Engine) -> None:
    run = SqlRunStore(database).create(
        plan_of({"a": {"source": {"type": "make", "properties": {}}, "retain": "none"}}), trigger="test", caller=CALLER
    )
    message = Message("", content_of(FILES), Schema("any", "1.0.0"))
    run.store.save("a", message)
    form = message.canonical_form()
    assert form.parts is not None
    parts = [part.digest for part in form.parts.manifest.parts]
    SqlPartResults(database).remember(KEY, dict.fromkeys(parts, b"null"))
    run.log.close(RunStatus.SUCCEEDED)
    SqlRetention(database).prune(PruneRequest(), caller=DPO)
    with database.connect() as connection:
        assert connection.execute(sa.select(blobs.c.digest).where(blobs.c.digest.in_(parts))).all() == []
    assert len(SqlPartResults(database).find(KEY, parts)) == len(parts)
    saved_parts(database)
    prune_all(database)  # now they were deleted for another reason
    assert count(database) == 0


def test_results_are_erased_with_their_parts(database: sa.Engine) -> None:
    parts = saved_parts(database)
    SqlPartResults(database).remember(KEY, dict.fromkeys(parts, b"null"))
    (found,) = SqlRetention(database).find_contents([f"{FILES[7]} {FILES[7]}"])
    SqlRetention(database).erase([found.digest], reason="r", caller=DPO)
    assert found.digest in parts
    assert SqlPartResults(database).find(KEY, [found.digest]) == {}


def test_results_that_stayed_without_their_parts_are_deleted_by_any_erasure(database: sa.Engine) -> None:
    part = saved_parts(database)[0]
    results = SqlPartResults(database)
    results.remember(KEY, {part: b"null"})
    with database.begin() as connection:
        connection.execute(sa.update(part_results), {"part": "e" * 64})
    SqlRetention(database).erase(["f" * 64], reason="r", caller=DPO)
    assert count(database) == 0


def test_unencrypted_results_are_deleted_when_contents_are_encrypted(database_url: str) -> None:
    with migrated(database_url) as engine:
        part = saved_parts(engine)[0]
        SqlPartResults(engine).remember(KEY, {part: b"null"})
        encrypted = open_engine(database_url, synchronous="NORMAL", keys=read_keyring(text=new_key()))
        SqlRetention(encrypted).encrypt_contents(caller=DPO)
        assert count(engine) == 0
        SqlPartResults(encrypted).remember(KEY, {part: b"null"})
        SqlRetention(encrypted).rotate_keys(caller=DPO)
        assert count(engine) == 1
        encrypted.dispose()


def test_results_that_no_run_uses_are_forgotten_and_used_ones_stay(database: sa.Engine) -> None:
    first, second, *_ = saved_parts(database)
    results, today = SqlPartResults(database), utc_now().date()
    results.remember(KEY, {first: b"null", second: b"null"})
    with database.begin() as connection:
        connection.execute(sa.update(part_results), {"used_on": today - KEPT_UNUSED - timedelta(days=1)})
    assert results.find(KEY, [first]) == {first: b"null"}
    forget_unused_results(database)
    with database.connect() as connection:
        assert connection.execute(sa.select(part_results.c.part, part_results.c.used_on)).all() == [(first, today)]
