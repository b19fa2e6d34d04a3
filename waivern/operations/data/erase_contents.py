"""Erase what messages hold of a person, or of a run."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from waivern.errors import ArtifactNotFoundError, UsageError
from waivern.history.erasing import ErasableContent
from waivern.operations.application import Application

_SHORTEST = 3


@dataclass(frozen=True)
class Erasure:
    """What is to be erased, and how many rows beside it name the person too, by what they are."""

    contents: Sequence[ErasableContent]
    named_elsewhere: Mapping[str, int] = field(default_factory=dict)


def find_containing(application: Application, texts: Collection[str]) -> Erasure:
    """Find the contents that hold one of the texts: a name, an address, a number.

    Raises:
        UsageError: there is none, or one is too short to tell a person.
        EncryptionError: a content is encrypted under a key that is not known.
    """
    wanted = [text.strip() for text in texts if text.strip()]
    if not wanted or any(len(text) < _SHORTEST for text in wanted):
        raise UsageError(
            "There is no text to look for" if not wanted else "A text of one or two characters is in every message",
            remedy="Give a name, an address or a number on a line of standard input each",
        )
    eraser = application.storage.eraser
    return Erasure(eraser.containing(wanted), eraser.named_elsewhere(wanted))


def find_of_run(application: Application, run: str, artifact: str | None = None) -> Erasure:
    """Find the contents of a run, or of one of its artifacts.

    Raises:
        RunError: there is no such run.
        ArtifactNotFoundError: the run has no such artifact.
    """
    history = application.storage.history
    run_id = history.find(run).id
    if artifact is not None:
        known = [each.artifact_id for each in history.artifacts_of(run_id)]
        if artifact not in known:
            raise ArtifactNotFoundError(artifact, known)
    return Erasure(application.storage.eraser.held_by(run_id, artifact))


def erase(application: Application, erasure: Erasure, *, reason: str, texts: Collection[str] = ()) -> int:
    """Erase what was found; return how many contents that were.

    Raises:
        UsageError: the reason holds one of the texts; it is kept for good.
        RunError: a run that is still going holds one.
    """
    if any(text.strip() and text.strip().casefold() in reason.casefold() for text in texts):
        raise UsageError(
            "The reason holds a text that is to be erased, and reasons are kept", remedy="Name a case number instead"
        )
    digests = [each.digest for each in erasure.contents]
    return application.storage.eraser.erase(digests, reason=reason, actor=application.actor)


def erasure_as_json(erasure: Erasure, *, is_done: bool) -> Mapping[str, Any]:
    """Return it as a JSON object."""
    return {
        "erased": is_done,
        "contents": [
            {
                "digest": each.digest,
                "size": each.size,
                "messages": [
                    {"run": held.run_id, "runbook": held.runbook, "artifact_id": held.artifact_id}
                    for held in each.messages
                ],
            }
            for each in erasure.contents
        ],
        "named_elsewhere": dict(erasure.named_elsewhere),
    }
