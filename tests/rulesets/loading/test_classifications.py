"""The content of the shipped classifications, and the errors of invalid ones."""

import textwrap

import pytest

from waivern.errors import RulesetError
from waivern.rulesets.loading.classification import Classification, load_classification, read_classification
from waivern.rulesets.loading.ruleset_files import is_classification
from waivern.rulesets.loading.ruleset_loader import available_rulesets, load_ruleset

CLASSIFIED_RULESETS = {
    "gdpr_data_collection_classification": "data_collection",
    "gdpr_data_subject_classification": "data_subject_indicator",
    "gdpr_personal_data_classification": "personal_data_indicator",
    "gdpr_processing_purpose_classification": "processing_purposes",
    "gdpr_service_integration_classification": "service_integrations",
}
WP248 = {
    "evaluation_or_scoring",
    "automated_decision",
    "systematic_monitoring",
    "sensitive_data",
    "large_scale",
    "matched_data_sets",
    "vulnerable_data_subjects",
    "new_technology",
    "bars_from_right_or_contract",
}
ARTICLE_35_3 = {"art_35_3_a", "art_35_3_b", "art_35_3_c"}
SERVICES = "local/gdpr_service_integration_classification/1.0.0"

VALID = """
name: mine_classification
version: 1.0.0
law: our law
criteria: {harm: section 2}
rules:
  - name: badges
    categories: [badge]
    source: our law
    article_references: [Section 1]
    dpia_triggers: [harm]
    require_review: true
    review_reason: a person must decide
"""


@pytest.fixture(params=sorted(CLASSIFIED_RULESETS))
def classification(request) -> Classification:
    return load_classification(f"local/{request.param}/1.0.0")


def test_every_shipped_classification_is_tested_here():
    assert {uri.split("/")[1] for uri in available_rulesets() if is_classification(uri)} == set(CLASSIFIED_RULESETS)


def test_a_classification_covers_exactly_the_categories_of_its_ruleset(classification):
    ruleset = CLASSIFIED_RULESETS[classification.uri.split("/")[1]]
    rules = load_ruleset(f"local/{ruleset}/1.0.0").for_scans().rules
    assert {name for rule in classification.rules for name in rule.categories} == {rule.category for rule in rules}
    assert {name for rule in classification.rules for name in rule.rules} <= {rule.name for rule in rules}
    assert all(classification.classify(rule.category, rule.name) for rule in rules)


def test_every_rule_has_a_source_and_articles_of_a_law(classification):
    for rule in (*classification.rules, *classification.transfers):
        assert rule.source.strip()
        assert all(name.startswith(("GDPR Art. ", "ePrivacy Directive Art. ")) for name in rule.article_references)
    assert classification.law.startswith("Regulation (EU) 2016/679")


def test_the_criteria_are_those_of_article_35_and_of_the_article_29_working_party(classification):
    assert set(classification.criteria) == ARTICLE_35_3 | WP248


def test_special_categories_follow_article_9_and_criminal_data_follows_article_10():
    rules = load_classification("local/gdpr_personal_data_classification/1.0.0").rules
    assert {name for rule in rules if rule.special_category for name in rule.categories} == {
        "ethnicity",
        "political",
        "religion",
        "trade_union",
        "genetic",
        "biometric",
        "health",
        "sexual_orientation",
    }
    assert {name for rule in rules if rule.criminal_data for name in rule.categories} == {"criminal"}
    assert all("GDPR Art. 9(1)" in rule.article_references for rule in rules if rule.special_category)
    assert all(rule.require_review for rule in rules if rule.special_category or rule.criminal_data)


def test_every_country_of_a_shipped_service_has_a_transfer_rule():
    services = load_classification(SERVICES)
    countries = {rule.facts["country"] for rule in load_ruleset("local/service_integrations/1.0.0").rules}
    status = {country: services.transfer_to(country).status for country in countries}
    assert status["France"] == status["Estonia"] == status["Germany / Czechia"] == "within_the_eea"
    assert status["United States"] == "adequacy_of_certified_companies"
    assert status["United Kingdom"] == "adequacy_for_a_term"
    assert status["Israel"] == status["New Zealand"] == "adequacy"
    without_decision = {"Australia", "China", "India", "Russia", "Singapore", "United Arab Emirates"}
    for country, name in status.items():
        assert (name == "third_country") == bool(without_decision & set(country.split(" / "))), country


def test_a_rule_for_a_detection_rule_takes_precedence_over_one_for_its_category():
    personal = load_classification("local/gdpr_personal_data_classification/1.0.0")
    assert personal.classify("demographic", "nationality").name == "nationality_data"
    assert personal.classify("demographic", "age").name == "demographic_data"
    assert personal.classify("badge", "number") is None


def read(tmp_path, text: str) -> Classification:
    file = tmp_path / "1.0.0.yaml"
    file.write_text(textwrap.dedent(text), encoding="utf-8")
    return read_classification(file, uri="acme/mine_classification/1.0.0")


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ("    categories: [badge]\n", "", "needs categories or rules"),
        ("[Section 1]", "[]", "needs a source and article_references"),
        ("source: our law", "source: ' '", "needs a source and article_references"),
        ("dpia_triggers: [harm]", "dpia_triggers: [ham]", "'ham' is not a key of criteria"),
        ("    review_reason: a person must decide\n", "", "must be used together"),
        ("law: our law\n", "", "law"),
        ("categories: [badge]", "category: badge", "category"),
        ("categories: [badge]", "categories: [badge, badge]", "duplicate category 'badge'"),
        ("rules:\n", "transfers: [{status: a, note: b}]\nrules:\n", "transfer number 1"),
    ],
)
def test_an_error_in_a_classification_names_file_and_key(tmp_path, old, new, error):
    assert read(tmp_path, VALID).classify("badge", "any").name == "badges"
    with pytest.raises(RulesetError) as raised:
        read(tmp_path, VALID.replace(old, new))
    assert error in str(raised.value)
    assert "1.0.0.yaml" in str(raised.value)


def test_classifications_and_rulesets_are_not_interchangeable():
    with pytest.raises(RulesetError, match="is a classification, not a ruleset"):
        load_ruleset(SERVICES)
    with pytest.raises(RulesetError, match="is a ruleset, not a classification"):
        load_classification("local/personal_data_indicator/1.0.0")
    with pytest.raises(RulesetError, match="Did you mean 'local/gdpr_data_subject_classification/1.0.0'"):
        load_classification("local/gdpr_data_subject_classifications/1.0.0")
