"""Addresses such as s3://bucket/folder, and how they are shown without credentials."""

import re

_SCHEME = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)(?:://|::(?=.*://))", re.ASCII)
_LOGIN = re.compile(r"(?P<before>[A-Za-z][A-Za-z0-9+.-]*://)[^/?#\s]*@", re.ASCII)
_QUERY = re.compile(r"(?P<before>[A-Za-z][A-Za-z0-9+.-]*://[^?#\s]*)[?#]\S*", re.ASCII)


def scheme_of(address: str) -> str | None:
    """Return the scheme of an address (or the first of a chain "a::b://") in lower case; None if there is none."""
    match = _SCHEME.match(address)
    return match["scheme"].lower() if match else None


def without_credentials(text: str) -> str:
    """Return the text with user, password, query and fragment removed from every address in it.

    The query goes too because signed addresses have their signature there.
    """
    return _QUERY.sub(r"\g<before>", _LOGIN.sub(r"\g<before>", text))
