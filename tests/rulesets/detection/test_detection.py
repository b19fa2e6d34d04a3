from itertools import permutations

import pytest

from tests.builders.detecting import RULES
from waivern.rulesets.detection.compiled_pattern import compile_pattern
from waivern.rulesets.detection.detector import Detector, detect
from waivern.rulesets.detection.field_names import split_words


def found(text: str, rule: str) -> list[str]:
    return [text[span.start : span.end] for span in detect(text, RULES) if span.rule == rule]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("first_name", ["first", "name"]),
        ("firstName", ["first", "name"]),
        ("FIRST-NAME", ["first", "name"]),
        ("HTTPServerName", ["http", "server", "name"]),
        ("Prénom usuel", ["prénom", "usuel"]),
        ("address2", ["address", "2"]),
        ("", []),
    ],
)
def test_a_name_is_split_into_words(name, words):
    assert split_words(name) == words


@pytest.mark.parametrize(
    "text",
    [
        "user.first_name",
        "getFirstName()",
        '{"first-name": 1}',
        "id,First Name,email\n1,x,y\n",
        "<firstname>x</firstname>",
        "FIRST_NAME = 3",
        "first_name VARCHAR(20)",
        "First name: x",
        "`firstname`",
    ],
)
def test_a_field_name_is_found_in_any_spelling(text):
    assert found(text, "person_name")


@pytest.mark.parametrize("text", ["on a first name basis", "his surname was long", "a first-name basis", "names first"])
def test_a_word_in_prose_is_not_a_field_name(text):
    assert not found(text, "person_name")


def test_a_weak_field_name_counts_only_near_a_strong_one():
    assert not found('{"name": "x", "city": "y"}', "person_name")
    assert found('{"name": "x", "email": "y"}', "person_name") == ["name"]
    assert not found('{"name": "x"' + " " * 500 + '"email": "y"}', "person_name")


def test_offsets_are_characters_whatever_precedes_them():
    text = "😀 é \udc80 \x00 wörld ann@example.org"
    assert found(text, "email_address") == ["ann@example.org"]


def test_of_overlapping_spans_the_more_confident_or_longer_one_is_kept():
    text = "IBAN GB82 WEST 1234 5698 7654 32, call 4111 1111 1111 1111"
    spans = [span for span in detect(text, RULES) if not span.is_name]
    assert [text[span.start : span.end] for span in spans] == ["GB82 WEST 1234 5698 7654 32", "4111 1111 1111 1111"]


def test_a_bare_number_counts_only_near_context_words_or_a_field_name():
    assert not found("order 9434765870 shipped", "uk_nhs_number")
    assert found("NHS number: 9434765870", "uk_nhs_number")[-1] == "9434765870"
    assert found("nhs_number = 943 476 5870", "uk_nhs_number")[-1] == "943 476 5870"
    assert not found("NHS number" + " x" * 60 + " 9434765870", "uk_nhs_number")


def test_digit_groups_too_large_for_a_date_are_a_phone_number():
    assert found("phone: 91 20 5551234567", "phone_number") == ["phone", "91 20 5551234567"]


def test_a_value_for_which_the_validator_raises_is_not_valid():
    def raise_overflow(value: str) -> tuple[int, int]:
        raise OverflowError(value)

    rule = RULES.rules[0]
    pattern = compile_pattern(0, rule, rule.patterns[0])._replace(validate=raise_overflow)
    assert pattern.span("ann@example.org", 0, 15, frozenset(), has_context=True) is None


def test_non_ascii_context_words_in_capitals_count_too():
    assert found("NÉE LE 12/03/1985", "date_of_birth") == ["12/03/1985"]


@pytest.mark.parametrize("text", ["", "\x00", "\udc80", "\n" * 1000, "@", "a@" * 1000, "+" * 1000, "1" * 10_000])
def test_odd_texts_have_no_spans(text):
    assert detect(text, RULES) == []


def test_a_long_line_and_many_matches_are_scanned_completely():
    many = "ann@example.org " * 20_000
    assert len(found(many, "email_address")) == 20_000
    assert found("x" * 3_000_000 + " ann@example.org", "email_address") == ["ann@example.org"]


def test_the_spans_of_a_text_do_not_depend_on_the_other_texts_of_its_batch():
    word, digits = "tel", " " + "11 22 33 44 55 6 7 " * 9 + " phone"
    long_header = "z," * 2048 + "surname"
    strong, weak = "x\nemail: y", "name: y"
    detector = Detector(RULES)
    for texts in permutations([word, digits, long_header, strong, weak]):
        together = detector.detect_all(texts)
        for number, text in enumerate(texts):
            assert together.get(number, []) == detector.detect_all([text]).get(0, []), texts
