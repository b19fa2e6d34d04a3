"""Validators for payment cards and bank accounts."""

import re
from collections.abc import Callable, Mapping

Bounds = tuple[int, int]

_SEPARATORS = re.compile(r"[\W_]+")


def has_valid_luhn_digit(digits: str) -> bool:
    """Return whether the last digit is the Luhn check digit of the others. Source: ISO/IEC 7812-1, annex B."""
    doubled = sum(int(_DOUBLED[digit]) for digit in digits[-2::-2])
    return (doubled + sum(map(int, digits[-1::-2]))) % 10 == 0


_DOUBLED = dict(zip("0123456789", "0246813579", strict=True))


def payment_card(value: str) -> Bounds | None:
    """Accept a number with the prefix and length of a card scheme and a valid Luhn digit.

    Spaces and dashes are ignored. Source: ISO/IEC 7812-1; the schemes' published ranges of issuer numbers.
    """
    digits = _SEPARATORS.sub("", value)
    if len(set(digits)) < 2 or not any(scheme.fullmatch(digits) for scheme in _CARD_SCHEMES):
        return None
    return (0, len(value)) if has_valid_luhn_digit(digits) else None


_CARD_SCHEMES = [
    re.compile(scheme)
    for scheme in (
        r"4\d{12}(?:\d{3}|\d{6})?",  # Visa
        r"(?:5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}",  # Mastercard
        r"3[47]\d{13}",  # American Express
        r"3(?:0[0-59]|[689]\d)\d{11}",  # Diners Club
        r"(?:6011|64[4-9]\d|65\d\d)\d{12}",  # Discover
        r"35(?:2[89]|[3-8]\d)\d{12}|(?:2131|1800)\d{11}",  # JCB
        r"62\d{14,17}",  # UnionPay
        r"(?:5018|5020|5038|5[6-9]\d\d|6304|6759|676[1-3])\d{8,15}",  # Maestro
    )
]


def iban(value: str) -> Bounds | None:
    """Accept the part of `value` that is an IBAN by country, length and checksum. Source: ISO 13616-1, ISO/IEC 7064.

    The length is the country's, because the blocks of four are often followed by a word that looks like another block.
    """
    length = _IBAN_LENGTHS.get(value[:2].upper(), 0)
    compact = _SEPARATORS.sub("", value)[:length].upper()
    if len(compact) < max(length, 1) or int(_as_digits(compact[4:] + compact[:4])) % 97 != 1:
        return None
    end = [match.end() for match in _ALPHANUMERIC.finditer(value)][length - 1]
    return None if _ALPHANUMERIC.match(value, end) else (0, end)


def _as_digits(letters: str) -> str:
    return "".join(str(int(letter, 36)) for letter in letters)


_ALPHANUMERIC = re.compile(r"[A-Za-z0-9]")
_IBAN_LENGTHS = {
    country: length
    for length, countries in {
        15: "NO", 16: "BE", 18: "DK FI FK FO GL NL SD", 19: "MK SI", 20: "AT BA EE KZ LT LU MN XK", 21: "CH HR LI LV",
        22: "BG BH CR DE GB GE IE ME RS VA", 23: "AE GI IL IQ OM SO TL", 24: "AD CZ ES MD PK RO SA SE SK TN VG",
        25: "LY PT ST", 26: "IS TR", 27: "BI DJ FR GR IT MC MR SM", 28: "AL AZ BY CY DO GT HN HU LB NI PL SV",
        29: "BR EG PS QA UA", 30: "JO KW MU YE", 31: "MT SC", 32: "LC", 33: "RU",
    }.items()
    for country in countries.split()
}  # fmt: skip
"""Source: SWIFT, IBAN registry."""


PAYMENT_VALIDATORS: Mapping[str, Callable[[str], Bounds | None]] = {
    "iban": iban,
    "payment_card": payment_card,
}
