"""The catalogue of JSON Schemas of messages: shipped ones and those of plug-ins."""

import functools
import json
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from waivern.discovery import discover
from waivern.errors import SchemaNotFoundError, did_you_mean
from waivern.messages.schema import Schema

ENTRY_POINT_GROUP = "waivern.schemas"
ITEMS_KEYWORD = "x-waivern-items"
MERGE_KEYWORD = "x-waivern-merge"


class SchemaCatalogue:
    """The known JSON Schemas.

    A plug-in's entry point in the group `waivern.schemas` refers to a mapping {"name/version": JSON Schema}, or to a
    package (or the path of a folder) that contains `<name>/<version>.json`. A plug-in cannot replace a shipped schema.
    """

    def __init__(self) -> None:
        self._json_schemas = _shipped()
        self.broken: dict[str, str] = {}
        plug_ins = discover(ENTRY_POINT_GROUP)
        self.broken.update(plug_ins.broken)
        for name, provided in plug_ins.loaded.items():
            self._add(name, provided)

    def __contains__(self, schema: Schema) -> bool:
        return schema in self._json_schemas

    def known(self) -> list[Schema]:
        return sorted(self._json_schemas)

    def json_schema(self, schema: Schema) -> Mapping[str, Any]:
        """Return the JSON Schema (draft 2020-12) of a message's content.

        Raises:
            SchemaNotFoundError: the schema is not known.
        """
        try:
            return self._json_schemas[schema]
        except KeyError:
            known = [str(schema) for schema in self.known()]
            raise SchemaNotFoundError(
                f"There is no schema '{schema}'",
                remedy=did_you_mean(str(schema), known) or f"Known: {', '.join(known)}",
            ) from None

    def items_key(self, schema: Schema) -> str | None:
        """Return the key of the content's list of items; None if the schema is unknown or names none."""
        return self._json_schemas.get(schema, {}).get(ITEMS_KEYWORD)

    def merge_rules(self, schema: Schema) -> Mapping[str, str]:
        """Return {JSON pointer: "concatenate" | "sum"} for the other values to combine when messages are merged."""
        rules: Mapping[str, str] = self._json_schemas.get(schema, {}).get(MERGE_KEYWORD, {})
        return rules

    def _add(self, name: str, provided: Any) -> None:
        try:
            for schema, json_schema in _json_schemas_of(provided).items():
                self._json_schemas.setdefault(schema, json_schema)
        except (Exception, SystemExit) as error:  # noqa: BLE001  a plug-in may provide anything
            self.broken[name] = f"{type(error).__name__}: {error}"


@functools.cache
def schema_catalogue() -> SchemaCatalogue:
    """Return the catalogue of this process, loaded on first use."""
    return SchemaCatalogue()


def _shipped() -> dict[Schema, Mapping[str, Any]]:
    return _in_folder(resources.files("waivern.messages") / "schemas")


def _json_schemas_of(provided: Any) -> dict[Schema, Mapping[str, Any]]:
    if isinstance(provided, Mapping):
        return {Schema.parse(name): json_schema for name, json_schema in provided.items()}
    return _in_folder(Path(provided) if isinstance(provided, (str, Path)) else resources.files(provided))


def _in_folder(folder: Any) -> dict[Schema, Mapping[str, Any]]:
    found: dict[Schema, Mapping[str, Any]] = {}
    for subfolder in folder.iterdir():
        if not subfolder.is_dir():
            continue
        for file in subfolder.iterdir():
            if file.name.endswith(".json"):
                schema = Schema.parse(f"{subfolder.name}/{file.name.removesuffix('.json')}")
                found[schema] = json.loads(file.read_text(encoding="utf-8"))
    return found
