"""`waivern verify` and `waivern events`: output, errors and anchors."""

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
    """A database with one run, and an anchor key."""
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


def test_an_unaltered_database_is_ok(scanned: Ask) -> None:
    result = scanned("verify")
    assert result.code == 0
    assert result.out.startswith("OK: no tampering found\nVerified 3 events, 1 run, 2 artifacts, ")


def test_one_run_is_verified_by_its_id(scanned: Ask) -> None:
    assert scanned("verify", "--run", "latest").code == 0
    assert scanned("verify", "--run", "nothing").code == 2


def test_a_mismatch_is_listed_and_the_exit_code_is_3(scanned: Ask, folder: Path) -> None:
    change(folder, "UPDATE findings SET severity = 'low'")
    result = scanned("verify")
    assert result.code == 3
    run = json.loads(scanned("history", "--format", "json").out)[0]["id"]
    findings = f"findings of 'found' of 'Small scan', snapshot 1 of run {run}"
    assert result.out.startswith(f"1 record does not match:\n  {findings}: its rows do not match its digest")


def test_json_lists_all_mismatches(scanned: Ask, folder: Path) -> None:
    change(folder, "UPDATE events SET actor = 'eve@desk' WHERE seq = 2")
    result = scanned("verify", "--format", "json")
    output = json.loads(result.out)
    assert (result.code, output["intact"], output["mismatch_count"], output["anchor"]) == (3, False, 1, None)
    nowhere = {"run": None, "artifact_id": None}
    problem = "its hash does not match its content"
    assert output["mismatches"] == [{"record": "event 2", "problem": problem, "kind": "event", **nowhere}]
    assert (output["verified"]["runs"], output["newest_event"]["seq"]) == (1, 3)


def test_an_anchor_is_written_then_checked_then_updated(scanned: Ask, folder: Path) -> None:
    assert "Anchor written" in anchored(scanned).out
    first = json.loads((folder / "a.anchor").read_text())
    assert (first["seq"], first["algorithm"]) == (3, "hmac-sha256")
    assert scanned("run", "scan.yaml", "--quiet").code == 0
    assert "Anchor checked: a.anchor" in anchored(scanned).out
    assert json.loads((folder / "a.anchor").read_text()) == first
    assert anchored(scanned, "--renew").code == 0
    assert json.loads((folder / "a.anchor").read_text())["seq"] == 5


def test_only_an_anchor_reveals_a_truncated_chain(scanned: Ask, folder: Path) -> None:
    assert scanned("run", "scan.yaml", "--quiet").code == 0
    anchored(scanned)
    change(folder, "DELETE FROM artifacts WHERE run_number = (SELECT max(number) FROM runs)")
    change(folder, "DELETE FROM run_attempts WHERE run_id = (SELECT max(id) FROM runs)")
    change(folder, "DELETE FROM runs WHERE id = (SELECT max(id) FROM runs)")
    change(folder, "DELETE FROM events WHERE seq > 3")
    change(folder, "UPDATE finding_snapshots SET last_run_id = first_run_id, last_at = first_at")
    assert scanned("verify").code == 0
    result = anchored(scanned, "--renew")
    assert result.code == 3
    assert "event 5: the anchor of " in result.out
    assert "but the newest event is 3: the chain was truncated" in result.out


def test_an_anchor_reveals_a_rewritten_chain(scanned: Ask, folder: Path) -> None:
    anchored(scanned)
    change(folder, "UPDATE events SET hash = zeroblob(32) WHERE seq = 3")
    assert "event 3: its hash is not the one in the anchor of" in anchored(scanned).out


def test_no_anchor_is_written_for_an_altered_database(scanned: Ask, folder: Path) -> None:
    change(folder, "UPDATE artifacts SET error = 'x'")
    assert anchored(scanned).code == 3
    assert not (folder / "a.anchor").exists()


def altered(folder: Path, **fields: Any) -> None:
    output = json.loads((folder / "a.anchor").read_text())
    (folder / "a.anchor").write_text(json.dumps({**output, **fields}))


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"seq": 2}, "signature is not valid"),
        ({"hash": "0" * 64}, "signature is not valid"),
        ({"signature": "?"}, "signature is not valid"),
        ({"algorithm": "ed25519"}, "the key is for hmac-sha256"),
        ({"waivern_anchor": 2}, "not an anchor, or is damaged"),
        ({"seq": "3"}, "not an anchor, or is damaged"),
    ],
)
def test_an_altered_anchor_is_refused(scanned: Ask, folder: Path, fields: dict[str, Any], text: str) -> None:
    anchored(scanned)
    altered(folder, **fields)
    result = anchored(scanned)
    assert result.code == 3
    assert text in result.err


def test_a_file_that_is_not_an_anchor_is_refused(scanned: Ask, folder: Path) -> None:
    (folder / "a.anchor").write_bytes(b"\xff{")
    assert "not an anchor, or is damaged" in anchored(scanned).err


def test_a_different_key_is_refused(scanned: Ask, folder: Path) -> None:
    anchored(scanned)
    (folder / "anchor.key").write_text("another secret, another secret")
    assert "signature is not valid" in anchored(scanned).err


def test_an_anchor_of_another_installation_is_refused(scanned: Ask, folder: Path) -> None:
    anchored(scanned)
    (folder / ".waivern" / "waivern.db").rename(folder / "other.db")
    assert scanned("run", "scan.yaml", "--quiet").code == 0
    result = anchored(scanned)
    assert result.code == 3
    assert "The anchor is from installation" in result.err


def test_an_anchor_needs_a_valid_key(scanned: Ask, folder: Path) -> None:
    assert "An anchor needs a key" in scanned("verify", "--anchor", "a.anchor").err
    (folder / "anchor.key").write_text("short")
    assert "needs at least 16" in anchored(scanned).err
    (folder / "anchor.key").write_text("-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----\n")
    assert "Cannot read the anchor key" in anchored(scanned).err
    assert scanned("verify", "--renew").code == 2
    assert not (folder / "a.anchor").exists()


def test_the_key_file_can_be_a_setting(scanned: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAIVERN_ANCHOR_KEY_FILE", "anchor.key")
    assert scanned("verify", "--anchor", "a.anchor").code == 0
    monkeypatch.setenv("WAIVERN_ANCHOR_KEY_FILE", "nowhere.key")
    assert "Cannot read the key nowhere.key" in scanned("verify", "--anchor", "a.anchor").err


def test_an_anchor_signed_with_ed25519_is_checked_with_the_public_key(scanned: Ask, folder: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

    key = Ed25519PrivateKey.generate()
    (folder / "private.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (folder / "public.pem").write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    assert "but not write them" in scanned("verify", "--anchor", "a.anchor", "--key", "public.pem").err
    assert scanned("verify", "--anchor", "a.anchor", "--key", "private.pem").code == 0
    assert "Anchor checked" in scanned("verify", "--anchor", "a.anchor", "--key", "public.pem").out
    assert "the key is for hmac-sha256" in anchored(scanned).err
    altered(folder, seq=1)
    assert "signature is not valid" in scanned("verify", "--anchor", "a.anchor", "--key", "public.pem").err


def test_events_are_listed_newest_first(scanned: Ask) -> None:
    lines = scanned("events").out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["3", "2", "1"]
    assert "run.closed" in lines[1]
    assert "status=succeeded" in lines[1]


def test_json_events_hold_every_hashed_field(scanned: Ask) -> None:
    newest, before = json.loads(scanned("events", "--format", "json", "--limit", "2").out)
    assert list(newest) == ["seq", "at", "actor", "kind", "body", "previous", "hash"]
    assert (newest["kind"], newest["previous"]) == ("run.closed", before["hash"])
    assert newest["actor"].count("@") == 1
    assert [event["seq"] for event in json.loads(scanned("events", "--before", "2", "--format", "json").out)] == [1]


def test_events_of_a_kind_and_since_an_instant(scanned: Ask) -> None:
    result = json.loads(scanned("events", "--kind", "run.opened", "--since", "1h", "--format", "json").out)
    assert [event["kind"] for event in result] == ["run.opened"]
    assert scanned("events", "--kind", "no.such").err == "No matching events\n"
    assert scanned("events", "--since", "2999-01-01", "--format", "json").out == "[]\n"


def test_verify_and_events_do_not_create_a_database(ask: Ask, folder: Path) -> None:
    assert ask("events").err == "No events yet\n"
    assert ask("verify").code == 4
    assert not (folder / ".waivern").exists()


def test_a_database_with_a_restored_run_is_ok(scanned: Ask, folder: Path) -> None:
    (folder / "data" / "a.txt").write_text("Write to ann@example.org, or to bob@example.com\n")
    assert scanned("run", "scan.yaml", "--quiet").code == 0
    newest = json.loads(scanned("history", "--format", "json").out)[0]["id"]
    assert scanned("archive", newest, "--output", "one.bundle").code == 0
    assert scanned("restore", "one.bundle", "--db", "sqlite:///other.db").code == 0
    result = scanned("verify", "--db", "sqlite:///other.db")
    assert (result.code, result.out.splitlines()[0]) == (0, "OK: no tampering found")
