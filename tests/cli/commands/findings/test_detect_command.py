"""`waivern detect`: rules tried on a text, without a runbook and a database."""

import json
import subprocess
import sys

import pytest

TEXT = "Dear all,\nwrite to ann@example.org\nfirst_name: Zoë\n"


def answers(*lines: object, options: tuple[str, ...] = ()) -> list[list[dict[str, object]]]:
    given = "".join(f"{json.dumps(line)}\n" for line in lines)
    command = [sys.executable, "-m", "waivern", "detect", "--jsonl", *options]
    completed = subprocess.run(command, input=given, capture_output=True, text=True, check=True, timeout=60)
    return [json.loads(line)["spans"] for line in completed.stdout.splitlines()]


def test_matches_are_printed_with_their_position_and_masked(ask, folder) -> None:
    (folder / "notes.txt").write_text(TEXT, encoding="utf-8")
    outcome = ask("detect", "notes.txt")
    assert (outcome.code, outcome.err) == (0, "")
    titles, email, name = outcome.out.splitlines()
    assert titles.split() == ["POSITION", "CATEGORY", "RULE", "CONFIDENCE", "MATCH", "REASONS"]
    assert email.split()[:5] == ["2:10", "email", "email_address", "95%", "a**@*******.***"]
    assert name.split()[:6] == ["3:1", "name", "person_name", "70%", "first", "name"]
    assert "ann@example.org" not in ask("detect", "notes.txt", "--format", "json").out
    assert not (folder / ".waivern").exists()


def test_a_text_without_matches_is_reported(ask, folder) -> None:
    (folder / "notes.txt").write_text("nothing to see")
    assert ask("detect", "notes.txt").out == "Nothing found\n"
    assert json.loads(ask("detect", "notes.txt", "--format", "json").out) == {"spans": []}


def test_each_json_line_is_answered_with_character_offsets() -> None:
    text = "Zoë schrieb an ann@example.org"
    first, none, third = answers({"text": text}, {"text": ""}, {"text": "first_name: x", "id": 7})
    assert [(span["category"], span["rule"]) for span in first] == [("email", "email_address")]
    start, end = first[0]["start"], first[0]["end"]
    assert text[start:end] == "ann@example.org"  # type: ignore[misc]
    assert (none, third) == ([], [])
    assert all("ann@" not in str(span) for span in first)


def test_field_names_are_detected_on_request() -> None:
    (named,) = answers({"text": "first_name: x"}, options=("--names",))
    assert [(span["kind"], span["start"], span["end"]) for span in named] == [("name", 0, 10)]


def test_each_line_is_answered_before_the_next_one_is_read() -> None:
    command = [sys.executable, "-m", "waivern", "detect", "--jsonl"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for _ in range(2):
            process.stdin.write(b'{"text": "ann@example.org"}\n')
            process.stdin.flush()
            assert len(json.loads(process.stdout.readline())["spans"]) == 1
        process.stdin.close()
        assert process.wait(timeout=60) == 0


def test_matches_below_the_minimum_confidence_are_dropped(ask, folder) -> None:
    (folder / "notes.txt").write_text("10.20.30.40 and 86.231.85.193")
    assert len(json.loads(ask("detect", "notes.txt", "--format", "json").out)["spans"]) == 2
    assert ask("detect", "notes.txt", "--confidence", "0.8").out == "Nothing found\n"


@pytest.mark.parametrize(
    ("line", "text"),
    [("no json", "Cannot read line 1"), ('{"text": 1}', "Cannot read line 1"), ('{"txt": "x"}', "`text`")],
)
def test_an_invalid_line_is_named(line: str, text: str) -> None:
    command = [sys.executable, "-m", "waivern", "detect", "--jsonl"]
    completed = subprocess.run(command, input=line, capture_output=True, text=True, check=False, timeout=60)
    assert (completed.returncode, completed.stdout) == (2, "")
    assert text in completed.stderr


def test_unreadable_input_is_refused(ask, folder) -> None:
    (folder / "image.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0")
    assert "a PNG image" in ask("detect", "image.png").err
    assert ask("detect", "image.png").code == 2
    unknown = ask("detect", "image.png", "--ruleset", "local/personal_data_indicator/9.0.0")
    assert (unknown.code, "Did you mean" in unknown.err) == (2, True)
    assert ask("detect", "missing.txt").code == 2
