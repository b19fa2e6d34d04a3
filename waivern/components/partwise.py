"""Analysers that work part by part, so that what they found in an unchanged part can be remembered."""

from abc import abstractmethod
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from waivern import __version__
from waivern.components.analyser import Analyser
from waivern.messages.canonical import canonical_bytes, decode_items, digest_of
from waivern.messages.catalogue import schema_catalogue
from waivern.messages.compressed_message import CompressedMessage
from waivern.messages.message import Message
from waivern.messages.schema import Schema

_BATCH = 500
_GROUP_BYTES = 1_000_000


@dataclass(frozen=True)
class InputPart:
    """Some neighbouring items of an input.

    Args:
        schema: The schema of the input.
        source: The `source` of the input, if it is a text; otherwise empty.
        items: The items.
    """

    schema: Schema
    source: str
    items: Sequence[Any]


@dataclass(frozen=True)
class PartResult:
    """What a part-wise analyser found in one part: its outline and its result, as JSON."""

    outline: Any
    result: Any


class PartwiseAnalyser(Analyser):
    """An analyser that works on one part of its inputs at a time.

    1. `outline` returns what the results of other parts may depend on, such as the columns of a table.
    2. `contexts` returns, for each part, what its result depends on besides the part.
    3. `analyse` returns the result of one part.
    4. `combine` makes the message from the results of all parts.

    All four are pure, and all values are JSON. Where parts begin and end must make no difference to the message:
    `AnalyserContract` tests that. The result of a part is remembered, and computed again only if the part, its context,
    `identity`, `version` or the version of Waivern have changed. Results hold no unmasked values, because they are kept
    longer than the part may be.
    """

    outline_version: str = "1"
    """Identifies the code of `outline`, which may depend on nothing but the part."""

    def identity(self) -> Mapping[str, Any] | None:
        """Return everything besides code, part and context that determines results: properties and rules, no secrets.

        Returns:
            A JSON object, or None if results must not be remembered.
        """
        return None

    def outline(self, part: InputPart) -> Any:  # noqa: ARG002  not every analyser needs it
        """Return what the results of other parts may depend on."""
        return None

    def contexts(self, outlines: Sequence[Any]) -> Sequence[Any]:
        """Return the context of each part, given the outlines of all.

        None means that the part's result depends on no other part, whatever other parts there are.
        """
        return [None] * len(outlines)

    @abstractmethod
    def analyse(self, part: InputPart, context: Any) -> Any:
        """Return the result of one part."""

    def analyse_all(self, parts: Sequence[tuple[InputPart, Any]]) -> Sequence[Any]:
        """Return the results of several parts, given with their contexts. Override it if that is faster."""
        return [self.analyse(part, context) for part, context in parts]

    @abstractmethod
    def combine(
        self, envelopes: Sequence[Mapping[str, Any]], parts: Iterable[PartResult], output_schema: Schema
    ) -> Message:
        """Return the message.

        Args:
            envelopes: The content of each input without its items.
            parts: The results of all parts, in their order.
            output_schema: The schema of the message.
        """

    def process(self, inputs: Sequence[Message], output_schema: Schema) -> Message:
        """Return the message; no result is remembered. Do not override it."""
        return PartAnalysis(self, inputs).message(output_schema)


class PartResults(Protocol):
    """Remembered results, as JSON, by key and digest of the part. A key identifies everything else they depend on."""

    def find(self, key: str, parts: Collection[str]) -> Mapping[str, bytes]:
        """Return the results that are remembered for these parts."""
        ...

    def remember(self, key: str, results: Mapping[str, bytes]) -> None:
        """Remember the results of parts that are stored; others are forgotten."""
        ...


class PartAnalysis:
    """The analysis of some inputs; `analysed_parts` counts the parts for which no result was remembered.

    Args:
        analyser: The analyser.
        inputs: Its inputs.
        remembered: Results of earlier analyses, and where new ones go; None: every part is analysed.
    """

    def __init__(
        self, analyser: PartwiseAnalyser, inputs: Sequence[Message], *, remembered: PartResults | None = None
    ) -> None:
        self._analyser = analyser
        self._inputs = [_Input(message) for message in inputs]
        self._identity = analyser.identity()
        self._remembered = None if self._identity is None else remembered
        self._outlines: dict[_Place, bytes] = {}
        self._results: dict[_Place, bytes] = {}
        self._new: dict[str, dict[str, bytes]] = {}
        self.analysed_parts = 0

    def message(self, output_schema: Schema) -> Message:
        """Return the analyser's message."""
        for own in self._inputs:
            self._outline(own)
        places = [(own, position) for own in self._inputs for position in range(len(own.digests))]
        outlines = [_decoded(self._outlines[place]) for place in places]
        contexts = self._analyser.contexts(outlines)
        self._analyse(dict(zip(places, contexts, strict=True)))
        self._flush()
        parts = (
            PartResult(outline, _decoded(self._results.pop(place)))
            for place, outline in zip(places, outlines, strict=True)
        )
        return self._analyser.combine([own.envelope for own in self._inputs], parts, output_schema)

    def _outline(self, own: "_Input") -> None:
        """Outline the parts of an input; those that depend on no other part are analysed at once."""
        key = self._key(
            own, {"outline": _name_of(type(self._analyser).outline), "code": self._analyser.outline_version}
        )
        missing = self._find(key, own, range(len(own.digests)), self._outlines)
        for group in own.groups(missing):
            independent: list[_LoadedPart] = []
            for position, part in own.load(group):
                outline = canonical_bytes(self._analyser.outline(part))
                self._store(key, own, position, outline, self._outlines)
                if self._analyser.contexts([_decoded(outline)])[0] is None:
                    independent.append((position, part, None))
            self._analyse_parts(own, independent)

    def _analyse(self, contexts: "Mapping[_Place, Any]") -> None:
        for own in self._inputs:
            remaining: dict[str, list[int]] = {}
            for position in range(len(own.digests)):
                if (own, position) not in self._results:
                    remaining.setdefault(self._result_key(own, contexts[own, position]), []).append(position)
            missing = [
                position
                for key, positions in remaining.items()
                for position in self._find(key, own, positions, self._results)
            ]
            for group in own.groups(sorted(missing)):
                parts = [(position, part, contexts[own, position]) for position, part in own.load(group)]
                self._analyse_parts(own, parts)

    def _analyse_parts(self, own: "_Input", parts: "Sequence[_LoadedPart]") -> None:
        results = self._analyser.analyse_all([(part, context) for _, part, context in parts]) if parts else ()
        for (position, _, context), result in zip(parts, results, strict=True):
            self._store(self._result_key(own, context), own, position, canonical_bytes(result), self._results)
        self.analysed_parts += len(parts)

    def _find(self, key: str, own: "_Input", positions: Sequence[int], into: "dict[_Place, bytes]") -> list[int]:
        """Take over the remembered results; return the positions of the others."""
        if self._remembered is None:
            return list(positions)
        digests = {digest for position in positions if (digest := own.digests[position]) is not None}
        found = self._remembered.find(key, digests) if digests else {}
        missing = []
        for position in positions:
            result = found.get(own.digests[position] or "")
            if result is None:
                missing.append(position)
            else:
                into[own, position] = result
        return missing

    def _store(self, key: str, own: "_Input", position: int, result: bytes, into: "dict[_Place, bytes]") -> None:
        into[own, position] = result
        digest = own.digests[position]
        if self._remembered is None or digest is None:
            return
        new = self._new.setdefault(key, {})
        new[digest] = result
        if len(new) >= _BATCH:
            self._remembered.remember(key, self._new.pop(key))

    def _flush(self) -> None:
        for key, results in self._new.items():
            if self._remembered is not None:
                self._remembered.remember(key, results)
        self._new = {}

    def _result_key(self, own: "_Input", context: Any) -> str:
        cls = type(self._analyser)
        analyser = {"name": cls.get_name(), "class": _name_of(cls), "version": self._analyser.version}
        return self._key(own, {"analyser": analyser, "identity": self._identity, "context": context})

    def _key(self, own: "_Input", depends_on: Mapping[str, Any]) -> str:
        place = {"waivern": __version__, "schema": str(own.schema), "source": own.source}
        return digest_of(canonical_bytes({**place, **depends_on}))


class _Input:
    """An input: its envelope, and its parts, whose digests are known if they may be remembered."""

    def __init__(self, message: Message) -> None:
        self._message = message
        self.schema = message.schema
        self._key = schema_catalogue().items_key(message.schema) or ""
        self.envelope = message.envelope_without(self._key)
        source = self.envelope.get("source")
        self.source = source if isinstance(source, str) else ""
        self._items = message.items if isinstance(message, CompressedMessage) and message.key == self._key else None
        parts = () if self._items is None else self._items.parts
        self.digests: list[str | None] = [None] if self._items is None else [part.digest for part in parts]
        self._sizes = [part.size for part in parts]

    def groups(self, positions: Sequence[int]) -> Iterator[list[int]]:
        """Yield the positions of parts that are analysed together: they have about `_GROUP_BYTES`."""
        group: list[int] = []
        size = 0
        for position in positions:
            group.append(position)
            size += 0 if self._items is None else self._sizes[position]
            if size >= _GROUP_BYTES:
                yield group
                group, size = [], 0
        if group:
            yield group

    def load(self, positions: Sequence[int]) -> Iterator[tuple[int, InputPart]]:
        """Yield the parts at these positions, which are sorted."""
        if self._items is None:
            items = list(self._message.items_of(self._key) or ())
            yield from ((position, InputPart(self.schema, self.source, items)) for position in positions)
            return
        for position, array in zip(positions, self._items.arrays(positions), strict=True):
            yield position, InputPart(self.schema, self.source, decode_items(array))


_Place = tuple[_Input, int]
_LoadedPart = tuple[int, InputPart, Any]
"""The position of a part, the part, and its context."""


def _decoded(encoded: bytes) -> Any:
    return msgspec.json.decode(encoded)


def _name_of(named: Any) -> str:
    return f"{named.__module__}:{named.__qualname__}"
