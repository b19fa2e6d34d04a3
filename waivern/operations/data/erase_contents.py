"""Erase stored content about a person, or of a run."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from waivern.caller import Caller
from waivern.errors import ArtifactNotFoundError, UsageError
from waivern.history.retention import ErasableContent
from waivern.operations.application import Application

_MIN_TEXT_LENGTH = 3


@dataclass(frozen=True)
class ErasurePlan:
    """The contents to erase, and how many rows outside stored content mention the person too, by kind of row."""

    contents: Sequence[ErasableContent]
    residual_mentions: Mapping[str, int] = field(default_factory=dict)


def find_contents(application: Application, texts: Collection[str]) -> ErasurePlan:
    """Find the contents that contain one of the texts: a name, an address, a number.

    Raises:
        UsageError: there is no text, or one is too short to identify a person.
        EncryptionError: a content is encrypted under a key that is not available.
    """
    wanted = [text.strip() for text in texts if text.strip()]
    if not wanted:
        raise UsageError("There is no text to search for", remedy=_TEXTS_REMEDY)
    if any(len(text) < _MIN_TEXT_LENGTH for text in wanted):
        raise UsageError(f"A text needs at least {_MIN_TEXT_LENGTH} characters", remedy=_TEXTS_REMEDY)
    retention = application.storage.retention
    return ErasurePlan(retention.find_contents(wanted), retention.count_mentions(wanted))


def contents_of_run(application: Application, run: str, artifact: str | None = None) -> ErasurePlan:
    """Find the contents of a run, or of one of its artifacts.

    Raises:
        RunError: there is no such run.
        ArtifactNotFoundError: the run has no such artifact.
    """
    history = application.storage.history
    run_id = history.find(run).id
    if artifact is not None:
        known = [record.artifact_id for record in history.artifacts_of(run_id)]
        if artifact not in known:
            raise ArtifactNotFoundError(artifact, known)
    return ErasurePlan(application.storage.retention.contents_of_run(run_id, artifact))


def erase_contents(
    application: Application, plan: ErasurePlan, *, reason: str, caller: Caller, texts: Collection[str] = ()
) -> int:
    """Erase the contents of a plan; return how many were stored.

    Args:
        application: The application.
        plan: The contents.
        reason: Why; stored in the audit log, where it cannot be erased.
        caller: Who erases them.
        texts: The texts that were searched for.

    Raises:
        UsageError: the reason contains one of the texts.
        RunError: an unfinished run holds one of the contents.
    """
    if any(text.strip() and text.strip().casefold() in reason.casefold() for text in texts):
        raise UsageError(
            "The reason contains a text to erase, and reasons cannot be erased", remedy="Give a case number instead"
        )
    digests = [content.digest for content in plan.contents]
    return application.storage.retention.erase(digests, reason=reason, caller=caller)


def erasure_as_json(plan: ErasurePlan, *, is_erased: bool) -> Mapping[str, Any]:
    """Return a plan as a JSON object, with whether it was carried out."""
    return {
        "erased": is_erased,
        "contents": [
            {
                "digest": content.digest,
                "size": content.size,
                "artifacts": [
                    {"run": use.run_id, "runbook": use.runbook, "artifact_id": use.artifact_id} for use in content.uses
                ],
            }
            for content in plan.contents
        ],
        "residual_mentions": dict(plan.residual_mentions),
    }


_TEXTS_REMEDY = "Give names, addresses or numbers on standard input, one per line"
