"""Validators for e-mail addresses, IP addresses and phone numbers."""

import functools
import re
from collections.abc import Callable, Mapping
from ipaddress import IPv6Address

from waivern.rulesets.validators.date_values import calendar_date
from waivern.rulesets.validators.phone_numbers import is_valid_international, is_valid_number

Bounds = tuple[int, int]

_SEPARATORS = re.compile(r"[\W_]+")
_NUMBER = re.compile(r"\d+")
_CACHE_SIZE = 16_384


def email_address(value: str) -> Bounds | None:
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


def ip_address(value: str) -> Bounds | None:
    """Accept an IPv4 address that may identify a person: not loopback, unspecified, broadcast or a netmask.

    More than four numbers are not an address but, for example, an object identifier (OID).
    """
    if value.count(".") > 3 or value.startswith(("0.", "127.", "255.")) or value.endswith(".0.0"):
        return None
    return 0, len(value)


def ipv6_address(value: str) -> Bounds | None:
    """Accept an IPv6 address of at least three groups that is neither loopback nor unspecified. Source: RFC 4291."""
    if sum(map(bool, value.split(":"))) < 3:
        return None
    try:
        IPv6Address(value)
    except ValueError:
        return None
    return 0, len(value)


@functools.lru_cache(_CACHE_SIZE)
def international_phone(value: str) -> Bounds | None:
    """Accept the part of `value` that is a valid number with "+" or "00" and a country code. Source: ITU-T E.164."""
    number = f"+{value[2:]}" if value.startswith("00") else value
    removed = len(value) - len(number)
    for end in _digit_group_ends(number):
        if is_valid_international(number[:end]):
            return 0, end + removed
    return None


@functools.lru_cache(_CACHE_SIZE)
def north_american_phone(value: str) -> Bounds | None:
    """Accept a number of the North American Numbering Plan."""
    return (0, len(value)) if is_valid_number(value, "US") else None


def _digit_group_ends(value: str) -> list[int]:
    ends = [match.end() for match in _NUMBER.finditer(value)]
    return ends[::-1][:6]


@functools.lru_cache(_CACHE_SIZE)
def plausible_phone(value: str) -> Bounds | None:
    """Accept 7 to 15 digits that are not a date, years, a decimal, or one or two repeated digits.

    This proves little, so patterns with this validator count only with context.
    """
    if _DECIMAL.fullmatch(value) or all(map(_YEAR.fullmatch, _NUMBER.findall(value))):  # 2008-2019
        return None
    digits = _SEPARATORS.sub("", value.split("x")[0])
    if not 7 <= len(digits) <= 15 or len(set(digits)) < 3 or calendar_date(value) is not None:
        return None
    return 0, len(value)


_DECIMAL = re.compile(r"[0-9]{1,3}\.[0-9]{5,}")
_YEAR = re.compile(r"(?:19|20)[0-9]{2}")


CONTACT_VALIDATORS: Mapping[str, Callable[[str], Bounds | None]] = {
    "email_address": email_address,
    "international_phone": international_phone,
    "ip_address": ip_address,
    "ipv6_address": ipv6_address,
    "north_american_phone": north_american_phone,
    "plausible_phone": plausible_phone,
}
