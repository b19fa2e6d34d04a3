"""Encrypted contents on both databases: they need their key, and keys can be rotated."""

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
from waivern.caller import Caller
from waivern.database.audit_log import SqlAuditLog
from waivern.database.blobs.blob import ENCRYPTED_CODECS, Blob
from waivern.database.connection.engine import open_engine, writing
from waivern.database.connection.keyring import Key, KeyRing, new_key, read_keyring
from waivern.database.data import encryption
from waivern.database.data.sql_retention import SqlRetention
from waivern.database.runs.history import SqlHistory
from waivern.database.runs.run_store import SqlRunStore
from waivern.database.schema.tables import blob_keys, blobs
from waivern.messages.canonical_form import CanonicalForm
from waivern.runs.run import RunStatus
from waivern.testing.builders import message_of, plan_of_dag

PLAN = plan_of_dag({"a": [], "b": []})
DPO = Caller("dpo@host")
SECRET = "ann.of.arden@example.org"
Opened = Callable[..., sa.Engine]


@pytest.fixture
def opened(database_url: str) -> Iterator[Opened]:
    """Return a function that opens one database with the given keys."""
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


def dump(engine: sa.Engine) -> bytes:
    """Return all values in the database as text or bytes."""
    dumped = bytearray()
    with engine.connect() as connection:
        for table in sa.inspect(engine).get_table_names():
            for row in connection.execute(sa.text(f'SELECT * FROM "{table}"')):
                for value in row:
                    dumped += bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()
    return bytes(dumped)


@pytest.mark.parametrize("filler", ["", "x" * 5000, "y" * 3_000_000])
def test_a_content_of_any_size_needs_its_key(opened: Opened, filler: str) -> None:
    right, wrong = new_key(), new_key()
    engine = opened(right)
    run_id = run_with(engine, a=SECRET + filler)
    assert read(engine, run_id) == SECRET + filler
    assert SECRET.encode() not in dump(engine)
    assert base64.urlsafe_b64decode(right + "=") not in dump(engine)
    with pytest.raises(EncryptionError, match=r"encrypted under the key [0-9a-f]{16}; no key is given") as missing:
        read(opened(), run_id)
    with pytest.raises(EncryptionError, match=r"encrypted under the key [0-9a-f]{16}; the keys given are") as other:
        read(opened(wrong), run_id)
    assert (missing.value.exit_code, other.value.exit_code) == (4, 4)
    assert not any(key in str(error.value) for key in (right, wrong) for error in (missing, other))


def test_a_run_is_refused_without_a_key_or_with_a_wrong_key(opened: Opened) -> None:
    run_with(opened(new_key()), a="x")
    with pytest.raises(EncryptionError, match="no key is given"):
        run_with(opened(), a="y")
    with pytest.raises(EncryptionError, match="the keys given are"):
        run_with(opened(new_key()), a="y")
    assert len(SqlHistory(opened()).recent(_any_run(), limit=9)) == 1


def _any_run() -> Any:
    from waivern.history.run_records import RunFilter

    return RunFilter()


def test_equal_contents_are_stored_once_and_older_unencrypted_contents_stay_readable(opened: Opened) -> None:
    key = new_key()
    before = run_with(opened(), a="old")
    engine = opened(key)
    first, second = run_with(engine, a="new"), run_with(engine, a="new")
    again = run_with(engine, a="old")
    assert [read(engine, run) for run in (before, first, second, again)] == ["old", "new", "new", "old"]
    status = SqlRetention(engine).encryption_status()
    assert [(key.contents, key.is_available, key.is_current) for key in status.keys] == [(1, True, True)]
    assert status.unencrypted == 1


def test_each_content_has_its_own_key_and_nonce(opened: Opened) -> None:
    engine = opened(new_key())
    run_with(engine, a="x", b="y")
    with engine.connect() as connection:
        wrapped = connection.scalars(sa.select(blob_keys.c.wrapped)).all()
        data = connection.scalars(sa.select(blobs.c.data)).all()
    assert [len(key) for key in wrapped] == [60, 60]
    assert len({bytes(ciphertext)[:12] for ciphertext in (*wrapped, *data)}) == 4


def test_rotation_does_not_touch_contents_and_the_old_key_can_be_discarded(opened: Opened) -> None:
    old, new = new_key(), new_key()
    run_id = run_with(opened(old), a="x", b="y")
    both = opened(new, old)
    with both.connect() as connection:
        before = connection.execute(sa.select(blobs).order_by(blobs.c.digest)).all()
    assert read(both, run_id) == "x"
    result = SqlRetention(both).rotate_keys(caller=DPO)
    assert (result.rotated, result.unavailable) == (2, {})
    with both.connect() as connection:
        assert connection.execute(sa.select(blobs).order_by(blobs.c.digest)).all() == before
    assert read(opened(new), run_id) == "x"
    with pytest.raises(EncryptionError):
        read(opened(old), run_id)
    assert SqlRetention(both).rotate_keys(caller=DPO).rotated == 0
    event = SqlAuditLog(both).newest(limit=1)[0]
    assert (event.actor, event.kind, event.body["contents"]) == ("user:dpo@host", "keys.rotated", 2)


def test_an_interrupted_rotation_is_continued_by_the_next(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = new_key(), new_key()
    engine = opened(old)
    runs = [run_with(engine, a=f"{number}") for number in range(7)]
    monkeypatch.setattr(encryption, "_ROTATION_BATCH", 2)
    both = SqlRetention(opened(new, old))
    rotate_page = encryption._rotate_page
    pages = iter(range(2))

    def interrupted(*arguments: Any, **options: Any) -> int:
        if next(pages, None) is None:
            raise KeyboardInterrupt
        return rotate_page(*arguments, **options)

    monkeypatch.setattr(encryption, "_rotate_page", interrupted)
    with pytest.raises(KeyboardInterrupt):
        both.rotate_keys(caller=DPO)
    monkeypatch.setattr(encryption, "_rotate_page", rotate_page)
    assert sorted(key.contents for key in both.encryption_status().keys) == [3, 4]
    assert [read(opened(old, new), run) for run in runs] == [f"{number}" for number in range(7)]
    assert SqlRetention(opened(new, old)).rotate_keys(caller=DPO).rotated == 3
    assert [read(opened(new), run) for run in runs] == [f"{number}" for number in range(7)]


def test_contents_under_an_unavailable_key_are_counted_and_the_others_are_rotated(opened: Opened) -> None:
    lost, old, new = new_key(), new_key(), new_key()
    run_with(opened(lost), a="x")
    run_with(opened(old, lost), b="y")
    result = SqlRetention(opened(new, old)).rotate_keys(caller=DPO)
    assert (result.rotated, list(result.unavailable.values())) == (1, [1])


def test_contents_that_were_stored_before_the_key_can_be_encrypted(opened: Opened) -> None:
    run_id = run_with(opened(), a=SECRET, b="z" * 9000)
    engine = opened(new_key())
    assert SqlRetention(engine).encrypt_contents(caller=DPO) == 2
    assert SqlRetention(engine).encryption_status().unencrypted == 0
    assert (read(engine, run_id), read(engine, run_id, "b")) == (SECRET, "z" * 9000)
    assert SECRET.encode() not in dump(engine)
    assert SqlRetention(engine).encrypt_contents(caller=DPO) == 0


def test_a_content_under_a_lost_key_is_stored_again_when_it_is_saved_again(opened: Opened) -> None:
    lost, key = new_key(), new_key()
    gone = run_with(opened(key, lost), b="kept")
    run_with(opened(lost, key), a="x")
    engine = opened(key)
    again = run_with(engine, a="x")
    assert (read(engine, again), read(engine, gone, "b")) == ("x", "kept")


@pytest.mark.parametrize("column", ["data", "wrapped", "digest swapped"])
def test_altered_and_swapped_ciphertexts_and_keys_are_refused(opened: Opened, column: str) -> None:
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


def test_encrypting_and_rotating_need_a_key(opened: Opened) -> None:
    retention = SqlRetention(opened())
    for method in (retention.rotate_keys, retention.encrypt_contents):
        with pytest.raises(EncryptionError, match="There is no key to encrypt with"):
            method(caller=DPO)


@pytest.mark.parametrize("text", ["x", "!!!! ????", "A" * 39, "A" * 47, "A" * 43 + " zz"])
def test_an_invalid_key_is_refused_without_repeating_it(text: str) -> None:
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


def test_the_repr_of_a_key_does_not_reveal_it() -> None:
    secret = bytes(range(32))
    assert "\\x01" not in repr(Key(secret)) + repr(KeyRing([Key(secret)]))
    assert secret.hex()[:8] not in repr(Key(secret))


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=3000), max_size=3))
def test_decrypting_returns_what_was_encrypted(content: dict[str, str]) -> None:
    keys = read_keyring(text=new_key())
    blob = Blob.of(CanonicalForm(content))
    encrypted = blob.encrypted(keys)
    assert ENCRYPTED_CODECS[encrypted.codec] == blob.codec
    assert encrypted.decrypted(keys, subject="it") == blob
    assert encrypted.content(subject="it", keys=keys) == content
