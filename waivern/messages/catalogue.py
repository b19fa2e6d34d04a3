"""Where the JSON Schemas of messages are found: shipped ones, and those of plug-ins."""

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
    """The JSON Schemas that are known.

    A plug-in's entry point in the group `waivern.schemas` leads to a mapping {"name/version": JSON Schema} or to
    a package (or the path of a folder) that holds `<name>/<version>.json`. Shipped schemas come first: a plug-in
    cannot change what they mean.
    """

    def __init__(self) -> None:
        self._json_schemas = _shipped()
        self.broken: dict[str, str] = {}
        plug_ins = discover(ENTRY_POINT_GROUP)
        self.broken.update(plug_ins.broken)
        for name, offered in plug_ins.loaded.items():
            self._add(name, offered)

    def __contains__(self, schema: Schema) -> bool:
        return schema in self._json_schemas

    def known(self) -> list[Schema]:
        return sorted(self._json_schemas)

    def json_schema(self, schema: Schema) -> Mapping[str, Any]:
        """Return the JSON Schema (draft 2020-12) of a message's content.

        Raises:
            SchemaNotFoundError: nobody provides it.
        """
        try:
            return self._json_schemas[schema]
        except KeyError:
            known = [str(each) for each in self.known()]
            raise SchemaNotFoundError(
                f"There is no schema '{schema}'",
                remedy=did_you_mean(str(schema), known) or f"Known: {', '.join(known)}",
            ) from None

    def items_key(self, schema: Schema) -> str | None:
        """Return the key of the content's list of items, or None where the schema is unknown or names none."""
        return self._json_schemas.get(schema, {}).get(ITEMS_KEYWORD)

    def merge_rules(self, schema: Schema) -> Mapping[str, str]:
        """Return {JSON pointer: "concatenate" | "sum"} for what else is put together when messages are merged."""
        rules: Mapping[str, str] = self._json_schemas.get(schema, {}).get(MERGE_KEYWORD, {})
        return rules

    def _add(self, name: str, offered: Any) -> None:
        try:
            for schema, json_schema in _json_schemas_of(offered).items():
                self._json_schemas.setdefault(schema, json_schema)
        except (Exception, SystemExit) as error:  # noqa: BLE001  what a plug-in offers may be anything
            self.broken[name] = f"{type(error).__name__}: {error}"


@functools.cache
def schema_catalogue() -> SchemaCatalogue:
    """Return the catalogue of this process, made on first use."""
    return SchemaCatalogue()


def _shipped() -> dict[Schema, Mapping[str, Any]]:
    return _in_folder(resources.files("waivern.messages") / "schemas")


def _json_schemas_of(offered: Any) -> dict[Schema, Mapping[str, Any]]:
    if isinstance(offered, Mapping):
        return {Schema.parse(name): json_schema for name, json_schema in offered.items()}
    return _in_folder(Path(offered) if isinstance(offered, (str, Path)) else resources.files(offered))


def _in_folder(folder: Any) -> dict[Schema, Mapping[str, Any]]:
    found: dict[Schema, Mapping[str, Any]] = {}
    for by_name in folder.iterdir():
        if not by_name.is_dir():
            continue
        for file in by_name.iterdir():
            if file.name.endswith(".json"):
                schema = Schema.parse(f"{by_name.name}/{file.name.removesuffix('.json')}")
                found[schema] = json.loads(file.read_text(encoding="utf-8"))
    return found
