"""Running one artifact: the blocking part of a run, which takes place in a worker thread."""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from waivern.artifacts.store import ArtifactStore, PastArtifact, PastArtifacts
from waivern.components.analyser import Analyser
from waivern.components.connector import Connector
from waivern.components.environment import use_environment
from waivern.components.factory import ComponentFactory
from waivern.components.partwise import PartAnalysis, PartResults, PartwiseAnalyser
from waivern.components.registry import ComponentRegistry
from waivern.components.working_directory import use_working_directory
from waivern.errors import (
    ComponentError,
    ComponentNotFoundError,
    ContentUnavailableError,
    DatabaseError,
    InvalidPropertiesError,
    MessageError,
    RunbookError,
    RunError,
    RunTakenOverError,
    WaivernError,
    text_of,
)
from waivern.messages.canonical import canonical_bytes
from waivern.messages.compressed_message import CompressedMessage
from waivern.messages.message import Message
from waivern.messages.schema import Schema
from waivern.messages.validation import check_message
from waivern.plans.plan import ExecutionPlan
from waivern.runbooks.variables.redaction import Redactor
from waivern.runbooks.variables.substitution import resolve
from waivern.runs.merging import merged_by_schema
from waivern.runs.redacted_results import RedactedPartResults
from waivern.runs.result import ArtifactResult

RUN_ERRORS = (DatabaseError, RunTakenOverError)
"""Errors that end the run instead of failing an artifact."""

_FINAL_ERRORS = (ComponentNotFoundError, InvalidPropertiesError, RunbookError)


@dataclass(frozen=True)
class ArtifactTask:
    """One attempt at one artifact, as names only: it can be pickled, and holds no resolved `${NAME}`."""

    artifact_id: str
    output_schema: Schema
    source: str | None = None
    process: str | None = None
    properties: Mapping[str, Any] = field(default_factory=dict)
    inputs: tuple[str, ...] = ()
    input_schemas: tuple[Schema, ...] = ()
    folder: Path | None = None
    past: PastArtifact | None = None
    default: Mapping[str, Any] | None = None
    missing: str | None = None
    attempt: int = 1
    timeout_s: float | None = None

    @classmethod
    def of(cls, plan: ExecutionPlan, artifact_id: str, *, attempt: int = 1) -> "ArtifactTask":
        """Return the task of an attempt at an artifact of the plan; attempts are numbered from 1."""
        definition = plan.runbook.artifacts[artifact_id]
        input_schemas, output_schema = plan.artifact_schemas[artifact_id]
        component = definition.source or definition.process
        reuse = definition.reuse
        return cls(
            artifact_id,
            output_schema,
            source=definition.source.type if definition.source else None,
            process=definition.process.type if definition.process else None,
            properties=component.properties if component else {},
            inputs=tuple(definition.inputs),
            input_schemas=tuple(input_schemas or ()),
            folder=plan.folders.get(artifact_id),
            past=PastArtifact(reuse.from_run, reuse.artifact, output_schema) if reuse else None,
            default=plan.defaults.get(artifact_id),
            missing=plan.missing_sources.get(artifact_id),
            attempt=attempt,
            timeout_s=definition.timeout,
        )

    @property
    def key(self) -> tuple[str, int]:
        """Return what identifies this attempt within its run."""
        return self.artifact_id, self.attempt


class CommitGate:
    """Lets results be committed until it is closed, so that a thread that wakes after the deadline records nothing.

    It can also be closed for a single attempt.
    """

    def __init__(self) -> None:
        self._is_open = True
        self._committing = 0
        self._arrived: set[tuple[str, int]] = set()
        self._refused: set[tuple[str, int]] = set()
        self._changed = threading.Condition()

    @contextmanager
    def committing(self, key: tuple[str, int]) -> Iterator[bool]:
        """Yield whether this attempt may commit its result; `wait_until_idle` waits for the end of the block."""
        with self._changed:
            may_commit = self._is_open and key not in self._refused
            self._arrived.add(key)
            self._committing += may_commit
        try:
            yield may_commit
        finally:
            with self._changed:
                self._committing -= may_commit
                self._changed.notify_all()

    def refuse(self, key: tuple[str, int]) -> bool:
        """Refuse the result of one attempt; return False if it has arrived already."""
        with self._changed:
            if key in self._arrived:
                return False
            self._refused.add(key)
            return True

    def close(self) -> None:
        """Refuse all further results; commits in progress continue."""
        with self._changed:
            self._is_open = False

    def wait_until_idle(self, *, timeout_s: float) -> None:
        """Wait for commits in progress, up to `timeout_s` seconds."""
        with self._changed:
            self._changed.wait_for(lambda: not self._committing, timeout=timeout_s)


class ArtifactRunner:
    """Runs tasks and saves their messages in the store. `run` is called from many threads."""

    def __init__(
        self,
        registry: ComponentRegistry,
        store: ArtifactStore,
        *,
        environment: Mapping[str, str],
        redactor: Redactor,
        keep_messages: bool,
        part_results: PartResults | None = None,
    ) -> None:
        self._registry = registry
        self._store = store
        self._environment = environment
        self._redactor = redactor
        self._keep_messages = keep_messages
        self._part_results = None if part_results is None else RedactedPartResults(part_results, redactor)
        self.redacted = redactor.text
        self.gate = CommitGate()
        self.ended: dict[str, ArtifactResult] = {}

    def run(self, task: ArtifactTask) -> ArtifactResult | None:
        """Produce, check and save one artifact; return how it ended, or None if its result was refused.

        Raises:
            DatabaseError, RunTakenOverError: the run cannot continue.
        """
        started = time.perf_counter()
        message, error, is_final = self._attempt(task)
        with self.gate.committing(task.key) as may_commit:
            if not may_commit:
                return None
            if message is not None:
                error = self._save(task.artifact_id, message)
            result = ArtifactResult(
                task.artifact_id,
                success=error is None,
                message=message if self._keep_messages and error is None else None,
                error=error,
                duration_seconds=time.perf_counter() - started,
                attempts=task.attempt,
                is_final=is_final,
            )
            self.ended[task.artifact_id] = result
        return result

    def _attempt(self, task: ArtifactTask) -> tuple[Message | None, str | None, bool]:
        """Return the message, or the error and whether it is final."""
        try:
            return self._redactor.message(self._produced(task)), None, False
        except RUN_ERRORS:
            raise
        except BaseException as error:  # noqa: BLE001  a component may raise anything, and fails its artifact only
            return None, self._redactor.text(_error_text(error)), isinstance(error, _FINAL_ERRORS)

    def _save(self, artifact_id: str, message: Message) -> str | None:
        try:
            self._store.save(artifact_id, message)
        except RUN_ERRORS:
            raise
        except Exception as error:  # noqa: BLE001  a message may hold anything, and fails its artifact only
            return self._redactor.text(_error_text(error))
        return None

    def _produced(self, task: ArtifactTask) -> Message:
        if task.default is not None:
            return Message("", task.default, task.output_schema)
        if task.missing is not None:
            raise RunError(task.missing)
        if task.past is not None:
            past = self._registry.container.get_service(PastArtifacts)
            return past.message_of(task.past.run_id, task.past.artifact_id)
        if task.source is not None:
            return self._extracted(task, task.source)
        inputs = merged_by_schema([self._store.get(name) for name in task.inputs], task.input_schemas)
        return inputs[0] if task.process is None else self._analysed(task, task.process, inputs)

    def _extracted(self, task: ArtifactTask, name: str) -> Message:
        with _component_errors(name):
            connector: Connector = self._component(self._registry.connector_factories, "connector", name, task)
            return _checked(connector.extract(task.output_schema), task, name)

    def _analysed(self, task: ArtifactTask, name: str, inputs: list[Message]) -> Message:
        with _component_errors(name):
            analyser: Analyser = self._component(self._registry.analyser_factories, "analyser", name, task)
            return _checked(self._processed(analyser, inputs, task.output_schema), task, name)

    def _processed(self, analyser: Analyser, inputs: list[Message], output_schema: Schema) -> Message:
        if isinstance(analyser, PartwiseAnalyser):
            return PartAnalysis(analyser, inputs, remembered=self._part_results).message(output_schema)
        return analyser.process(inputs, output_schema)

    def _component(
        self, factories: Mapping[str, ComponentFactory[Any]], kind: str, name: str, task: ArtifactTask
    ) -> Any:
        if name not in factories:
            broken: Mapping[str, str] = getattr(factories, "broken", {})
            raise ComponentNotFoundError(kind, name, factories, broken=broken.get(name))
        with use_working_directory(task.folder), use_environment(self._environment, secrets=set()):
            return factories[name].create(resolve(task.properties, self._environment))


@contextmanager
def _component_errors(component: str) -> Iterator[None]:
    """Turn database errors of a component into component errors: only the run's own database ends the run."""
    try:
        yield
    except ContentUnavailableError:
        raise
    except RUN_ERRORS as error:
        raise ComponentError(f"'{component}' failed: {error.happened}", remedy=error.remedy) from error


def _checked(message: Any, task: ArtifactTask, component: str) -> Message:
    if not isinstance(message, Message):
        raise ComponentError(f"'{component}' returned {type(message).__name__} instead of a Message")
    if not isinstance(message, CompressedMessage) and not isinstance(message.content, Mapping):
        raise ComponentError(f"'{component}' returned a message whose content is not a JSON object")
    if message.schema != task.output_schema:
        raise ComponentError(f"'{component}' was asked for {task.output_schema} and returned {message.schema}")
    _check_context(message, component)
    check_message(message)
    return message


def _check_context(message: Message, component: str) -> None:
    """Check what is stored beside the content."""
    if not isinstance(message.id, str):
        raise ComponentError(f"'{component}' returned a message whose id is {type(message.id).__name__} instead of str")
    if message.context is None:
        return
    if not isinstance(message.context, Mapping):
        raise ComponentError(f"'{component}' returned a message whose context is not a JSON object")
    try:
        canonical_bytes(dict(message.context))
    except MessageError as error:
        raise ComponentError(f"'{component}' returned a message whose context is not JSON: {error}") from error


def _error_text(error: BaseException) -> str:
    text = text_of(error)
    return text if isinstance(error, WaivernError) else f"{type(error).__name__}: {text}"
