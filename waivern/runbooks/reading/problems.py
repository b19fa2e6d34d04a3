"""What does not fit the model of a runbook, in words for the one who wrote it."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from waivern.errors import did_you_mean
from waivern.runbooks.model.artifact_definition import ArtifactDefinition
from waivern.runbooks.model.runbook import Runbook

Place = tuple[str | int, ...]

MOST_SHOWN = 100
_OLDER_WORDS = {"process": "transform"}
_WORDS_OF_PYDANTIC = {
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
_KINDS = {
    bool: "true or false",
    int: "a number",
    float: "a number",
    str: "a text",
    list: "a list",
    dict: "a mapping",
    type(None): "empty",
}


@dataclass(frozen=True)
class Fault:
    """Something wrong at a place of a runbook; `place` are the keys to it, `key` the one below that is meant."""

    place: Place
    what: str
    key: str | int | None = None

    @property
    def stands_at(self) -> Place:
        return self.place if self.key is None else (*self.place, self.key)

    def __str__(self) -> str:
        return f"{dotted(self.place)}: {self.what}" if self.place else self.what


def dotted(place: Place) -> str:
    """Return a place as it is written in an error: `artifacts.customers.inputs[0]`."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place).removeprefix(".")


def the_first(problems: list[str]) -> list[str]:
    """Return what of a long list is worth showing, and how many there are beyond."""
    beyond = len(problems) - MOST_SHOWN
    return [*problems[:MOST_SHOWN], f"and {beyond} more"] if beyond > 0 else problems


def faults_of(error: ValidationError, written: Any) -> list[Fault]:
    """Return what pydantic found in `written`, the data of a runbook; values are never repeated, only their kinds."""
    return [_fault(detail, written) for detail in error.errors(include_url=False)]


@dataclass(frozen=True)
class Misspelling:
    """A key that is not known; `meant` is the known one that was probably meant, or None."""

    parent: Place
    key: str
    meant: str | None


def misspellings_in(error: ValidationError, written: Any) -> list[Misspelling]:
    """Return the keys that pydantic does not know in `written`."""
    places = [_as_written(each["loc"], written) for each in error.errors() if each["type"] == "extra_forbidden"]
    return [_misspelling(place[:-1], str(place[-1])) for place in places]


def _misspelling(parent: Place, key: str) -> Misspelling:
    near = difflib.get_close_matches(key, _known_keys(parent), n=1)
    return Misspelling(parent, key, near[0] if near else None)


def _fault(detail: Mapping[str, Any], written: Any) -> Fault:
    place = _as_written(detail["loc"], written)
    kind = detail["type"]
    if kind == "extra_forbidden":
        return Fault(place[:-1], _unknown_key(str(place[-1]), place[:-1]), key=str(place[-1]))
    if kind == "missing":
        return Fault(place[:-1], f"'{place[-1]}' is required")
    if kind == "too_short" and isinstance(detail["input"], Mapping):
        return Fault(place, "is empty: name at least one")
    if kind in ("value_error", "assertion_error"):
        return Fault(place, str(detail["ctx"]["error"]))
    if kind in _WORDS_OF_PYDANTIC:
        return Fault(place, _WORDS_OF_PYDANTIC[kind] + _instead(kind, detail["input"]))
    what = str(detail["msg"]).replace("Input should be", "must be")
    if kind == "literal_error" and isinstance(detail["input"], str):
        choices = str(detail["ctx"]["expected"]).replace(" or ", ", ").replace("'", "").split(", ")
        what = " ".join(filter(None, (f"{what}.", did_you_mean(detail["input"], choices)))).rstrip(".")
    return Fault(place, what)


def _instead(kind: str, given: Any) -> str:
    if kind in ("string_too_short", "finite_number"):
        return ""
    found = _KINDS.get(type(given))
    return f", not {found}" if found else ""


def _as_written(place: Place, written: Any) -> Place:
    """The place by the words that the runbook uses, where these are older ones."""
    steps: list[str | int] = []
    for step in place:
        older = _OLDER_WORDS.get(str(step))
        uses_older = older is not None and isinstance(written, Mapping) and older in written and step not in written
        steps.append(older if older is not None and uses_older else step)
        try:
            written = written[steps[-1]]
        except (KeyError, IndexError, TypeError):
            written = None
    return tuple(steps)


def _unknown_key(key: str, parent: Place) -> str:
    known = _known_keys(parent)
    remedy = did_you_mean(key, known) or f"Known: {', '.join(known)}"
    return f"'{key}' is not known. {remedy}"


def _known_keys(parent: Place) -> list[str]:
    model = _model_at(parent)
    known = list(model.model_fields) if model is not None else []
    return [*known, *_OLDER_WORDS.values()] if model is ArtifactDefinition else known


def _model_at(place: Place) -> type[BaseModel] | None:
    kind: Any = Runbook
    for step in place:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            name = next((new for new, older in _OLDER_WORDS.items() if older == step), step)
            field = kind.model_fields.get(str(name))
            kind = _without_none(field.annotation) if field else None
        else:
            kind = get_args(kind)[1] if get_origin(kind) is dict else None
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _without_none(annotation: Any) -> Any:
    models = [choice for choice in get_args(annotation) if isinstance(choice, type) and issubclass(choice, BaseModel)]
    return models[0] if models and get_origin(annotation) is not dict else annotation
