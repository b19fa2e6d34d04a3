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
    """A run over two files; what is given on standard input is to be erased."""
    (folder / "files").mkdir()
    (folder / "files" / "a.txt").write_text("Ann of Arden, ann@example.org")
    (folder / "files.yaml").write_text(RUNBOOK)
    assert ask("run", "files.yaml", "--quiet").code == 0

    def erasing(text: str, *options: str):
        monkeypatch.setattr("sys.stdin", io.StringIO(text))
        return ask("erase", *options)

    return erasing


def test_it_is_shown_what_would_be_erased_and_erased_with_yes(ask, erase, folder) -> None:
    told = erase("ann of arden\n", "--containing", "--reason", "request 7")
    assert told.code == 0
    assert "files" in told.out
    assert "Would erase 1 content; with --yes it does" in told.out
    assert ask("artifacts", "show", "latest", "files").code == 0
    done = erase("ann of arden\n", "--containing", "--reason", "request 7", "--yes")
    assert "Erased 1 content" in done.out
    gone = ask("artifacts", "show", "latest", "files")
    assert gone.code == 2
    assert "(erased: request 7)" in gone.err
    assert ask("history", "show", "latest").code == 0
    kept = b"".join(path.read_bytes() for path in (folder / ".waivern").iterdir())
    assert b"ann of arden" not in kept.lower()
    same_database = erase("ann of arden\n", "--containing", "--reason", "request 7")
    assert same_database.out == "Nothing that is stored holds it\n"


def test_it_is_told_where_a_person_is_named_besides(ask, erase, folder) -> None:
    (folder / "files" / "ann of arden.txt").write_text("bo@example.org")
    assert ask("run", "files.yaml", "--quiet").code == 0
    told = erase("Ann of Arden", "--containing", "--reason", "request 7", "--format", "json")
    content = json.loads(told.out)
    assert content["erased"] is False
    assert content["named_elsewhere"] == {"findings": 1}
    assert "Not erased, for they are no messages: 1 findings" in told.err


def test_whatever_row_names_a_person_is_told_in_capitals_or_small(ask, erase, folder, monkeypatch) -> None:
    monkeypatch.setenv("WAIVERN_DATABASE_URL", "sqlite:///other.db")
    who = 'JÖRG "the boss"'
    (folder / "files" / "jörg.bin").write_bytes(b"\x00\x01\x02" * 50)
    (folder / "files.yaml").write_text(RUNBOOK.replace("for a test", "'of jörg \"the boss\"'") + "# a comment\n")
    assert ask("run", "files.yaml", "--quiet").code == 0
    (finding,) = json.loads(ask("findings", "--format", "json").out)
    said = ("--reason", 'it is jörg "The Boss"', "--owner", "dpo")
    assert ask("suppress", finding["fingerprint"], *said).code == 0
    named = json.loads(erase(who, "--containing", "--reason", "r", "--format", "json").out)["named_elsewhere"]
    assert named == {"decisions": 1, "events": 1, "runbooks": 1}
    named = json.loads(erase("JÖRG.BIN", "--containing", "--reason", "r", "--format", "json").out)["named_elsewhere"]
    assert named == {"overviews of messages": 2, "sets of findings": 1}


def test_a_run_or_an_artifact_is_erased(ask, erase) -> None:
    assert "Erased 1 content" in erase("", "--artifact", "latest", "found", "--reason", "a mistake", "--yes").out
    assert ask("artifacts", "show", "latest", "files").code == 0
    assert "Erased 1 content" in erase("", "--run", "latest", "--reason", "a mistake", "--yes").out
    assert ask("artifacts", "show", "latest", "files").code == 2


@pytest.mark.parametrize(
    ("text", "options", "says"),
    [
        ("", ["--containing"], "There is no text to look for"),
        ("an\n", ["--containing"], "A text of one or two characters"),
        ("ann of arden", [], "one of --containing, --run and --artifact"),
        ("ann of arden", ["--containing", "--run", "latest"], "one of --containing"),
        ("", ["--run", "nowhere"], "There is no run"),
        ("", ["--artifact", "latest", "fils"], "Did you mean 'files'?"),
        ("ann of arden", ["--containing", "--reason", "Ann of Arden asked", "--yes"], "The reason holds a text"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_nothing_erased(ask, erase, text, options, says) -> None:
    told = erase(text, "--reason", "r", *options)
    assert told.code == 2
    assert says in told.err
    assert ask("artifacts", "show", "latest", "files").code == 0
