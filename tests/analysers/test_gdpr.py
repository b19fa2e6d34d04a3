"""The GDPR classifiers."""

import pytest

from tests.builders.detecting import analyse, cell_entry, code_message, file_entry, only_finding, text_message
from waivern.analysers.gdpr import factory as classifiers
from waivern.analysers.indicators import factory as analysers
from waivern.errors import InvalidPropertiesError, MessageError
from waivern.messages.message import Message
from waivern.messages.schema import Schema

PERSONAL = Schema("personal_data_indicator", "1.0.0")
SERVICES = Schema("service_integration_indicator", "1.0.0")


def personal_data(*entries, **metadata) -> Message:
    content = analyse(analysers.PersonalDataAnalyserFactory(), [text_message(entries, **metadata)])
    return Message("", content, PERSONAL)


def services(code: str) -> Message:
    content = analyse(analysers.ServiceIntegrationAnalyserFactory(), [code_message({"app.py": code})])
    return Message("", content, SERVICES)


def classified(*messages: Message, factory=classifiers.GdprPersonalDataClassifierFactory, **properties):
    return analyse(factory(), messages, **properties)


def test_each_finding_is_kept_and_gets_a_category_articles_and_review():
    found = personal_data(
        cell_entry("ann@example.org", "patients", "email"), cell_entry("A+", "patients", "blood_type")
    )
    content = classified(found)
    before = {finding["fingerprint"]: finding for finding in found.content["findings"]}
    for finding in content["findings"]:
        assert before[finding["fingerprint"]].items() <= finding.items()
    health = only_finding(content, "health")
    assert health["indicator_type"] == "health"
    assert health["privacy_category"] == "health_data"
    assert health["special_category"] is True
    assert "GDPR Art. 9(1)" in health["article_references"]
    assert {"art_35_3_b", "sensitive_data"} == {trigger["criterion"] for trigger in health["dpia_triggers"]}
    assert health["require_review"] is True
    assert "Art. 9(2)" in health["review_reason"]
    email = only_finding(content, "email_address")
    assert email["privacy_category"] == "contact_data"
    assert email["special_category"] is False
    assert email["require_review"] is False
    assert "review_reason" not in email


def test_the_summary_counts_categories_and_reviews():
    found = personal_data(
        cell_entry("ann@example.org", "patients", "email"), cell_entry("A+", "patients", "blood_type")
    )
    assert classified(found)["summary"] == {
        "total_findings": 2,
        "by_privacy_category": {"contact_data": 1, "health_data": 1},
        "special_category": 1,
        "criminal_data": 0,
        "require_review": 1,
        "dpia_triggers": {"art_35_3_b": 1, "sensitive_data": 1},
    }


def test_criminal_data_falls_under_article_10_and_is_not_a_special_category():
    finding = only_finding(
        classified(personal_data(cell_entry("theft", "persons", "criminal_record"))), "criminal_record"
    )
    assert finding["criminal_data"] is True
    assert finding["special_category"] is False
    assert "GDPR Art. 10" in finding["article_references"]


def test_a_finding_without_a_rule_is_unclassified_and_needs_review():
    found = personal_data(file_entry("ann@example.org"))
    odd = {**found.content["findings"][0], "category": "badge", "rule": "badge"}
    (finding,) = classified(Message("", {**found.content, "findings": [odd]}, PERSONAL))["findings"]
    assert finding["privacy_category"] == "unclassified"
    assert finding["article_references"] == []
    assert finding["require_review"] is True


def test_the_metadata_of_the_analysis_is_repeated():
    found = personal_data(file_entry("ann@example.org"), not_scanned=[{"name": "logo.png", "reason": "it is binary"}])
    metadata = classified(found)["analysis_metadata"]
    assert metadata["ruleset"] == "local/gdpr_personal_data_classification/1.0.0"
    assert metadata["not_scanned"] == [{"name": "logo.png", "reason": "it is binary"}]
    assert metadata["scanned"] == 1
    (ruleset,) = metadata["indicator_rulesets"]
    assert ruleset.startswith("local/personal_data_indicator/1.0.0 1.0.0+")
    assert metadata["law"].startswith("Regulation (EU) 2016/679")


@pytest.mark.parametrize(
    ("code", "rule", "status", "country"),
    [
        ("import stripe", "stripe", "adequacy_of_certified_companies", "United States"),
        ("HOST = 'https://api.mistral.ai/v1'", "mistral", "within_the_eea", "France"),
    ],
)
def test_a_service_gets_its_company_and_the_basis_of_a_transfer(code, rule, status, country):
    content = classified(services(code), factory=classifiers.GdprServiceIntegrationClassifierFactory)
    finding = only_finding(content, rule)
    assert finding["transfer"]["status"] == status
    assert finding["transfer"]["country"] == country
    assert finding["transfer"]["company"]
    assert ("GDPR Art. 44" in finding["article_references"]) == (status != "within_the_eea")
    assert content["summary"]["transfers"] == {status: 1}


def test_a_service_without_a_country_needs_review():
    found = services("import stripe")
    (finding,) = found.content["findings"]
    odd = {**finding, "metadata": {"source": "src"}}
    content = classified(
        Message("", {**found.content, "findings": [odd]}, SERVICES),
        factory=classifiers.GdprServiceIntegrationClassifierFactory,
    )
    assert content["findings"][0]["transfer"] == {"status": "unknown"}
    assert content["findings"][0]["require_review"] is True
    assert content["summary"]["transfers"] == {"unknown": 1}


def test_a_ruleset_is_not_accepted_as_a_classification():
    with pytest.raises(InvalidPropertiesError) as raised:
        classifiers.GdprPersonalDataClassifierFactory().create({"ruleset": "local/personal_data_indicator/1.0.0"})
    assert "is a ruleset, not a classification" in raised.value.problems["ruleset"]


def test_an_unsupported_output_schema_is_rejected():
    analyser = classifiers.GdprPersonalDataClassifierFactory().create({})
    with pytest.raises(MessageError, match="does not produce"):
        analyser.process([personal_data(file_entry("ann@example.org"))], PERSONAL)
