"""What is installed is whole: the wheel is built, installed into a fresh venv, and used from somewhere else."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
import sqlalchemy as sa

from waivern import __version__

REPOSITORY = Path(__file__).parents[2]
QUICKSTART = REPOSITORY / "examples" / "quickstart"


def clean_environment(**more: str) -> dict[str, str]:
    """The environment as a user has it who has just installed Waivern."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("WAIVERN_", "PYTHON"))}
    return {**ours, **more}


def run(*arguments: str | Path, folder: Path, environment: Mapping[str, str] | None = None) -> str:
    """Standard output of a command that must succeed."""
    ended = subprocess.run(
        [str(argument) for argument in arguments],
        cwd=folder,
        env=environment or clean_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ended.returncode == 0, f"{arguments} ended with {ended.returncode}\n{ended.stdout}\n{ended.stderr}"
    return ended.stdout


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the source distribution, so that both are known to be whole."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, folder=REPOSITORY)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` of a fresh venv with the wheel; the libraries that it needs are those of this Python."""
    venv = tmp_path_factory.mktemp("venv")
    run(sys.executable, "-m", "venv", venv, folder=venv)
    run(venv / "bin/python", "-m", "pip", "install", "--no-deps", "--no-index", "--quiet", wheel, folder=venv)
    (site_packages,) = venv.glob("lib/python*/site-packages")
    libraries = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (site_packages / "libraries.pth").write_text("\n".join(sorted(libraries)) + "\n", encoding="utf-8")
    return venv / "bin"


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    folder = tmp_path / "somewhere else"
    folder.mkdir()
    return folder


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A copy of the quickstart with its database made."""
    copy = shutil.copytree(QUICKSTART, tmp_path / "shop", ignore=shutil.ignore_patterns("*.db", "*.png"))
    run(sys.executable, copy / "make_shop.py", folder=copy)
    return copy


def test_the_wheel_contains_the_data_files_and_migrations(wheel: Path) -> None:
    held = set(zipfile.ZipFile(wheel).namelist())
    data = [path for path in (REPOSITORY / "waivern").rglob("*") if path.suffix in (".json", ".yaml", ".typed", ".pyi")]
    assert {path.relative_to(REPOSITORY).as_posix() for path in data} <= held
    migrations = [*(REPOSITORY / "migrations").glob("*.py"), *(REPOSITORY / "migrations" / "versions").glob("*.py")]
    assert migrations
    assert {f"waivern/database/{path.relative_to(REPOSITORY).as_posix()}" for path in migrations} <= held
    assert any(name.endswith("/licenses/LICENSE") for name in held)


def test_the_wheel_installs_only_the_package(wheel: Path) -> None:
    held = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in held} == {"waivern", f"waivern-{__version__}.dist-info"}
    assert not [name for name in held if "__pycache__" in name or name.endswith((".db", ".pyc"))]


def test_the_program_is_imported_from_where_it_was_installed(installed: Path, elsewhere: Path) -> None:
    assert run(installed / "waivern", "--version", folder=elsewhere) == f"waivern {__version__}\n"
    place = run(installed / "python", "-c", "import waivern; print(waivern.__file__)", folder=elsewhere)
    assert Path(place.strip()).is_relative_to(installed.parent)


def test_a_database_is_brought_up_and_checked_without_a_checkout(
    installed: Path, elsewhere: Path, database_url: str
) -> None:
    environment = clean_environment(WAIVERN_DATABASE_URL=database_url)
    for command in ("upgrade", "upgrade", "current", "check"):
        run(installed / "waivern", "db", command, folder=elsewhere, environment=environment)
    engine = sa.create_engine(database_url)
    assert {"runs", "artifacts", "blobs", "alembic_version"} <= set(sa.inspect(engine).get_table_names())
    engine.dispose()


def test_the_quickstart_runs_from_an_unrelated_folder(installed: Path, elsewhere: Path, shop: Path) -> None:
    output = run(installed / "waivern", "run", shop / "runbook.yaml", "--format", "json", folder=elsewhere)
    states = {artifact["artifact_id"]: artifact["status"] for artifact in json.loads(output)["artifacts"]}
    assert states == {
        "database": "succeeded",
        "files": "succeeded",
        "archive": "failed",
        "archive_findings": "skipped",
        "everything": "succeeded",
        "findings/personal_data": "succeeded",
    }
    (remembered,) = json.loads(run(installed / "waivern", "history", "--format", "json", folder=elsewhere))
    assert (remembered["runbook"], remembered["status"]) == ("Shop scan", "succeeded")
    assert (elsewhere / ".waivern" / "waivern.db").is_file()


def test_alembic_works_in_a_checkout(database_url: str) -> None:
    environment = clean_environment(WAIVERN_DATABASE_URL=database_url)
    alembic = [sys.executable, "-m", "alembic"]
    run(*alembic, "upgrade", "head", folder=REPOSITORY, environment=environment)
    assert "(head)" in run(*alembic, "current", folder=REPOSITORY, environment=environment)
    assert "No new upgrade operations" in run(*alembic, "check", folder=REPOSITORY, environment=environment)
    run(*alembic, "downgrade", "base", folder=REPOSITORY, environment=environment)
