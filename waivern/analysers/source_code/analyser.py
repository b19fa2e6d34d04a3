"""The source code analyser: it selects source files and adds their language and structure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from waivern.analysers.source_code import structure
from waivern.analysers.source_code.languages import detect_language
from waivern.analysers.source_code.parsing import structure_of
from waivern.analysers.source_code.structure import NotParsedError
from waivern.components.analyser import Analyser
from waivern.components.outputs import check_output_schema
from waivern.messages.compressed_items import CompressedItems
from waivern.messages.compressed_message import CompressedMessage
from waivern.messages.message import Message
from waivern.messages.not_scanned import NotScanned, ReasonCode
from waivern.messages.schema import Schema

if TYPE_CHECKING:
    from waivern.analysers.source_code.properties import SourceCodeProperties

STANDARD_INPUT = Schema("standard_input", "1.0.0")
SOURCE_CODE = Schema("source_code", "1.0.0")

PARSER_NOT_INSTALLED = "not parsed: run pip install 'waivern[code]'"


class SourceCodeAnalyser(Analyser):
    """Selects the source files of its inputs, and adds their language and structure.

    Files that are not source code, in a language that was not requested, or too large are listed in
    `metadata.not_scanned` with the reason, after those of the inputs. Items that are not files, such as columns of a
    table, are ignored. Without the extra `code` files have no structure, and `metadata.structure` says so.
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
        check_output_schema(self, output_schema)
        not_scanned = [entry for message in inputs for entry in _metadata_list(message, "not_scanned")]
        data, lines = CompressedItems(), 0
        for item in _files(inputs):
            entry = self._entry(item)
            if isinstance(entry, NotScanned):
                not_scanned.append(entry.as_json())
            else:
                data.append(entry)
                lines += entry["metadata"]["line_count"]
        metadata: dict[str, Any] = {"total_files": len(data), "total_lines": lines, "not_scanned": not_scanned}
        return CompressedMessage("source_code", self._envelope(inputs, metadata), "data", data, SOURCE_CODE)

    def _entry(self, item: Mapping[str, Any]) -> dict[str, Any] | NotScanned:
        """Return the entry of a file, or the reason why it has none."""
        path, text = str(item["metadata"]["file_path"]), item["content"]
        language, requested = detect_language(path, text), self._properties.language
        if language is None:
            return NotScanned(path, "not source code in a known language", ReasonCode.UNSUPPORTED)
        if requested is not None and language != requested:
            reason = f"the language is {language}, only {requested} was requested"
            return NotScanned(path, reason, ReasonCode.NOT_INCLUDED)
        data = text.encode("utf-8", "replace")
        size = len(data)
        if size > self._properties.max_file_size:
            reason = f"larger than max_file_size ({self._properties.max_file_size:,} bytes)"
            return NotScanned(path, reason, ReasonCode.TOO_LARGE)
        entry = {"file_path": path, "language": language, "raw_content": text}
        lines = text.count("\n") + bool(text[-1:].strip("\n"))
        metadata: dict[str, Any] = {"source": item["metadata"]["source"], "file_size": size, "line_count": lines}
        if self._has_parser and structure.has_grammar(language):
            try:
                entry["structure"] = structure_of(data, language, is_tsx=path.lower().endswith(".tsx"))
            except NotParsedError as error:
                metadata["structure"] = f"not parsed: {error}"
        return {**entry, "metadata": metadata}

    def _envelope(self, inputs: Sequence[Message], metadata: dict[str, Any]) -> dict[str, Any]:
        sampled = [entry for message in inputs for entry in _metadata_list(message, "sampled")]
        if sampled:
            metadata["sampled"] = sampled
        if self._properties.include_structure and not self._has_parser:
            metadata["structure"] = PARSER_NOT_INSTALLED
        sources = dict.fromkeys(str(message.envelope_without("data")["source"]) for message in inputs)
        return {
            "schemaVersion": "1.0.0",
            "name": "Source code",
            "source": ", ".join(sources),
            "metadata": metadata,
        }


def _metadata_list(message: Message, key: str) -> list[Any]:
    entries: list[Any] = message.envelope_without("data").get("metadata", {}).get(key, [])
    return entries


def _files(inputs: Sequence[Message]) -> Iterator[Mapping[str, Any]]:
    for message in inputs:
        for item in message.items_of("data") or ():
            metadata = item["metadata"]
            if metadata.get("file_path") is not None and metadata.get("column") is None:
                yield item
