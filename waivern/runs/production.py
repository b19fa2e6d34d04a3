"""Making one artifact: the part of a run that blocks, and so happens in a worker's thread."""

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
from waivern.components.registry import ComponentRegistry
from waivern.components.working_directory import use_working_directory
from waivern.errors import (
    ComponentError,
    ComponentNotFoundError,
    DatabaseError,
    InvalidPropertiesError,
    RunbookError,
    RunError,
    RunTakenOverError,
    WaivernError,
)
from waivern.messages.compressed_items import CompressedMessage
from waivern.messages.message import Message
from waivern.messages.schema import Schema
from waivern.messages.validation import check_message
from waivern.plans.plan import ExecutionPlan
from waivern.runbooks.variables.redaction import Redactor
from waivern.runbooks.variables.substitution import resolve
from waivern.runs.merging import merged_by_schema
from waivern.runs.result import ArtifactResult

ENDS_THE_RUN = (DatabaseError, RunTakenOverError)
_FINAL = (ComponentNotFoundError, InvalidPropertiesError, RunbookError)


@dataclass(frozen=True)
class ProductionOrder:
    """What is to be made, in names only: it can be pickled, and holds no resolved `${NAME}`."""

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
    absent: str | None = None
    attempt: int = 1
    timeout_s: float | None = None

    @classmethod
    def of(cls, plan: ExecutionPlan, artifact_id: str, *, attempt: int = 1) -> "ProductionOrder":
        """Return the order for the `attempt`-th attempt at one artifact of the plan."""
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
            absent=plan.missing_sources.get(artifact_id),
            attempt=attempt,
            timeout_s=definition.timeout,
        )

    @property
    def key(self) -> tuple[str, int]:
        """What tells this attempt from every other of its run."""
        return self.artifact_id, self.attempt


class SavingGate:
    """Lets results through until it is shut, so that a thread that wakes after the deadline records nothing.

    It can be shut for one attempt, too, while it stays open for all others.
    """

    def __init__(self) -> None:
        self._is_open = True
        self._passing = 0
        self._has_come: set[tuple[str, int]] = set()
        self._shut_for: set[tuple[str, int]] = set()
        self._changed = threading.Condition()

    @contextmanager
    def passing(self, key: tuple[str, int]) -> Iterator[bool]:
        """Yield whether the gate was still open for this attempt; it does not shut within the block."""
        with self._changed:
            is_open = self._is_open and key not in self._shut_for
            self._has_come.add(key)
            self._passing += is_open
        try:
            yield is_open
        finally:
            with self._changed:
                self._passing -= is_open
                self._changed.notify_all()

    def shut_for(self, key: tuple[str, int]) -> bool:
        """Let this attempt not through; return False where it has come already."""
        with self._changed:
            if key in self._has_come:
                return False
            self._shut_for.add(key)
            return True

    def shut(self) -> None:
        """Let nothing more through; what is on its way goes on."""
        with self._changed:
            self._is_open = False

    def wait_until_empty(self, *, at_most_s: float) -> None:
        """Wait for what is on its way, up to `at_most_s` seconds."""
        with self._changed:
            self._changed.wait_for(lambda: not self._passing, timeout=at_most_s)


class Workshop:
    """Makes artifacts to order and keeps them in the store. Its `make` is called from many threads."""

    def __init__(
        self,
        registry: ComponentRegistry,
        store: ArtifactStore,
        *,
        environment: Mapping[str, str],
        redactor: Redactor,
        keep_messages: bool,
    ) -> None:
        self._registry = registry
        self._store = store
        self._environment = environment
        self._redactor = redactor
        self._keep_messages = keep_messages
        self.redacted = redactor.text
        self.gate = SavingGate()
        self.ended: dict[str, ArtifactResult] = {}

    def make(self, order: ProductionOrder) -> ArtifactResult | None:
        """Make, check and keep one artifact; return how it ended, or None where it was given up meanwhile.

        Raises:
            DatabaseError, RunTakenOverError: the run as a whole cannot go on.
        """
        started = time.perf_counter()
        message, error, is_final = self._attempt(order)
        with self.gate.passing(order.key) as is_open:
            if not is_open:
                return None
            if message is not None:
                error = self._save(order.artifact_id, message)
            result = ArtifactResult(
                order.artifact_id,
                success=error is None,
                message=message if self._keep_messages and error is None else None,
                error=error,
                duration_seconds=time.perf_counter() - started,
                attempts=order.attempt,
                is_final=is_final,
            )
            self.ended[order.artifact_id] = result
        return result

    def _attempt(self, order: ProductionOrder) -> tuple[Message | None, str | None, bool]:
        """The message, or the error and whether it is final."""
        try:
            return self._redactor.message(self._made(order)), None, False
        except ENDS_THE_RUN:
            raise
        except BaseException as error:  # noqa: BLE001  a component may raise anything, and only fails itself
            return None, self._redactor.text(_in_words(error)), isinstance(error, _FINAL)

    def _save(self, artifact_id: str, message: Message) -> str | None:
        try:
            self._store.save(artifact_id, message)
        except ENDS_THE_RUN:
            raise
        except WaivernError as error:
            return self._redactor.text(_in_words(error))
        return None

    def _made(self, order: ProductionOrder) -> Message:
        if order.default is not None:
            return Message("", order.default, order.output_schema)
        if order.absent is not None:
            raise RunError(order.absent)
        if order.past is not None:
            return self._registry.container.get_service(PastArtifacts).message_of(
                order.past.run_id, order.past.artifact_id
            )
        if order.source is not None:
            with _blamed_on(order.source):
                connector: Connector = self._component(
                    self._registry.connector_factories, "connector", order.source, order
                )
                return _checked(connector.extract(order.output_schema), order, order.source)
        inputs = merged_by_schema([self._store.get(each) for each in order.inputs], order.input_schemas)
        if order.process is None:
            return inputs[0]
        with _blamed_on(order.process):
            analyser: Analyser = self._component(self._registry.analyser_factories, "analyser", order.process, order)
            return _checked(analyser.process(inputs, order.output_schema), order, order.process)

    def _component(
        self, factories: Mapping[str, ComponentFactory[Any]], kind: str, name: str, order: ProductionOrder
    ) -> Any:
        if name not in factories:
            broken: Mapping[str, str] = getattr(factories, "broken", {})
            raise ComponentNotFoundError(kind, name, factories, broken=broken.get(name))
        with use_working_directory(order.folder), use_environment(self._environment, secrets=set()):
            return factories[name].create(resolve(order.properties, self._environment))


@contextmanager
def _blamed_on(component: str) -> Iterator[None]:
    """Only the run's own database ends the run; a component that has trouble with another one fails by itself."""
    try:
        yield
    except ENDS_THE_RUN as error:
        raise ComponentError(f"'{component}' failed: {error.happened}", remedy=error.remedy) from error


def _checked(message: Any, order: ProductionOrder, component: str) -> Message:
    if not isinstance(message, Message):
        raise ComponentError(f"'{component}' gave no message but {type(message).__name__}")
    if not isinstance(message, CompressedMessage) and not isinstance(message.content, Mapping):
        raise ComponentError(f"'{component}' gave a message whose content is no JSON object")
    if message.schema != order.output_schema:
        raise ComponentError(f"'{component}' was asked for {order.output_schema} and gave {message.schema}")
    check_message(message)
    return message


def _in_words(error: BaseException) -> str:
    return str(error) if isinstance(error, WaivernError) else f"{type(error).__name__}: {error}"
