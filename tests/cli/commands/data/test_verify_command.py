"""`waivern verify` and `waivern events`: what they print, what they refuse, and what anchors show."""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Outcome

RUNBOOK = """
name: Small scan
description: Who is in these files
artifacts:
  files: {source: {type: filesystem, properties: {path: ./data}}}
  found: {inputs: files, process: {type: personal_data}, output: true}
"""

Ask = Callable[..., Outcome]


@pytest.fixture
def scanned(folder: Path, ask: Ask) -> Ask:
    """One run is remembered, and there is a key."""
    (folder / "data").mkdir()
    (folder / "data" / "a.txt").write_text("Write to ann@example.org\n")
    (folder / "scan.yaml").write_text(RUNBOOK)
    (folder / "anchor.key").write_text("0123456789abcdef0123456789abcdef\n")
    assert ask("run", "scan.yaml", "--quiet").code == 0
    return ask


def change(folder: Path, statement: str) -> None:
    connection = sqlite3.connect(folder / ".waivern" / "waivern.db")
    connection.execute(statement)
    connection.commit()
    connection.close()


def anchored(ask: Ask, *more: str) -> Outcome:
    return ask("verify", "--anchor", "a.anchor", "--key", "anchor.key", *more)


def test_what_was_not_altered_fits(scanned: Ask) -> None:
    told = scanned("verify")
    assert told.code == 0
    assert told.out.startswith("Everything fits\nVerified 3 events, 1 run, 2 artifacts, ")


def test_one_run_is_proven_by_its_id(scanned: Ask) -> None:
    assert scanned("verify", "--run", "latest").code == 0
    assert scanned("verify", "--run", "nothing").code == 2


def test_what_was_altered_is_named_and_the_exit_code_says_so(scanned: Ask, folder: Path) -> None:
    change(folder, "UPDATE findings SET severity = 'low'")
    told = scanned("verify")
    assert told.code == 3
    run = json.loads(scanned("history", "--format", "json").out)[0]["id"]
    set_of_findings = f"findings of 'found' of 'Small scan', set 1 of run {run}"
    assert told.out.startswith(f"1 thing does not fit:\n  {set_of_findings}: its rows are not those of its digest")


def test_json_says_all_of_it(scanned: Ask, folder: Path) -> None:
    change(folder, "UPDATE events SET actor = 'eve@desk' WHERE seq = 2")
    told = scanned("verify", "--format", "json")
    said = json.loads(told.out)
    assert (told.code, said["intact"], said["damage"], said["anchor"]) == (3, False, 1, None)
    nowhere = {"run": None, "artifact_id": None}
    why = "its hash is not that of what it says"
    assert said["damages"] == [{"what": "event 2", "why": why, "part": "event", **nowhere}]
    assert (said["verified"]["runs"], said["newest_event"]["seq"]) == (1, 3)


def test_an_anchor_is_written_then_checked_then_renewed(scanned: Ask, folder: Path) -> None:
    assert "this one was written" in anchored(scanned).out
    first = json.loads((folder / "a.anchor").read_text())
    assert (first["seq"], first["algorithm"]) == (3, "hmac-sha256")
    assert scanned("run", "scan.yaml", "--quiet").code == 0
    assert "The chain goes on from the anchor: a.anchor" in anchored(scanned).out
    assert json.loads((folder / "a.anchor").read_text()) == first
    assert anchored(scanned, "--renew").code == 0
    assert json.loads((folder / "a.anchor").read_text())["seq"] == 5


def test_a_chain_that_was_cut_off_is_found_by_its_anchor_alone(scanned: Ask, folder: Path) -> None:
    assert scanned("run", "scan.yaml", "--quiet").code == 0
    anchored(scanned)
    change(folder, "DELETE FROM artifacts WHERE run_number = (SELECT max(number) FROM runs)")
    change(folder, "DELETE FROM run_attempts WHERE run_id = (SELECT max(id) FROM runs)")
    change(folder, "DELETE FROM runs WHERE id = (SELECT max(id) FROM runs)")
    change(folder, "DELETE FROM events WHERE seq > 3")
    change(folder, "UPDATE finding_snapshots SET last_run_id = first_run_id, last_at = first_at")
    assert scanned("verify").code == 0
    told = anchored(scanned, "--renew")
    assert told.code == 3
    assert "event 5: the anchor of " in told.out
    assert "and the newest is 3: the chain was cut off" in told.out


def test_a_chain_that_was_written_anew_is_found_by_its_anchor(scanned: Ask, folder: Path) -> None:
    anchored(scanned)
    change(folder, "UPDATE events SET hash = zeroblob(32) WHERE seq = 3")
    assert "event 3: its hash is not the one that the anchor of" in anchored(scanned).out


def test_what_is_damaged_is_not_vouched_for(scanned: Ask, folder: Path) -> None:
    change(folder, "UPDATE artifacts SET error = 'x'")
    assert anchored(scanned).code == 3
    assert not (folder / "a.anchor").exists()


def altered(folder: Path, **fields: Any) -> None:
    said = json.loads((folder / "a.anchor").read_text())
    (folder / "a.anchor").write_text(json.dumps({**said, **fields}))


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"seq": 2}, "signature does not fit"),
        ({"hash": "0" * 64}, "signature does not fit"),
        ({"signature": "?"}, "signature does not fit"),
        ({"algorithm": "ed25519"}, "the key is one for hmac-sha256"),
        ({"waivern_anchor": 2}, "no anchor, or is damaged"),
        ({"seq": "3"}, "no anchor, or is damaged"),
    ],
)
def test_an_anchor_that_was_altered_is_refused(scanned: Ask, folder: Path, fields: dict[str, Any], text: str) -> None:
    anchored(scanned)
    altered(folder, **fields)
    told = anchored(scanned)
    assert told.code == 3
    assert text in told.err


def test_what_is_no_anchor_is_refused(scanned: Ask, folder: Path) -> None:
    (folder / "a.anchor").write_bytes(b"\xff{")
    assert "no anchor, or is damaged" in anchored(scanned).err


def test_another_key_is_refused(scanned: Ask, folder: Path) -> None:
    anchored(scanned)
    (folder / "anchor.key").write_text("another secret, another secret")
    assert "signature does not fit" in anchored(scanned).err


def test_an_anchor_of_another_installation_is_refused(scanned: Ask, folder: Path) -> None:
    anchored(scanned)
    (folder / ".waivern" / "waivern.db").rename(folder / "other.db")
    assert scanned("run", "scan.yaml", "--quiet").code == 0
    told = anchored(scanned)
    assert told.code == 3
    assert "The anchor is of another installation" in told.err


def test_an_anchor_needs_a_key_that_is_one(scanned: Ask, folder: Path) -> None:
    assert "An anchor needs a key" in scanned("verify", "--anchor", "a.anchor").err
    (folder / "anchor.key").write_text("short")
    assert "needs at least 16" in anchored(scanned).err
    (folder / "anchor.key").write_text("-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----\n")
    assert "cannot be read" in anchored(scanned).err
    assert scanned("verify", "--renew").code == 2
    assert not (folder / "a.anchor").exists()


def test_the_key_may_be_named_by_a_setting(scanned: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAIVERN_ANCHOR_KEY_FILE", "anchor.key")
    assert scanned("verify", "--anchor", "a.anchor").code == 0
    monkeypatch.setenv("WAIVERN_ANCHOR_KEY_FILE", "nowhere.key")
    assert "nowhere.key cannot be read" in scanned("verify", "--anchor", "a.anchor").err


def test_an_ed25519_key_signs_and_its_public_half_checks(scanned: Ask, folder: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

    key = Ed25519PrivateKey.generate()
    (folder / "private.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (folder / "public.pem").write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    assert "write none" in scanned("verify", "--anchor", "a.anchor", "--key", "public.pem").err
    assert scanned("verify", "--anchor", "a.anchor", "--key", "private.pem").code == 0
    assert "goes on from the anchor" in scanned("verify", "--anchor", "a.anchor", "--key", "public.pem").out
    assert "the key is one for hmac-sha256" in anchored(scanned).err
    altered(folder, seq=1)
    assert "signature does not fit" in scanned("verify", "--anchor", "a.anchor", "--key", "public.pem").err


def test_events_are_listed_newest_first(scanned: Ask) -> None:
    lines = scanned("events").out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["3", "2", "1"]
    assert "run.closed" in lines[1]
    assert "status=succeeded" in lines[1]


def test_events_are_told_as_json_with_what_their_hash_is_over(scanned: Ask) -> None:
    newest, before = json.loads(scanned("events", "--format", "json", "--limit", "2").out)
    assert list(newest) == ["seq", "at", "actor", "kind", "body", "previous", "hash"]
    assert (newest["kind"], newest["previous"]) == ("run.closed", before["hash"])
    assert newest["actor"].count("@") == 1
    assert [event["seq"] for event in json.loads(scanned("events", "--before", "2", "--format", "json").out)] == [1]


def test_events_of_a_kind_and_since_an_instant(scanned: Ask) -> None:
    told = json.loads(scanned("events", "--kind", "run.opened", "--since", "1h", "--format", "json").out)
    assert [event["kind"] for event in told] == ["run.opened"]
    assert scanned("events", "--kind", "no.such").err == "No such event\n"
    assert scanned("events", "--since", "2999-01-01", "--format", "json").out == "[]\n"


def test_where_there_is_no_database_nothing_is_made(ask: Ask, folder: Path) -> None:
    assert ask("events").err == "No events yet\n"
    assert ask("verify").code == 4
    assert not (folder / ".waivern").exists()


def test_a_database_that_one_run_was_restored_into_fits(scanned: Ask, folder: Path) -> None:
    (folder / "data" / "a.txt").write_text("Write to ann@example.org, or to bob@example.com\n")
    assert scanned("run", "scan.yaml", "--quiet").code == 0
    newest = json.loads(scanned("history", "--format", "json").out)[0]["id"]
    assert scanned("archive", newest, "--output", "one.bundle").code == 0
    assert scanned("restore", "one.bundle", "--db", "sqlite:///other.db").code == 0
    told = scanned("verify", "--db", "sqlite:///other.db")
    assert (told.code, told.out.splitlines()[0]) == (0, "Everything fits")
