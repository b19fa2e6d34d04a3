"""Rulesets and their engines in the user's cache: the same as without it, whatever the cache holds."""

import time
from collections.abc import Iterator
from pathlib import Path

import hyperscan
import pytest

from waivern.rulesets.engine import hyperscan_database
from waivern.rulesets.engine.hyperscan_engine import HyperscanEngine
from waivern.rulesets.engine.pattern_engine import Boundary, PatternSet, ScanPattern, Word
from waivern.rulesets.loading import parsed_cache
from waivern.rulesets.loading.classification import read_classification
from waivern.rulesets.loading.ruleset_files import ruleset_file
from waivern.rulesets.loading.ruleset_loader import read_ruleset
from waivern.user_cache import use_cache_folder

PATTERNS = PatternSet(
    patterns=[ScanPattern(r"\b[0-9]{3}-[0-9]{4}\b"), ScanPattern(r"key=[a-z]+[0-9]", left_extension="[a-z_]")],
    word_groups=[[Word("name"), Word("né", Boundary.WHOLE_WORD)], [Word("Name", case_sensitive=True)]],
)
TEXT = "my_key=abc1 Name, né 555-1234 nAmE".encode()


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    use_cache_folder(tmp_path / "waivern")
    yield tmp_path / "waivern"
    use_cache_folder(None)


@pytest.fixture
def compiled_sets(monkeypatch: pytest.MonkeyPatch) -> list[PatternSet]:
    """The pattern sets that are compiled, not loaded."""
    calls: list[PatternSet] = []
    compile_set = hyperscan_database._compile

    def counting(pattern_set: PatternSet) -> object:
        calls.append(pattern_set)
        return compile_set(pattern_set)

    monkeypatch.setattr(hyperscan_database, "_compile", counting)
    return calls


def test_a_cached_engine_finds_the_same(folder: Path, compiled_sets: list[PatternSet]) -> None:
    found = HyperscanEngine(PATTERNS).scan(TEXT)
    assert found.patterns
    assert all(found.word_ends)
    assert HyperscanEngine(PATTERNS).scan(TEXT) == found
    assert len(compiled_sets) == 1
    assert len(list(folder.iterdir())) == 1


def test_an_engine_with_other_patterns_is_compiled(folder: Path, compiled_sets: list[PatternSet]) -> None:
    HyperscanEngine(PATTERNS)
    HyperscanEngine(PATTERNS._replace(patterns=PATTERNS.patterns[:1]))
    HyperscanEngine(PATTERNS._replace(word_groups=PATTERNS.word_groups[:1]))
    assert len(compiled_sets) == 3


@pytest.mark.parametrize(
    ("module", "name", "value"), [(hyperscan, "__version__", "0"), (hyperscan_database, "_cpu", lambda: b"other")]
)
def test_an_engine_for_another_version_or_processor_is_compiled(
    folder: Path,
    compiled_sets: list[PatternSet],
    monkeypatch: pytest.MonkeyPatch,
    module: object,
    name: str,
    value: object,
) -> None:
    HyperscanEngine(PATTERNS)
    monkeypatch.setattr(module, name, value)
    HyperscanEngine(PATTERNS)
    assert len(compiled_sets) == 2


def test_a_database_that_hyperscan_refuses_is_compiled_again(
    folder: Path, compiled_sets: list[PatternSet], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as other_hyperscan:
        other_hyperscan.setattr(hyperscan, "dumpb", lambda _: b"from another platform")
        HyperscanEngine(PATTERNS)
    assert HyperscanEngine(PATTERNS).scan(TEXT).patterns
    assert len(compiled_sets) == 2
    HyperscanEngine(PATTERNS)
    assert len(compiled_sets) == 2


@pytest.mark.parametrize("damage", [b"", b"\xff" * 100, b"\x80"])
def test_damaged_entries_are_computed_again(folder: Path, damage: bytes) -> None:
    uri = "local/crypto_quality_indicator/1.0.0"
    file = ruleset_file(uri, classification=False)
    ruleset = read_ruleset(file, uri=uri)
    found = HyperscanEngine(PATTERNS).scan(TEXT)
    for path in folder.iterdir():
        path.write_bytes(damage)
    assert read_ruleset(file, uri=uri) == ruleset
    assert HyperscanEngine(PATTERNS).scan(TEXT) == found


def test_a_cached_ruleset_is_the_same_and_is_not_parsed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uri = "local/personal_data_indicator/1.0.0"
    file = ruleset_file(uri, classification=False)
    ruleset = read_ruleset(file, uri=uri)
    monkeypatch.setattr("waivern.rulesets.loading.ruleset_loader.read_ruleset_file", None)
    assert read_ruleset(file, uri=uri) == ruleset
    assert hash(read_ruleset(file, uri=uri)) == hash(ruleset)


def test_a_cached_classification_is_the_same(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uri = "local/gdpr_service_integration_classification/1.0.0"
    file = ruleset_file(uri, classification=True)
    classification = read_classification(file, uri=uri)
    monkeypatch.setattr("waivern.rulesets.loading.classification.read_ruleset_file", None)
    assert read_classification(file, uri=uri) == classification


def test_a_changed_ruleset_is_parsed_again(folder: Path, tmp_path: Path) -> None:
    uri = "local/crypto_quality_indicator/1.0.0"
    text = ruleset_file(uri, classification=False).read_text(encoding="utf-8")
    file = tmp_path / "1.0.0.yaml"
    file.write_text(text, encoding="utf-8")
    before = read_ruleset(file, uri=uri)
    file.write_text(text.replace("\ndescription: ", "\ndescription: New. ", 1), encoding="utf-8")
    after = read_ruleset(file, uri=uri)
    assert after.description.startswith("New. ")
    assert after.rules_version != before.rules_version


def test_other_validators_parse_a_ruleset_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry is used without checking that its validators exist."""
    parses = []
    for version in ("1.0", "1.0", "2.0"):
        monkeypatch.setattr(parsed_cache.stdnum, "__version__", version)
        parsed_cache.parsed(b"", str, lambda: parses.append(time.time()) or "parsed", uri="x")  # type: ignore[func-returns-value]
    assert len(parses) == 2
