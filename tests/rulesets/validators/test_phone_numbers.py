"""Phone numbers are valid exactly if `phonenumbers` says so."""

import random
from collections.abc import Iterator

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from waivern.rulesets.validators.phone_numbers import is_valid_international, is_valid_number

KINDS = [kind for kind in phonenumbers.PhoneNumberType.values() if kind != phonenumbers.PhoneNumberType.UNKNOWN]
CODES = sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE)


def example_numbers() -> Iterator[str]:
    """Yield an example of some kinds of numbers of every second region, without separators."""
    for region in sorted(phonenumbers.SUPPORTED_REGIONS)[::2]:
        for kind in KINDS[::3]:
            example = phonenumbers.example_number_for_type(region, kind)
            if example is not None:
                yield phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)


def test_example_numbers_of_many_regions_and_their_neighbours_are_judged_alike() -> None:
    chance = random.Random(1)
    judged = {True: 0, False: 0}
    for number in example_numbers():
        position = chance.randrange(2, len(number))
        changed = number[:position] + str(chance.randrange(10)) + number[position + 1 :]
        for variant in (number, changed, number[:-1]):
            valid = is_valid_number(variant, None)
            assert is_valid_international(variant) == valid, variant
            judged[valid] += 1
    assert min(judged.values()) > 50


@given(st.sampled_from(CODES), st.text("0123456789", max_size=15), st.text(" ().-/", max_size=2), st.randoms())
def test_any_number_is_judged_alike(code: int, national: str, separators: str, chance: random.Random) -> None:
    characters = [*str(code), *national]
    for separator in separators:
        characters.insert(chance.randrange(len(characters) + 1), separator)
    number = "+" + "".join(characters)
    assert is_valid_international(number) == is_valid_number(number, None)


@given(st.text("+0123456789 ().-/x#;٣,~", max_size=20))
def test_odd_texts_are_judged_alike(text: str) -> None:
    assert is_valid_international(f"+{text}") == is_valid_number(f"+{text}", None)


@pytest.mark.parametrize(
    "number", ["+44 (0) 20 7946 0123", "+39 06 6982", "+800 1234 5678", "+1 242 365 1234", "+7 701 234 5678"]
)
def test_national_prefixes_shared_codes_and_numbers_of_no_region_are_judged_alike(number: str) -> None:
    assert is_valid_international(number) == is_valid_number(number, None)
