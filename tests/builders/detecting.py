"""What tests of detection share."""

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


def message_of(entries: Iterable[Mapping[str, Any]], **metadata: Any) -> Message:
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


def code_of(files: Mapping[str, str], source: str = "src") -> Message:
    """A message of source code, {path: content}."""
    data = [{"file_path": path, "language": "any", "raw_content": content} for path, content in files.items()]
    content = {"schemaVersion": "1.0.0", "name": "code", "source": source, "data": data}
    return Message("", content, Schema("source_code", "1.0.0"))


def indicated(factory: ComponentFactory[Analyser], messages: Sequence[Message], **properties: Any) -> dict[str, Any]:
    """What the factory's analyser makes of these messages, checked against its schema."""
    analyser = factory.create(properties)
    made = analyser.process(messages, analyser.get_supported_output_schemas()[0])
    check_message(made)
    return dict(made.content)


def only(content: Mapping[str, Any], rule: str) -> dict[str, Any]:
    """The one finding of a rule."""
    (finding,) = [finding for finding in content["findings"] if finding["rule"] == rule]
    return dict(finding)


def analysed(entries: Iterable[Mapping[str, Any]], **properties: Any) -> dict[str, Any]:
    """What the analyser makes of these entries, checked against its schema."""
    made = PersonalDataAnalyserFactory().create(properties).process([message_of(entries)], INDICATOR)
    check_message(made)
    return dict(made.content)


def rules_found(content: Mapping[str, Any]) -> set[str]:
    return {finding["rule"] for finding in content["findings"]}
