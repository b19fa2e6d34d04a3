import textwrap
from pathlib import Path

import pytest

from waivern.errors import RulesetError
from waivern.rulesets.loading import ruleset_files as files
from waivern.rulesets.loading.ruleset_loader import available_rulesets, broken_providers, load_ruleset, read_ruleset

GOOD = """
name: mine
version: 1.0.0
rules:
  - name: badge
    category: identifier
    source: our badges
    values:
      - {name: number, regex: '\\bB[0-9]{6}\\b', confidence: {alone: 0.8, in_context: 0.9}}
    context: [badge]
    field_names: {strong: [badge number]}
    examples: {match: ["B123456"], no_match: ["B1"]}
"""


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "mine" / "1.0.0.yaml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(textwrap.dedent(text), encoding="utf-8")
    return file


def read(tmp_path: Path, text: str):
    return read_ruleset(written(tmp_path, text), uri="acme/mine/1.0.0")


def test_a_ruleset_says_its_uri_and_a_version_that_changes_with_its_rules(tmp_path):
    one = read(tmp_path, GOOD)
    other = read(tmp_path, GOOD.replace("0.8", "0.7"))
    assert one.uri == "acme/mine/1.0.0"
    assert one.rules_version.startswith("1.0.0+")
    assert one.rules_version != other.rules_version


def test_an_unknown_ruleset_is_named_with_what_is_near_and_what_there_is():
    with pytest.raises(RulesetError) as raised:
        load_ruleset("local/personal_data_indicators/1.0.0")
    assert "Did you mean 'local/personal_data_indicator/1.0.0'?" in str(raised.value)
    assert "Known: " in str(raised.value)


def test_a_ruleset_is_read_once():
    assert load_ruleset("local/personal_data_indicator/1.0.0") is load_ruleset("local/personal_data_indicator/1.0.0")


@pytest.mark.parametrize(
    ("from_", "to", "said"),
    [
        ("category: identifier", "kind: identifier", "rule 'badge'"),
        ("alone: 0.8", "alone: high", "rule 'badge'"),
        ("alone: 0.8", "alone: 1.8", "values: 'number': a confidence"),
        ("\\bB[0-9]{6}\\b", "(B+)+x", "values: 'number': regex repeats what can be cut in more than one way"),
        ("\\bB[0-9]{6}\\b", "B[^0-9]", "values: 'number': regex says 'all but ...'"),
        ("\\bB[0-9]{6}\\b", "(?=B)B", "values: 'number': regex uses assert"),
        ("\\bB[0-9]{6}\\b", "Ä[0-9]{6}", "values: 'number': regex holds characters beyond ASCII, which need literals"),
        ("\\bB[0-9]{6}\\b", "B(", "values: 'number': regex is not a regular expression"),
        ("[badge number]", "[Badge Number]", "field_names.strong: 'Badge Number'"),
        ("context: [badge]", "context: [badge, badge]", "context: the term 'badge' stands there twice"),
        ("alone: 0.8, ", "", None),
        ("alone: 0.8, ", "alone: 0.8, in_doubt: 0.2, ", "confidence.in_doubt is for patterns"),
        ("context: [badge]", "context: [badge]\n    doubt: [Bird]", "doubt: 'Bird' is not"),
        ("{6}\\b', confidence: {alone: 0.8, ", "{600}\\b', confidence: {", "at most 100 characters"),
        ("{name: number,", "{name: number, validator: luck,", "there is no validator 'luck'"),
        ("{name: number,", "{name: number, validator: stdnum.se.personnummer,", "there is no validator"),
        ("{name: number,", "{name: number, lead: abc,", "lead is not one character class"),
        ("version: 1.0.0", "version: 2.0.0", "calls itself mine/2.0.0"),
        ("name: mine", "name: [", "1.0.0.yaml: while parsing"),
        ("version: 1.0.0", "version: &v 1.0.0\ndescription: *v", "no YAML aliases"),
    ],
)
def test_a_fault_is_named_with_file_rule_and_field(tmp_path, from_, to, said):
    changed = GOOD.replace(from_, to, 1)
    assert changed != GOOD
    if said is None:
        assert read(tmp_path, changed).rules[0].values[0].confidence.alone is None
        return
    with pytest.raises(RulesetError) as raised:
        read(tmp_path, changed)
    assert said in str(raised.value)
    assert "1.0.0.yaml" in str(raised.value)


@pytest.mark.parametrize(
    "confidence", ["confidence: {in_context: 0.8}", "literals: [Ä], confidence: {alone: 0.7, in_context: 0.8}"]
)
def test_what_is_tried_on_text_alone_may_hold_letters_beyond_ascii_and_is_checked_all_the_same(tmp_path, confidence):
    text = GOOD.replace("confidence: {alone: 0.8, in_context: 0.9}", confidence)
    beyond = text.replace("\\bB[0-9]{6}\\b", "Ä[0-9]{6}")
    assert read(tmp_path, beyond).rules[0].values[0].regex == "Ä[0-9]{6}"
    for wrong, said in (
        ("(Ä+)+x", "more than one way"),
        ("Ä\\w", "uses a class"),
        ("[^Ä]", "all but"),
        (r"[\0-ä]b", "NUL"),
    ):
        with pytest.raises(RulesetError, match=said):
            read(tmp_path, text.replace("\\bB[0-9]{6}\\b", wrong))


def test_a_rule_that_makes_no_findings_is_none_of_a_scans(tmp_path):
    rule = GOOD[GOOD.index("  - name: badge") :]
    both = read(
        tmp_path, GOOD + rule.replace("badge\n", "day\n", 1).replace("source:", "makes_findings: false\n    source:")
    )
    assert [rule.name for rule in both.rules] == ["badge", "day"]
    assert [rule.name for rule in both.for_scans().rules] == ["badge"]
    assert both.for_scans().rules_version == both.rules_version


def test_a_value_that_needs_context_must_say_which(tmp_path):
    with pytest.raises(RulesetError, match=r"without confidence\.alone the rule must name its context"):
        read(tmp_path, GOOD.replace("alone: 0.8, ", "").replace("context: [badge]", "context: []"))


WORDS = GOOD.replace(
    "    field_names:",
    "    words: {confidence: {in_context: 0.8}, terms: [badge holder], weak: [holder], not_after: [card]}\n"
    "    field_names:",
)


@pytest.mark.parametrize(
    ("from_", "to", "said"),
    [
        ("terms: [badge holder], weak: [holder], ", "", "words: there is neither a term nor a weak one"),
        ("context: [badge]", "", "words: for weak terms the rule must name its context"),
        ("weak: [holder]", "weak: [badge holder]", "words: the term 'badge holder' stands there twice"),
        ("[card]", "[smart card]", "words: not_after: 'smart card' is more than one word"),
        ("[card]", "[Card]", "words: not_after: 'Card'"),
        ("confidence: {in_context: 0.8}", "confidence: {in_context: 8}", "words: a confidence"),
    ],
)
def test_a_fault_in_words_is_named_too(tmp_path, from_, to, said):
    assert read(tmp_path, WORDS).rules[0].words.weak == ("holder",)
    with pytest.raises(RulesetError) as raised:
        read(tmp_path, WORDS.replace(from_, to, 1))
    assert said in str(raised.value)


def test_two_rules_of_one_name_are_refused(tmp_path):
    rule = GOOD[GOOD.index("  - name: badge") :]
    with pytest.raises(RulesetError, match="the rule 'badge' stands there twice"):
        read(tmp_path, GOOD + rule)


def test_a_package_offers_rulesets_under_its_own_name_and_none_as_local(tmp_path, monkeypatch):
    written(tmp_path, GOOD)
    offered = files.discover("no.such.group").__class__({"acme": tmp_path, "local": tmp_path, "gone": "/no/such"}, {})
    monkeypatch.setattr(files, "discover", lambda group: offered)
    files.ruleset_files.cache_clear()
    try:
        assert "acme/mine/1.0.0" in available_rulesets()
        assert "local/mine/1.0.0" not in available_rulesets()
        assert set(broken_providers()) == {"local", "gone"}
        assert load_ruleset("acme/mine/1.0.0").rules[0].name == "badge"
    finally:
        files.ruleset_files.cache_clear()
        load_ruleset.cache_clear()
