"""The contract of analysers, as tests that authors of plug-ins run for their analyser."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import entry_points
from typing import Any

from waivern.components.analyser import Analyser
from waivern.components.factory import ComponentFactory
from waivern.components.partwise import PartAnalysis, PartwiseAnalyser
from waivern.components.registry import ANALYSERS
from waivern.errors import InvalidPropertiesError
from waivern.messages.canonical import canonical_bytes, content_of
from waivern.messages.catalogue import schema_catalogue
from waivern.messages.compressed_items import CompressedItems
from waivern.messages.compressed_message import CompressedMessage
from waivern.messages.message import Message
from waivern.messages.parts import PartSizes
from waivern.messages.validation import check_message
from waivern.testing.builders import InMemoryPartResults

_THREADS = 4
_PART_SIZES = (1, 300, 2_000)


class AnalyserContract:
    """Tests for pytest; a subclass whose name begins with `Test` provides four fixtures.

    `factory` is the analyser's factory. `properties` are valid. `inputs` are messages, one per schema, in the order of
    one of the combinations that the analyser declares. `bad_properties` maps the name of a property (with dots if it
    is nested) to properties in which only that one is invalid.
    """

    def test_its_name_matches_its_entry_point(self, factory: ComponentFactory[Analyser]) -> None:
        object_reference = f"{type(factory).__module__}:{type(factory).__qualname__}"
        names = {
            entry_point.name for entry_point in entry_points(group=ANALYSERS) if entry_point.value == object_reference
        }
        assert names == {factory.component_class.get_name()}

    def test_the_factory_creates_its_component_class(
        self, factory: ComponentFactory[Analyser], properties: Mapping[str, Any]
    ) -> None:
        assert isinstance(factory.create(properties), factory.component_class)

    def test_it_declares_its_input_and_output_schemas(self, factory: ComponentFactory[Analyser]) -> None:
        combinations = factory.component_class.get_input_requirements()
        outputs = factory.component_class.get_supported_output_schemas()
        assert combinations
        assert all(combination and len(set(combination)) == len(combination) for combination in combinations)
        assert outputs
        assert len(set(outputs)) == len(outputs)

    def test_the_inputs_match_a_declared_combination(
        self, factory: ComponentFactory[Analyser], inputs: Sequence[Message]
    ) -> None:
        assert [message.schema for message in inputs] in factory.component_class.get_input_requirements()
        for message in inputs:
            check_message(message)

    def test_its_output_matches_every_declared_schema(
        self, factory: ComponentFactory[Analyser], properties: Mapping[str, Any], inputs: Sequence[Message]
    ) -> None:
        for schema in factory.component_class.get_supported_output_schemas():
            message = factory.create(properties).process(inputs, schema)
            assert message.schema == schema
            check_message(message)
            assert content_of(canonical_bytes(message.content)) == message.content

    def test_the_same_inputs_give_the_same_content(
        self, factory: ComponentFactory[Analyser], properties: Mapping[str, Any], inputs: Sequence[Message]
    ) -> None:
        analyser = factory.create(properties)
        first = _outputs(analyser, inputs)
        assert _outputs(analyser, inputs) == first
        assert _outputs(factory.create(properties), inputs) == first

    def test_it_does_not_change_its_inputs(
        self, factory: ComponentFactory[Analyser], properties: Mapping[str, Any], inputs: Sequence[Message]
    ) -> None:
        before = [canonical_bytes(message.content) for message in inputs]
        _outputs(factory.create(properties), inputs)
        assert [canonical_bytes(message.content) for message in inputs] == before

    def test_it_works_in_several_threads(
        self, factory: ComponentFactory[Analyser], properties: Mapping[str, Any], inputs: Sequence[Message]
    ) -> None:
        analyser = factory.create(properties)
        alone = _outputs(analyser, inputs)
        with ThreadPoolExecutor(_THREADS) as threads:
            together = list(threads.map(lambda _: _outputs(analyser, inputs), range(2 * _THREADS)))
        assert together == [alone] * (2 * _THREADS)

    def test_where_its_inputs_are_cut_into_parts_makes_no_difference(
        self, factory: ComponentFactory[Analyser], properties: Mapping[str, Any], inputs: Sequence[Message]
    ) -> None:
        analyser = factory.create(properties)
        if isinstance(analyser, PartwiseAnalyser):
            for size in _PART_SIZES:
                assert _outputs(analyser, [_cut(message, size) for message in inputs]) == _outputs(analyser, inputs)

    def test_remembered_results_make_no_difference(
        self, factory: ComponentFactory[Analyser], properties: Mapping[str, Any], inputs: Sequence[Message]
    ) -> None:
        analyser, remembered = factory.create(properties), InMemoryPartResults()
        if not isinstance(analyser, PartwiseAnalyser):
            return
        in_parts = [_cut(message, 1) for message in inputs]
        for schema in analyser.get_supported_output_schemas():
            first = PartAnalysis(analyser, in_parts, remembered=remembered)
            again = PartAnalysis(analyser, in_parts, remembered=remembered)
            messages = [analysis.message(schema) for analysis in (first, again)]
            assert [canonical_bytes(message.content) for message in messages] == [
                canonical_bytes(analyser.process(inputs, schema).content)
            ] * 2
            assert analyser.identity() is None or again.analysed_parts == 0

    def test_each_invalid_property_is_named(
        self, factory: ComponentFactory[Analyser], bad_properties: Mapping[str, Mapping[str, Any]]
    ) -> None:
        for name, bad in bad_properties.items():
            assert name in _problems(factory, bad), name

    def test_an_unknown_property_is_named(
        self, factory: ComponentFactory[Analyser], properties: Mapping[str, Any]
    ) -> None:
        assert "no_such_property" in _problems(factory, {**properties, "no_such_property": 1})


def _cut(message: Message, size: int) -> Message:
    """Return the message with its items in parts of about `size` bytes."""
    key = schema_catalogue().items_key(message.schema)
    items = None if key is None else message.items_of(key)
    if key is None or items is None:
        return message
    packed = CompressedItems(items, sizes=PartSizes(unit=size, item=size, maximum=size))
    envelope = message.envelope_without(key)
    return CompressedMessage(message.id, envelope, key, packed, message.schema, message.context)


def _outputs(analyser: Analyser, inputs: Sequence[Message]) -> list[bytes]:
    schemas = analyser.get_supported_output_schemas()
    return [canonical_bytes(analyser.process(inputs, schema).content) for schema in schemas]


def _problems(factory: ComponentFactory[Analyser], bad: Mapping[str, Any]) -> dict[str, str]:
    try:
        factory.create(bad)
    except InvalidPropertiesError as error:
        return error.problems
    return {}
