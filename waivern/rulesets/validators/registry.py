"""Validators: checksums, calendars and numbering plans that decide whether a pattern's match is valid.

A rule refers to its validator by name. Besides the validators in this package, `stdnum.<module>` is the `is_valid` of a
module of python-stdnum (`stdnum.nl.bsn`). Modules whose result depends on the current date are excluded.
"""

import functools
import importlib
import re
from collections.abc import Callable
from datetime import date
from ipaddress import IPv6Address
from typing import Any

from waivern.rulesets.validators.code_values import CODE_VALIDATORS
from waivern.rulesets.validators.identity_values import IDENTITY_VALIDATORS
from waivern.rulesets.validators.secret_values import SECRET_VALIDATORS

Validator = Callable[[str], tuple[int, int] | None]
"""Takes the matched text; returns the (start, end) of its valid part, or None if it is not valid."""

_SEPARATORS = re.compile(r"[\W_]+")
_CACHE_SIZE = 16_384


def is_validator(name: str) -> bool:
    return name in _VALIDATORS or _stdnum_module(name) is not None


@functools.cache
def get_validator(name: str) -> Validator:
    """Return the validator with this name.

    Raises:
        KeyError: There is no such validator.
    """
    if name in _VALIDATORS:
        return _VALIDATORS[name]
    module = _stdnum_module(name)
    if module is None:
        raise KeyError(name)
    return _whole_value(module.is_valid)


def _stdnum_module(name: str) -> Any | None:
    if not name.startswith("stdnum.") or name in _DATE_DEPENDENT:
        return None
    try:
        module = importlib.import_module(name)
    except ImportError:
        return None
    return module if hasattr(module, "is_valid") else None


_DATE_DEPENDENT = {
    f"stdnum.{module}"
    for module in ("be.nn", "dk.cpr", "kr.rrn", "no.fodselsnummer", "ro.onrc", "se.personnummer", "sg.uen", "za.idnr")
}


def _whole_value(is_valid: Callable[[str], bool]) -> Validator:
    def validate(value: str) -> tuple[int, int] | None:
        return (0, len(value)) if is_valid(value) else None

    return validate


def email_address(value: str) -> tuple[int, int] | None:
    """Accept an unquoted e-mail address without leading punctuation. Source: RFC 5321, 4.1.2 and 4.5.3.1."""
    start = len(value) - len(value.lstrip("'.%+-"))
    return (start, len(value)) if _is_email_address(value[start:]) else None


def _is_email_address(value: str) -> bool:
    local, _, domain = value.rpartition("@")
    if len(local) > 64 or len(domain) > 253 or local == "git":  # git@host:path is not a mailbox
        return False
    return _MAILBOX.fullmatch(value) is not None and domain[domain.rindex(".") + 1 :].lower() not in _FILE_EXTENSIONS


_MAILBOX = re.compile(
    r"[A-Za-z0-9_%+'-]+(?:\.[A-Za-z0-9_%+'-]+)*@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,24}"
)
_FILE_EXTENSIONS = {"png", "jpg", "jpeg", "gif", "svg", "webp", "css", "js", "py", "html", "json", "so", "dll"}


def has_valid_luhn_digit(digits: str) -> bool:
    """Return whether the last digit is the Luhn check digit of the others. Source: ISO/IEC 7812-1, annex B."""
    doubled = sum(int(_DOUBLED[digit]) for digit in digits[-2::-2])
    return (doubled + sum(map(int, digits[-1::-2]))) % 10 == 0


_DOUBLED = dict(zip("0123456789", "0246813579", strict=True))


def is_payment_card(value: str) -> bool:
    """Return whether `value` has the prefix and length of a card scheme and a valid Luhn digit.

    Spaces and dashes are ignored. Source: ISO/IEC 7812-1; the schemes' published ranges of issuer numbers.
    """
    digits = _SEPARATORS.sub("", value)
    if len(set(digits)) < 2 or not any(scheme.fullmatch(digits) for scheme in _CARD_SCHEMES):
        return False
    return has_valid_luhn_digit(digits)


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


def iban(value: str) -> tuple[int, int] | None:
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


def ip_address(value: str) -> tuple[int, int] | None:
    """Accept an IPv4 address that may identify a person: not loopback, unspecified, broadcast or a netmask.

    More than four numbers are not an address but, for example, an object identifier (OID).
    """
    if value.count(".") > 3 or value.startswith(("0.", "127.", "255.")) or value.endswith(".0.0"):
        return None
    return 0, len(value)


def ipv6_address(value: str) -> tuple[int, int] | None:
    """Accept an IPv6 address of at least three groups that is neither loopback nor unspecified. Source: RFC 4291."""
    if sum(map(bool, value.split(":"))) < 3:
        return None
    try:
        IPv6Address(value)
    except ValueError:
        return None
    return 0, len(value)


@functools.lru_cache(_CACHE_SIZE)
def international_phone(value: str) -> tuple[int, int] | None:
    """Accept the part of `value` that is a valid number with "+" or "00" and a country code. Source: ITU-T E.164."""
    for end in _digit_group_ends(value):
        number = value[:end]
        if _is_phone("+" + number[2:] if number.startswith("00") else number, None):
            return 0, end
    return None


@functools.lru_cache(_CACHE_SIZE)
def north_american_phone(value: str) -> tuple[int, int] | None:
    """Accept a number of the North American Numbering Plan."""
    return (0, len(value)) if _is_phone(value, "US") else None


def _digit_group_ends(value: str) -> list[int]:
    ends = [match.end() for match in re.finditer(r"\d+", value)]
    return ends[::-1][:6]


def _is_phone(text: str, region: str | None) -> bool:
    import phonenumbers

    try:
        return bool(phonenumbers.is_valid_number(phonenumbers.parse(text, region)))
    except phonenumbers.NumberParseException:
        return False


def plausible_phone(value: str) -> tuple[int, int] | None:
    """Accept 7 to 15 digits that are not a date, years, a decimal, or one or two repeated digits.

    This proves little, so patterns with this validator count only with context.
    """
    if _DECIMAL.fullmatch(value) or all(_YEAR.fullmatch(group) for group in re.findall(r"\d+", value)):  # 2008-2019
        return None
    digits = _SEPARATORS.sub("", value.split("x")[0])
    if not 7 <= len(digits) <= 15 or len(set(digits)) < 3 or calendar_date(value) is not None:
        return None
    return 0, len(value)


_DECIMAL = re.compile(r"[0-9]{1,3}\.[0-9]{5,}")
_YEAR = re.compile(r"(?:19|20)[0-9]{2}")


def calendar_date(value: str) -> tuple[int, int] | None:
    """Accept an existing date from 1900 to 2099, with the day or the month first."""
    numbers = [int(number) for number in re.findall(r"\d+", value)]
    if len(numbers) != 3:
        return None
    first, second, third = numbers
    if first > 99:
        candidates = [(first, second, third)]
    else:
        years = [third] if third > 99 else [1900 + third, 2000 + third]
        candidates = [(year, month, day) for year in years for month, day in ((first, second), (second, first))]
    return (0, len(value)) if any(_is_date(*candidate) for candidate in candidates) else None


def date_and_time(value: str) -> tuple[int, int] | None:
    """Accept a date as `calendar_date` does, optionally followed by a time of day (ISO 8601, with "T" or a space)."""
    return (0, len(value)) if calendar_date(_TIME_OF_DAY.sub("", value)) is not None else None


_TIME_OF_DAY = re.compile(r"[T ][0-9]{2}:[0-9:]+(?:Z|[+\-][0-9:]+)?\Z")


def compact_date(value: str) -> tuple[int, int] | None:
    """Accept an existing date from 1900 to 2099 written as eight digits, with the year first or last."""
    readings = (
        (value[:4], value[4:6], value[6:]),
        (value[4:], value[2:4], value[:2]),
        (value[4:], value[:2], value[2:4]),
    )
    return (0, len(value)) if any(_is_date(*map(int, reading)) for reading in readings) else None


def _is_date(year: int, month: int, day: int) -> bool:
    try:
        return 1900 <= date(year, month, day).year < 2100
    except (ValueError, OverflowError):  # OverflowError for numbers that are far too large
        return False


def us_ssn(value: str) -> tuple[int, int] | None:
    """Accept nine digits in any grouping that the Social Security Administration may have issued."""
    from stdnum.us import ssn

    return (0, len(value)) if ssn.is_valid(_SEPARATORS.sub("", value)) else None


def swedish_personal_number(value: str) -> tuple[int, int] | None:
    """Accept a personnummer: a date and a Luhn digit over the last ten digits. Source: SKV 704."""
    digits = _SEPARATORS.sub("", value)[-10:]
    month, day = int(digits[2:4]), int(digits[4:6])
    is_valid = 1 <= month <= 12 and 1 <= day <= 31 and has_valid_luhn_digit(digits)
    return (0, len(value)) if is_valid else None


_VIN_VALUES = dict(zip("ABCDEFGHJKLMNPRSTUVWXYZ0123456789", "123456781234579234567890123456789", strict=True))
_VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)


def vehicle_number(value: str) -> tuple[int, int] | None:
    """Accept a vehicle identification number by its check digit. Source: ISO 3779; 49 CFR 565.15(c)."""
    number = value.upper()
    total = sum(weight * int(_VIN_VALUES[letter]) for weight, letter in zip(_VIN_WEIGHTS, number, strict=True))
    return (0, len(value)) if number[8] == "0123456789X"[total % 11] else None


_VALIDATORS: dict[str, Validator] = {
    "calendar_date": calendar_date,
    "compact_date": compact_date,
    "date_and_time": date_and_time,
    "email_address": email_address,
    "iban": iban,
    "international_phone": international_phone,
    "ip_address": ip_address,
    "ipv6_address": ipv6_address,
    "north_american_phone": north_american_phone,
    "payment_card": _whole_value(is_payment_card),
    "plausible_phone": plausible_phone,
    "swedish_personal_number": swedish_personal_number,
    "us_ssn": us_ssn,
    "vehicle_number": vehicle_number,
    **CODE_VALIDATORS,
    **IDENTITY_VALIDATORS,
    **SECRET_VALIDATORS,
}
