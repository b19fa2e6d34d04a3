"""The task of each kind of artifact, and how one attempt at it ends."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from waivern import InMemoryArtifactStore, Message, Schema
from waivern.artifacts.store import PastArtifact, PastArtifacts
from waivern.components.container import ExistingService, ServiceDescriptor
from waivern.components.working_directory import resolve_path
from waivern.errors import (
    ArtifactStoreError,
    ComponentError,
    DatabaseError,
    InvalidPropertiesError,
    RunbookError,
    RunTakenOverError,
)
from waivern.runbooks.variables.redaction import Redactor
from waivern.runs.artifact_runner import ArtifactRunner, ArtifactTask
from waivern.testing.builders import ANY_SCHEMA, message_of, plan_of, registry_of

TASK = ArtifactTask("a", ANY_SCHEMA, source="read")
SECRETS = {"PASSWORD": "correct-horse"}


def runner_of(
    extract: Callable[[Mapping[str, Any]], Any] = lambda _: {"made": 1},
    *,
    store: InMemoryArtifactStore | None = None,
    process: Callable[[Mapping[str, Any], Sequence[Message]], Any] = lambda _properties, inputs: inputs[0].content,
    past: Any = None,
    keep_messages: bool = True,
) -> ArtifactRunner:
    registry = registry_of(
        store or InMemoryArtifactStore(), connectors={"read": extract}, analysers={"analyse": process}
    )
    if past is not None:
        registry.container.register(ServiceDescriptor(PastArtifacts, ExistingService(past)))
    return ArtifactRunner(
        registry,
        store or InMemoryArtifactStore(),
        environment=SECRETS,
        redactor=Redactor(SECRETS),
        keep_messages=keep_messages,
    )


def raising(error: BaseException) -> Callable[[Mapping[str, Any]], Any]:
    def extract(_properties: Mapping[str, Any]) -> Any:
        raise error

    return extract


def error_of(runner: ArtifactRunner, task: ArtifactTask = TASK) -> str:
    result = runner.run(task)
    assert result is not None
    assert (result.success, result.message) == (False, None)
    assert result.error is not None
    return result.error


def test_a_task_names_all_that_its_attempt_needs() -> None:
    plan = replace(
        plan_of(
            {
                "read": {"source": {"type": "files", "properties": {"path": "x"}}, "timeout": 5},
                "found": {"inputs": ["read", "old"], "process": {"type": "scan", "properties": {"deep": True}}},
                "old": {"reuse": {"from_run": "r1", "artifact": "customers"}},
                "merged": {"inputs": ["read", "old"]},
                "given": {"reuse": {"from_run": "r2", "artifact": "given"}, "optional": True},
            }
        ),
        folders={"read": Path("/runbooks")},
        defaults={"merged": {"data": []}},
        missing_sources={"given": "was not there"},
    )
    both: dict[str, Any] = {"inputs": ("read", "old"), "input_schemas": (ANY_SCHEMA,)}
    assert [ArtifactTask.of(plan, name) for name in plan.dag.artifact_ids] == [
        ArtifactTask(
            "read", ANY_SCHEMA, source="files", properties={"path": "x"}, folder=Path("/runbooks"), timeout_s=5
        ),
        ArtifactTask("found", ANY_SCHEMA, process="scan", properties={"deep": True}, **both),
        ArtifactTask("old", ANY_SCHEMA, past=PastArtifact("r1", "customers", ANY_SCHEMA)),
        ArtifactTask("merged", ANY_SCHEMA, default={"data": []}, **both),
        ArtifactTask("given", ANY_SCHEMA, past=PastArtifact("r2", "given", ANY_SCHEMA), missing="was not there"),
    ]
    second = ArtifactTask.of(plan, "read", attempt=2)
    assert (second.attempt, second.key) == (2, ("read", 2))


def test_a_produced_artifact_is_saved_and_noted_with_its_attempt() -> None:
    store = InMemoryArtifactStore()
    runner = runner_of(store=store)
    result = runner.run(replace(TASK, attempt=3))
    assert result is not None
    assert (result.artifact_id, result.success, result.message) == ("a", True, message_of(made=1))
    assert (result.error, result.attempts, result.is_final) == (None, 3, False)
    assert 0 <= result.duration_seconds < 600
    assert store.get("a") == message_of(made=1)
    assert runner.ended == {"a": result}


def test_a_result_holds_no_message_unless_messages_are_kept() -> None:
    result = runner_of(keep_messages=False).run(TASK)
    assert result is not None
    assert (result.success, result.message) == (True, None)


def test_a_refused_result_is_neither_saved_nor_noted() -> None:
    store = InMemoryArtifactStore()
    runner = runner_of(store=store)
    runner.gate.refuse(("a", 1))
    assert runner.run(TASK) is None
    assert (store.list_artifacts(), runner.ended) == ([], {})
    assert runner.run(replace(TASK, attempt=2)) is not None
    assert store.list_artifacts() == ["a"]


@pytest.mark.parametrize(
    ("error", "is_final"),
    [
        (ComponentError("no"), False),
        (ValueError("no"), False),
        (KeyboardInterrupt("no"), False),
        (InvalidPropertiesError("x", {"y": "no"}), True),
        (RunbookError("no"), True),
    ],
)
def test_only_errors_that_would_occur_again_are_final(error: BaseException, is_final: bool) -> None:
    result = runner_of(raising(error)).run(TASK)
    assert result is not None
    assert (result.success, result.is_final) == (False, is_final)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ComponentError("correct-horse is wrong", remedy="Use another"), "${PASSWORD} is wrong. Use another"),
        (ValueError("correct-horse is wrong"), "ValueError: ${PASSWORD} is wrong"),
        (DatabaseError("it is locked", remedy="Unlock it"), "'read' failed: it is locked. Unlock it"),
        (RunTakenOverError("it is taken"), "'read' failed: it is taken"),
    ],
)
def test_an_error_of_a_component_fails_its_artifact_with_a_text_without_secrets(error: Exception, text: str) -> None:
    assert error_of(runner_of(raising(error))) == text


class FailingStore(InMemoryArtifactStore):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def save(self, artifact_id: str, message: Message) -> None:
        raise self.error


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ArtifactStoreError("correct-horse is too large"), "${PASSWORD} is too large"),
        (TypeError("correct-horse"), "TypeError: ${PASSWORD}"),
    ],
)
def test_a_message_that_cannot_be_saved_fails_its_artifact(error: Exception, text: str) -> None:
    assert error_of(runner_of(store=FailingStore(error))) == text


@pytest.mark.parametrize("error", [DatabaseError("full"), RunTakenOverError("gone")])
def test_an_error_of_the_runs_own_database_ends_the_run(error: Exception) -> None:
    with pytest.raises(type(error), match=str(error)):
        runner_of(store=FailingStore(error)).run(TASK)

    class Past:
        def message_of(self, run_id: str, artifact: str) -> Message:
            raise error

    with pytest.raises(type(error), match=str(error)):
        runner_of(past=Past()).run(ArtifactTask("a", ANY_SCHEMA, past=PastArtifact("r1", "b", ANY_SCHEMA)))


OTHER = Schema("other", "1.0.0")


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (Message("", ["x"], ANY_SCHEMA), "'read' returned a message whose content is not a JSON object"),
        (Message("", {}, OTHER), "'read' was asked for any/1.0.0 and returned other/1.0.0"),
        (Message(7, {}, ANY_SCHEMA), "'read' returned a message whose id is int instead of str"),
        (Message("", {}, ANY_SCHEMA, "x"), "'read' returned a message whose context is not a JSON object"),
        (Message("", {}, ANY_SCHEMA, {"x": object()}), "'read' returned a message whose context is not JSON: "),
    ],
)
def test_a_component_must_return_a_message_that_can_be_stored(made: Any, text: str) -> None:
    assert error_of(runner_of(lambda _: made)).startswith(text)


class Odd:
    """A component and its factory; it returns a text instead of a message."""

    def create(self, _properties: Mapping[str, Any]) -> Any:
        return self

    def extract(self, _schema: Schema) -> Any:
        return "text"

    def process(self, _inputs: Sequence[Message], _schema: Schema) -> Any:
        return "text"


def test_a_component_that_returns_no_message_is_named() -> None:
    runner = runner_of()
    odd = {"odd": Odd()}
    runner._registry = replace(runner._registry, connector_factories=odd, analyser_factories=odd)
    expected = "'odd' returned str instead of a Message"
    assert error_of(runner, replace(TASK, source="odd")) == expected
    assert error_of(runner, replace(TASK, source=None, process="odd")) == expected


def test_a_message_with_a_context_is_kept_as_it_is() -> None:
    message = Message("id", {"made": 1}, ANY_SCHEMA, {"pages": 3})
    result = runner_of(lambda _: message).run(TASK)
    assert result is not None
    assert result.message == message


def test_an_artifact_without_a_component_is_its_default_a_past_artifact_or_missing() -> None:
    class Past:
        def message_of(self, run_id: str, artifact: str) -> Message:
            return message_of(past=[run_id, artifact])

    runner = runner_of(past=Past())
    task = ArtifactTask("a", ANY_SCHEMA, past=PastArtifact("r1", "b", ANY_SCHEMA))
    made = [runner.run(variant) for variant in (replace(task, default={"data": []}, missing="no"), task)]
    assert [result.message for result in made if result is not None] == [
        message_of(data=[]),
        message_of(past=["r1", "b"]),
    ]
    assert error_of(runner, replace(task, missing="the disk was not mounted")) == "the disk was not mounted"


def test_an_analyser_receives_its_inputs_merged_and_the_asked_for_schema() -> None:
    store = InMemoryArtifactStore()
    for name in ("b", "c"):
        store.save(name, message_of(data=[name]))
    runner = runner_of(store=store, process=lambda properties, inputs: {**properties, "seen": inputs[0].content})
    task = ArtifactTask("a", ANY_SCHEMA, inputs=("c", "b"), input_schemas=(ANY_SCHEMA,))
    merged = runner.run(task)
    assert merged is not None
    assert merged.message == message_of(data=["c", "b"])
    analysed = runner.run(replace(task, process="analyse", properties={"deep": "${PASSWORD}"}))
    assert analysed is not None
    assert analysed.message == message_of(deep="${PASSWORD}", seen={"data": ["c", "b"]})


def test_a_component_is_created_with_resolved_properties_in_the_runbooks_folder(tmp_path: Path) -> None:
    received: list[Any] = []
    runner = runner_of(lambda properties: received.append(properties) or {})
    create = runner._registry.connector_factories["read"].create

    def creating(properties: Mapping[str, Any]) -> Any:
        received.append(resolve_path("x"))
        return create(properties)

    runner._registry.connector_factories["read"].create = creating
    runner.run(replace(TASK, properties={"login": "me:${PASSWORD}"}, folder=tmp_path))
    assert received == [tmp_path / "x", {"login": "me:correct-horse"}]


@pytest.mark.parametrize(
    ("task", "text"),
    [
        (replace(TASK, source="raed"), "There is no connector named 'raed'. Did you mean 'read'?"),
        (
            replace(TASK, source=None, process="analyze"),
            "There is no analyser named 'analyze'. Did you mean 'analyse'?",
        ),
    ],
)
def test_an_unknown_component_is_a_final_error(task: ArtifactTask, text: str) -> None:
    runner = runner_of()
    assert error_of(runner, task) == text
    assert runner.ended["a"].is_final


def test_a_component_that_cannot_be_imported_is_reported_with_the_reason() -> None:
    class Broken(dict[str, Any]):
        broken: ClassVar = {"read": "ImportError: no driver"}

    runner = runner_of()
    runner._registry = replace(runner._registry, connector_factories=Broken())
    assert error_of(runner).startswith("The connector 'read' cannot be imported: ImportError: no driver")
