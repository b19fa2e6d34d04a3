"""What every analyser holds to, as tests that a plug-in's author runs on theirs."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import entry_points
from typing import Any

from waivern.components.analyser import Analyser
from waivern.components.factory import ComponentFactory
from waivern.components.registry import ANALYSERS
from waivern.errors import InvalidPropertiesError
from waivern.messages.canonical import canonical_bytes, content_of
from waivern.messages.message import Message
from waivern.messages.validation import check_message

_AT_ONCE = 4


class AnalyserContract:
    """Tests for pytest; a subclass whose name begins with `Test` provides four fixtures.

    `factory` is the analyser's factory. `properties` are good ones. `inputs` are messages, one a schema, in the order
    of one of the combinations that the analyser declares. `bad_properties` maps the name of a property (with dots
    where it is nested) to properties that are good but for that one.
    """

    def test_its_name_is_that_of_its_entry_point(self, factory: ComponentFactory[Analyser]) -> None:
        leading_here = f"{type(factory).__module__}:{type(factory).__qualname__}"
        names = {each.name for each in entry_points(group=ANALYSERS) if each.value == leading_here}
        assert names == {factory.component_class.get_name()}

    def test_it_makes_what_its_factory_says(
        self, factory: ComponentFactory[Analyser], properties: Mapping[str, Any]
    ) -> None:
        assert isinstance(factory.create(properties), factory.component_class)

    def test_it_declares_what_it_takes_and_what_it_makes(self, factory: ComponentFactory[Analyser]) -> None:
        combinations = factory.component_class.get_input_requirements()
        made = factory.component_class.get_supported_output_schemas()
        assert combinations
        assert all(combination and len(set(combination)) == len(combination) for combination in combinations)
        assert made
        assert len(set(made)) == len(made)

    def test_the_inputs_are_a_combination_that_it_declares(
        self, factory: ComponentFactory[Analyser], inputs: Sequence[Message]
    ) -> None:
        assert [message.schema for message in inputs] in factory.component_class.get_input_requirements()
        for message in inputs:
            check_message(message)

    def test_every_schema_it_declares_is_the_shape_of_what_it_makes(
        self, factory: ComponentFactory[Analyser], properties: Mapping[str, Any], inputs: Sequence[Message]
    ) -> None:
        for schema in factory.component_class.get_supported_output_schemas():
            made = factory.create(properties).process(inputs, schema)
            assert made.schema == schema
            check_message(made)
            assert content_of(canonical_bytes(made.content)) == made.content

    def test_the_same_inputs_give_the_same_content(
        self, factory: ComponentFactory[Analyser], properties: Mapping[str, Any], inputs: Sequence[Message]
    ) -> None:
        analyser = factory.create(properties)
        first = _made(analyser, inputs)
        assert _made(analyser, inputs) == first
        assert _made(factory.create(properties), inputs) == first

    def test_it_leaves_its_inputs_as_they_are(
        self, factory: ComponentFactory[Analyser], properties: Mapping[str, Any], inputs: Sequence[Message]
    ) -> None:
        before = [canonical_bytes(message.content) for message in inputs]
        _made(factory.create(properties), inputs)
        assert [canonical_bytes(message.content) for message in inputs] == before

    def test_it_works_in_several_threads_at_once(
        self, factory: ComponentFactory[Analyser], properties: Mapping[str, Any], inputs: Sequence[Message]
    ) -> None:
        analyser = factory.create(properties)
        alone = _made(analyser, inputs)
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            together = list(threads.map(lambda _: _made(analyser, inputs), range(2 * _AT_ONCE)))
        assert together == [alone] * (2 * _AT_ONCE)

    def test_each_bad_property_is_named(
        self, factory: ComponentFactory[Analyser], bad_properties: Mapping[str, Mapping[str, Any]]
    ) -> None:
        for name, bad in bad_properties.items():
            assert name in _problems(factory, bad), name

    def test_an_unknown_property_is_named(
        self, factory: ComponentFactory[Analyser], properties: Mapping[str, Any]
    ) -> None:
        assert "no_such_property" in _problems(factory, {**properties, "no_such_property": 1})


def _made(analyser: Analyser, inputs: Sequence[Message]) -> list[bytes]:
    schemas = analyser.get_supported_output_schemas()
    return [canonical_bytes(analyser.process(inputs, schema).content) for schema in schemas]


def _problems(factory: ComponentFactory[Analyser], bad: Mapping[str, Any]) -> dict[str, str]:
    try:
        factory.create(bad)
    except InvalidPropertiesError as error:
        return error.problems
    return {}
