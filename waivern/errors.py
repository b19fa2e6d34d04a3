"""What can go wrong, as types: each error says what happened and what to do about it."""

import difflib
from collections.abc import Iterable, Sequence
from datetime import datetime


class WaivernError(Exception):
    """The root of every error that Waivern raises on purpose.

    `happened` says what went wrong and where, `remedy` what the reader can do. `exit_code` is what a
    command that ends with this error returns: 2 usage or a runbook that does not plan, 3 a run that
    did not complete, 4 a database that cannot be used.
    """

    exit_code = 3

    def __init__(self, happened: str, *, remedy: str | None = None) -> None:
        super().__init__(happened)
        self.happened = happened
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.happened}. {self.remedy}" if self.remedy else self.happened


class UsageError(WaivernError):
    """What was asked for cannot be asked in this way."""

    exit_code = 2


class RunbookError(WaivernError):
    """A runbook cannot be read, or does not say what it must."""

    exit_code = 2


class PlanError(WaivernError):
    """A runbook cannot be carried out; `problems` holds every reason that was found, not only the first."""

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
    """A connector or an analyser could not do its work."""


class ComponentNotFoundError(ComponentError):
    """No installed plug-in has this name."""

    exit_code = 2

    def __init__(self, kind: str, name: str, known: Iterable[str], *, broken: str | None = None) -> None:
        names = sorted(known)
        happened = f"There is no {kind} named '{name}'"
        remedy = did_you_mean(name, names) or f"Known: {', '.join(names) or 'none'}"
        if broken is not None:
            happened = f"The {kind} '{name}' cannot be imported: {broken}"
            remedy = "Mend or uninstall the package that provides it"
        super().__init__(happened, remedy=remedy)


class InvalidPropertiesError(ComponentError):
    """A component was given properties that it does not take; `problems` maps each bad property to its fault."""

    exit_code = 2

    def __init__(self, component: str, problems: dict[str, str]) -> None:
        self.component = component
        self.problems = dict(problems)
        listed = "; ".join(f"{name}: {fault}" if name else fault for name, fault in self.problems.items())
        super().__init__(f"'{component}' does not take these properties: {listed}")


class ServiceNotRegisteredError(WaivernError):
    """Somebody asked the container for a service that nobody registered."""

    def __init__(self, service: str, registered: Iterable[str]) -> None:
        super().__init__(
            f"No service is registered for {service}",
            remedy=f"Register one first; registered: {', '.join(sorted(registered)) or 'none'}",
        )


class MessageError(WaivernError):
    """A message does not have the shape that its schema promises."""


class SchemaNotFoundError(MessageError):
    """Nobody provides this schema."""

    exit_code = 2


class ArtifactStoreError(WaivernError):
    """An artifact cannot be kept or read."""


class ArtifactNotFoundError(ArtifactStoreError):
    """The store holds no artifact of this name."""

    exit_code = 2

    def __init__(self, artifact_id: str, known: Iterable[str]) -> None:
        names = list(known)
        super().__init__(
            f"There is no artifact '{artifact_id}'",
            remedy=did_you_mean(artifact_id, names) or f"There are: {', '.join(names) or 'none'}",
        )


class CorruptArtifactError(ArtifactStoreError):
    """What is stored is not what was saved: its digest does not fit."""

    exit_code = 4


class PrunedArtifactError(ArtifactStoreError):
    """The message was pruned or erased: what it held is gone; its digest, and what history says of it, are not."""

    exit_code = 2

    def __init__(self, what: str, *, at: datetime, because: str | None) -> None:
        super().__init__(
            f"What {what} held was let go of on {at:%Y-%m-%d} ({because})",
            remedy="Its digest and its findings' rows stay; make it anew with a new run",
        )


class ArchiveError(WaivernError):
    """A file of archived runs cannot be restored: it is none, is damaged, or contradicts what is here."""

    exit_code = 2


class RulesetError(WaivernError):
    """A ruleset cannot be found, read or used."""

    exit_code = 2


class RunError(WaivernError):
    """A run cannot be started, taken up again or found."""

    exit_code = 2


class RunTakenOverError(RunError):
    """Another process carries this run on; what this one still writes is refused."""

    exit_code = 3


class ExportError(WaivernError):
    """A run cannot be exported in the way that was asked for."""

    exit_code = 2


class ScheduleError(WaivernError):
    """A schedule cannot be read, found or changed."""

    exit_code = 2


class DecisionError(WaivernError):
    """A decision about a finding cannot be made, or a file of decisions cannot be read."""

    exit_code = 2


class AnchorError(WaivernError):
    """An anchor, or the key for anchors, is not what it should be."""


class DatabaseError(WaivernError):
    """The database cannot be used."""

    exit_code = 4


class EncryptionError(DatabaseError):
    """What is stored cannot be decrypted, or must not be written unencrypted: a key is missing or another one."""


class DatabaseUnavailableError(DatabaseError):
    """The database cannot be reached, opened or written."""


class DatabaseMissingError(DatabaseError):
    """There is no such database yet, and what was asked would not make one."""


class SchemaOutOfDateError(DatabaseError):
    """The database's tables are not at the revision that this version of Waivern works with."""


def did_you_mean(name: str, known: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """Return "Did you mean 'x'?" for the known name nearest to `name`, or None where none is near.

    `cutoff` is the least likeness that counts, from 0 (any name) to 1 (the same name).
    """
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=cutoff)
    return f"Did you mean '{near[0]}'?" if near else None
