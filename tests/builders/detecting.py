"""Builders of messages and helpers for tests of detection."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from waivern.analysers.indicators.factory import PersonalDataAnalyserFactory
from waivern.components.analyser import Analyser
from waivern.components.factory import ComponentFactory
from waivern.messages.message import Message
from waivern.messages.schema import Schema
from waivern.messages.validation import check_message
from waivern.rulesets.loading.ruleset_loader import load_ruleset

URI = "local/personal_data_indicator/1.0.0"
RULES = load_ruleset(URI)
INDICATOR = Schema("personal_data_indicator", "1.0.0")


def text_message(entries: Iterable[Mapping[str, Any]], **metadata: Any) -> Message:
    content = {
        "schemaVersion": "1.0.0",
        "name": "test",
        "source": "shop",
        "metadata": metadata,
        "data": [dict(entry) for entry in entries],
    }
    return Message("", content, Schema("standard_input", "1.0.0"))


def file_entry(content: str, path: str = "notes.txt", source: str = "exports") -> dict[str, Any]:
    return {"content": content, "metadata": {"source": source, "connector_type": "filesystem", "file_path": path}}


def cell_entry(content: str, table: str, column: str, row: str = "1", source: str = "shop.db") -> dict[str, Any]:
    metadata = {"source": source, "connector_type": "sqlite", "table": table, "column": column, "row": row}
    return {"content": content, "metadata": metadata}


def code_message(files: Mapping[str, str], source: str = "src") -> Message:
    """Return a message of source code from {path: content}."""
    data = [{"file_path": path, "language": "any", "raw_content": content} for path, content in files.items()]
    content = {"schemaVersion": "1.0.0", "name": "code", "source": source, "data": data}
    return Message("", content, Schema("source_code", "1.0.0"))


def analyse(factory: ComponentFactory[Analyser], messages: Sequence[Message], **properties: Any) -> dict[str, Any]:
    """Run an analyser on messages, and return the content of its output after validating it."""
    analyser = factory.create(properties)
    output = analyser.process(messages, analyser.get_supported_output_schemas()[0])
    check_message(output)
    return dict(output.content)


def find_personal_data(entries: Iterable[Mapping[str, Any]], **properties: Any) -> dict[str, Any]:
    """Return the validated findings of the personal data analyser in these entries."""
    return analyse(PersonalDataAnalyserFactory(), [text_message(entries)], **properties)


def only_finding(content: Mapping[str, Any], rule: str) -> dict[str, Any]:
    """Return the finding of a rule; there must be exactly one."""
    (finding,) = [finding for finding in content["findings"] if finding["rule"] == rule]
    return dict(finding)


def rules_found(content: Mapping[str, Any]) -> set[str]:
    return {finding["rule"] for finding in content["findings"]}
