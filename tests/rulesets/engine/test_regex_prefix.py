"""Every match of a regular expression begins with a match of its required prefix."""

import re

import pytest

from waivern.rulesets.engine.regex_prefix import RegexPrefix, required_prefix
from waivern.rulesets.loading.ruleset_loader import available_rulesets, load_ruleset

RULES = [
    rule
    for uri in available_rulesets()
    if uri.startswith("local/") and "classification" not in uri
    for rule in load_ruleset(uri).rules
]


@pytest.mark.parametrize(
    ("regex", "prefix"),
    [
        (r"\bkey-[a-f]{3,}!", RegexPrefix(r"\bkey\x2d(?:[a-f]){3}", 7)),
        (r"(?i:pass|word)=[a-z]{6,}", RegexPrefix(r"(?i:(?:pass|word))\x3d(?:[a-z]){6}", 11)),
        (r"(?:a|b+c)d", RegexPrefix(r"(?:a|(?:b){1})", 1)),
        (r"[ab]{2,3}(?:c[0-9]{4,}){1,2}", RegexPrefix(r"(?:[ab]){2,3}(?:c(?:[0-9]){4})", 8)),
        (r"a(?:b+)?c", RegexPrefix("a", 1)),
        (r"(?i)ab*", RegexPrefix("(?i)a", 1)),
        (r"id: \w{3,5}", RegexPrefix(r"id\x3a\x20(?:[\w]){3,5}", 9)),
        (r"[a-z]*b", None),
        (r"a{300}b*", None),
    ],
)
def test_the_prefix_ends_at_the_first_unbounded_repeat(regex: str, prefix: RegexPrefix | None) -> None:
    assert required_prefix(regex) == prefix


def test_every_match_of_a_shipped_pattern_begins_with_its_prefix() -> None:
    checked = 0
    for rule in RULES:
        for pattern in (pattern for pattern in rule.patterns if pattern.regex.isascii()):  # engines get no others
            prefix, text = required_prefix(pattern.regex), "\n".join(rule.examples.match).encode()
            for match in re.compile(pattern.regex.encode()).finditer(text):
                start = re.compile(prefix.regex.encode()).match(text, match.start()) if prefix is not None else None
                assert prefix is None or (start is not None and len(start[0]) <= prefix.max_length), pattern.regex
                checked += prefix is not None
    assert checked > 200
