"""Source files are selected among other files, with their language and structure."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders.detecting import file_entry, text_message
from tests.builders.thoroughness import examples
from waivern import InvalidPropertiesError
from waivern.analysers.source_code import parsing, structure
from waivern.analysers.source_code.factory import SourceCodeAnalyserFactory
from waivern.analysers.source_code.grammars import GRAMMARS
from waivern.analysers.source_code.languages import canonical_language, detect_language
from waivern.files.parsers.parsing import FileLimits
from waivern.messages.message import Message
from waivern.messages.schema import Schema
from waivern.messages.validation import check_message

SOURCE_CODE = Schema("source_code", "1.0.0")


def analyse(*files: tuple[str, str], **properties: Any) -> Message:
    message = text_message([file_entry(content, path) for path, content in files], not_scanned=[])
    output = SourceCodeAnalyserFactory().create(properties).process([message], SOURCE_CODE)
    check_message(output)
    return output


def parse(text: str, language: str) -> dict[str, Any]:
    return structure.parse_structure(text.encode("utf-8", "replace"), language)


def not_scanned(message: Message) -> dict[str, str]:
    return {entry["name"]: entry["reason"] for entry in message.content["metadata"]["not_scanned"]}


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
def test_a_language_is_detected_by_name_extension_or_content(path: str, content: str, language: str | None) -> None:
    assert detect_language(path, content) == language


@pytest.mark.parametrize(
    ("name", "language"), [("PHP", "php"), ("js", "javascript"), ("C#", "csharp"), ("cobolt", None)]
)
def test_language_names_have_common_aliases(name: str, language: str | None) -> None:
    assert canonical_language(name) == language


def test_files_that_are_not_selected_are_listed_with_the_reason() -> None:
    output = analyse(("a.py", "x = 1\ny = 2\n"), ("b.txt", "text"), ("c.py", "#" * 200), max_file_size=100)
    (entry,) = output.content["data"]
    assert (entry["file_path"], entry["language"], entry["raw_content"]) == ("a.py", "python", "x = 1\ny = 2\n")
    assert entry["metadata"] == {"source": "exports", "file_size": 12, "line_count": 2}
    assert not_scanned(output) == {
        "b.txt": "not source code in a known language",
        "c.py": "larger than max_file_size (100 bytes)",
    }
    assert output.content["metadata"]["total_files"] == 1


def test_only_files_in_the_requested_language_are_selected() -> None:
    output = analyse(("a.py", ""), ("b.php", "<?php"), language="PHP")
    assert [entry["file_path"] for entry in output.content["data"]] == ["b.php"]
    assert not_scanned(output) == {"a.py": "the language is python, only php was requested"}


def test_columns_of_a_table_are_ignored() -> None:
    entry = {"content": "x", "metadata": {"source": "s", "connector_type": "c", "file_path": "a.csv", "column": "x"}}
    output = SourceCodeAnalyserFactory().create({}).process([text_message([entry])], SOURCE_CODE)
    assert (output.content["data"], output.content["metadata"]["not_scanned"]) == ([], [])


def test_errors_in_properties_suggest_a_similar_name() -> None:
    with pytest.raises(InvalidPropertiesError, match="is not a known language. Did you mean 'python'"):
        SourceCodeAnalyserFactory().create({"language": "pyton"})
    with pytest.raises(InvalidPropertiesError, match="max_file_size"):
        SourceCodeAnalyserFactory().create({"max_file_size": "much"})


def test_without_the_extra_files_have_no_structure_and_the_metadata_says_so(monkeypatch) -> None:
    monkeypatch.setattr(structure, "is_available", lambda: False)
    output = analyse(("a.py", "def f(): pass"))
    assert "structure" not in output.content["data"][0]
    assert "waivern[code]" in output.content["metadata"]["structure"]
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
def test_each_language_has_a_structure(language: str) -> None:
    text = SAMPLES[language]
    result = parse(text, language)
    assert [entry["name"] for entry in result["functions"]] == ["f"]
    assert "n" in result["functions"][0]["parameters"]
    assert [entry["name"] for entry in result["classes"]] == ["K"]
    assert [entry["name"].replace("\\", ".") for entry in result["imports"]] == ([] if language == "sql" else ["a.b"])
    assert ["note" in entry["text"] for entry in result["comments"]] == [True]
    assert any("v" in entry["text"] for entry in result["strings"])
    assert "has_errors" not in result
    lines = text.splitlines()
    assert all("f" in lines[entry["start_line"] - 1] for entry in result["functions"])


def test_a_file_with_syntax_errors_has_a_partial_structure() -> None:
    result = parse("def f(a):\n    return 1\n\ndef g(:\n", "python")
    assert result["has_errors"] is True
    assert result["functions"][0]["name"] == "f"


def test_excess_entries_are_counted_and_long_texts_are_cut() -> None:
    result = parse("x = 'a'\n" * (structure.MAX_ENTRIES + 5) + f"y = '{'b' * 2000}'\n", "python")
    assert len(result["strings"]) == structure.MAX_ENTRIES
    assert result["truncated"] == {"strings": 6}
    (long,) = parse(f"y = '{'b' * 2000}'", "python")["strings"]
    assert len(long["text"]) == structure.MAX_TEXT_LENGTH


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("#" * (structure.MAX_BYTES + 1), "larger than 1,000,000 bytes"),
        ("(" * (structure.MAX_DEPTH + 1), "nested more than 500 levels deep"),
    ],
)
def test_a_file_that_would_take_too_long_has_no_structure_but_a_reason(text: str, reason: str) -> None:
    (entry,) = analyse(("a.py", text)).content["data"]
    assert "structure" not in entry
    assert reason in entry["metadata"]["structure"]
    assert structure.parse_obstacle(b"([{)" * structure.MAX_DEPTH) is not None
    assert structure.parse_obstacle(b")()" * 2 * structure.MAX_DEPTH) is None


@settings(max_examples=examples(150), deadline=None)
@given(st.sampled_from(sorted(GRAMMARS)), st.text(max_size=80), st.sampled_from(sorted(SAMPLES)), st.integers(0, 200))
def test_any_text_has_a_structure_with_valid_lines(language: str, odd: str, sample: str, cut: int) -> None:
    text = SAMPLES[sample][:cut] + odd
    result = parse(text, language)
    assert result == parse(text, language)
    lines = text.encode("utf-8", "replace").count(b"\n") + 1
    for kind in ("functions", "classes", "imports", "comments", "strings"):
        for entry in result[kind]:
            assert 1 <= entry.get("line", entry.get("start_line", 1)) <= entry.get("end_line", lines) <= lines


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("a.py", "-" * 100_000),
        ("a.js", "!" * 100_000),
        ("a.go", "*" * 100_000),
        ("a.rb", "a." * 50_000),
        ("a.js", "x=" * 50_000 + "1"),
        ("a.py", "not " * 25_000 + "x"),
    ],
)
def test_a_tree_that_would_take_quadratic_time_to_query_is_not_queried(
    path: str, content: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(structure._Parser, "matches", None)
    language = detect_language(path, content)
    assert language is not None
    with pytest.raises(structure.NotParsedError, match="nested too deeply, or too many errors"):
        structure.parse_structure(content.encode(), language)


def test_a_file_that_takes_too_long_to_parse_has_no_structure_and_others_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parsing, "LIMITS", FileLimits(seconds=0.3, memory=10**9))
    message = analyse(("a.py", "\\\n" * 50_000), ("b.js", "function greet() {}"))
    hanging, other = message.content["data"]
    assert hanging["metadata"]["structure"] == "not parsed: parsing it takes more than 0.3 seconds"
    assert hanging["raw_content"] == "\\\n" * 50_000
    assert [function["name"] for function in other["structure"]["functions"]] == ["greet"]


@pytest.mark.parametrize(
    ("language", "content"),
    [("javascript", "case a:" * 14_000), ("javascript", 'n: eeturn "t' * 10_000)],
)
def test_a_file_that_the_grammar_reads_in_too_many_ways_is_not_parsed(language: str, content: str) -> None:
    with pytest.raises(structure.NotParsedError, match="ambiguous, or too many errors"):
        structure.parse_structure(content.encode(), language)


def test_a_text_in_chunks_is_parsed_as_a_whole() -> None:
    lines = "".join(f"def greet_{number}(name):\n    return 'Grüße {number}'\n" for number in range(3_000))
    found = parse(lines, "python")["functions"]
    assert [(function["name"], function["start_line"]) for function in found] == [
        (f"greet_{number}", 2 * number + 1) for number in range(3_000)
    ]
