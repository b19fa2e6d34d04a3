"""What shipped classifications say, and how a wrong one is refused."""

import textwrap

import pytest

from waivern.errors import RulesetError
from waivern.rulesets.loading.classification import Classification, load_classification, read_classification
from waivern.rulesets.loading.ruleset_files import is_classification
from waivern.rulesets.loading.ruleset_loader import available_rulesets, load_ruleset

CLASSIFIES = {
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

GOOD = """
name: mine_classification
version: 1.0.0
text: our law
criteria: {harm: section 2}
rules:
  - name: badges
    categories: [badge]
    source: our law
    article_references: [Section 1]
    dpia_triggers: [harm]
    require_review: true
    review_reason: somebody has to
"""


@pytest.fixture(params=sorted(CLASSIFIES))
def classification(request) -> Classification:
    return load_classification(f"local/{request.param}/1.0.0")


def test_every_shipped_classification_is_tried_here():
    assert {uri.split("/")[1] for uri in available_rulesets() if is_classification(uri)} == set(CLASSIFIES)


def test_every_category_and_rule_of_the_indicators_is_classified_and_none_that_they_lack(classification):
    indicators = load_ruleset(f"local/{CLASSIFIES[classification.uri.split('/')[1]]}/1.0.0").for_scans().rules
    assert {name for rule in classification.rules for name in rule.categories} == {each.category for each in indicators}
    assert {name for rule in classification.rules for name in rule.rules} <= {each.name for each in indicators}
    assert all(classification.of(each.category, each.name) for each in indicators)


def test_every_rule_names_its_source_and_articles_of_laws(classification):
    for rule in (*classification.rules, *classification.transfers):
        assert rule.source.strip()
        assert all(each.startswith(("GDPR Art. ", "ePrivacy Directive Art. ")) for each in rule.article_references)
    assert classification.text.startswith("Regulation (EU) 2016/679")


def test_the_criteria_are_those_of_article_35_and_of_the_working_party(classification):
    assert set(classification.criteria) == ARTICLE_35_3 | WP248


def test_special_categories_are_those_of_article_9_and_criminal_data_that_of_article_10():
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


def test_every_country_of_a_company_says_what_a_transfer_may_rest_on():
    services = load_classification(SERVICES)
    countries = {rule.facts["country"] for rule in load_ruleset("local/service_integrations/1.0.0").rules}
    status = {country: services.transfer_to(country).status for country in countries}
    assert status["France"] == status["Estonia"] == status["Germany / Czechia"] == "within_the_eea"
    assert status["United States"] == "adequacy_of_certified_companies"
    assert status["United Kingdom"] == "adequacy_for_a_term"
    assert status["Israel"] == status["New Zealand"] == "adequacy"
    without_decision = {"Australia", "China", "India", "Russia", "Singapore", "United Arab Emirates"}
    for country, said in status.items():
        assert (said == "third_country") == bool(without_decision & set(country.split(" / "))), country


def test_a_rule_that_names_an_indicators_rule_comes_before_one_that_names_its_category():
    personal = load_classification("local/gdpr_personal_data_classification/1.0.0")
    assert personal.of("demographic", "nationality").name == "nationality_data"
    assert personal.of("demographic", "age").name == "demographic_data"
    assert personal.of("badge", "number") is None


def read(tmp_path, text: str) -> Classification:
    file = tmp_path / "1.0.0.yaml"
    file.write_text(textwrap.dedent(text), encoding="utf-8")
    return read_classification(file, uri="acme/mine_classification/1.0.0")


@pytest.mark.parametrize(
    ("from_", "to", "said"),
    [
        ("    categories: [badge]\n", "", "names neither categories nor rules"),
        ("[Section 1]", "[]", "names no source, or no article"),
        ("source: our law", "source: ' '", "names no source, or no article"),
        ("dpia_triggers: [harm]", "dpia_triggers: [ham]", "there is no criterion 'ham'"),
        ("    review_reason: somebody has to\n", "", "go together"),
        ("text: our law\n", "", "text"),
        ("categories: [badge]", "category: badge", "category"),
        ("categories: [badge]", "categories: [badge, badge]", "the category 'badge' stands there twice"),
        ("rules:\n", "transfers: [{status: a, note: b}]\nrules:\n", "transfer number 1"),
    ],
)
def test_a_wrong_classification_is_refused_with_its_place(tmp_path, from_, to, said):
    assert read(tmp_path, GOOD).of("badge", "any").name == "badges"
    with pytest.raises(RulesetError) as raised:
        read(tmp_path, GOOD.replace(from_, to))
    assert said in str(raised.value)
    assert "1.0.0.yaml" in str(raised.value)


def test_a_classification_finds_nothing_and_a_ruleset_classifies_nothing():
    with pytest.raises(RulesetError, match="classifies what was found"):
        load_ruleset(SERVICES)
    with pytest.raises(RulesetError, match="is no classification"):
        load_classification("local/personal_data_indicator/1.0.0")
    with pytest.raises(RulesetError, match="Did you mean 'local/gdpr_data_subject_classification/1.0.0'"):
        load_classification("local/gdpr_data_subject_classifications/1.0.0")
