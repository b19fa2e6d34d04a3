"""Addresses, such as s3://bucket/folder, as they may be shown: without what lets somebody in."""

import re

_ADDRESS = re.compile(r"(?P<kind>[A-Za-z][A-Za-z0-9+.-]*)(?:://|::(?=.*://))", re.ASCII)
_LOGIN = re.compile(r"(?P<before>[A-Za-z][A-Za-z0-9+.-]*://)[^/?#\s]*@", re.ASCII)
_QUESTION = re.compile(r"(?P<before>[A-Za-z][A-Za-z0-9+.-]*://[^?#\s]*)[?#]\S*", re.ASCII)


def kind_of(address: str) -> str | None:
    """Return what stands before "://", or before "::" in a chain, in lower case; None where the text is no address."""
    match = _ADDRESS.match(address)
    return match["kind"].lower() if match else None


def without_login(text: str) -> str:
    """Return the text with the addresses in it as they are without a user, a password and a token.

    What stands before "@" goes, and what stands after "?" or "#": a signed address has its signature there.
    """
    return _QUESTION.sub(r"\g<before>", _LOGIN.sub(r"\g<before>", text))
