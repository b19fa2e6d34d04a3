"""Every shipped rule is tried on its own examples, with both engines."""

import functools

import pytest

from waivern.rulesets.detection import Detector, detector_for
from waivern.rulesets.loading import available_rulesets, load_ruleset
from waivern.rulesets.re2_engine import Re2Engine
from waivern.rulesets.rule import Rule

URIS = [uri for uri in available_rulesets() if uri.startswith("local/") and "_classification/" not in uri]
CASES = [
    pytest.param(uri, rule, id=f"{uri.split('/')[1]}:{rule.name}") for uri in URIS for rule in load_ruleset(uri).rules
]


@functools.cache
def detector_of(uri: str, engine: str) -> Detector:
    rules = load_ruleset(uri)
    return detector_for(rules) if engine == "best" else Detector(rules, make_engine=Re2Engine)


def finds(detector: Detector, rule: Rule, text: str) -> bool:
    return any(span.rule == rule.name and span.confidence >= 0.5 for span in detector.detect_all([text]).get(0, ()))


@pytest.mark.parametrize("engine", ["best", "re2"])
@pytest.mark.parametrize(("uri", "rule"), CASES)
def test_a_rule_finds_its_examples_and_nothing_in_its_counter_examples(uri: str, rule: Rule, engine: str):
    detector = detector_of(uri, engine)
    missed = [text for text in rule.examples.match if not finds(detector, rule, text)]
    wrong = [text for text in rule.examples.no_match if finds(detector, rule, text)]
    assert not missed
    assert not wrong
    assert rule.examples.match
    assert rule.examples.no_match


def test_every_shipped_ruleset_loads_and_every_rule_names_its_source():
    assert "local/personal_data_indicator/1.0.0" in URIS
    assert all(rule.source.strip() for uri in URIS for rule in load_ruleset(uri).rules)
