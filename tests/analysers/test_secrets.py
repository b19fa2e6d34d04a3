"""Keys, tokens and passwords that stand in code and configuration."""

import pytest

from tests.builders.detecting import code_of, file_entry, indicated, message_of, only, rules_found
from waivern.analysers.indicators.factory import SecretsAnalyserFactory

KEY = "sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc"
PASSWORD = "tr0ub4dor&" + "3Xk"


def analysed(files, **properties):
    return indicated(SecretsAnalyserFactory(), [code_of(files)], **properties)


def test_the_evidence_of_a_secret_never_holds_it():
    content = analysed({"pay.py": f"api_key = '{KEY}'\npassword = '{PASSWORD}'\n"}, confidence_threshold=0.1)
    assert content["findings"]
    assert KEY[8:] not in str(content)
    assert PASSWORD not in str(content)


def test_a_vendors_key_is_known_by_its_form_and_is_of_high_severity():
    finding = only(analysed({"pay.py": f"stripe.api_key = '{KEY}'\n"}), "stripe_key")
    assert finding["category"] == "api_token"
    assert finding["severity"] == "high"
    assert finding["location"] == {"file_path": "pay.py", "lines": [1]}


def test_configuration_is_read_as_code_is():
    text = f"db:\n  url: postgresql://app:{PASSWORD}@db.example.org/shop\n"
    content = indicated(SecretsAnalyserFactory(), [message_of([file_entry(text, "settings.yaml")])])
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
def test_placeholders_and_look_ups_are_no_secrets(code):
    assert analysed({"a.py": code})["findings"] == []
