"""The contract of connectors, as tests that authors of plug-ins run for their connector."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import entry_points
from typing import Any

from waivern.components.connector import Connector
from waivern.components.factory import ComponentFactory
from waivern.components.registry import CONNECTORS
from waivern.errors import InvalidPropertiesError
from waivern.messages.canonical import canonical_bytes, content_of
from waivern.messages.message import Message
from waivern.messages.not_scanned import ReasonCode
from waivern.messages.validation import check_message

_READ_EVENTS = (
    "open",
    "os.listdir",
    "os.scandir",
    "socket.connect",
    "sqlite3.connect",
    "subprocess.Popen",
    "os.system",
)


class ConnectorContract:
    """Tests for pytest; a subclass whose name begins with `Test` provides three fixtures.

    `factory` is the connector's factory. `properties` are valid, with a source that exists and is not empty.
    `bad_properties` maps the name of a property to properties in which only that one is invalid.
    """

    def test_its_name_matches_its_entry_point(self, factory: ComponentFactory[Connector]) -> None:
        object_reference = f"{type(factory).__module__}:{type(factory).__qualname__}"
        names = {
            entry_point.name for entry_point in entry_points(group=CONNECTORS) if entry_point.value == object_reference
        }
        assert names == {factory.component_class.get_name()}

    def test_the_factory_creates_its_component_class(
        self, factory: ComponentFactory[Connector], properties: Mapping[str, Any]
    ) -> None:
        assert isinstance(factory.create(properties), factory.component_class)

    def test_it_declares_its_output_schemas(self, factory: ComponentFactory[Connector]) -> None:
        schemas = factory.component_class.get_supported_output_schemas()
        assert schemas
        assert len(set(schemas)) == len(schemas)

    def test_its_output_matches_every_declared_schema(
        self, factory: ComponentFactory[Connector], properties: Mapping[str, Any]
    ) -> None:
        for message in _extracted(factory, properties):
            check_message(message)

    def test_the_same_source_gives_the_same_content(
        self, factory: ComponentFactory[Connector], properties: Mapping[str, Any]
    ) -> None:
        first = [canonical_bytes(message.content) for message in _extracted(factory, properties)]
        again = [canonical_bytes(message.content) for message in _extracted(factory, properties)]
        assert first == again

    def test_its_content_is_plain_json(
        self, factory: ComponentFactory[Connector], properties: Mapping[str, Any]
    ) -> None:
        for message in _extracted(factory, properties):
            assert content_of(canonical_bytes(message.content)) == message.content
            canonical_bytes(message.context or {})

    def test_what_was_not_scanned_has_a_name_a_reason_and_a_code(
        self, factory: ComponentFactory[Connector], properties: Mapping[str, Any]
    ) -> None:
        for message in _extracted(factory, properties):
            metadata = message.content.get("metadata", {})
            for entry in metadata.get("not_scanned", []):
                assert entry["name"].strip()
                assert entry["reason"].strip()
                assert entry["code"] in set(ReasonCode)
            for entry in metadata.get("sampled", []):
                assert entry["name"].strip()
                assert 0 <= entry["read"] <= entry["total"]

    def test_creating_it_reads_nothing(
        self, factory: ComponentFactory[Connector], properties: Mapping[str, Any]
    ) -> None:
        factory.create(properties)  # the first call imports modules, which reads files too
        with _recorded_reads() as reads:
            factory.create(properties)
        assert not reads, "checking a runbook must not read a source"

    def test_each_invalid_property_is_named(
        self, factory: ComponentFactory[Connector], bad_properties: Mapping[str, Mapping[str, Any]]
    ) -> None:
        for name, bad in bad_properties.items():
            assert name in _problems(factory, bad), name

    def test_an_unknown_property_is_named(
        self, factory: ComponentFactory[Connector], properties: Mapping[str, Any]
    ) -> None:
        assert "no_such_property" in _problems(factory, {**properties, "no_such_property": 1})


def _extracted(factory: ComponentFactory[Connector], properties: Mapping[str, Any]) -> Iterator[Message]:
    for schema in factory.component_class.get_supported_output_schemas():
        message = factory.create(properties).extract(schema)
        assert message.schema == schema
        yield message


def _problems(factory: ComponentFactory[Connector], properties: Mapping[str, Any]) -> Mapping[str, str]:
    """Return the problems by top-level property."""
    try:
        factory.create(properties)
    except InvalidPropertiesError as error:
        return {name.split(".")[0]: problem for name, problem in error.problems.items()}
    raise AssertionError("the properties were accepted")


@contextmanager
def _recorded_reads() -> Iterator[list[str]]:
    """Record what is opened inside the block. Audit hooks cannot be removed, so the hook is disabled afterwards."""
    reads: list[str] = []
    is_enabled = True

    def record(event: str, arguments: tuple[Any, ...]) -> None:
        if is_enabled and event in _READ_EVENTS:
            reads.append(f"{event} {arguments[:1]}")

    sys.addaudithook(record)
    try:
        yield reads
    finally:
        is_enabled = False
