"""Problems of a runbook in words its author understands."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from waivern.errors import did_you_mean
from waivern.runbooks.model.artifact_definition import ArtifactDefinition
from waivern.runbooks.model.runbook import Runbook

KeyPath = tuple[str | int, ...]
"""The keys and list indexes that lead to a value."""

MAX_PROBLEMS_SHOWN = 100
_OLD_NAMES = {"process": "transform"}
_PYDANTIC_MESSAGES = {
    "string_too_short": "must not be empty",
    "model_type": "must be a mapping of keys to values",
    "dict_type": "must be a mapping of keys to values",
    "tuple_type": "must be a name or a list of names",
    "string_type": "must be a text",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
}
_TYPE_NAMES = {
    bool: "true or false",
    int: "a number",
    float: "a number",
    str: "a text",
    list: "a list",
    dict: "a mapping",
    type(None): "empty",
}


@dataclass(frozen=True)
class Problem:
    """A problem at `key_path`; `key`, if given, is the key below it that the problem is about."""

    key_path: KeyPath
    message: str
    key: str | int | None = None

    @property
    def full_key_path(self) -> KeyPath:
        return self.key_path if self.key is None else (*self.key_path, self.key)

    def __str__(self) -> str:
        return f"{format_key_path(self.key_path)}: {self.message}" if self.key_path else self.message


def format_key_path(key_path: KeyPath) -> str:
    """Return a key path as errors show it: `artifacts.customers.inputs[0]`."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in key_path).removeprefix(".")


def truncate_problems(problems: list[str]) -> list[str]:
    """Return the first 100 problems, followed by the number of the others."""
    others = len(problems) - MAX_PROBLEMS_SHOWN
    return [*problems[:MAX_PROBLEMS_SHOWN], f"and {others} more"] if others > 0 else problems


def problems_in(error: ValidationError, data: Any) -> list[Problem]:
    """Return pydantic's errors about `data` as problems. They name the types of values, never the values."""
    return [_problem(detail, data) for detail in error.errors(include_url=False)]


@dataclass(frozen=True)
class MisspeltKey:
    """An unknown key; `suggestion` is the most similar known key, or None if no key is similar."""

    parent: KeyPath
    key: str
    suggestion: str | None


def misspelt_keys_in(error: ValidationError, data: Any) -> list[MisspeltKey]:
    """Return the keys of `data` that the model does not have."""
    key_paths = [
        _with_old_names(detail["loc"], data) for detail in error.errors() if detail["type"] == "extra_forbidden"
    ]
    return [_misspelt_key(key_path[:-1], str(key_path[-1])) for key_path in key_paths]


def _misspelt_key(parent: KeyPath, key: str) -> MisspeltKey:
    similar = difflib.get_close_matches(key, _known_keys(parent), n=1)
    return MisspeltKey(parent, key, similar[0] if similar else None)


def _problem(detail: Mapping[str, Any], data: Any) -> Problem:
    key_path = _with_old_names(detail["loc"], data)
    kind = detail["type"]
    if kind == "extra_forbidden":
        return Problem(key_path[:-1], _unknown_key(str(key_path[-1]), key_path[:-1]), key=str(key_path[-1]))
    if kind == "missing":
        return Problem(key_path[:-1], f"'{key_path[-1]}' is required")
    if kind == "too_short" and isinstance(detail["input"], Mapping):
        return Problem(key_path, "is empty: define at least one")
    if kind in ("value_error", "assertion_error"):
        return Problem(key_path, str(detail["ctx"]["error"]))
    if kind in _PYDANTIC_MESSAGES:
        return Problem(key_path, _PYDANTIC_MESSAGES[kind] + _actual_type(kind, detail["input"]))
    message = str(detail["msg"]).replace("Input should be", "must be")
    if kind == "literal_error" and isinstance(detail["input"], str):
        choices = str(detail["ctx"]["expected"]).replace(" or ", ", ").replace("'", "").split(", ")
        message = " ".join(filter(None, (f"{message}.", did_you_mean(detail["input"], choices)))).rstrip(".")
    return Problem(key_path, message)


def _actual_type(kind: str, value: Any) -> str:
    if kind in ("string_too_short", "finite_number"):
        return ""
    type_name = _TYPE_NAMES.get(type(value))
    return f", not {type_name}" if type_name else ""


def _with_old_names(key_path: KeyPath, data: Any) -> KeyPath:
    """Return the key path with the old key names that the runbook's author used."""
    steps: list[str | int] = []
    for step in key_path:
        old = _OLD_NAMES.get(str(step))
        uses_old = old is not None and isinstance(data, Mapping) and old in data and step not in data
        steps.append(old if old is not None and uses_old else step)
        try:
            data = data[steps[-1]]
        except (KeyError, IndexError, TypeError):
            data = None
    return tuple(steps)


def _unknown_key(key: str, parent: KeyPath) -> str:
    known = _known_keys(parent)
    remedy = did_you_mean(key, known) or f"Known: {', '.join(known)}"
    return f"'{key}' is not known. {remedy}"


def _known_keys(parent: KeyPath) -> list[str]:
    model = _model_at(parent)
    known = list(model.model_fields) if model is not None else []
    return [*known, *_OLD_NAMES.values()] if model is ArtifactDefinition else known


def _model_at(key_path: KeyPath) -> type[BaseModel] | None:
    kind: Any = Runbook
    for step in key_path:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            name = next((new for new, old in _OLD_NAMES.items() if old == step), step)
            field = kind.model_fields.get(str(name))
            kind = _without_none(field.annotation) if field else None
        else:
            kind = get_args(kind)[1] if get_origin(kind) is dict else None
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _without_none(annotation: Any) -> Any:
    models = [choice for choice in get_args(annotation) if isinstance(choice, type) and issubclass(choice, BaseModel)]
    return models[0] if models and get_origin(annotation) is not dict else annotation
