"""Fixtures that run commands in this process or a child process, with test components and a private database."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.cli.odd_components import install_odd_components
from waivern.cli.shell.exit_codes import exit_code_of
from waivern.cli.shell.main import waivern

REPOSITORY = Path(__file__).parents[2]
PATIENCE_S = 30


@dataclass(frozen=True)
class Outcome:
    """The exit code and output of a command."""

    code: int
    out: str
    err: str


@pytest.fixture(scope="session")
def odd_components(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install_odd_components(tmp_path_factory.mktemp("odd_components"))


@pytest.fixture
def folder(tmp_path: Path, odd_components: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, with the test components installed and no settings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(odd_components))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(odd_components), str(REPOSITORY)]))
    for name in [name for name in os.environ if name.startswith("WAIVERN_")]:
        monkeypatch.delenv(name)
    return tmp_path


@pytest.fixture
def ask(folder: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Run a command line in this process."""

    def asked(*arguments: str) -> Outcome:
        code = exit_code_of(waivern, arguments)
        return Outcome(code, *capsys.readouterr())

    return asked


@pytest.fixture
def start(folder: Path) -> Callable[..., "subprocess.Popen[str]"]:
    """Start a command line as a child process."""

    def started(*arguments: str, environment: Mapping[str, str] | None = None) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "waivern", *arguments],
            cwd=folder,
            env={**os.environ, **(environment or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=_heed_hangups,
        )

    return started


def _heed_hangups() -> None:
    """Restore the default for SIGHUP, which is ignored in everything that `nohup` starts."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture
def ask_process(start: Callable[..., "subprocess.Popen[str]"]) -> Callable[..., Outcome]:
    """Run a command line in a child process and wait for it."""

    def asked(*arguments: str, environment: Mapping[str, str] | None = None) -> Outcome:
        with start(*arguments, environment=environment) as process:
            out, err = process.communicate(timeout=PATIENCE_S)
        return Outcome(process.returncode, out, err)

    return asked


@pytest.fixture
def runbook(folder: Path) -> Callable[..., str]:
    """Write a runbook of artifacts whose `odd` source behaves as its properties say."""

    def write(
        artifacts: Mapping[str, Mapping[str, object]],
        *,
        name: str = "Test scan",
        file: str = "scan.yaml",
        **config: object,
    ) -> str:
        defined = {
            artifact_id: dict(entry) if {"source", "inputs", "reuse"} & entry.keys() else _odd(entry)
            for artifact_id, entry in artifacts.items()
        }
        content = {"name": name, "description": "for a test", "config": config, "artifacts": defined}
        (folder / file).write_text(yaml.safe_dump(content, sort_keys=False))
        return file

    return write


def _odd(entry: Mapping[str, object]) -> dict[str, object]:
    options = {key: value for key, value in entry.items() if key in ("output", "optional")}
    properties = {key: value for key, value in entry.items() if key not in options}
    return {"source": {"type": "odd", "properties": properties}, **options}
