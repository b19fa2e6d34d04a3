"""Laws of detection over texts made of pieces that rules are about, and of anything else."""

import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from waivern.analysers.indicators.masking import EvidenceMasker

from tests.builders.detecting import RULES, analysed, file_entry
from waivern.rulesets.detection.detector import Detector, detect, detector_for
from waivern.rulesets.detection.masking import masked
from waivern.rulesets.engine.re2_engine import Re2Engine
from waivern.rulesets.validators.registry import get_validator

PIECES = [example for rule in RULES.rules for example in (*rule.examples.match, *rule.examples.no_match)]
PIECES += [
    "4111111111111111",
    "+44 20 7946 0958",
    " 030 901820 030 901821 ",
    "ann@example.co.uk",
    "SSN",
    "born",
    "phone",
]
GLUE = ["", " ", "\n", ",", ": ", '"', "é", "😀", "\x00", "\udc80", "_", "-", ".", "1", "@"]
TEXTS = st.lists(st.one_of(st.sampled_from(PIECES), st.sampled_from(GLUE), st.text(max_size=8)), max_size=12).map(
    "".join
)
AT_THE_EDGE = ["tel", " " + "11 22 33 44 55 6 7 " * 9 + " phone", "born", "name: y", "x\nemail: y"]
"""Texts whose findings would change, were what stands in the text before or behind them looked at."""
SECRETS = [
    ("ann.miller@example.org", "ann.miller"),
    ("DE89 3704 0044 0532 0130 00", "3704"),
    ("4111 1111 1111 1111", "1111"),
    ("308-63-0237", "0237"),
    ("+44 20 7946 0958", "7946"),
]

BEST = detector_for(RULES)
RE2 = Detector(RULES, make_engine=Re2Engine)
DIGIT_GROUPS = st.lists(
    st.tuples(st.from_regex(r"[0-9]{1,17}", fullmatch=True), st.sampled_from([" ", "-", ".", "/", "  "])), max_size=40
).map(lambda groups: "".join(digits + mark for digits, mark in groups))
THRESHOLD = 0.5
VALIDATED = [value for rule in RULES.rules for value in rule.values if value.validator]


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_every_validator_copes_with_whatever_its_pattern_matches(data):
    value = data.draw(st.sampled_from(VALIDATED))
    form = re.compile(f"(?:{value.lead}){{0,64}}(?:{value.regex})" if value.lead else value.regex, re.ASCII)
    text = data.draw(st.from_regex(form, fullmatch=True))
    part = get_validator(value.validator)(text)
    assert part is None or 0 <= part[0] < part[1] <= len(text)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(["phone ", "born ", "passport ", "ssn ", "iban ", "card "]), DIGIT_GROUPS)
def test_runs_of_digit_groups_are_read(word, groups):
    for value in VALIDATED:
        for match in re.finditer(value.regex, groups, re.ASCII):
            get_validator(value.validator)(match[0])
    assert BEST.detect_all([word + groups]) == RE2.detect_all([word + groups])


@settings(max_examples=300, deadline=None)
@given(st.from_regex(r"[0-9]{1,24}", fullmatch=True), st.sampled_from(["", "x ", "n = ", '{"v": ', "(", "id "]))
def test_a_bare_run_of_digits_is_no_finding_whatever_its_checksum(digits, before):
    assert [span for span in detect(before + digits, RULES) if span.confidence >= THRESHOLD] == []


@pytest.mark.parametrize(
    "digits",
    ["4111111111111111", "378282246310005", "86095742719", "111222333", "9434765919", "490154203237518", "011000015"],
)
def test_a_run_of_digits_whose_checksum_is_right_is_none_either(digits):
    assert [span for span in detect(f"n = {digits}", RULES) if span.confidence >= THRESHOLD] == []


@settings(max_examples=150, deadline=None)
@given(TEXTS)
def test_both_engines_find_the_same(text):
    assert BEST.detect_all([text]) == RE2.detect_all([text])


@settings(max_examples=100, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=4))
def test_texts_scanned_together_are_found_as_each_by_itself(texts):
    without_nul = [text.replace("\x00", "") for text in texts]
    together = BEST.detect_all(without_nul)
    assert [together.get(number, []) for number in range(len(texts))] == [detect(text, RULES) for text in without_nul]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(TEXTS | st.sampled_from(AT_THE_EDGE), min_size=2, max_size=5),
    st.randoms(use_true_random=False),
    st.integers(1, 200),
)
def test_neither_the_order_of_the_files_nor_which_are_scanned_together_changes_the_findings(texts, chance, characters):
    entries = [file_entry(text, path=f"{number}.txt") for number, text in enumerate(texts)]
    in_one_scan = analysed(entries)
    chance.shuffle(entries)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("waivern.analysers.indicators.analyser.BATCH_CHARACTERS", characters)
        assert analysed(entries) == in_one_scan


@settings(max_examples=100, deadline=None)
@given(TEXTS)
def test_spans_lie_within_the_text_and_values_apart_from_one_another(text):
    spans = detect(text, RULES)
    values = [span for span in spans if not span.is_name]
    assert spans == sorted(spans)
    assert all(0 <= span.start < span.end <= len(text) for span in spans)
    assert all(one.end <= other.start for one, other in pairwise(values))


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=200), st.sampled_from(SECRETS), st.text(max_size=200), st.sampled_from(SECRETS))
def test_evidence_never_shows_a_value(before, one, after, other):
    text = f"{before.replace(one[1], '').replace(other[1], '')} {one[0]} {after} {other[0]}"
    content = analysed([file_entry(text)], pattern_matching={"evidence_context_size": "full"})
    shown = "".join(each["content"] for finding in content["findings"] for each in finding["evidence"])
    assert one[1] not in shown
    assert other[1] not in shown


@given(st.text())
def test_a_masked_value_shows_one_sign_at_the_most(value):
    signs = [sign for sign in masked(value) if sign.isalnum()]
    assert len(signs) <= 1
    assert len(masked(value)) <= 65


@settings(max_examples=100, deadline=None)
@given(TEXTS)
def test_evidence_can_be_made_of_every_span(text):
    masker = EvidenceMasker(BEST, context_size="full")
    spans = detect(text, RULES)
    for span in spans:
        assert "\x00" not in masker.evidence(text, span, [each for each in spans if each.is_name])
