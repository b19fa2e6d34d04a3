"""Detection of keys, tokens and passwords in code and configuration."""

import pytest

from tests.builders.detecting import analyse, code_message, file_entry, only_finding, rules_found, text_message
from waivern.analysers.indicators.factory import SecretsAnalyserFactory

KEY = "sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc"
PASSWORD = "tr0ub4dor&" + "3Xk"


def analyse_code(files, **properties):
    return analyse(SecretsAnalyserFactory(), [code_message(files)], **properties)


def test_evidence_never_shows_a_secret():
    content = analyse_code({"pay.py": f"api_key = '{KEY}'\npassword = '{PASSWORD}'\n"}, confidence_threshold=0.1)
    assert content["findings"]
    assert KEY[8:] not in str(content)
    assert PASSWORD not in str(content)


def test_the_key_of_a_vendor_is_found_by_its_pattern_with_high_severity():
    finding = only_finding(analyse_code({"pay.py": f"stripe.api_key = '{KEY}'\n"}), "stripe_key")
    assert finding["category"] == "api_token"
    assert finding["severity"] == "high"
    assert finding["location"] == {"file_path": "pay.py", "lines": [1]}


def test_configuration_is_scanned_like_code():
    text = f"db:\n  url: postgresql://app:{PASSWORD}@db.example.org/shop\n"
    content = analyse(SecretsAnalyserFactory(), [text_message([file_entry(text, "settings.yaml")])])
    assert "url_with_password" in rules_found(content)


@pytest.mark.parametrize(
    "code",
    [
        "password = os.environ['PASSWORD']",
        "password = 'changeme'",
        "api_key = '<your key>'",
        "token = get_token()",
        "API_KEY=${API_KEY}",
    ],
)
def test_placeholders_and_variable_references_are_not_secrets(code):
    assert analyse_code({"a.py": code})["findings"] == []
