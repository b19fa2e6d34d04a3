"""Every shipped rule is tested on its own examples, with both engines."""

import functools

import pytest

from waivern.rulesets.detection.detector import Detector, detector_for
from waivern.rulesets.engine.engine_factory import compile_engine
from waivern.rulesets.engine.pattern_engine import PatternSet, ScanPattern
from waivern.rulesets.engine.re2_engine import Re2Engine
from waivern.rulesets.loading.ruleset_loader import available_rulesets, load_ruleset
from waivern.rulesets.model.rule import Rule

URIS = [uri for uri in available_rulesets() if uri.startswith("local/") and "_classification/" not in uri]
CASES = [
    pytest.param(uri, rule, id=f"{uri.split('/')[1]}:{rule.name}") for uri in URIS for rule in load_ruleset(uri).rules
]


@functools.cache
def detector_with(uri: str, engine: str) -> Detector:
    ruleset = load_ruleset(uri)
    return detector_for(ruleset) if engine == "default" else Detector(ruleset, make_engine=Re2Engine)


def finds(detector: Detector, rule: Rule, text: str) -> bool:
    return any(span.rule == rule.name and span.confidence >= 0.5 for span in detector.detect_all([text]).get(0, ()))


@pytest.mark.parametrize("engine", ["default", "re2"])
@pytest.mark.parametrize(("uri", "rule"), CASES)
def test_a_rule_finds_its_examples_and_nothing_in_its_counterexamples(uri: str, rule: Rule, engine: str):
    detector = detector_with(uri, engine)
    missed = [text for text in rule.examples.match if not finds(detector, rule, text)]
    wrong = [text for text in rule.examples.no_match if finds(detector, rule, text)]
    assert not missed
    assert not wrong
    assert rule.examples.match
    assert rule.examples.no_match


EXPECTED = {
    "crypto_quality_indicator": {"weak_hash", "weak_cipher", "short_key", "weak_protocol", "certificate_check_off"},
    "data_collection": {"form", "cookie", "file_upload", "session", "request_input", "database_query"},
    "data_subject_indicator": {"employee", "customer", "patient", "child"},
    "personal_data_indicator": {
        "name", "email", "phone", "address", "date_of_birth", "government_id", "payment_card", "bank_account",
        "ip_address", "device", "cookie", "location", "health", "political", "ethnicity", "religion", "genetic",
        "biometric", "sexual_orientation", "trade_union", "criminal",
    },
    "processing_purposes": {"payment", "direct_marketing", "analytics", "authentication", "customer_support"},
    "secret_indicator": {"private_key", "cloud_credential", "api_token", "password", "connection_string"},
    "service_integrations": {"cloud_infrastructure", "payment", "identity", "analytics", "messaging"},
}  # fmt: skip


def test_the_shipped_rulesets_cover_the_expected_categories():
    found = {uri.split("/")[1]: {rule.category for rule in load_ruleset(uri).rules} for uri in URIS}
    assert set(found) == set(EXPECTED)
    assert {name: EXPECTED[name] - found[name] for name in EXPECTED} == {name: set() for name in EXPECTED}


def test_hyperscan_is_the_default_engine_if_it_is_installed():
    pytest.importorskip("hyperscan")
    assert type(compile_engine(PatternSet([ScanPattern("a")]))).__name__ == "HyperscanEngine"


def test_every_rule_has_a_source_and_both_kinds_of_examples():
    for uri in URIS:
        for rule in load_ruleset(uri).rules:
            assert rule.source.strip(), rule.name
            assert rule.examples.match, rule.name
            assert rule.examples.no_match, rule.name


def test_severities_refer_to_existing_categories():
    for uri in URIS:
        ruleset = load_ruleset(uri)
        assert set(ruleset.severities) <= {rule.category for rule in ruleset.rules}, uri
