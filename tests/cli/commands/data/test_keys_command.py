"""`waivern keys`, and commands that meet encrypted contents with the right key, a wrong one, or none."""

import json

import pytest

RUNBOOK = """
name: Files
description: for a test
artifacts:
  files: {source: {type: filesystem, properties: {path: ./files}}}
  found: {inputs: files, process: {type: personal_data}}
"""


@pytest.fixture
def key(ask, folder, monkeypatch) -> str:
    """A fresh key; the runbook has been run under it."""
    made = ask("keys", "new")
    assert (made.code, made.err) == (0, "")
    (folder / "files").mkdir()
    (folder / "files" / "a.txt").write_text("ann.of.arden@example.org")
    (folder / "files.yaml").write_text(RUNBOOK)
    monkeypatch.setenv("WAIVERN_ENCRYPTION_KEY", made.out.strip())
    assert ask("run", "files.yaml", "--quiet").code == 0
    return made.out.strip()


def test_what_is_encrypted_stands_nowhere_in_the_file_and_is_read_with_the_key(ask, folder, key) -> None:
    kept = b"".join(path.read_bytes() for path in (folder / ".waivern").iterdir())
    assert b"ann.of.arden" not in kept
    assert key.encode() not in kept
    assert "ann.of.arden@example.org" in ask("artifacts", "show", "latest", "files").out


@pytest.mark.parametrize("other", ["", "another", "no key at all"])
@pytest.mark.parametrize("command", [("artifacts", "show", "latest", "files"), ("run", "files.yaml", "--quiet")])
def test_without_the_right_key_a_command_ends_with_4_and_says_so(ask, key, monkeypatch, other, command) -> None:
    given = ask("keys", "new").out.strip() if other == "another" else other
    monkeypatch.setenv("WAIVERN_ENCRYPTION_KEY", given)
    told = ask(*command)
    assert told.code == 4
    assert "key" in told.err
    assert "Traceback" not in told.err
    assert key not in told.err
    assert not given or given not in told.err


def test_keys_are_rotated_and_told_apart(ask, key, monkeypatch, folder) -> None:
    new = ask("keys", "new").out.strip()
    monkeypatch.setenv("WAIVERN_ENCRYPTION_KEY", f"{new} {key}")
    before = json.loads(ask("keys", "status", "--format", "json").out)
    assert [each["contents"] for each in before["keys"] if each["is_current"]] == [0]
    assert "2 contents" in ask("keys", "rotate").out
    monkeypatch.delenv("WAIVERN_ENCRYPTION_KEY")
    (folder / "key").write_text(new)
    monkeypatch.setenv("WAIVERN_ENCRYPTION_KEY_FILE", str(folder / "key"))
    assert ask("artifacts", "show", "latest", "files").code == 0
    told = ask("keys", "status")
    assert "current" in told.out
    assert not any(each in told.out for each in (new, key))


def test_what_was_stored_before_is_encrypted_when_asked(ask, folder, monkeypatch) -> None:
    (folder / "files").mkdir()
    (folder / "files" / "a.txt").write_text("ann@example.org")
    (folder / "files.yaml").write_text(RUNBOOK)
    ask("run", "files.yaml", "--quiet")
    told = ask("keys", "encrypt")
    assert told.code == 4
    monkeypatch.setenv("WAIVERN_ENCRYPTION_KEY", ask("keys", "new").out.strip())
    assert "not encrypted" in ask("keys", "status").out
    assert "Encrypted 2 contents" in ask("keys", "encrypt").out
    assert json.loads(ask("keys", "status", "--format", "json").out)["unencrypted"] == 0


def test_two_ways_to_give_a_key_at_once_are_refused(ask, key, monkeypatch) -> None:
    monkeypatch.setenv("WAIVERN_ENCRYPTION_KEY_FILE", "key")
    assert ask("history").code == 2
