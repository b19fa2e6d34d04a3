"""What every connector holds to, as tests that a plug-in's author runs on theirs."""

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

_READING = ("open", "os.listdir", "os.scandir", "socket.connect", "sqlite3.connect", "subprocess.Popen", "os.system")


class ConnectorContract:
    """Tests for pytest; a subclass whose name begins with `Test` provides three fixtures.

    `factory` is the connector's factory. `properties` are good ones, whose source is there and holds something.
    `bad_properties` maps the name of a property to properties that are good but for that one.
    """

    def test_its_name_is_that_of_its_entry_point(self, factory: ComponentFactory[Connector]) -> None:
        leading_here = f"{type(factory).__module__}:{type(factory).__qualname__}"
        names = {each.name for each in entry_points(group=CONNECTORS) if each.value == leading_here}
        assert names == {factory.component_class.get_name()}

    def test_it_makes_what_its_factory_says(
        self, factory: ComponentFactory[Connector], properties: Mapping[str, Any]
    ) -> None:
        assert isinstance(factory.create(properties), factory.component_class)

    def test_it_declares_what_it_can_extract(self, factory: ComponentFactory[Connector]) -> None:
        schemas = factory.component_class.get_supported_output_schemas()
        assert schemas
        assert len(set(schemas)) == len(schemas)

    def test_every_schema_it_declares_is_the_shape_of_what_it_extracts(
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

    def test_what_it_extracts_is_plain_json(
        self, factory: ComponentFactory[Connector], properties: Mapping[str, Any]
    ) -> None:
        for message in _extracted(factory, properties):
            assert content_of(canonical_bytes(message.content)) == message.content
            canonical_bytes(message.context or {})

    def test_everything_left_out_is_named_with_the_reason(
        self, factory: ComponentFactory[Connector], properties: Mapping[str, Any]
    ) -> None:
        for message in _extracted(factory, properties):
            metadata = message.content.get("metadata", {})
            for each in metadata.get("not_scanned", []):
                assert each["name"].strip()
                assert each["reason"].strip()
                assert each["code"] in set(ReasonCode)
            for each in metadata.get("sampled", []):
                assert each["name"].strip()
                assert 0 <= each["read"] <= each["total"]

    def test_making_it_reads_nothing(self, factory: ComponentFactory[Connector], properties: Mapping[str, Any]) -> None:
        factory.create(properties)  # imports what it needs, which is reading too
        with _noted() as reads:
            factory.create(properties)
        assert not reads, "a runbook is checked without touching any source"

    def test_each_bad_property_is_named(
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
    """The faults by the property's name, without what leads further into it."""
    try:
        factory.create(properties)
    except InvalidPropertiesError as error:
        return {name.split(".")[0]: fault for name, fault in error.problems.items()}
    raise AssertionError("the properties were taken")


@contextmanager
def _noted() -> Iterator[list[str]]:
    """Note what is opened within the block. An audit hook cannot be taken away, so it goes quiet afterwards."""
    reads: list[str] = []
    listening = True

    def note(event: str, arguments: tuple[Any, ...]) -> None:
        if listening and event in _READING:
            reads.append(f"{event} {arguments[:1]}")

    sys.addaudithook(note)
    try:
        yield reads
    finally:
        listening = False
