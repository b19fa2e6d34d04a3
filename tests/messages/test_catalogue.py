"""Schemas of plug-ins."""

import json
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import NoReturn

import pytest

import waivern.discovery
from waivern import Schema
from waivern.messages.catalogue import SchemaCatalogue

OURS = {"invoice/1.0.0": {"type": "object", "x-waivern-items": "lines"}, "standard_input/1.0.0": {"type": "array"}}
NO_SCHEMA = {"not a schema": {}}


class Leaving(dict[str, object]):
    def items(self) -> NoReturn:
        raise SystemExit("I leave")


LEAVING = Leaving()


@pytest.fixture
def catalogue(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> SchemaCatalogue:
    """The catalogue if one package provides a mapping, one a folder, and three provide nothing usable."""
    (tmp_path / "receipt").mkdir()
    (tmp_path / "receipt" / "2.1.0.json").write_text(json.dumps({"x-waivern-items": "positions"}))
    monkeypatch.setattr(f"{__name__}.FOLDER", tmp_path, raising=False)
    offered = [
        EntryPoint(name, value, "waivern.schemas")
        for name, value in {
            "mapping": f"{__name__}:OURS",
            "folder": f"{__name__}:FOLDER",
            "odd": f"{__name__}:NO_SCHEMA",
            "leaving": f"{__name__}:LEAVING",
            "missing": "no_such_package:SCHEMAS",
        }.items()
    ]
    monkeypatch.setattr(
        waivern.discovery, "entry_points", lambda *, group: offered if group == "waivern.schemas" else []
    )
    return SchemaCatalogue()


def test_plug_ins_provide_schemas_as_a_mapping_or_a_folder(catalogue: SchemaCatalogue) -> None:
    assert catalogue.items_key(Schema("invoice", "1.0.0")) == "lines"
    assert catalogue.items_key(Schema("receipt", "2.1.0")) == "positions"


def test_a_plug_in_cannot_replace_a_shipped_schema(catalogue: SchemaCatalogue) -> None:
    assert catalogue.json_schema(Schema("standard_input", "1.0.0"))["type"] == "object"


def test_a_plug_in_without_usable_schemas_is_reported_by_name(catalogue: SchemaCatalogue) -> None:
    assert set(catalogue.broken) == {"odd", "missing", "leaving"}
    assert "is not a schema" in catalogue.broken["odd"]
    assert catalogue.broken["leaving"] == "SystemExit: I leave"
