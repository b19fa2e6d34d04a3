"""Entries of `metadata.not_scanned`."""

from waivern.messages.not_scanned import NotScanned, ReasonCode


def test_an_entry_has_a_name_a_reason_and_a_code() -> None:
    entry = NotScanned("logo.png", "binary: a PNG image", ReasonCode.BINARY)
    assert entry.as_json() == {"name": "logo.png", "reason": "binary: a PNG image", "code": "binary"}
