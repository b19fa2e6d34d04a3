import pytest
from hypothesis import given
from hypothesis import strategies as st

from waivern.rulesets.validators.payment_values import has_valid_luhn_digit
from waivern.rulesets.validators.registry import get_validator, is_validator


@pytest.mark.parametrize(
    ("validator", "value", "part"),
    [
        ("email_address", "'-ann.b@example.org", "ann.b@example.org"),
        ("email_address", "ann@logo.png", None),
        ("email_address", "a..b@example.org", None),
        ("email_address", "a" * 65 + "@example.org", None),
        ("email_address", "ann@-example.org", None),
        ("payment_card", "4111-1111-1111-1111", "4111-1111-1111-1111"),
        ("payment_card", "4111 1111 1111 1112", None),
        ("payment_card", "9111111111111111", None),
        ("iban", "GB82 WEST 1234 5698 7654 32 then", "GB82 WEST 1234 5698 7654 32"),
        ("iban", "GB83 WEST 1234 5698 7654 32", None),
        ("ip_address", "10.1.2.3", "10.1.2.3"),
        ("ip_address", "127.0.0.1", None),
        ("ip_address", "1.3.6.1.4", None),
        ("ipv6_address", "2001:db8::1", "2001:db8::1"),
        ("ipv6_address", "::1", None),
        ("international_phone", "+44 20 7946 0958 2026", "+44 20 7946 0958"),
        ("international_phone", "+000 111 222", None),
        ("calendar_date", "29/02/2000", "29/02/2000"),
        ("calendar_date", "29/02/2001", None),
        ("calendar_date", "1850-01-01", None),
        ("calendar_date", "1985 5551234567 3", None),
        ("calendar_date", "3 5551234567 1985", None),
        ("import_statement", "import stripe", "import stripe"),
        ("import_statement", "import os, os, stripe as pay", "stripe as pay"),
        ("import_statement", "import stripe and pay", None),
        ("call", "return md5(x", "md5(x"),
        ("call", "def md5(x", None),
        ("plausible_phone", "12/03/1985", None),
        ("plausible_phone", "0000000", None),
        ("plausible_phone", "2008-2019", None),
        ("plausible_phone", "91 20 5551234567", "91 20 5551234567"),
        ("swedish_personal_number", "880320-0016", "880320-0016"),
        ("us_ssn", "308 63 0237", "308 63 0237"),
        ("stdnum.nl.bsn", "111222333", "111222333"),
    ],
)
def test_a_validator_returns_the_valid_part_of_a_value(validator, value, part):
    valid = get_validator(validator)(value)
    assert (None if valid is None else value[slice(*valid)]) == part


def test_date_dependent_and_unknown_modules_are_not_validators():
    assert not is_validator("stdnum.dk.cpr")
    assert not is_validator("stdnum.util")
    assert not is_validator("os.path")
    with pytest.raises(KeyError):
        get_validator("luck")


def test_changing_one_digit_invalidates_a_luhn_number():
    assert has_valid_luhn_digit("79927398713")
    assert not any(has_valid_luhn_digit(f"7992739871{digit}") for digit in "012456789")


@pytest.mark.parametrize(
    ("validator", "number"),
    [
        ("norwegian_identity_number", "15108695088"),
        ("polish_identity_card", "ABA300000"),
        ("spanish_social_security_number", "281234567840"),
    ],
)
@given(data=st.data())
def test_changing_any_digit_invalidates_a_number_with_a_check_digit(validator, number, data):
    position = data.draw(st.sampled_from([index for index, letter in enumerate(number) if letter.isdigit()]))
    other = data.draw(st.sampled_from(sorted(set("0123456789") - {number[position]})))
    assert get_validator(validator)(number) is not None
    assert get_validator(validator)(number[:position] + other + number[position + 1 :]) is None
