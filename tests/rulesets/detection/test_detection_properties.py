"""Properties of detection that hold for any text."""

import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders.detecting import RULES, file_entry, find_personal_data
from tests.builders.thoroughness import examples
from waivern.analysers.indicators.evidence import EvidenceMasker
from waivern.rulesets.detection.detector import Detector, detect, detector_for
from waivern.rulesets.detection.masking import masked
from waivern.rulesets.engine.batch import TextContext
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
SEPARATORS = ["", " ", "\n", ",", ": ", '"', "é", "😀", "\x00", "\udc80", "_", "-", ".", "1", "@"]
TEXTS = st.lists(st.one_of(st.sampled_from(PIECES), st.sampled_from(SEPARATORS), st.text(max_size=8)), max_size=12).map(
    "".join
)
BOUNDARY_SENSITIVE = ["tel", " " + "11 22 33 44 55 6 7 " * 9 + " phone", "born", "name: y", "x\nemail: y"]
"""Texts whose findings would differ if the previous or next text were considered too."""
SECRETS = [
    ("ann.miller@example.org", "ann.miller"),
    ("DE89 3704 0044 0532 0130 00", "3704"),
    ("4111 1111 1111 1111", "1111"),
    ("308-63-0237", "0237"),
    ("+44 20 7946 0958", "7946"),
]

DEFAULT = detector_for(RULES)
RE2 = Detector(RULES, make_engine=Re2Engine)
DIGIT_GROUPS = st.lists(
    st.tuples(st.from_regex(r"[0-9]{1,17}", fullmatch=True), st.sampled_from([" ", "-", ".", "/", "  "])), max_size=40
).map(lambda groups: "".join(digits + mark for digits, mark in groups))
THRESHOLD = 0.5
VALIDATED = [pattern for rule in RULES.rules for pattern in rule.patterns if pattern.validator]


@settings(max_examples=examples(300), deadline=None)
@given(st.data())
def test_every_validator_accepts_a_part_of_its_patterns_match_or_none(data):
    pattern = data.draw(st.sampled_from(VALIDATED))
    extension = f"(?:{pattern.left_extension}){{0,64}}" if pattern.left_extension else ""
    regex = re.compile(f"{extension}(?:{pattern.regex})", re.ASCII)
    text = data.draw(st.from_regex(regex, fullmatch=True))
    part = get_validator(pattern.validator)(text)
    assert part is None or 0 <= part[0] < part[1] <= len(text)


@settings(max_examples=examples(100), deadline=None)
@given(st.sampled_from(["phone ", "born ", "passport ", "ssn ", "iban ", "card "]), DIGIT_GROUPS)
def test_no_validator_fails_on_digit_groups(word, groups):
    for pattern in VALIDATED:
        for match in re.finditer(pattern.regex, groups, re.ASCII):
            get_validator(pattern.validator)(match[0])
    assert DEFAULT.detect_all([word + groups]) == RE2.detect_all([word + groups])


@settings(max_examples=examples(300), deadline=None)
@given(st.from_regex(r"[0-9]{1,24}", fullmatch=True), st.sampled_from(["", "x ", "n = ", '{"v": ', "(", "id "]))
def test_bare_digits_are_not_a_finding_whatever_their_checksum(digits, before):
    assert [span for span in detect(before + digits, RULES) if span.confidence >= THRESHOLD] == []


@pytest.mark.parametrize(
    "digits",
    ["4111111111111111", "378282246310005", "86095742719", "111222333", "9434765919", "490154203237518", "011000015"],
)
def test_bare_digits_with_a_valid_checksum_are_not_a_finding(digits):
    assert [span for span in detect(f"n = {digits}", RULES) if span.confidence >= THRESHOLD] == []


@settings(max_examples=examples(150), deadline=None)
@given(TEXTS)
def test_both_engines_give_the_same_spans(text):
    assert DEFAULT.detect_all([text]) == RE2.detect_all([text])


@settings(max_examples=examples(100), deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=4))
def test_texts_scanned_together_have_the_same_spans_as_alone(texts):
    without_nul = [text.replace("\x00", "") for text in texts]
    together = DEFAULT.detect_all(without_nul)
    assert [together.get(number, []) for number in range(len(texts))] == [detect(text, RULES) for text in without_nul]


@settings(max_examples=examples(100), deadline=None)
@given(
    st.lists(TEXTS | st.sampled_from(BOUNDARY_SENSITIVE), min_size=2, max_size=5),
    st.randoms(use_true_random=False),
    st.integers(1, 200),
)
def test_neither_the_order_of_files_nor_their_batches_change_the_findings(texts, random, batch_characters):
    entries = [file_entry(text, path=f"{number}.txt") for number, text in enumerate(texts)]
    expected = find_personal_data(entries)
    random.shuffle(entries)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("waivern.analysers.indicators.input_texts.BATCH_CHARACTERS", batch_characters)
        assert find_personal_data(entries) == expected


@settings(max_examples=examples(100), deadline=None)
@given(TEXTS)
def test_spans_are_within_the_text_and_values_do_not_overlap(text):
    spans = detect(text, RULES)
    values = [span for span in spans if not span.is_name]
    assert spans == sorted(spans)
    assert all(0 <= span.start < span.end <= len(text) for span in spans)
    assert all(one.end <= other.start for one, other in pairwise(values))


@settings(max_examples=examples(100), deadline=None)
@given(st.text(max_size=200), st.sampled_from(SECRETS), st.text(max_size=200), st.sampled_from(SECRETS))
def test_evidence_never_shows_a_value(before, one, after, other):
    text = f"{before.replace(one[1], '').replace(other[1], '')} {one[0]} {after} {other[0]}"
    content = find_personal_data([file_entry(text)], pattern_matching={"evidence_context_size": "full"})
    shown = "".join(sample["content"] for finding in content["findings"] for sample in finding["evidence"])
    assert one[1] not in shown
    assert other[1] not in shown


@given(st.text())
def test_a_masked_value_shows_at_most_one_character(value):
    shown = [character for character in masked(value) if character.isalnum()]
    assert len(shown) <= 1
    assert len(masked(value)) <= 65


@settings(max_examples=examples(100), deadline=None)
@given(TEXTS)
def test_every_span_has_evidence(text):
    masker = EvidenceMasker(DEFAULT.ruleset, context_size="full")
    spans = detect(text, RULES)
    for span in spans:
        assert "\x00" not in masker.evidence(text, span, [other for other in spans if other.is_name])


@given(st.lists(st.sampled_from(["anna@example.org", "+44 20 7946 0123", "1980-04-03", "x", ""]), max_size=40))
def test_equal_cells_have_equal_spans_and_those_of_a_cell_alone(values: list[str]) -> None:
    context = TextContext(is_cell=True, supported_rules=frozenset(range(len(RULES.rules))))
    found = DEFAULT.detect_all(values, [(len(values), context)])
    alone = [DEFAULT.detect_all([value], [(1, context)]).get(0) for value in values]
    assert [found.get(index) for index in range(len(values))] == alone
