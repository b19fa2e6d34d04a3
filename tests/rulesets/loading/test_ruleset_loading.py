import textwrap
from pathlib import Path

import pytest

from waivern.errors import RulesetError
from waivern.rulesets.loading import ruleset_files
from waivern.rulesets.loading.ruleset_loader import available_rulesets, broken_providers, load_ruleset, read_ruleset

VALID = """
name: mine
version: 1.0.0
rules:
  - name: badge
    category: identifier
    source: our badges
    patterns:
      - {name: number, regex: '\\bB[0-9]{6}\\b', confidence: {alone: 0.8, with_context: 0.9}}
    context_words: [badge]
    field_names: {strong: [badge number]}
    examples: {match: ["B123456"], no_match: ["B1"]}
"""


def write(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "mine" / "1.0.0.yaml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(textwrap.dedent(text), encoding="utf-8")
    return file


def read(tmp_path: Path, text: str):
    return read_ruleset(write(tmp_path, text), uri="acme/mine/1.0.0")


def test_the_rules_version_changes_with_the_rules(tmp_path):
    ruleset = read(tmp_path, VALID)
    changed = read(tmp_path, VALID.replace("0.8", "0.7"))
    assert ruleset.uri == "acme/mine/1.0.0"
    assert ruleset.rules_version.startswith("1.0.0+")
    assert ruleset.rules_version != changed.rules_version


def test_the_error_for_an_unknown_ruleset_suggests_a_name_and_lists_all():
    with pytest.raises(RulesetError) as raised:
        load_ruleset("local/personal_data_indicators/1.0.0")
    assert "Did you mean 'local/personal_data_indicator/1.0.0'?" in str(raised.value)
    assert "Available: " in str(raised.value)


def test_a_ruleset_is_loaded_once():
    assert load_ruleset("local/personal_data_indicator/1.0.0") is load_ruleset("local/personal_data_indicator/1.0.0")


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ("category: identifier", "kind: identifier", "rule 'badge'"),
        ("alone: 0.8", "alone: high", "rule 'badge'"),
        ("alone: 0.8", "alone: 1.8", "patterns: 'number': confidence.alone must be"),
        (
            "\\bB[0-9]{6}\\b",
            "(B+)+x",
            "'number': regex repeats a part that can be split in more than one way",
        ),
        ("\\bB[0-9]{6}\\b", "B[^0-9]", "patterns: 'number': regex uses a negated class"),
        ("\\bB[0-9]{6}\\b", "(?=B)B", "patterns: 'number': regex uses assert"),
        ("\\bB[0-9]{6}\\b", "Ä[0-9]{6}", "patterns: 'number': regex has non-ASCII characters, which need literals"),
        ("\\bB[0-9]{6}\\b", "B(", "patterns: 'number': regex is not a valid regular expression"),
        ("[badge number]", "[Badge Number]", "field_names.strong: 'Badge Number'"),
        ("context_words: [badge]", "context_words: [badge, badge]", "context_words: duplicate term 'badge'"),
        ("alone: 0.8, ", "", None),
        ("alone: 0.8, ", "alone: 0.8, with_negative_context: 0.2, ", "confidence.with_negative_context needs"),
        (
            "context_words: [badge]",
            "context_words: [badge]\n    negative_context_words: [Bird]",
            "negative_context_words: 'Bird' must be",
        ),
        ("{6}\\b', confidence: {alone: 0.8, ", "{600}\\b', confidence: {", "at most 100 characters"),
        ("{name: number,", "{name: number, validator: luck,", "there is no validator 'luck'"),
        ("{name: number,", "{name: number, validator: stdnum.se.personnummer,", "there is no validator"),
        ("{name: number,", "{name: number, left_extension: abc,", "left_extension must be one character class"),
        ("version: 1.0.0", "version: 2.0.0", "declares mine/2.0.0"),
        ("name: mine", "name: [", "1.0.0.yaml: while parsing"),
        ("version: 1.0.0", "version: &v 1.0.0\ndescription: *v", "YAML aliases are not allowed"),
    ],
)
def test_an_error_names_file_rule_and_field(tmp_path, old, new, error):
    changed = VALID.replace(old, new, 1)
    assert changed != VALID
    if error is None:
        assert read(tmp_path, changed).rules[0].patterns[0].confidence.alone is None
        return
    with pytest.raises(RulesetError) as raised:
        read(tmp_path, changed)
    assert error in str(raised.value)
    assert "1.0.0.yaml" in str(raised.value)


@pytest.mark.parametrize(
    "confidence", ["confidence: {with_context: 0.8}", "literals: [Ä], confidence: {alone: 0.7, with_context: 0.8}"]
)
def test_a_pattern_that_is_matched_against_text_may_have_non_ascii_letters_and_is_validated_too(tmp_path, confidence):
    text = VALID.replace("confidence: {alone: 0.8, with_context: 0.9}", confidence)
    non_ascii = text.replace("\\bB[0-9]{6}\\b", "Ä[0-9]{6}")
    assert read(tmp_path, non_ascii).rules[0].patterns[0].regex == "Ä[0-9]{6}"
    for invalid, error in (
        ("(Ä+)+x", "more than one way"),
        ("Ä\\w", "uses a character class"),
        ("[^Ä]", "negated class"),
        (r"[\0-ä]b", "NUL"),
    ):
        with pytest.raises(RulesetError, match=error):
            read(tmp_path, text.replace("\\bB[0-9]{6}\\b", invalid))


def test_scans_use_reportable_rules_only(tmp_path):
    rule = VALID[VALID.index("  - name: badge") :]
    ruleset = read(
        tmp_path, VALID + rule.replace("badge\n", "day\n", 1).replace("source:", "reportable: false\n    source:")
    )
    assert [rule.name for rule in ruleset.rules] == ["badge", "day"]
    assert [rule.name for rule in ruleset.for_scans().rules] == ["badge"]
    assert ruleset.for_scans().rules_version == ruleset.rules_version


def test_a_pattern_without_confidence_alone_needs_context_words(tmp_path):
    with pytest.raises(RulesetError, match=r"without confidence\.alone the rule must have context_words"):
        read(tmp_path, VALID.replace("alone: 0.8, ", "").replace("context_words: [badge]", "context_words: []"))


WITH_KEYWORDS = VALID.replace(
    "    field_names:",
    "    keywords: {confidence: {with_context: 0.8}, terms: [badge holder], weak: [holder], not_preceded_by: [card]}\n"
    "    field_names:",
)


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ("terms: [badge holder], weak: [holder], ", "", "keywords: there are neither terms nor weak terms"),
        ("context_words: [badge]", "", "keywords: weak terms need the rule's context_words"),
        ("weak: [holder]", "weak: [badge holder]", "keywords: duplicate term 'badge holder'"),
        ("[card]", "[smart card]", "keywords: not_preceded_by: 'smart card' is more than one word"),
        ("[card]", "[Card]", "keywords: not_preceded_by: 'Card'"),
        (
            "confidence: {with_context: 0.8}",
            "confidence: {with_context: 8}",
            "keywords: confidence.with_context",
        ),
    ],
)
def test_an_error_in_keywords_names_the_key(tmp_path, old, new, error):
    assert read(tmp_path, WITH_KEYWORDS).rules[0].keywords.weak == ("holder",)
    with pytest.raises(RulesetError) as raised:
        read(tmp_path, WITH_KEYWORDS.replace(old, new, 1))
    assert error in str(raised.value)


def test_two_rules_with_the_same_name_are_rejected(tmp_path):
    rule = VALID[VALID.index("  - name: badge") :]
    with pytest.raises(RulesetError, match="duplicate rule 'badge'"):
        read(tmp_path, VALID + rule)


def test_a_package_provides_rulesets_under_its_own_name_but_not_as_local(tmp_path, monkeypatch):
    write(tmp_path, VALID)
    discovered = ruleset_files.discover("no.such.group").__class__(
        {"acme": tmp_path, "local": tmp_path, "gone": "/no/such"}, {}
    )
    monkeypatch.setattr(ruleset_files, "discover", lambda group: discovered)
    ruleset_files.ruleset_files.cache_clear()
    try:
        assert "acme/mine/1.0.0" in available_rulesets()
        assert "local/mine/1.0.0" not in available_rulesets()
        assert set(broken_providers()) == {"local", "gone"}
        assert load_ruleset("acme/mine/1.0.0").rules[0].name == "badge"
    finally:
        ruleset_files.ruleset_files.cache_clear()
        load_ruleset.cache_clear()
