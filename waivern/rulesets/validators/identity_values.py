"""Validators for identifiers of people: document and register numbers, number plates, coordinates, introduced names.

They cover numbers for which python-stdnum has no module, or only one whose result depends on the current date.
"""

import re
from collections.abc import Callable, Mapping, Sequence

from waivern.rulesets.validators.payment_values import has_valid_luhn_digit

Bounds = tuple[int, int]

_NOT_DIGITS = re.compile(r"[^0-9]+")
_SEPARATORS = re.compile(r"[ \-./]+")
_NOT_ALPHANUMERIC = re.compile(r"[\W_]+")


def german_pension_insurance_number(value: str) -> Bounds | None:
    """Accept a Versicherungsnummer by its check digit. Source: VKVV, section 2 (4)."""
    number = _SEPARATORS.sub("", value).upper()
    digits = f"{number[:8]}{ord(number[8]) - 64:02d}{number[9:11]}"
    products = (int(digit) * weight for digit, weight in zip(digits, (2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1), strict=True))
    is_valid = sum(sum(divmod(product, 10)) for product in products) % 10 == int(number[11])
    return (0, len(value)) if is_valid else None


def spanish_social_security_number(value: str) -> Bounds | None:
    """Accept a número de afiliación: its last two digits are the other digits modulo 97."""
    digits = _NOT_DIGITS.sub("", value)
    province, number, check = int(digits[:2]), int(digits[2:10]), int(digits[10:])
    whole = number + province * 10_000_000 if number < 10_000_000 else int(digits[:10])
    return (0, len(value)) if whole % 97 == check else None


def belgian_national_number(value: str) -> Bounds | None:
    """Accept a rijksregisternummer: its check digits are 97 minus the other digits modulo 97.

    For people born from 2000 on, a 2 is put before the digits.
    """
    digits = _NOT_DIGITS.sub("", value)
    number, check = digits[:9], int(digits[9:])
    is_valid = check in (97 - int(number) % 97, 97 - int(f"2{number}") % 97)
    return (0, len(value)) if is_valid and int(digits[2:4]) <= 12 and int(digits[4:6]) <= 31 else None


def polish_identity_card(value: str) -> Bounds | None:
    """Accept the number of a dowód osobisty by its check digit, which is the fourth character."""
    checksum = _weighted_sum(_SEPARATORS.sub("", value), (7, 3, 1, 9, 7, 3, 1, 7, 3))
    return (0, len(value)) if checksum % 10 == 0 else None


def danish_personal_number(value: str) -> Bounds | None:
    """Accept a CPR number by its date; since 2007 numbers without a valid check digit are issued too."""
    return (0, len(value)) if 1 <= int(value[:2]) <= 31 and 1 <= int(value[2:4]) <= 12 else None


def norwegian_identity_number(value: str) -> Bounds | None:
    """Accept a fødselsnummer or D-number by its two check digits. Source: Skatteetaten, fødselsnummer."""
    digits = _NOT_DIGITS.sub("", value)
    first = _weighted_sum(digits[:10], (3, 7, 6, 1, 8, 9, 4, 5, 2, 1))
    second = _weighted_sum(digits, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1))
    return (0, len(value)) if first % 11 == 0 and second % 11 == 0 else None


def us_ssn(value: str) -> Bounds | None:
    """Accept nine digits in any grouping that the Social Security Administration may have issued."""
    from stdnum.us import ssn

    return (0, len(value)) if ssn.is_valid(_NOT_ALPHANUMERIC.sub("", value)) else None


def swedish_personal_number(value: str) -> Bounds | None:
    """Accept a personnummer: a date and a Luhn digit over the last ten digits. Source: SKV 704."""
    digits = _NOT_DIGITS.sub("", value)[-10:]
    month, day = int(digits[2:4]), int(digits[4:6])
    is_valid = 1 <= month <= 12 and 1 <= day <= 31 and has_valid_luhn_digit(digits)
    return (0, len(value)) if is_valid else None


_VIN_VALUES = dict(zip("ABCDEFGHJKLMNPRSTUVWXYZ0123456789", "123456781234579234567890123456789", strict=True))
_VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)


def vehicle_number(value: str) -> Bounds | None:
    """Accept a vehicle identification number by its check digit. Source: ISO 3779; 49 CFR 565.15(c)."""
    number = value.upper()
    total = sum(weight * int(_VIN_VALUES[letter]) for weight, letter in zip(_VIN_WEIGHTS, number, strict=True))
    return (0, len(value)) if number[8] == "0123456789X"[total % 11] else None


def document_number(value: str) -> Bounds | None:
    """Accept letters and digits with at least three digits, unless they are a date (2024-01-31).

    This proves little, so patterns with this validator count only with context.
    """
    digits = sum(character.isdigit() for character in value)
    return (0, len(value)) if digits >= 3 and not _DATE.fullmatch(value) else None


_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{2}-[0-9]{2}-[0-9]{4}")


def number_plate(value: str) -> Bounds | None:
    """Accept four to nine characters with at least one letter and one digit.

    This proves little, so patterns with this validator count only with context.
    """
    plate = _SEPARATORS.sub("", value)
    is_mixed = any(map(str.isdigit, plate)) and any(map(str.isalpha, plate))
    return (0, len(value)) if is_mixed and 4 <= len(plate) <= 9 else None


def coordinates(value: str) -> Bounds | None:
    """Accept a latitude of at most 90 degrees and a longitude of at most 180 degrees."""
    latitude, longitude = (float(number) for number in re.findall(r"[0-9]+\.[0-9]+", value))
    return (0, len(value)) if latitude <= 90 and longitude <= 180 else None


def introduced_name(value: str) -> Bounds | None:
    """Accept the name after an introduction such as "My name is"."""
    introduction = _INTRODUCTION.match(value)
    return (introduction.end(), len(value)) if introduction is not None else None


_INTRODUCTION = re.compile(
    r".*?(?:name is|hei(?:ss|ß)e|Name ist|appelle|llamo|nombre es|chiamo|heet|naam is|hamo-me|azywam się|heter) "
)


def _weighted_sum(characters: str, weights: Sequence[int]) -> int:
    """Return the weighted sum of digits and letters (A is 10)."""
    return sum(int(character, 36) * weight for character, weight in zip(characters, weights, strict=True))


IDENTITY_VALIDATORS: Mapping[str, Callable[[str], Bounds | None]] = {
    "belgian_national_number": belgian_national_number,
    "coordinates": coordinates,
    "danish_personal_number": danish_personal_number,
    "document_number": document_number,
    "german_pension_insurance_number": german_pension_insurance_number,
    "introduced_name": introduced_name,
    "norwegian_identity_number": norwegian_identity_number,
    "number_plate": number_plate,
    "polish_identity_card": polish_identity_card,
    "spanish_social_security_number": spanish_social_security_number,
    "swedish_personal_number": swedish_personal_number,
    "us_ssn": us_ssn,
    "vehicle_number": vehicle_number,
}
