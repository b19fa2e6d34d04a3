"""The errors that Waivern raises. Each says what happened and what to do."""

from collections.abc import Iterable, Sequence
from datetime import datetime


class WaivernError(Exception):
    """Base class of all errors that Waivern raises.

    Attributes:
        happened: What went wrong, and where.
        remedy: What the user can do, or None.
        exit_code: The exit code of a command that ends with this error: 2 for usage errors and invalid runbooks, 3 for
            runs that did not complete, 4 for a database that cannot be used.
    """

    exit_code = 3

    def __init__(self, happened: str, *, remedy: str | None = None) -> None:
        super().__init__(happened)
        self.happened = happened
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.happened}. {self.remedy}" if self.remedy else self.happened


class UsageError(WaivernError):
    """An argument, option or setting is invalid."""

    exit_code = 2


class RunbookError(WaivernError):
    """A runbook cannot be read or is invalid."""

    exit_code = 2


class PlanError(WaivernError):
    """A runbook cannot be planned; `problems` holds all problems, not only the first."""

    exit_code = 2

    def __init__(self, problems: Sequence[str], *, runbook: str | None = None) -> None:
        self.problems = tuple(problems)
        where = f"{runbook}: " if runbook else ""
        if len(self.problems) == 1:
            happened = f"{where}{self.problems[0]}"
        else:
            listed = "".join(f"\n  - {problem}" for problem in self.problems)
            happened = f"{where}{len(self.problems)} problems{listed}"
        super().__init__(happened)


class ComponentError(WaivernError):
    """A connector or an analyser failed."""


class ComponentNotFoundError(ComponentError):
    """No connector or analyser of this name is installed."""

    exit_code = 2

    def __init__(self, kind: str, name: str, known: Iterable[str], *, broken: str | None = None) -> None:
        names = sorted(known)
        happened = f"There is no {kind} named '{name}'"
        remedy = did_you_mean(name, names) or f"Known: {', '.join(names) or 'none'}"
        if broken is not None:
            happened = f"The {kind} '{name}' cannot be imported: {broken}"
            remedy = "Fix or uninstall the package that provides it"
        super().__init__(happened, remedy=remedy)


class InvalidPropertiesError(ComponentError):
    """The properties of a component are invalid; `problems` maps the name of each invalid property to a message."""

    exit_code = 2

    def __init__(self, component: str, problems: dict[str, str]) -> None:
        self.component = component
        self.problems = dict(problems)
        listed = "; ".join(f"{name}: {message}" if name else message for name, message in self.problems.items())
        super().__init__(f"Invalid properties of '{component}': {listed}")


class ServiceNotRegisteredError(WaivernError):
    """A service that was requested from the container is not registered."""

    def __init__(self, service: str, registered: Iterable[str]) -> None:
        super().__init__(
            f"No service is registered for {service}",
            remedy=f"Register one first; registered: {', '.join(sorted(registered)) or 'none'}",
        )


class MessageError(WaivernError):
    """A message does not match its schema."""


class SchemaNotFoundError(MessageError):
    """No schema of this name and version is installed."""

    exit_code = 2


class ArtifactStoreError(WaivernError):
    """An artifact cannot be stored or read."""


class ArtifactNotFoundError(ArtifactStoreError):
    """The store has no artifact of this name."""

    exit_code = 2

    def __init__(self, artifact_id: str, known: Iterable[str]) -> None:
        names = list(known)
        super().__init__(
            f"There is no artifact '{artifact_id}'",
            remedy=did_you_mean(artifact_id, names) or f"Known: {', '.join(names) or 'none'}",
        )


class CorruptArtifactError(ArtifactStoreError):
    """The stored content of an artifact does not match its digest."""

    exit_code = 4


class PrunedArtifactError(ArtifactStoreError):
    """The content of an artifact was pruned or erased. Its digest and history remain."""

    exit_code = 2

    def __init__(self, artifact: str, *, at: datetime, reason: str | None) -> None:
        super().__init__(
            f"The content of {artifact} was deleted on {at:%Y-%m-%d} ({reason})",
            remedy="Its digest and findings remain. Start a new run to produce the content again",
        )


class ArchiveError(WaivernError):
    """An archive cannot be restored: it is not an archive, is damaged, or conflicts with the database."""

    exit_code = 2


class RulesetError(WaivernError):
    """A ruleset cannot be found or read, or is invalid."""

    exit_code = 2


class RunError(WaivernError):
    """A run cannot be started, resumed or found."""

    exit_code = 2


class RunTakenOverError(RunError):
    """A different process has taken over this run. Writes of this process are refused."""

    exit_code = 3


class ExportError(WaivernError):
    """A run cannot be exported as requested."""

    exit_code = 2


class ScheduleError(WaivernError):
    """A schedule cannot be found or changed, or is invalid."""

    exit_code = 2


class DecisionError(WaivernError):
    """A decision on a finding cannot be recorded, or a decision file is invalid."""

    exit_code = 2


class AnchorError(WaivernError):
    """An anchor or its key is invalid."""


class DatabaseError(WaivernError):
    """The database cannot be used."""

    exit_code = 4


class EncryptionError(DatabaseError):
    """Content cannot be encrypted or decrypted, because a key is missing or is a different one."""


class DatabaseUnavailableError(DatabaseError):
    """The database cannot be reached, opened or written."""


class ContentUnavailableError(DatabaseUnavailableError):
    """The run's own database cannot be reached while a component reads the stored content of its inputs."""


class ReadOnlyDatabaseError(DatabaseUnavailableError):
    """The database can be read, but this user or server must not write it."""


class DatabaseMissingError(DatabaseError):
    """The database or its folder does not exist, and this command does not create it."""


class SchemaOutOfDateError(DatabaseError):
    """The tables of the database have a different revision than this version of Waivern needs."""


def text_of(error: BaseException) -> str:
    """Return the text of an error; an error of a component may even fail to describe itself."""
    try:
        return str(error)
    except Exception:  # noqa: BLE001
        return "it has no readable text"


def did_you_mean(name: str, known: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """Return "Did you mean 'x'?" for the known name most similar to `name`, or None if no name is similar.

    `cutoff` is the lowest similarity that counts, from 0 (any name) to 1 (the same name).
    """
    import difflib  # slow to import, and needed for misspelt names only

    similar = difflib.get_close_matches(name, list(known), n=1, cutoff=cutoff)
    return f"Did you mean '{similar[0]}'?" if similar else None
