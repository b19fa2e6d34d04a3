"""The validity of phone numbers, from the metadata of `phonenumbers`, which is too slow for a million numbers.

`phonenumbers` parses a number and tries a regular expression for each kind of line in each region of its country code.
Here the expressions of a region are compiled into one, and numbers that need no parsing (nothing but a "+", digits and
separators, no national prefix) are not parsed. All others are left to `phonenumbers`.
"""

import functools
import importlib.metadata
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

_PLAIN = re.compile(r"\+[0-9](?:[ ().\-/]*[0-9]){5,20}")
_NO_SEPARATORS = str.maketrans("", "", "+ ().-/")
_MAX_COUNTRY_CODE_LENGTH = 3
_NATIONAL_LENGTHS = range(2, 18)
_WORLD = "001"
_KINDS = (
    "premium_rate",
    "toll_free",
    "shared_cost",
    "voip",
    "personal_number",
    "pager",
    "uan",
    "voicemail",
    "fixed_line",
)


class _Region(NamedTuple):
    """The numbers of one region: those that begin with its leading digits, and those that are valid."""

    leading_digits: re.Pattern[str] | None
    valid: re.Pattern[str]


class _Country(NamedTuple):
    """The regions of a country code, and how a number begins that `phonenumbers` has to parse."""

    needs_parsing: re.Pattern[str] | None
    regions: Sequence[_Region]


def is_valid_international(number: str) -> bool:
    """Return whether a number with "+" and a country code is valid, as `phonenumbers.is_valid_number` does."""
    if _PLAIN.fullmatch(number):
        digits = number.translate(_NO_SEPARATORS)
        for length in range(1, _MAX_COUNTRY_CODE_LENGTH + 1):
            country = _country(digits[:length])
            if country is not None:
                national = digits[length:]
                if len(national) in _NATIONAL_LENGTHS and not _matches(country.needs_parsing, national):
                    return _is_valid_in(country, national)
                break
    return is_valid_number(number, None)


def is_valid_number(number: str, region: str | None) -> bool:
    """Return whether `phonenumbers` finds a number valid that is written as in `region`, or internationally."""
    import phonenumbers

    try:
        return bool(phonenumbers.is_valid_number(phonenumbers.parse(number, region)))
    except phonenumbers.NumberParseException:
        return False


def _is_valid_in(country: _Country, national: str) -> bool:
    """The first region that claims a number decides."""
    for region in country.regions:
        if region.valid.match(national):
            if region.leading_digits is None or region.leading_digits.match(national):
                return True
        elif _matches(region.leading_digits, national):
            return False
    return False


def _matches(regex: re.Pattern[str] | None, text: str) -> bool:
    return regex is not None and regex.match(text) is not None


@functools.cache
def _country(code: str) -> _Country | None:
    """Return the country of a calling code; None if there is none, or if it belongs to no region."""
    import phonenumbers

    regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(int(code), ()) if not code.startswith("0") else ()
    if not regions or _WORLD in regions:
        return None
    metadata: list[Any] = [phonenumbers.PhoneMetadata.metadata_for_region(region) for region in regions]
    prefix = metadata[0].national_prefix_for_parsing
    return _Country(re.compile(prefix) if prefix else None, [_region(each) for each in metadata])


def _region(metadata: Any) -> _Region:
    kinds = _KINDS if metadata.same_mobile_and_fixed_line_pattern else (*_KINDS, "mobile")
    alternatives = [regex for kind in kinds if (regex := _regex(getattr(metadata, kind))) is not None]
    general = _regex(metadata.general_desc)
    regex = rf"(?={general})(?:{'|'.join(alternatives)})" if general and alternatives else r"(?!)"
    leading = metadata.leading_digits
    return _Region(None if leading is None else re.compile(leading), re.compile(regex))


def _regex(description: Any) -> str | None:
    """Return the expression for the complete numbers of a kind, which may exist in certain lengths only."""
    if description is None or not description.national_number_pattern:
        return None
    lengths = [rf"[0-9]{{{length}}}\Z" for length in description.possible_length if length > 0]
    has_length = f"(?={'|'.join(lengths)})" if lengths else "(?!)" if description.possible_length else ""
    return rf"{has_length}(?:{description.national_number_pattern})\Z"


@functools.cache
def phone_number_version() -> str:
    """Return the version of the numbering plans that phone numbers are checked against."""
    return importlib.metadata.version("phonenumbers")
