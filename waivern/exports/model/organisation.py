"""What only the organisation knows of its processing: a file that is kept beside the runbook."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from waivern.errors import ExportError
from waivern.runbooks.reading.problems import format_key_path, truncate_problems
from waivern.runbooks.reading.yaml_parser import Node, YamlSyntaxError, parse_yaml

FILE_NAME = "waivern-organisation.yaml"
_LARGEST = 1 << 20


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


NonEmptyText = Annotated[str, Field(min_length=1)]
NonEmptyTexts = Annotated[tuple[NonEmptyText, ...], BeforeValidator(_as_list)]


class _Said(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


class Party(_Said):
    """A controller, a representative or an officer: who it is, and how to reach them."""

    name: NonEmptyText
    contact: str = ""
    address: str = ""

    def __str__(self) -> str:
        return ", ".join(part for part in (self.name, self.address, self.contact) if part)


class Transfer(_Said):
    """A transfer to a third country, and what it rests on (Art. 30(1)(e))."""

    country: NonEmptyText
    recipient: str = ""
    safeguards: str = ""

    def __str__(self) -> str:
        to = f"{self.recipient} ({self.country})" if self.recipient else self.country
        return f"{to}: {self.safeguards}" if self.safeguards else to


class Activity(_Said):
    """One processing activity, as the organisation declares it.

    `data_categories` and `data_subjects` are the categories that Waivern's rules use, so that they are compared;
    `recipients` are companies or the names of services; `runbooks` limits it to these.
    """

    name: NonEmptyText
    runbooks: NonEmptyTexts = ()
    purposes: NonEmptyTexts = ()
    legal_basis: str = ""
    data_subjects: NonEmptyTexts = ()
    data_categories: NonEmptyTexts = ()
    recipients: NonEmptyTexts = ()
    transfers: tuple[Transfer, ...] = ()
    retention: str = ""
    security: NonEmptyTexts = ()


class Organisation(_Said):
    """The file whole; every part may be left out, and is then said to be missing."""

    controller: Party | None = None
    joint_controllers: tuple[Party, ...] = ()
    representative: Party | None = None
    data_protection_officer: Party | None = None
    retention: str = ""
    security: NonEmptyTexts = ()
    activities: tuple[Activity, ...] = ()

    def activities_of(self, runbook: str) -> list[Activity]:
        return [each for each in self.activities if not each.runbooks or runbook in each.runbooks]


def read_organisation(path: Path) -> Organisation:
    """Read the file.

    Raises:
        ExportError: it cannot be read, or does not say what it must; names every fault with its line.
    """
    root, faults = _document(path)
    if root is None:
        raise ExportError(f"{path} is empty", remedy="Name the controller in it, or leave it out")
    organisation = None
    try:
        organisation = Organisation.model_validate(root.data)
    except ValidationError as error:
        faults += [
            (_line_of(root, each["loc"]), _in_words(each["loc"], each["type"], each["msg"])) for each in error.errors()
        ]
    if faults or organisation is None:
        listed = truncate_problems([f"{path}:{line}: {what}" for line, what in sorted(faults)])
        raise ExportError(
            listed[0] if len(listed) == 1 else f"{len(faults)} faults" + "".join(f"\n  - {each}" for each in listed)
        )
    return organisation


def _document(path: Path) -> tuple[Node | None, list[tuple[int, str]]]:
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
    except OSError as error:
        raise ExportError(f"{path} cannot be read: {error.strerror}", remedy="Correct --organisation") from None
    if len(content) > _LARGEST:
        raise ExportError(f"{path} is larger than 1 MB")
    try:
        return parse_yaml(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ExportError(f"{path}:{line}: this is not UTF-8") from None
    except YamlSyntaxError as error:
        raise ExportError(f"{path}:{error.line}: {error.happened}", remedy=error.remedy) from None


def _in_words(place: tuple[str | int, ...], kind: str, message: str) -> str:
    if kind == "extra_forbidden":
        return f"{format_key_path(place)} is not known"
    if kind == "missing":
        return f"{format_key_path(place)} is required"
    return (
        f"{format_key_path(place)}: {message.replace('Input should be', 'must be')}"
        if place
        else "it is a mapping of keys"
    )


def _line_of(root: Node, place: tuple[str | int, ...]) -> int:
    node, line = root, root.line
    for step in place:
        if step not in node.children:
            break
        line = node.key_lines.get(step, node.children[step].line)
        node = node.children[step]
    return line
