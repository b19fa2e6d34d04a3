"""A message that is packed stays so from the source to the findings: nothing on the way wants all of it in memory."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.builders.callers import CALLER
from tests.builders.installations import migrated
from waivern import ComponentRegistry, DAGExecutor, Planner, ServiceContainer
from waivern.database.runs.history import SqlHistory
from waivern.database.runs.run_store import SqlRunStore
from waivern.messages.compressed_message import CompressedMessage
from waivern.runs.run import RunStatus

RUNBOOK: dict[str, Any] = {
    "name": "Scan",
    "description": "Files, twice",
    "artifacts": {
        "one": {"source": {"type": "filesystem", "properties": {"path": "a"}}},
        "other": {"source": {"type": "filesystem", "properties": {"path": "b"}}},
        "both": {"inputs": ["one", "other"]},
        "found": {"inputs": ["one", "other"], "process": {"type": "personal_data"}},
        "classified": {"inputs": "found", "process": {"type": "gdpr_personal_data_classifier"}},
        "code": {"inputs": "both", "process": {"type": "source_code_analyser"}},
        "services": {"inputs": "code", "process": {"type": "service_integration"}},
    },
}


def test_a_run_over_large_messages_decompresses_none_of_them(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unpack(message: CompressedMessage) -> None:
        raise AssertionError(f"all of {message.schema} is in memory")

    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        for number in range(60):
            text = f"import stripe\nemail = 'amelia{number}@example.org'\n" + f"x = {number}\n" * 5_000
            (tmp_path / folder / f"{number}.py").write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(CompressedMessage, "content", property(unpack))
    with migrated(database_url) as engine:
        registry = ComponentRegistry(ServiceContainer())
        plan = Planner(registry).plan_from_dict(RUNBOOK)
        run = SqlRunStore(engine).create(plan, trigger="test", caller=CALLER)
        executor = DAGExecutor(registry, store=run.store)
        result = asyncio.run(executor.execute(plan, run_log=run.log))
        assert {name: artifact.error for name, artifact in result.artifacts.items() if artifact.error} == {}
        assert result.status is RunStatus.SUCCEEDED
        history = SqlHistory(engine)
        assert len(list(history.items_of(run.run_id, "found", "findings"))) == 120
        assert len(list(history.items_of(run.run_id, "services", "findings"))) == 120
