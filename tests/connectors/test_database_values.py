import datetime
import uuid
from decimal import Decimal

import pytest

from waivern.connectors.sql_database.values import as_text
from waivern.files.decoding import NotTextError

ID = uuid.UUID(int=7)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        ("", ""),
        ("Müller", "Müller"),
        (True, "true"),
        (12, "12"),
        (447700900123.0, "447700900123"),
        (0.1, "0.1"),
        (float("nan"), "nan"),
        (Decimal("1E+3"), "1000"),
        (Decimal("12.50"), "12.50"),
        (Decimal("NaN"), "NaN"),
        (datetime.date(1980, 2, 29), "1980-02-29"),
        (datetime.datetime(2026, 1, 2, 3, 4, tzinfo=datetime.UTC), "2026-01-02T03:04:00+00:00"),
        (ID, str(ID)),
        ({"b": ["é", None], "a": {"day": datetime.date(2026, 1, 2)}}, '{"a": {"day": "2026-01-02"}, "b": ["é", null]}'),
        ({"b", "a"}, '["a", "b"]'),
        (b"text", "text"),
        (memoryview(b"text"), "text"),
    ],
)
def test_a_value_has_one_text(value: object, text: str) -> None:
    assert as_text(value) == text


@pytest.mark.parametrize("value", [b"\xff", b"a\0b"])
def test_binary_values_are_rejected(value: bytes) -> None:
    with pytest.raises(NotTextError):
        as_text(value)
