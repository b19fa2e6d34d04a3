import pytest

from waivern.rulesets.engine.regex_rules import needs_digit, validate_regex


@pytest.mark.parametrize(
    "regex",
    [
        r"\b[0-9]{4}(?:[ \-]?[0-9]{4}){3}\b",
        r"[a-z]@(?:[A-Za-z0-9-]+\.)+[a-z]{2,}\b",
        r"(?i)(?:jan|feb)[a-z]{0,6}",
        r"(?:ab)+c",
    ],
)
def test_a_pattern_that_can_be_split_in_one_way_only_is_valid(regex):
    assert validate_regex(regex) is None


@pytest.mark.parametrize(
    ("regex", "error"),
    [
        (r"(a+)+b", "more than one way"),
        (r"(a|a)*b", "more than one way"),
        (r"(?i)(?:[a-z]*X)+y", "more than one way"),
        (r"(?:a{1,40}){1,40}b", "more than one way"),
        (r"(?:a?)+b", "may be empty"),
        (r"a*", "the empty text"),
        (r"a.b", "uses any"),
        (r"[^a]b", "negated class"),
        (r"\Sb", "negated class"),
        (r"\sb", "differs between engines"),
        (r"(?<=a)b", "uses assert"),
        (r"(a)\1", "uses groupref"),
        (r"^a", "anchor"),
        (r"a*?b", "uses min repeat"),
        (r"a\x00b", "NUL"),
        (r"[\x00-\x20]b", "NUL"),
        (r"straße", "ASCII"),
        (r"a(", "not a valid regular expression"),
    ],
)
def test_a_pattern_that_may_hang_or_that_differs_between_engines_is_rejected(regex, error):
    assert error in (validate_regex(regex) or "")


@pytest.mark.parametrize(
    ("regex", "expected"),
    [
        (r"\b[0-9]{3}-[A-Z]\b", True),
        (r"[A-Z]{0,2}[0-4]{1,3}", True),
        (r"(?:a\d|b7)x", True),
        (r"[A-Z]{2}[0-9]{0,3}", False),
        (r"(?:a\d|b)x", False),
        (r"[0-9A-F]{2}", False),
        (r"\bbox\b", False),
    ],
)
def test_patterns_that_need_a_digit_are_recognised(regex, expected):
    assert needs_digit(regex) is expected
