"""What every database does with contents that are encrypted: only who has the key reads them, and keys change."""

import base64
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from tests.builders.callers import CALLER
from tests.builders.installations import migrated
from waivern import CorruptArtifactError, EncryptionError
from waivern.database.audit_log import SqlAuditLog
from waivern.database.blobs.blob import ENCRYPTED_CODECS, Blob
from waivern.database.connection.engine import open_engine, writing
from waivern.database.connection.keyring import Key, KeyRing, new_key, read_keyring
from waivern.database.retention.encryption import SqlEncryption
from waivern.database.runs.history import SqlHistory
from waivern.database.runs.run_store import SqlRunStore
from waivern.database.schema.tables import blob_keys, blobs
from waivern.messages.canonical import CanonicalForm
from waivern.runs.run import RunStatus
from waivern.testing.builders import message_of, plan_of_dag

PLAN = plan_of_dag({"a": [], "b": []})
SECRET = "ann.of.arden@example.org"
Opened = Callable[..., sa.Engine]


@pytest.fixture
def opened(database_url: str) -> Iterator[Opened]:
    """Opens one database with the keys that are given."""
    engines: list[sa.Engine] = []

    def open_with(*keys: str) -> sa.Engine:
        engines.append(open_engine(database_url, synchronous="NORMAL", keys=read_keyring(text=" ".join(keys))))
        return engines[-1]

    with migrated(database_url):
        yield open_with
    for engine in engines:
        engine.dispose()


def run_with(engine: sa.Engine, **texts: str) -> str:
    run = SqlRunStore(engine).create(PLAN, trigger="test", caller=CALLER)
    for name, text in texts.items():
        run.store.save(name, message_of(text=text))
    run.log.close(RunStatus.SUCCEEDED)
    return run.run_id


def read(engine: sa.Engine, run_id: str, name: str = "a") -> Any:
    return SqlHistory(engine).message_of(run_id, name).content["text"]


def everything(engine: sa.Engine) -> bytes:
    """All that the database holds, each value as text or bytes."""
    told = bytearray()
    with engine.connect() as connection:
        for table in sa.inspect(engine).get_table_names():
            for row in connection.execute(sa.text(f'SELECT * FROM "{table}"')):
                for value in row:
                    told += bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()
    return bytes(told)


@pytest.mark.parametrize("filler", ["", "x" * 5000, "y" * 3_000_000])
def test_only_who_has_the_key_reads_a_content_of_any_size(opened: Opened, filler: str) -> None:
    right, wrong = new_key(), new_key()
    engine = opened(right)
    run_id = run_with(engine, a=SECRET + filler)
    assert read(engine, run_id) == SECRET + filler
    assert SECRET.encode() not in everything(engine)
    assert base64.urlsafe_b64decode(right + "=") not in everything(engine)
    with pytest.raises(EncryptionError, match=r"encrypted under the key [0-9a-f]{16}; no key is given") as missing:
        read(opened(), run_id)
    with pytest.raises(EncryptionError, match=r"encrypted under the key [0-9a-f]{16}; the keys given are") as other:
        read(opened(wrong), run_id)
    assert (missing.value.exit_code, other.value.exit_code) == (4, 4)
    assert not any(key in str(error.value) for key in (right, wrong) for error in (missing, other))


def test_a_run_does_not_begin_where_it_would_write_unencrypted_or_under_a_wrong_key(opened: Opened) -> None:
    run_with(opened(new_key()), a="x")
    with pytest.raises(EncryptionError, match="no key is given"):
        run_with(opened(), a="y")
    with pytest.raises(EncryptionError, match="given is"):
        run_with(opened(new_key()), a="y")
    assert len(SqlHistory(opened()).recent(_any_run(), limit=9)) == 1


def _any_run() -> Any:
    from waivern.history.run_records import RunFilter

    return RunFilter()


def test_equal_contents_are_stored_once_and_what_was_there_before_the_key_stays_readable(opened: Opened) -> None:
    key = new_key()
    before = run_with(opened(), a="old")
    engine = opened(key)
    first, second = run_with(engine, a="new"), run_with(engine, a="new")
    again = run_with(engine, a="old")
    assert [read(engine, run) for run in (before, first, second, again)] == ["old", "new", "new", "old"]
    status = SqlEncryption(engine).status()
    assert [(each.contents, each.is_known, each.is_current) for each in status.keys] == [(1, True, True)]
    assert status.unencrypted == 1


def test_each_content_has_a_key_and_a_nonce_of_its_own(opened: Opened) -> None:
    engine = opened(new_key())
    run_with(engine, a="x", b="y")
    with engine.connect() as connection:
        wrapped = connection.scalars(sa.select(blob_keys.c.wrapped)).all()
        data = connection.scalars(sa.select(blobs.c.data)).all()
    assert [len(each) for each in wrapped] == [60, 60]
    assert len({bytes(each)[:12] for each in (*wrapped, *data)}) == 4


def test_keys_are_rotated_without_touching_contents_and_the_old_one_can_be_forgotten(opened: Opened) -> None:
    old, new = new_key(), new_key()
    run_id = run_with(opened(old), a="x", b="y")
    both = opened(new, old)
    with both.connect() as connection:
        before = connection.execute(sa.select(blobs).order_by(blobs.c.digest)).all()
    assert read(both, run_id) == "x"
    rotated = SqlEncryption(both).rotate(actor="dpo@host")
    assert (rotated.done, rotated.not_known) == (2, {})
    with both.connect() as connection:
        assert connection.execute(sa.select(blobs).order_by(blobs.c.digest)).all() == before
    assert read(opened(new), run_id) == "x"
    with pytest.raises(EncryptionError):
        read(opened(old), run_id)
    assert SqlEncryption(both).rotate(actor="dpo@host").done == 0
    event = SqlAuditLog(both).newest(limit=1)[0]
    assert (event.actor, event.kind, event.body["contents"]) == ("dpo@host", "keys.rotated", 2)


def test_a_rotation_that_was_broken_off_is_gone_on_with(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = new_key(), new_key()
    engine = opened(old)
    runs = [run_with(engine, a=f"{number}") for number in range(7)]
    monkeypatch.setattr("waivern.database.retention.encryption._AT_ONCE", 2)
    both = SqlEncryption(opened(new, old))
    rewrapped = both._rewrapped
    calls = iter(range(2))

    def broken_off(*arguments: Any, **options: Any) -> int:
        next(calls)
        return rewrapped(*arguments, **options)

    monkeypatch.setattr(both, "_rewrapped", broken_off)
    with pytest.raises((StopIteration, RuntimeError)):
        both.rotate(actor="test")
    assert sorted(each.contents for each in both.status().keys) == [3, 4]
    assert [read(opened(old, new), run) for run in runs] == [f"{number}" for number in range(7)]
    assert SqlEncryption(opened(new, old)).rotate(actor="test").done == 3
    assert [read(opened(new), run) for run in runs] == [f"{number}" for number in range(7)]


def test_what_is_under_a_key_that_nobody_gives_is_told_and_the_rest_is_rotated(opened: Opened) -> None:
    lost, old, new = new_key(), new_key(), new_key()
    run_with(opened(lost), a="x")
    SqlEncryption(opened(old, lost))  # both are known while the second content is written
    run_with(opened(old, lost), b="y")
    rotated = SqlEncryption(opened(new, old)).rotate(actor="test")
    assert (rotated.done, list(rotated.not_known.values())) == (1, [1])


def test_what_was_stored_before_the_key_is_encrypted_when_asked(opened: Opened) -> None:
    run_id = run_with(opened(), a=SECRET, b="z" * 9000)
    engine = opened(new_key())
    assert SqlEncryption(engine).encrypt(actor="test") == 2
    assert SqlEncryption(engine).status().unencrypted == 0
    assert (read(engine, run_id), read(engine, run_id, "b")) == (SECRET, "z" * 9000)
    assert SECRET.encode() not in everything(engine)
    assert SqlEncryption(engine).encrypt(actor="test") == 0


def test_a_content_under_a_key_that_is_lost_is_written_anew_by_whoever_makes_it_again(opened: Opened) -> None:
    lost, key = new_key(), new_key()
    gone = run_with(opened(key, lost), b="kept")
    run_with(opened(lost, key), a="x")
    engine = opened(key)
    again = run_with(engine, a="x")
    assert (read(engine, again), read(engine, gone, "b")) == ("x", "kept")


@pytest.mark.parametrize("column", ["data", "wrapped", "digest swapped"])
def test_an_altered_byte_a_strange_key_and_a_content_in_anothers_place_are_found(opened: Opened, column: str) -> None:
    engine = opened(new_key())
    run_id = run_with(engine, a="x", b="y")
    with writing(engine) as connection:
        if column == "digest swapped":
            one, other = connection.execute(sa.select(blobs.c.digest, blobs.c.data)).all()
            for row, data in ((one, other.data), (other, one.data)):
                connection.execute(sa.update(blobs).where(blobs.c.digest == row.digest).values(data=data))
        else:
            table = blobs if column == "data" else blob_keys
            for row in connection.execute(sa.select(table)).all():
                altered = bytearray(getattr(row, column))
                altered[-1] ^= 1
                change = sa.update(table).where(table.c.digest == row.digest)
                connection.execute(change.values({column: bytes(altered)}))
    with pytest.raises(CorruptArtifactError, match="cannot be decrypted"):
        read(engine, run_id)


def test_nothing_is_encrypted_or_rotated_without_a_key(opened: Opened) -> None:
    for ask in (SqlEncryption(opened()).rotate, SqlEncryption(opened()).encrypt):
        with pytest.raises(EncryptionError, match="No key is given"):
            ask(actor="test")


@pytest.mark.parametrize("text", ["x", "!!!! ????", "A" * 39, "A" * 47, "A" * 43 + " zz"])
def test_what_is_no_key_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(EncryptionError) as refused:
        read_keyring(text=text)
    assert all(word not in str(refused.value) for word in text.split() if len(word) > 2)


def test_keys_are_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(f"{new_key()}\n{new_key()}\n")
    assert len(read_keyring(file=file).ids) == 2
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(EncryptionError, match="Cannot read"):
            read_keyring(file=path)
    file.write_text("\n")
    with pytest.raises(EncryptionError, match="contains no key"):
        read_keyring(file=file)


def test_a_key_is_not_told_by_how_it_is_shown() -> None:
    secret = bytes(range(32))
    assert "\\x01" not in repr(Key(secret)) + repr(KeyRing([Key(secret)]))
    assert secret.hex()[:8] not in repr(Key(secret))


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=3000), max_size=3))
def test_what_is_sealed_is_what_is_opened(content: dict[str, str]) -> None:
    keys = read_keyring(text=new_key())
    packed = Blob.of(CanonicalForm(content))
    sealed = packed.encrypted(keys)
    assert ENCRYPTED_CODECS[sealed.codec] == packed.codec
    assert sealed.decrypted(keys, subject="it") == packed
    assert sealed.content(subject="it", keys=keys) == content
