"""Every shipped rule is tried on its own examples, with both engines."""

import pytest

from tests.detecting import RULES
from waivern.rulesets.detection import Detector, detector_for
from waivern.rulesets.loading import available_rulesets, load_ruleset
from waivern.rulesets.re2_engine import Re2Engine
from waivern.rulesets.rule import Rule

DETECTORS = {"best": detector_for(RULES), "re2": Detector(RULES, make_engine=Re2Engine)}


def finds(detector: Detector, rule: Rule, text: str) -> bool:
    return any(span.rule == rule.name and span.confidence >= 0.5 for span in detector.detect_all([text]).get(0, ()))


@pytest.mark.parametrize("engine", DETECTORS)
@pytest.mark.parametrize("rule", RULES.rules, ids=lambda rule: rule.name)
def test_a_rule_finds_its_examples_and_nothing_in_its_counter_examples(rule: Rule, engine: str):
    missed = [text for text in rule.examples.match if not finds(DETECTORS[engine], rule, text)]
    wrong = [text for text in rule.examples.no_match if finds(DETECTORS[engine], rule, text)]
    assert not missed
    assert not wrong
    assert rule.examples.match
    assert rule.examples.no_match


def test_every_shipped_ruleset_loads_and_every_rule_names_its_source():
    local = [uri for uri in available_rulesets() if uri.startswith("local/")]
    assert "local/personal_data_indicator/1.0.0" in local
    assert all(rule.source.strip() for uri in local for rule in load_ruleset(uri).rules)
