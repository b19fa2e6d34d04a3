"""The analyser itself: files in, those among them that are source code out."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from waivern.analysers.source_code import structure
from waivern.analysers.source_code.languages import language_of
from waivern.components.analyser import Analyser
from waivern.components.outputs import check_makes
from waivern.messages.message import Message
from waivern.messages.not_scanned import NotScanned, ReasonCode
from waivern.messages.packed import PackedItems, PackedMessage
from waivern.messages.schema import Schema

if TYPE_CHECKING:
    from waivern.analysers.source_code.properties import SourceCodeProperties

STANDARD_INPUT = Schema("standard_input", "1.0.0")
SOURCE_CODE = Schema("source_code", "1.0.0")

NO_PARSER = "not read: pip install 'waivern[code]'"


class SourceCodeAnalyser(Analyser):
    """Takes the source files among what was extracted, and tells their language and structure.

    What is no source code, of another language than is wanted, or too large is named in `metadata.not_scanned` with
    the reason, after what the inputs name there. Items that are no files (a table's columns) are passed over. Without
    the extra `code` files have no structure, and `metadata.structure` says so.
    """

    def __init__(self, properties: "SourceCodeProperties") -> None:
        self._properties = properties
        self._has_parser = properties.include_structure and structure.is_available()
        self.version = f"1/{structure.parser_version() if properties.include_structure else 'no structure'}"

    @classmethod
    def get_name(cls) -> str:
        return "source_code_analyser"

    @classmethod
    def get_input_requirements(cls) -> list[list[Schema]]:
        return [[STANDARD_INPUT]]

    @classmethod
    def get_supported_output_schemas(cls) -> list[Schema]:
        return [SOURCE_CODE]

    def process(self, inputs: Sequence[Message], output_schema: Schema) -> Message:
        check_makes(self, output_schema)
        not_scanned = [each for message in inputs for each in _said(message, "not_scanned")]
        data, lines = PackedItems(), 0
        for item in _files(inputs):
            entry = self._entry(item)
            if isinstance(entry, NotScanned):
                not_scanned.append(entry.as_json())
            else:
                data.append(entry)
                lines += entry["metadata"]["line_count"]
        metadata: dict[str, Any] = {"total_files": len(data), "total_lines": lines, "not_scanned": not_scanned}
        return PackedMessage("source_code", self._around(inputs, metadata), "data", data, SOURCE_CODE)

    def _entry(self, item: Mapping[str, Any]) -> dict[str, Any] | NotScanned:
        """The file's entry, or why it has none."""
        path, text = str(item["metadata"]["file_path"]), item["content"]
        language, wanted = language_of(path, text), self._properties.language
        if language is None:
            return NotScanned(path, "no source code of a known language", ReasonCode.UNSUPPORTED)
        if wanted is not None and language != wanted:
            return NotScanned(path, f"{language}, and only {wanted} is wanted", ReasonCode.NOT_INCLUDED)
        data = text.encode("utf-8", "replace")
        size = len(data)
        if size > self._properties.max_file_size:
            reason = f"larger than max_file_size, {self._properties.max_file_size:,} bytes"
            return NotScanned(path, reason, ReasonCode.TOO_LARGE)
        entry = {"file_path": path, "language": language, "raw_content": text}
        lines = text.count("\n") + bool(text[-1:].strip("\n"))
        metadata: dict[str, Any] = {"source": item["metadata"]["source"], "file_size": size, "line_count": lines}
        if self._has_parser and structure.has_grammar(language):
            fault = structure.fault_of(data)
            if fault is not None:
                metadata["structure"] = f"not read: {fault}"
            else:
                entry["structure"] = structure.structure_of(data, language, is_tsx=path.lower().endswith(".tsx"))
        return {**entry, "metadata": metadata}

    def _around(self, inputs: Sequence[Message], metadata: dict[str, Any]) -> dict[str, Any]:
        sampled = [each for message in inputs for each in _said(message, "sampled")]
        if sampled:
            metadata["sampled"] = sampled
        if self._properties.include_structure and not self._has_parser:
            metadata["structure"] = NO_PARSER
        sources = dict.fromkeys(str(message.content_around("data")["source"]) for message in inputs)
        return {
            "schemaVersion": "1.0.0",
            "name": "Source code",
            "source": ", ".join(sources),
            "metadata": metadata,
        }


def _said(message: Message, key: str) -> list[Any]:
    said: list[Any] = message.content_around("data").get("metadata", {}).get(key, [])
    return said


def _files(inputs: Sequence[Message]) -> Iterator[Mapping[str, Any]]:
    for message in inputs:
        for item in message.items_of("data") or ():
            metadata = item["metadata"]
            if metadata.get("file_path") is not None and metadata.get("column") is None:
                yield item
