"""Escaping: no invisible or disguising character reaches an output, and nothing else is changed."""

import json
import sys
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from waivern.escaping import json_bytes, json_text, lines, one_line

FILLERS = {0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2065, 0x3164, 0xFFA0}
ANY_TEXT = st.text(st.characters(codec=None))


def is_unsafe(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") or ord(character) in FILLERS


def test_every_control_and_format_character_is_escaped() -> None:
    every = [chr(code) for code in range(sys.maxunicode + 1)]
    kept = set(one_line("".join(every)))
    assert not [character for character in every if is_unsafe(character) and character in kept]


def test_letters_marks_numbers_and_signs_are_not_escaped() -> None:
    ordinary = "".join(
        character
        for character in map(chr, range(sys.maxunicode + 1))
        if unicodedata.category(character)[0] in "LMNPS" and not is_unsafe(character)
    )
    assert one_line(ordinary) == ordinary
    assert one_line("a\N{NO-BREAK SPACE}b\N{IDEOGRAPHIC SPACE}c ") == "a\N{NO-BREAK SPACE}b\N{IDEOGRAPHIC SPACE}c "


def test_an_escape_shows_the_code_of_the_character() -> None:
    assert one_line("\x1b[0m\x9b\n\u202e\U000e0041") == "\\x1b[0m\\x9b\\x0a\\u202e\\U000e0041"
    assert lines("a\tb\r\n\u2028") == "a\tb\\x0d\n\\u2028"


@given(ANY_TEXT)
def test_escaped_json_is_equal_and_without_unsafe_characters(text: str) -> None:
    escaped = json_text(json.dumps(text, ensure_ascii=False))
    assert json.loads(escaped) == text
    assert not [character for character in escaped if is_unsafe(character)]


@given(st.text(st.characters(codec="utf-8")))
def test_escaped_bytes_of_json_are_the_escaped_text(text: str) -> None:
    encoded = json.dumps({"a": text}, ensure_ascii=False)
    assert json_bytes(encoded.encode()) == json_text(encoded).encode()
