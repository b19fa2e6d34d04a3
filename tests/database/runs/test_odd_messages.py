"""Whatever a component returns fails its artifact only, or is stored and can be read."""

import asyncio
import logging
import math
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import sqlalchemy as sa

from tests.builders.callers import CALLER
from waivern import DAGExecutor, InMemoryArtifactStore, Message
from waivern.database.runs.history import SqlHistory
from waivern.database.runs.run_store import SqlRunStore
from waivern.runs.result import ExecutionResult
from waivern.runs.run import ArtifactStatus, RunStatus
from waivern.testing.builders import ANY_SCHEMA, plan_of, registry_of

FINGERPRINT = "ab" * 16


class RaisingDict(dict[str, Any]):
    """A JSON object to `isinstance`, whose content cannot be read."""

    def __iter__(self) -> Iterator[str]:
        raise LookupError("no keys")

    def items(self) -> Any:
        raise LookupError("no items")

    def get(self, *_: Any) -> Any:
        raise LookupError("no value")


class SilentError(Exception):
    """An error that cannot be turned into text."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


def silent() -> Any:
    raise SilentError


def finding(**changes: Any) -> dict[str, Any]:
    values = {
        "fingerprint": FINGERPRINT,
        "rule": "r",
        "category": "c",
        "matched_patterns": [{"pattern": "p", "match_count": 1}],
        "metadata": {"source": "s"},
        "location": {"file_path": "x"},
    }
    return {"findings": [{**values, **changes}]}


def nested(depth: int) -> dict[str, Any]:
    value: Any = "bottom"
    for _ in range(depth):
        value = [value]
    return {"value": value}


def cyclic() -> dict[str, Any]:
    content: dict[str, Any] = {}
    content["self"] = content
    return content


def with_context(context: Any) -> Message:
    return Message("", {"made": 1}, ANY_SCHEMA, context)


REFUSED: Mapping[str, Any] = {
    "more matches than an integer holds": lambda: finding(matched_patterns=[{"match_count": 2**63}]),
    "a negative number of matches": lambda: finding(matched_patterns=[{"match_count": -1}]),
    "a confidence without a float": lambda: finding(confidence=10**400),
    "patterns that are texts": lambda: finding(matched_patterns=["email"]),
    "patterns that are a number": lambda: finding(matched_patterns=7),
    "an endless fingerprint": lambda: finding(fingerprint="f" * 5000),
    "an endless rule": lambda: finding(rule="r" * 5000),
    "an endless severity": lambda: finding(severity="severe" * 20),
    "coverage gaps that are a number": lambda: {**finding(), "analysis_metadata": {"not_scanned": 5}},
    "a context that is no JSON": lambda: with_context({"when": object()}),
    "a context with a surrogate": lambda: with_context({"name": "\ud800"}),
    "a context with numbers as keys": lambda: with_context({1: 2}),
    "a context that is a list": lambda: with_context(["a"]),
    "a cyclic context": lambda: with_context(cyclic()),
    "a message with a number as its id": lambda: Message(7, {"made": 1}, ANY_SCHEMA),  # type: ignore[arg-type]
    "an object": lambda: {"value": object()},
    "an object among the items": lambda: {"items": [1, object()]},
    "a surrogate": lambda: {"value": "\ud800"},
    "a surrogate as a key": lambda: {"\ud800": 1},
    "numbers as keys": lambda: {1: 2},
    "a cycle": cyclic,
    "endless nesting": lambda: nested(100_000),
    "an object whose content cannot be read": lambda: RaisingDict(a=1),
    "a list as content": lambda: [1],
    "None": lambda: None,
    "an error without text": silent,
}

STORED: Mapping[str, Any] = {
    "coverage gaps without names": lambda: {**finding(), "analysis_metadata": {"not_scanned": [{"file": "x.bin"}]}},
    "coverage gaps that are texts": lambda: {**finding(), "analysis_metadata": {"not_scanned": ["x.bin", None]}},
    "samples that are texts": lambda: {**finding(), "analysis_metadata": {"sampled": [{"read": "4", "of": "60"}]}},
    "samples that are true": lambda: {**finding(), "analysis_metadata": {"sampled": [{"read": True, "total": True}]}},
    "a huge integer": lambda: {"value": 2**200},
    "a huge integer in the context": lambda: with_context({"value": 2**63}),
    "a number that is none": lambda: {"value": math.nan},
    "an infinite confidence": lambda: finding(confidence=math.inf),
    "infinitely many matches": lambda: finding(matched_patterns=[{"match_count": math.inf}]),
    "a fingerprint with NUL": lambda: finding(fingerprint="a\x00b", rule="\x00", location={"file_path": "\x00"}),
    "a long path": lambda: finding(location={"file_path": "".join(chr(0x4E00 + n * 7 % 5000) for n in range(5000))}),
    "a NUL in the context": lambda: with_context({"\x00": "\x00"}),
}


@pytest.fixture(scope="module", autouse=True)
def quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def execute(engine: sa.Engine, messages: Mapping[str, Any]) -> tuple[ExecutionResult, str]:
    """Execute a run with one optional artifact per message, one that must succeed, and one derived from each."""
    names = {f"odd{number}": name for number, name in enumerate(messages)}
    optional = {"optional": True}
    plan = plan_of(
        {
            "good": {"source": {"type": "make", "properties": {"name": ""}}, "output": True},
            **{
                key: {"source": {"type": "make", "properties": {"name": name}}, **optional}
                for key, name in names.items()
            },
            **{f"{key}_read": {"inputs": [key], "process": {"type": "read"}, **optional} for key in names},
        }
    )
    registry = registry_of(
        InMemoryArtifactStore(),
        connectors={"make": lambda properties: messages[name]() if (name := properties["name"]) else {"made": "well"}},
        analysers={"read": lambda _properties, inputs: {"read": sorted(inputs[0].content)}},
    )
    run = SqlRunStore(engine).create(plan, trigger="test", caller=CALLER)
    result = asyncio.run(DAGExecutor(registry, store=run.store).execute(plan, run_log=run.log))
    assert {names.get(key.removesuffix("_read"), key) for key in (*result.artifacts, *result.skipped)} == {
        *messages,
        "good",
    }
    assert SqlHistory(engine).find(run.run_id).status is result.status
    return result, run.run_id


def test_content_that_cannot_be_stored_fails_its_artifact_and_not_the_run(engine: sa.Engine) -> None:
    result, run_id = execute(engine, REFUSED)
    assert result.status is RunStatus.SUCCEEDED
    succeeded = [name for number, name in enumerate(REFUSED) if result.artifacts[f"odd{number}"].success]
    assert succeeded == []
    assert all(ended.error for name, ended in result.artifacts.items() if name != "good")
    stored = {artifact.artifact_id: artifact.status for artifact in SqlHistory(engine).artifacts_of(run_id)}
    assert stored["good"] is ArtifactStatus.SUCCEEDED
    assert {stored[f"odd{number}"] for number, _ in enumerate(REFUSED)} == {ArtifactStatus.FAILED}


def test_odd_content_that_can_be_stored_can_be_read(engine: sa.Engine) -> None:
    result, run_id = execute(engine, STORED)
    assert result.status is RunStatus.SUCCEEDED
    errors = {name: result.artifacts[f"odd{number}"].error for number, name in enumerate(STORED)}
    assert errors == dict.fromkeys(STORED)
    history = SqlHistory(engine)
    for artifact in history.artifacts_of(run_id):
        assert artifact.status is ArtifactStatus.SUCCEEDED
        history.coverage_gaps_of(run_id, artifact.artifact_id)
    assert {found.fingerprint for _, found in history.findings_of(run_id)} == {FINGERPRINT, "a\\x00b"}


def test_content_that_cannot_be_stored_fails_its_artifact_in_memory_too() -> None:
    plan = plan_of({name.replace(" ", "_"): {"source": {"type": name}, "optional": True} for name in REFUSED})
    connectors = {name: lambda _properties, make=make: make() for name, make in REFUSED.items()}
    result = asyncio.run(DAGExecutor(registry_of(InMemoryArtifactStore(), connectors=connectors)).execute(plan))
    assert result.status is RunStatus.SUCCEEDED
