"""Keywords in prose and in identifiers, with both engines."""

import pytest

from waivern.rulesets.detection.detector import Detector
from waivern.rulesets.engine.batch import NAME_CONTEXT, NO_CONTEXT
from waivern.rulesets.engine.hyperscan_engine import HyperscanEngine
from waivern.rulesets.engine.re2_engine import Re2Engine
from waivern.rulesets.model.rule import Confidence, Examples, Keywords, Rule
from waivern.rulesets.model.ruleset import Ruleset


def rule(
    name: str, *terms: str, alone: float | None = 0.6, context: tuple[str, ...] = (), **more: tuple[str, ...]
) -> Rule:
    keywords = Keywords(terms=terms, confidence=Confidence(alone=alone, with_context=0.8), **more)
    return Rule(
        name=name,
        category=name,
        source="test",
        examples=Examples(match=(), no_match=()),
        keywords=keywords,
        context_words=context,
    )


RULES = Ruleset(
    "local/test/1.0.0",
    "1",
    (
        rule("customer", "customer", "buyer"),
        rule("agent", "customer service agent"),
        rule("lead", "lead", alone=None, context=("sales",)),
        rule("party", "third party"),
        rule("clinic", "patiënt"),
        rule("home", "care home resident"),
        rule(
            "driver",
            "taxi driver",
            weak=("driver",),
            not_preceded_by=("device", "db"),
            not_followed_by=("version",),
            context=("vehicle",),
        ),
    ),
)
DETECTORS = {"hyperscan": Detector(RULES, make_engine=HyperscanEngine), "re2": Detector(RULES, make_engine=Re2Engine)}


@pytest.mark.parametrize("engine", DETECTORS)
@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Our customers, and one customer.", [("customer", "customers", 0.6), ("customer", "customer", 0.6)]),
        ("customer_id", [("customer", "customer", 0.8)]),
        ("newCustomerName = buyers[0]", [("customer", "Customer", 0.8), ("customer", "buyers", 0.6)]),
        ("CUSTOMER_TABLE", [("customer", "CUSTOMER", 0.8)]),
        ("customer2", [("customer", "customer", 0.8)]),
        ("customerservice, accustomer", []),
        ("customer-service-agent", [("agent", "customer-service-agent", 0.6)]),
        ("customerServiceAgents", [("agent", "customerServiceAgents", 0.8)]),
        ("lead pipes", []),
        ("a sales lead", [("lead", "lead", 0.8)]),
        ("lead_source", [("lead", "lead", 0.8)]),
        ("third parties and thirdParty", [("party", "third parties", 0.6), ("party", "thirdParty", 0.8)]),
        ("Een PATIËNT, twee patiënts", [("clinic", "PATIËNT", 0.6), ("clinic", "patiënts", 0.6)]),
        ("customerStatus, thirdPartyStatus", [("customer", "customer", 0.8), ("party", "thirdParty", 0.8)]),
        ("care-home residents", [("home", "care-home residents", 0.6)]),
        ("taxi driver, taxiDriverStatus", [("driver", "taxi driver", 0.6), ("driver", "taxiDriver", 0.8)]),
        ("a driver, driver_id", []),
        ("the vehicle's driver", [("driver", "driver", 0.8)]),
        ("vehicle: device driver, DEVICE_DRIVERS, deviceDriver, db2_driver, driverVersion, driver's version", []),
        ("vehicle: device, driver", [("driver", "driver", 0.8)]),
    ],
)
def test_a_keyword_is_found_in_prose_and_in_identifiers_as_a_whole_word(
    engine: str, text: str, found: list[tuple[str, str, float]]
) -> None:
    spans = DETECTORS[engine].detect_all([text]).get(0, [])
    assert [(span.rule, text[span.start : span.end], span.confidence) for span in spans] == found


@pytest.mark.parametrize("engine", DETECTORS)
def test_a_context_word_does_not_affect_other_texts(engine: str) -> None:
    assert DETECTORS[engine].detect_all(["sales", "lead"]) == {}


@pytest.mark.parametrize("engine", DETECTORS)
def test_a_weak_keyword_counts_as_the_whole_name_of_a_table_or_column(engine: str) -> None:
    names = ["drivers", "driver_id", "the driver"]
    found = DETECTORS[engine].detect_all([*names, "drivers"], [(3, NAME_CONTEXT), (1, NO_CONTEXT)])
    assert {number: [span.reasons[1] for span in spans] for number, spans in found.items()} == {
        0: ["it is the whole name"]
    }
