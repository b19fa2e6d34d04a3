"""Source files are told from other files, with their language and structure."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders.detecting import file_entry, message_of
from waivern import InvalidPropertiesError
from waivern.analysers.source_code import structure
from waivern.analysers.source_code.factory import SourceCodeAnalyserFactory
from waivern.analysers.source_code.grammars import GRAMMARS
from waivern.analysers.source_code.languages import canonical_language, detect_language
from waivern.messages.message import Message
from waivern.messages.schema import Schema
from waivern.messages.validation import check_message

SOURCE_CODE = Schema("source_code", "1.0.0")


def analysed(*files: tuple[str, str], **properties: Any) -> Message:
    message = message_of([file_entry(content, path) for path, content in files], not_scanned=[])
    made = SourceCodeAnalyserFactory().create(properties).process([message], SOURCE_CODE)
    check_message(made)
    return made


def structure_of(text: str, language: str) -> dict[str, Any]:
    return structure.structure_of(text.encode("utf-8", "replace"), language)


def left_out(message: Message) -> dict[str, str]:
    return {each["name"]: each["reason"] for each in message.content["metadata"]["not_scanned"]}


@pytest.mark.parametrize(
    ("path", "content", "language"),
    [
        ("src/app.py", "", "python"),
        ("a/b/INDEX.PHP", "", "php"),
        ("x.tsx", "", "typescript"),
        ("Dockerfile", "FROM x", "dockerfile"),
        ("Dockerfile.prod", "FROM x", "dockerfile"),
        ("bin/tool", "#!/usr/bin/env -S python3.11 -u\n", "python"),
        ("bin/other", "#!/bin/sh\n", "shell"),
        ("bin/page", "\n<?php echo 1;", "php"),
        ("notes.txt", "<?php", None),
        ("bin/odd", "#!/opt/strange\n", None),
        ("README", "hello", None),
        ("data.csv", "a,b", None),
        (".gitignore", "x", None),
    ],
)
def test_a_language_is_known_by_name_extension_or_beginning(path: str, content: str, language: str | None) -> None:
    assert detect_language(path, content) == language


@pytest.mark.parametrize(
    ("name", "language"), [("PHP", "php"), ("js", "javascript"), ("C#", "csharp"), ("cobolt", None)]
)
def test_a_runbook_names_languages_as_people_do(name: str, language: str | None) -> None:
    assert canonical_language(name) == language


def test_what_is_no_source_code_is_named_with_the_reason() -> None:
    made = analysed(("a.py", "x = 1\ny = 2\n"), ("b.txt", "text"), ("c.py", "#" * 200), max_file_size=100)
    (entry,) = made.content["data"]
    assert (entry["file_path"], entry["language"], entry["raw_content"]) == ("a.py", "python", "x = 1\ny = 2\n")
    assert entry["metadata"] == {"source": "exports", "file_size": 12, "line_count": 2}
    assert left_out(made) == {
        "b.txt": "no source code of a known language",
        "c.py": "larger than max_file_size, 100 bytes",
    }
    assert made.content["metadata"]["total_files"] == 1


def test_one_language_alone_is_taken_where_it_is_wanted() -> None:
    made = analysed(("a.py", ""), ("b.php", "<?php"), language="PHP")
    assert [entry["file_path"] for entry in made.content["data"]] == ["b.php"]
    assert left_out(made) == {"a.py": "python, and only php is wanted"}


def test_columns_of_a_table_are_no_files() -> None:
    entry = {"content": "x", "metadata": {"source": "s", "connector_type": "c", "file_path": "a.csv", "column": "x"}}
    made = SourceCodeAnalyserFactory().create({}).process([message_of([entry])], SOURCE_CODE)
    assert (made.content["data"], made.content["metadata"]["not_scanned"]) == ([], [])


def test_wrong_properties_are_told_with_the_nearest_name() -> None:
    with pytest.raises(InvalidPropertiesError, match="no known language. Did you mean 'python'"):
        SourceCodeAnalyserFactory().create({"language": "pyton"})
    with pytest.raises(InvalidPropertiesError, match="max_file_size"):
        SourceCodeAnalyserFactory().create({"max_file_size": "much"})


def test_without_the_extra_files_have_no_structure_and_the_message_says_so(monkeypatch) -> None:
    monkeypatch.setattr(structure, "is_available", lambda: False)
    made = analysed(("a.py", "def f(): pass"))
    assert "structure" not in made.content["data"][0]
    assert "waivern[code]" in made.content["metadata"]["structure"]
    assert "no structure" in SourceCodeAnalyserFactory().create({}).version


SAMPLES = {
    "python": "import a.b as c\n# note\nclass K:\n    def f(self, n=1):\n        return 'v'\n",
    "javascript": "import z from 'a.b';\n// note\nclass K {\n  f(n) { return 'v'; }\n}\n",
    "typescript": "import {z} from 'a.b';\n// note\ninterface K {}\nfunction f(n: number) { return 'v'; }\n",
    "php": "<?php\nuse a.b;\n// note\nclass K {\n  function f($n) { return 'v'; }\n}\n".replace("a.b", "a\\b"),
    "java": 'import a.b;\n// note\nclass K {\n  String f(int n) { return "v"; }\n}\n',
    "go": 'package p\nimport "a.b"\n// note\ntype K struct{}\nfunc f(n int) string { return "v" }\n',
    "ruby": "require 'a.b'\n# note\nclass K\n  def f(n)\n    'v'\n  end\nend\n",
    "csharp": 'using a.b;\n// note\nclass K {\n  string f(int n) { return "v"; }\n}\n',
    "sql": """-- note
CREATE TABLE K (n int);
SELECT 'v' FROM K;
CREATE FUNCTION f(n int) RETURNS int AS $$ select 1 $$ LANGUAGE sql;
""",
}


@pytest.mark.parametrize("language", SAMPLES)
def test_the_structure_of_each_language_is_told(language: str) -> None:
    text = SAMPLES[language]
    told = structure_of(text, language)
    assert [each["name"] for each in told["functions"]] == ["f"]
    assert "n" in told["functions"][0]["parameters"]
    assert [each["name"] for each in told["classes"]] == ["K"]
    assert [each["name"].replace("\\", ".") for each in told["imports"]] == ([] if language == "sql" else ["a.b"])
    assert ["note" in each["text"] for each in told["comments"]] == [True]
    assert any("v" in each["text"] for each in told["strings"])
    assert "has_errors" not in told
    lines = text.splitlines()
    assert all("f" in lines[each["start_line"] - 1] for each in told["functions"])


def test_what_does_not_parse_is_told_as_far_as_it_does() -> None:
    told = structure_of("def f(a):\n    return 1\n\ndef g(:\n", "python")
    assert told["has_errors"] is True
    assert told["functions"][0]["name"] == "f"


def test_too_much_is_counted_and_too_long_is_cut() -> None:
    told = structure_of("x = 'a'\n" * (structure.MOST_OF_A_KIND + 5) + f"y = '{'b' * 2000}'\n", "python")
    assert len(told["strings"]) == structure.MOST_OF_A_KIND
    assert told["truncated"] == {"strings": 6}
    (long,) = structure_of(f"y = '{'b' * 2000}'", "python")["strings"]
    assert len(long["text"]) == structure.LONGEST_TEXT


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("#" * (structure.MOST_BYTES + 1), "larger than 1,000,000 bytes"),
        ("(" * (structure.DEEPEST + 1), "nested more than 500 deep"),
    ],
)
def test_a_file_that_would_take_too_long_has_no_structure_and_says_so(text: str, why: str) -> None:
    (entry,) = analysed(("a.py", text)).content["data"]
    assert "structure" not in entry
    assert why in entry["metadata"]["structure"]
    assert structure.fault_of(b"([{)" * structure.DEEPEST) is not None
    assert structure.fault_of(b")()" * 2 * structure.DEEPEST) is None


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(GRAMMARS)), st.text(max_size=80), st.sampled_from(sorted(SAMPLES)), st.integers(0, 200))
def test_any_text_has_a_structure_whose_lines_are_in_it(language: str, odd: str, sample: str, cut: int) -> None:
    text = SAMPLES[sample][:cut] + odd
    told = structure_of(text, language)
    assert told == structure_of(text, language)
    lines = text.encode("utf-8", "replace").count(b"\n") + 1
    for kind in ("functions", "classes", "imports", "comments", "strings"):
        for each in told[kind]:
            assert 1 <= each.get("line", each.get("start_line", 1)) <= each.get("end_line", lines) <= lines
