"""`waivern keys`, and commands on encrypted contents with the right key, a wrong key or no key."""

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
    """A new key under which the runbook was run."""
    made = ask("keys", "new")
    assert (made.code, made.err) == (0, "")
    (folder / "files").mkdir()
    (folder / "files" / "a.txt").write_text("ann.of.arden@example.org")
    (folder / "files.yaml").write_text(RUNBOOK)
    monkeypatch.setenv("WAIVERN_ENCRYPTION_KEY", made.out.strip())
    assert ask("run", "files.yaml", "--quiet").code == 0
    return made.out.strip()


def test_the_file_contains_no_plaintext_and_the_key_decrypts_it(ask, folder, key) -> None:
    files = b"".join(path.read_bytes() for path in (folder / ".waivern").iterdir())
    assert b"ann.of.arden" not in files
    assert key.encode() not in files
    assert "ann.of.arden@example.org" in ask("artifacts", "show", "latest", "files").out


@pytest.mark.parametrize("other", ["", "a new key", "not a key"])
@pytest.mark.parametrize("command", [("artifacts", "show", "latest", "files"), ("run", "files.yaml", "--quiet")])
def test_without_the_right_key_a_command_exits_with_4(ask, key, monkeypatch, other, command) -> None:
    given = ask("keys", "new").out.strip() if other == "a new key" else other
    monkeypatch.setenv("WAIVERN_ENCRYPTION_KEY", given)
    outcome = ask(*command)
    assert outcome.code == 4
    assert "key" in outcome.err
    assert "Traceback" not in outcome.err
    assert key not in outcome.err
    assert not given or given not in outcome.err


def test_keys_are_rotated(ask, key, monkeypatch, folder) -> None:
    new = ask("keys", "new").out.strip()
    monkeypatch.setenv("WAIVERN_ENCRYPTION_KEY", f"{new} {key}")
    before = json.loads(ask("keys", "status", "--format", "json").out)
    assert [key["contents"] for key in before["keys"] if key["is_current"]] == [0]
    assert "2 contents" in ask("keys", "rotate").out
    monkeypatch.delenv("WAIVERN_ENCRYPTION_KEY")
    (folder / "key").write_text(new)
    monkeypatch.setenv("WAIVERN_ENCRYPTION_KEY_FILE", str(folder / "key"))
    assert ask("artifacts", "show", "latest", "files").code == 0
    outcome = ask("keys", "status")
    assert "current" in outcome.out
    assert not any(secret in outcome.out for secret in (new, key))


def test_older_contents_can_be_encrypted(ask, folder, monkeypatch) -> None:
    (folder / "files").mkdir()
    (folder / "files" / "a.txt").write_text("ann@example.org")
    (folder / "files.yaml").write_text(RUNBOOK)
    ask("run", "files.yaml", "--quiet")
    outcome = ask("keys", "encrypt")
    assert outcome.code == 4
    monkeypatch.setenv("WAIVERN_ENCRYPTION_KEY", ask("keys", "new").out.strip())
    assert "not encrypted" in ask("keys", "status").out
    assert "Encrypted 2 contents" in ask("keys", "encrypt").out
    assert json.loads(ask("keys", "status", "--format", "json").out)["unencrypted"] == 0


def test_a_key_and_a_key_file_exclude_each_other(ask, key, monkeypatch) -> None:
    monkeypatch.setenv("WAIVERN_ENCRYPTION_KEY_FILE", "key")
    assert ask("history").code == 2
