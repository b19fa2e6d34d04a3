"""The organisation file, beside the runbook: what a scan cannot know about the processing of personal data."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from waivern.errors import ExportError
from waivern.runbooks.model.artifact_definition import NonEmptyText, NonEmptyTexts
from waivern.runbooks.reading.problems import KeyPath, format_key_path, truncate_problems
from waivern.runbooks.reading.yaml_parser import Node, YamlSyntaxError, line_of, parse_yaml

_MAX_BYTES = 1 << 20


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


class Party(_Section):
    """A controller, a representative or an officer, with contact details."""

    name: NonEmptyText
    contact: str = ""
    address: str = ""

    def __str__(self) -> str:
        return ", ".join(part for part in (self.name, self.address, self.contact) if part)


class Transfer(_Section):
    """A transfer to a third country, with its safeguards (Art. 30(1)(e))."""

    country: NonEmptyText
    recipient: str = ""
    safeguards: str = ""

    def __str__(self) -> str:
        to = f"{self.recipient} ({self.country})" if self.recipient else self.country
        return f"{to}: {self.safeguards}" if self.safeguards else to


class Activity(_Section):
    """One processing activity that the organisation declares.

    `data_categories` and `data_subjects` are compared with the categories of Waivern's rules. `recipients` are names of
    companies or services. `runbooks` limits the activity to these runbooks; empty means all.
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


class Organisation(_Section):
    """The whole file. Every key is optional; the record lists required ones that are missing."""

    controller: Party | None = None
    joint_controllers: tuple[Party, ...] = ()
    representative: Party | None = None
    data_protection_officer: Party | None = None
    retention: str = ""
    security: NonEmptyTexts = ()
    activities: tuple[Activity, ...] = ()

    def activities_of(self, runbook: str) -> list[Activity]:
        return [activity for activity in self.activities if not activity.runbooks or runbook in activity.runbooks]


def read_organisation(path: Path) -> Organisation:
    """Read an organisation file.

    Raises:
        ExportError: the file cannot be read or is invalid; names every problem with its line.
    """
    root, problems = _read_document(path)
    if root is None:
        raise ExportError(f"{path} is empty", remedy="Name the controller in it, or remove the file")
    organisation = None
    try:
        organisation = Organisation.model_validate(root.data)
    except ValidationError as error:
        problems += [
            (line_of(root, detail["loc"]), _describe(detail["loc"], detail["type"], detail["msg"]))
            for detail in error.errors()
        ]
    if problems or organisation is None:
        described = truncate_problems([f"{path}:{line}: {message}" for line, message in sorted(problems)])
        listed = "".join(f"\n  - {problem}" for problem in described)
        raise ExportError(described[0] if len(described) == 1 else f"{len(problems)} problems{listed}")
    return organisation


def _read_document(path: Path) -> tuple[Node | None, list[tuple[int, str]]]:
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise ExportError(f"Cannot read {path}: {error.strerror}", remedy="Correct --organisation") from None
    if len(content) > _MAX_BYTES:
        raise ExportError(f"{path} is larger than 1 MB")
    try:
        return parse_yaml(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ExportError(f"{path}:{line}: the text is not valid UTF-8") from None
    except YamlSyntaxError as error:
        raise ExportError(f"{path}:{error.line}: {error.happened}", remedy=error.remedy) from None


def _describe(key_path: KeyPath, kind: str, message: str) -> str:
    if kind == "extra_forbidden":
        return f"{format_key_path(key_path)} is not known"
    if kind == "missing":
        return f"{format_key_path(key_path)} is required"
    if not key_path:
        return "the file must be a mapping of keys to values"
    return f"{format_key_path(key_path)}: {message.replace('Input should be', 'must be')}"
