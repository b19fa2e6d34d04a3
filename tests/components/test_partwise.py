"""Part-wise analysers: a result is remembered, until anything that it depends on changes."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pytest

from waivern import Message, Schema
from waivern.components import partwise
from waivern.components.partwise import InputPart, PartAnalysis, PartResult, PartwiseAnalyser
from waivern.messages.compressed_items import CompressedItems
from waivern.messages.compressed_message import CompressedMessage
from waivern.messages.parts import PartSizes
from waivern.testing.builders import InMemoryPartResults

TEXT = Schema("standard_input", "1.0.0")
LENGTHS = Schema("lengths", "1.0.0")


class Lengths(PartwiseAnalyser):
    """Adds up the lengths of texts; a text in a group counts once for each text that its group has anywhere."""

    def __init__(self, properties: Mapping[str, Any] | None = None) -> None:
        self.properties = dict(properties or {})
        self.analysed: list[str] = []

    @classmethod
    def get_name(cls) -> str:
        return "lengths"

    @classmethod
    def get_input_requirements(cls) -> list[list[Schema]]:
        return [[TEXT]]

    @classmethod
    def get_supported_output_schemas(cls) -> list[Schema]:
        return [LENGTHS]

    def identity(self) -> Mapping[str, Any] | None:
        return self.properties

    def outline(self, part: InputPart) -> Any:
        return sorted({item["metadata"]["group"] for item in part.items if "group" in item["metadata"]}) or None

    def contexts(self, outlines: Sequence[Any]) -> Sequence[Any]:
        groups = [group for outline in outlines for group in outline or ()]
        return [None if outline is None else [groups.count(group) for group in outline] for outline in outlines]

    def analyse(self, part: InputPart, context: Any) -> Any:
        self.analysed += [item["content"] for item in part.items]
        factor = self.properties.get("factor", 1) * sum(context or (1,))
        return factor * sum(len(item["content"]) for item in part.items)

    def combine(
        self, envelopes: Sequence[Mapping[str, Any]], parts: Iterable[PartResult], output_schema: Schema
    ) -> Message:
        return Message("", {"inputs": len(envelopes), "length": sum(part.result for part in parts)}, output_schema)


def message(*texts: str, source: str = "s", schema: Schema = TEXT) -> CompressedMessage:
    """Return a message with one part per text; a text "g:x" is in the group g."""
    items = CompressedItems(sizes=PartSizes(unit=1, item=1, maximum=1))
    for text in texts:
        group = {"group": text.split(":")[0]} if ":" in text else {}
        items.append({"content": text, "metadata": {"source": source, "connector_type": "c", **group}})
    return CompressedMessage("", {"schemaVersion": "1.0.0", "name": "n", "source": source}, "data", items, schema)


@pytest.fixture
def remembered() -> InMemoryPartResults:
    return InMemoryPartResults()


def analysed(analyser: Lengths, remembered: InMemoryPartResults, *inputs: Message) -> list[str]:
    """Return the texts that were analysed, after checking that the message is that of `process`."""
    found = PartAnalysis(analyser, inputs, remembered=remembered).message(LENGTHS)
    texts = list(analyser.analysed)
    assert found == Lengths(analyser.properties).process(inputs, LENGTHS)
    return texts


def test_only_new_parts_are_analysed(remembered: InMemoryPartResults) -> None:
    assert analysed(Lengths(), remembered, message("a", "bb")) == ["a", "bb"]
    assert analysed(Lengths(), remembered, message("a", "bb")) == []
    assert analysed(Lengths(), remembered, message("new", "bb", "a")) == ["new"]
    assert analysed(Lengths(), remembered, message("bb"), message("a", "b")) == ["b"]


def test_a_part_is_analysed_again_when_its_context_changes(remembered: InMemoryPartResults) -> None:
    assert analysed(Lengths(), remembered, message("g:1", "h:1", "x")) == ["x", "g:1", "h:1"]
    assert analysed(Lengths(), remembered, message("g:1", "h:1", "x")) == []
    assert analysed(Lengths(), remembered, message("g:1", "h:1", "g:2", "x")) == ["g:1", "g:2"]
    assert analysed(Lengths(), remembered, message("g:1", "h:1", "x")) == []


def test_a_property_a_source_or_a_schema_that_changes_never_gives_an_old_result(
    remembered: InMemoryPartResults,
) -> None:
    analysed(Lengths(), remembered, message("a"))
    assert analysed(Lengths({"factor": 2}), remembered, message("a")) == ["a"]
    assert analysed(Lengths({"factor": 2}), remembered, message("a")) == []
    assert analysed(Lengths(), remembered, message("a", source="t")) == ["a"]
    other = message("a", schema=Schema("source_code", "1.0.0"))
    PartAnalysis(analyser := Lengths(), [other], remembered=remembered).message(LENGTHS)
    assert analyser.analysed == ["a"]


def test_another_version_of_the_analyser_or_of_waivern_never_gets_an_old_result(
    remembered: InMemoryPartResults, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Renamed(Lengths):
        @classmethod
        def get_name(cls) -> str:
            return "renamed"

    analysed(Lengths(), remembered, message("a"))
    newer = Lengths()
    newer.version = "2"
    assert analysed(newer, remembered, message("a")) == ["a"]
    assert analysed(Renamed(), remembered, message("a")) == ["a"]
    monkeypatch.setattr(partwise, "__version__", "99")
    assert analysed(Lengths(), remembered, message("a")) == ["a"]


def test_another_version_of_the_outline_is_computed_again(remembered: InMemoryPartResults) -> None:
    class Ungrouped(Lengths):
        outline_version = "2"

    analysed(Lengths(), remembered, message("g:1"))
    before = len(remembered.results)
    analysed(Ungrouped(), remembered, message("g:1"))
    assert len(remembered.results) == before + 2


def test_nothing_is_remembered_without_an_identity(remembered: InMemoryPartResults) -> None:
    class Nameless(Lengths):
        def identity(self) -> None:
            return None

    for _ in range(2):
        assert analysed(Nameless(), remembered, message("a")) == ["a"]
    assert remembered.results == {}


def test_a_message_that_has_no_parts_is_analysed_as_one(remembered: InMemoryPartResults) -> None:
    plain = Message("", message("a", "bb").content, TEXT)
    for _ in range(2):
        assert analysed(Lengths(), remembered, plain) == ["a", "bb"]
    assert remembered.results == {}
