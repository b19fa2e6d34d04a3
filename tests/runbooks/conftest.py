"""Ways to write a runbook's text to a file and read it."""

from pathlib import Path

import pytest

from waivern.errors import PlanError, WaivernError
from waivern.runbooks.reading.runbook_loader import LoadedRunbook, load_runbook


@pytest.fixture
def write(tmp_path: Path):
    def write(text: str | bytes) -> Path:
        path = tmp_path / "scan.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


@pytest.fixture
def load(write):
    def load(text: str | bytes) -> LoadedRunbook:
        return load_runbook(write(text))

    return load


@pytest.fixture
def problems(write, tmp_path):
    """Return the problems reported for a text, without its folder."""

    def problems(text: str | bytes) -> list[str]:
        with pytest.raises(WaivernError) as caught:
            load_runbook(write(text))
        found = caught.value.problems if isinstance(caught.value, PlanError) else [str(caught.value)]
        return [problem.replace(f"{tmp_path}/", "") for problem in found]

    return problems
