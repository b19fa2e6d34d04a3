"""`waivern erase`."""

import io
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
def erase(ask, folder, monkeypatch):
    """Run a scan; return a function that runs `waivern erase` with a text on standard input."""
    (folder / "files").mkdir()
    (folder / "files" / "a.txt").write_text("Ann of Arden, ann@example.org")
    (folder / "files.yaml").write_text(RUNBOOK)
    assert ask("run", "files.yaml", "--quiet").code == 0

    def erasing(text: str, *options: str):
        monkeypatch.setattr("sys.stdin", io.StringIO(text))
        return ask("erase", *options)

    return erasing


def test_content_is_shown_first_and_erased_with_yes(ask, erase, folder) -> None:
    outcome = erase("ann of arden\n", "--containing", "--reason", "request 7")
    assert outcome.code == 0
    assert "files" in outcome.out
    assert "Would erase 1 content; add --yes to erase" in outcome.out
    assert ask("artifacts", "show", "latest", "files").code == 0
    done = erase("ann of arden\n", "--containing", "--reason", "request 7", "--yes")
    assert "Erased 1 content" in done.out
    gone = ask("artifacts", "show", "latest", "files")
    assert gone.code == 2
    assert "(erased: request 7)" in gone.err
    assert ask("history", "show", "latest").code == 0
    files = b"".join(path.read_bytes() for path in (folder / ".waivern").iterdir())
    assert b"ann of arden" not in files.lower()
    same_database = erase("ann of arden\n", "--containing", "--reason", "request 7")
    assert same_database.out == "No stored content found\n"


def test_mentions_outside_stored_content_are_counted(ask, erase, folder) -> None:
    (folder / "files" / "ann of arden.txt").write_text("bo@example.org")
    assert ask("run", "files.yaml", "--quiet").code == 0
    outcome = erase("Ann of Arden", "--containing", "--reason", "request 7", "--format", "json")
    content = json.loads(outcome.out)
    assert content["erased"] is False
    assert content["residual_mentions"] == {"findings": 1}
    assert "Not erased, because it is not stored content: 1 findings" in outcome.err


def test_mentions_are_counted_ignoring_case(ask, erase, folder, monkeypatch) -> None:
    monkeypatch.setenv("WAIVERN_DATABASE_URL", "sqlite:///other.db")
    who = 'JÖRG "the boss"'
    (folder / "files" / "jörg.bin").write_bytes(b"\x00\x01\x02" * 50)
    (folder / "files.yaml").write_text(RUNBOOK.replace("for a test", "'of jörg \"the boss\"'") + "# a comment\n")
    assert ask("run", "files.yaml", "--quiet").code == 0
    (finding,) = json.loads(ask("findings", "--format", "json").out)
    options = ("--reason", 'it is jörg "The Boss"', "--owner", "dpo")
    assert ask("suppress", finding["fingerprint"], *options).code == 0
    mentions = json.loads(erase(who, "--containing", "--reason", "r", "--format", "json").out)["residual_mentions"]
    assert mentions == {"decisions": 1, "events": 1, "runbooks": 1}
    mentions = json.loads(erase("JÖRG.BIN", "--containing", "--reason", "r", "--format", "json").out)[
        "residual_mentions"
    ]
    assert mentions == {"finding snapshots": 1, "overviews": 2}


def test_the_content_of_a_run_or_an_artifact_is_erased(ask, erase) -> None:
    assert "Erased 1 content" in erase("", "--artifact", "latest", "found", "--reason", "a mistake", "--yes").out
    assert ask("artifacts", "show", "latest", "files").code == 0
    assert "Erased 1 content" in erase("", "--run", "latest", "--reason", "a mistake", "--yes").out
    assert ask("artifacts", "show", "latest", "files").code == 2


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("", ["--containing"], "There is no text to search for"),
        ("an\n", ["--containing"], "A text needs at least 3 characters"),
        ("ann of arden", [], "exactly one of --containing, --run and --artifact"),
        ("ann of arden", ["--containing", "--run", "latest"], "exactly one of"),
        ("", ["--run", "nowhere"], "There is no run"),
        ("", ["--artifact", "latest", "fils"], "Did you mean 'files'?"),
        ("ann of arden", ["--containing", "--reason", "Ann of Arden asked", "--yes"], "The reason contains a text"),
    ],
)
def test_invalid_requests_are_refused_and_erase_nothing(ask, erase, text, options, message) -> None:
    outcome = erase(text, "--reason", "r", *options)
    assert outcome.code == 2
    assert message in outcome.err
    assert ask("artifacts", "show", "latest", "files").code == 0
