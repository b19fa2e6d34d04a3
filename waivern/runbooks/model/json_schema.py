"""The JSON Schema of a runbook, for editors that complete and check YAML."""

from typing import Any

from waivern.runbooks.model.gate import GATE_PATTERN
from waivern.runbooks.model.retention import RETENTION_KEYWORDS
from waivern.runbooks.model.runbook import Runbook

DRAFT = "https://json-schema.org/draft/2020-12/schema"
_DURATION = {"anyOf": [{"type": "number"}, {"type": "string", "pattern": r"^\s*\d+(\.\d+)?\s*[smhdw]\s*$"}]}
_RETENTION = {
    "anyOf": [{"enum": list(RETENTION_KEYWORDS)}, _DURATION],
    "description": "How long the artifact's content is kept",
}
_NAMES = {
    "anyOf": [
        {"type": "string", "minLength": 1},
        {"type": "array", "items": {"type": "string", "minLength": 1}, "uniqueItems": True, "minItems": 1},
    ]
}


def runbook_json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a runbook's YAML.

    It describes the structure only. The Planner checks that names exist, components are installed and schemas match.
    """
    schema = Runbook.model_json_schema(mode="validation")
    definitions = schema["$defs"]
    _complete_artifact(definitions["ArtifactDefinition"])
    _complete_schedule(definitions["ScheduleConfig"])
    _complete_child_runbook(definitions["ChildRunbookConfig"])
    definitions["RunbookConfig"]["properties"]["template_paths"] = _NAMES
    schema["properties"]["retain"] = definitions["ArtifactDefinition"]["properties"]["retain"] = _RETENTION
    gate = {"type": "string", "pattern": GATE_PATTERN}
    schema["properties"]["gates"] = {"anyOf": [gate, {"type": "array", "items": gate}]}
    for section in ("artifacts", "inputs", "outputs"):
        schema["properties"][section]["propertyNames"] = {"pattern": r"^[^\s/]+$", "maxLength": 200}
    return {"$schema": DRAFT, **schema, "title": "Waivern runbook"}


def _complete_artifact(artifact: dict[str, Any]) -> None:
    properties = artifact["properties"]
    properties["inputs"] = {
        **_NAMES,
        "description": "The artifacts that it is derived from: a name, or a list of names",
    }
    properties["transform"] = {**properties["process"], "deprecated": True, "description": "The old name of process"}
    no_component = [_has_no("source"), _has_no("reuse"), _has_no("process"), _has_no("transform")]
    from_inputs = {**_has("inputs"), "allOf": [_has_no("source"), _has_no("reuse"), _has_no("child_runbook")]}
    artifact["oneOf"] = [
        {**_has(origin), "allOf": [_has_no(other) for other in _excluded_by(origin)]} for origin in ("source", "reuse")
    ] + [from_inputs, {**_has("child_runbook"), "allOf": no_component}]
    artifact["not"] = {"required": ["process", "transform"]}


def _excluded_by(origin: str) -> list[str]:
    keys = ("source", "reuse", "inputs", "child_runbook", "process", "transform")
    return [key for key in keys if key != origin]


def _complete_schedule(schedule: dict[str, Any]) -> None:
    schedule["properties"].update(every=_DURATION, jitter=_DURATION)
    schedule["oneOf"] = [_has(timing) for timing in ("cron", "every", "at")]


def _complete_child_runbook(child: dict[str, Any]) -> None:
    child["oneOf"] = [_has("output"), _has("output_mapping")]


def _has(key: str) -> dict[str, Any]:
    return {"required": [key]}


def _has_no(key: str) -> dict[str, Any]:
    return {"not": {"required": [key]}}
