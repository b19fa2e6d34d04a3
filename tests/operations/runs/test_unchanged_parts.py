"""A second run analyses only what has changed, and finds what a run without memory finds."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.builders.callers import CALLER
from waivern import ComponentRegistry, DAGExecutor, Message, Planner, ServiceContainer
from waivern.analysers.indicators.analyser import IndicatorAnalyser
from waivern.components.partwise import InputPart
from waivern.database.blobs.part_results import SqlPartResults
from waivern.database.data.sql_retention import SqlRetention
from waivern.database.runs.run_store import SqlRunStore
from waivern.history.retention import PruneRequest
from waivern.runs.run import RunStatus


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    for number in range(24):
        write(folder, number, f"Amelia Hart, amelia{number}@example.org\n")
    (folder / "people.csv").write_text("name,email\n" + "Amelia Hart,amelia@example.org\n" * 3_000)
    monkeypatch.chdir(tmp_path)
    return folder


def write(folder: Path, number: int, line: str) -> None:
    (folder / f"{number}.txt").write_text(line + "nothing to see in this line\n" * 700)


@pytest.fixture
def analysed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of items of each part that is analysed."""
    numbers: list[int] = []
    analyse_all = IndicatorAnalyser.analyse_all

    def counted(analyser: IndicatorAnalyser, parts: Sequence[tuple[InputPart, Any]]) -> Any:
        numbers.extend(len(part.items) for part, _ in parts)
        return analyse_all(analyser, parts)

    monkeypatch.setattr(IndicatorAnalyser, "analyse_all", counted)
    return numbers


def run(
    engine: sa.Engine, *, environment: dict[str, str] | None = None, retain: str | None = None, **properties: Any
) -> Message:
    """Return the findings of a run, after checking that a run without memory has the same."""
    source = {
        "source": {"type": "filesystem", "properties": {"path": "files"}},
        **({"retain": retain} if retain else {}),
    }
    found = {"inputs": "files", "process": {"type": "personal_data", "properties": properties}}
    runbook = {"name": "Scan", "description": "Files", "artifacts": {"files": source, "found": found}}
    messages = []
    for results in (SqlPartResults(engine), None):
        registry = ComponentRegistry(ServiceContainer())
        plan = Planner(registry).plan_from_dict(runbook)
        started = SqlRunStore(engine).create(plan, trigger="test", caller=CALLER)
        executor = DAGExecutor(registry, store=started.store, part_results=results, environment=environment or {})
        result = asyncio.run(executor.execute(plan, run_log=started.log))
        assert result.status is RunStatus.SUCCEEDED, {name: each.error for name, each in result.artifacts.items()}
        message = result.artifacts["found"].message
        assert message is not None
        messages.append(message)
    assert messages[0].content == messages[1].content
    return messages[0]


def test_only_changed_files_are_analysed(engine: sa.Engine, files: Path, analysed: list[int]) -> None:
    def parts_of_one_of_two_runs(**properties: Any) -> int:
        analysed.clear()
        run(engine, **properties)
        return len(analysed) - in_all

    run(engine)
    in_all = len(analysed) // 2
    assert in_all > 20
    assert parts_of_one_of_two_runs() == 0
    write(files, 7, "Ben Stone, ben@example.org\n")
    assert parts_of_one_of_two_runs() == 1
    (files / "8.txt").unlink()
    in_all -= 1
    assert parts_of_one_of_two_runs() == 0
    assert parts_of_one_of_two_runs(confidence_threshold=0.9) == in_all
    assert parts_of_one_of_two_runs(confidence_threshold=0.9) == 0
    table = (files / "people.csv").read_text()
    (files / "people.csv").write_text(table.replace("name,email", "name,contact", 1))
    assert 0 < parts_of_one_of_two_runs() < in_all / 2
    assert parts_of_one_of_two_runs() == 0


def test_a_nightly_run_that_keeps_no_raw_data_is_not_analysed_again(
    engine: sa.Engine, files: Path, analysed: list[int]
) -> None:
    run(engine, retain="none")
    in_all = len(analysed) // 2
    SqlRetention(engine).prune(PruneRequest(), caller=CALLER)
    analysed.clear()
    run(engine, retain="none")
    assert len(analysed) == in_all
    assert files.exists()
