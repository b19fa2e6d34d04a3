"""Remembered results in a run: values of variables are not remembered, and errors of the memory fail nothing."""

import asyncio
import logging
from collections.abc import Collection, Mapping
from typing import Any

import pytest

from tests.components.test_partwise import LENGTHS, TEXT, Lengths, message
from waivern import DAGExecutor, InMemoryArtifactStore
from waivern.components.partwise import PartResults
from waivern.errors import ContentUnavailableError, DatabaseUnavailableError
from waivern.plans.dag import ExecutionDAG
from waivern.plans.plan import ExecutionPlan
from waivern.runbooks.model.runbook import Runbook
from waivern.runs.run import RunStatus
from waivern.testing.builders import FunctionFactory, InMemoryPartResults, registry_of


class Echo(Lengths):
    """Remembers its texts, which is what analysers must not do."""

    def analyse(self, part: Any, context: Any) -> Any:
        return [item["content"] for item in part.items]

    def combine(self, envelopes: Any, parts: Any, output_schema: Any) -> Any:
        texts = [text for part in parts for text in part.result]
        return super().combine(envelopes, [], output_schema).__class__("", {"texts": texts}, output_schema)


class Unavailable(PartResults):
    def find(self, key: str, parts: Collection[str]) -> Mapping[str, bytes]:
        raise DatabaseUnavailableError("it is locked")

    def remember(self, key: str, results: Mapping[str, bytes]) -> None:
        raise DatabaseUnavailableError("it is locked")


def executed(results: PartResults, source: Any, analyser: type[Lengths] = Echo) -> Any:
    store = InMemoryArtifactStore()
    registry = registry_of(store, connectors={"read": source})
    registry.analyser_factories["lengths"] = FunctionFactory(analyser, lambda *_: None)
    registry.analyser_factories["lengths"].create = lambda properties: analyser(properties)
    artifacts = {"texts": {"source": {"type": "read"}}, "found": {"inputs": "texts", "process": {"type": "lengths"}}}
    runbook = Runbook.model_validate({"name": "n", "description": "d", "artifacts": artifacts})
    schemas = {"texts": (None, TEXT), "found": ([TEXT], LENGTHS)}
    plan = ExecutionPlan(runbook, ExecutionDAG(runbook.artifacts), schemas, variables=frozenset({"KEY"}))
    executor = DAGExecutor(registry, store=store, part_results=results, environment={"KEY": "correct horse"})
    return asyncio.run(executor.execute(plan))


def test_a_result_with_the_value_of_a_variable_is_not_remembered() -> None:
    remembered = InMemoryPartResults()
    executed(remembered, lambda _: message("correct battery", "by c", "staple"))
    assert [value for value in remembered.results.values() if b"staple" in value]

    class Leaking(Echo):
        def analyse(self, part: Any, context: Any) -> Any:
            return ["correct horse"]

    remembered.results.clear()
    executed(remembered, lambda _: message("a", "b"), Leaking)
    assert not [value for value in remembered.results.values() if b"horse" in value]


def test_a_memory_that_fails_is_logged_and_the_run_succeeds(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        result = executed(Unavailable(), lambda _: message("a", "b"))
    assert result.status is RunStatus.SUCCEEDED
    assert "cannot be remembered: it is locked" in caplog.text


def test_inputs_that_cannot_be_read_from_the_runs_database_end_the_run() -> None:
    class Reading(Echo):
        def analyse(self, part: Any, context: Any) -> Any:
            raise ContentUnavailableError("it is locked")

    with pytest.raises(DatabaseUnavailableError, match="it is locked"):
        executed(InMemoryPartResults(), lambda _: message("a"), Reading)
