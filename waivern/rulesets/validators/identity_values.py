"""The checks of what identifies somebody: numbers of documents and offices, number plates, places, spoken names.

They stand where python-stdnum has no module for a number, or one that asks the clock whether it is given out yet.
"""

import re
from collections.abc import Callable, Mapping, Sequence

Bounds = tuple[int, int]

_NOT_DIGITS = re.compile(r"[^0-9]+")
_BLANKS = re.compile(r"[ \-./]+")


def german_pension_insurance_number(value: str) -> Bounds | None:
    """Accept a Versicherungsnummer by its check digit. Source: VKVV, section 2 (4)."""
    signs = _BLANKS.sub("", value).upper()
    digits = f"{signs[:8]}{ord(signs[8]) - 64:02d}{signs[9:11]}"
    products = (int(digit) * weight for digit, weight in zip(digits, (2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1), strict=True))
    is_valid = sum(sum(divmod(product, 10)) for product in products) % 10 == int(signs[11])
    return (0, len(value)) if is_valid else None


def spanish_social_security_number(value: str) -> Bounds | None:
    """Accept a número de afiliación: its last two digits are the rest of the others by 97."""
    digits = _NOT_DIGITS.sub("", value)
    province, number, check = int(digits[:2]), int(digits[2:10]), int(digits[10:])
    whole = number + province * 10_000_000 if number < 10_000_000 else int(digits[:10])
    return (0, len(value)) if whole % 97 == check else None


def belgian_national_number(value: str) -> Bounds | None:
    """Accept a rijksregisternummer: 97 less the rest by 97, of those born from 2000 on with a 2 before."""
    digits = _NOT_DIGITS.sub("", value)
    number, check = digits[:9], int(digits[9:])
    is_valid = check in (97 - int(number) % 97, 97 - int(f"2{number}") % 97)
    return (0, len(value)) if is_valid and int(digits[2:4]) <= 12 and int(digits[4:6]) <= 31 else None


def polish_identity_card(value: str) -> Bounds | None:
    """Accept the number of a dowód osobisty by its check digit, which is the fourth sign."""
    return (0, len(value)) if _weighed(_BLANKS.sub("", value), (7, 3, 1, 9, 7, 3, 1, 7, 3)) % 10 == 0 else None


def danish_personal_number(value: str) -> Bounds | None:
    """Accept a CPR number by its day; since 2007 there is none that the check digit holds for throughout."""
    return (0, len(value)) if 1 <= int(value[:2]) <= 31 and 1 <= int(value[2:4]) <= 12 else None


def norwegian_identity_number(value: str) -> Bounds | None:
    """Accept a fødselsnummer or D-number by its two check digits. Source: Skatteetaten, fødselsnummer."""
    digits = _NOT_DIGITS.sub("", value)
    first = _weighed(digits[:10], (3, 7, 6, 1, 8, 9, 4, 5, 2, 1))
    second = _weighed(digits, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1))
    return (0, len(value)) if first % 11 == 0 and second % 11 == 0 else None


def document_number(value: str) -> Bounds | None:
    """Accept letters and digits with three digits at the least, unless it is a day (2024-01-31); for context only."""
    digits = sum(sign.isdigit() for sign in value)
    return (0, len(value)) if digits >= 3 and not _DAY.fullmatch(value) else None


_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{2}-[0-9]{2}-[0-9]{4}")


def number_plate(value: str) -> Bounds | None:
    """Accept four to nine letters and digits, of both some; for context only."""
    signs = _BLANKS.sub("", value)
    is_mixed = any(sign.isdigit() for sign in signs) and any(sign.isalpha() for sign in signs)
    return (0, len(value)) if is_mixed and 4 <= len(signs) <= 9 else None


def coordinates(value: str) -> Bounds | None:
    """Accept a latitude of at most 90 degrees and a longitude of at most 180."""
    latitude, longitude = (float(number) for number in re.findall(r"[0-9]+\.[0-9]+", value))
    return (0, len(value)) if latitude <= 90 and longitude <= 180 else None


def introduced_name(value: str) -> Bounds | None:
    """Return the name behind "My name is"."""
    introduction = _INTRODUCTION.match(value)
    return (introduction.end(), len(value)) if introduction is not None else None


_INTRODUCTION = re.compile(
    r".*?(?:name is|hei(?:ss|ß)e|Name ist|appelle|llamo|nombre es|chiamo|heet|naam is|hamo-me|azywam się|heter) "
)


def _weighed(signs: str, weights: Sequence[int]) -> int:
    """The sum of digits, and of letters (A is 10), times their weights."""
    return sum(int(sign, 36) * weight for sign, weight in zip(signs, weights, strict=True))


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
}
