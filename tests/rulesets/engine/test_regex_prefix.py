"""The beginning that stands for a long value: what matches a regular expression begins with a match of its head."""

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
    ("regex", "head"),
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
def test_a_head_goes_up_to_the_first_repeat_without_a_bound(regex: str, head: RegexPrefix | None) -> None:
    assert required_prefix(regex) == head


def test_what_shipped_rules_match_begins_with_what_their_heads_match() -> None:
    seen = 0
    for rule in RULES:
        for value in (each for each in rule.values if each.regex.isascii()):  # no engine is asked for others
            head, text = required_prefix(value.regex), "\n".join(rule.examples.match).encode()
            for match in re.compile(value.regex.encode()).finditer(text):
                begun = re.compile(head.regex.encode()).match(text, match.start()) if head is not None else None
                assert head is None or (begun is not None and len(begun[0]) <= head.longest), value.regex
                seen += head is not None
    assert seen > 200
