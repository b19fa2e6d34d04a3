"""The house stands as it is drawn: who may know whom, who may ask the environment, what files look like."""

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
PACKAGE = REPOSITORY / "waivern"
MODULES = sorted(PACKAGE.rglob("*.py"))
LONGEST_FILE = 300
SAYS_NOTHING = {"utils", "util", "helpers", "helper", "manager", "managers", "misc", "common", "service"}

READ_THE_ENVIRONMENT = {
    "waivern/settings.py": "the settings",
    "waivern/runbooks/variables/substitution.py": "what ${NAME} stands for",
    "waivern/components/environment.py": "what stands for a property that a runbook leaves out",
    "waivern/connectors/git/program.py": "hands the environment over to git, less what would change what git does",
    "waivern/bootstrap.py": "hands the environment over, as what ${NAME} stands for",
    "waivern/service/hook_command.py": "hands it on to the operator's own command",
    "waivern/runbooks/variables/watched_environment.py": "passes the environment on and records look-ups",
    "waivern/cli/shell/exit_codes.py": "click's own variable for shell completion",
}


def contracts() -> list[dict[str, object]]:
    configured = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    found: list[dict[str, object]] = configured["tool"]["importlinter"]["contracts"]
    return found


def test_every_import_contract_is_kept() -> None:
    linted = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports; raise SystemExit(lint_imports())"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert linted.returncode == 0, linted.stdout[linted.stdout.find("Contracts") :] + linted.stderr


def test_no_contract_has_a_hole() -> None:
    """Each of these settings lets through what a contract forbids: none may be set, the code is moved instead."""
    holes = {"ignore_imports", "unmatched_ignore_imports_alerting", "exclude_type_checking_imports"}
    linted = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    assert not holes & {key for contract in [linted, *contracts()] for key in contract}


def test_whoever_is_not_forbidden_a_library_is_named_here() -> None:
    """A new folder belongs on the list of every contract that forbids something, or here."""
    allowed = {
        "sqlalchemy": {"waivern.database", "waivern.connectors.sql_database"},
        "alembic": {"waivern.database"},
        "click": {"waivern.cli"},
        "apscheduler": {"waivern.service"},
    }
    for contract in contracts():
        if contract["type"] == "forbidden":
            library = contract["forbidden_modules"][0]  # type: ignore[index]
            forbidden = set(contract["source_modules"])  # type: ignore[call-overload]
            free = {module for module in top_level() if not covers(forbidden, module)}
            assert free == allowed[library], f"{contract['name']}: {free ^ allowed[library]}"


def top_level() -> Iterator[str]:
    """The folders and files of the house; connectors one by one."""
    for path in PACKAGE.iterdir():
        if path.name == "connectors":
            yield from (f"waivern.connectors.{each.name}" for each in path.iterdir() if (each / "__init__.py").exists())
        elif (path / "__init__.py").exists() or (path.suffix == ".py" and path.name != "__init__.py"):
            yield f"waivern.{path.stem}"


def covers(modules: set[str], module: str) -> bool:
    return any(module == each or module.startswith(f"{each}.") for each in modules)


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.relative_to(REPOSITORY).as_posix())
class TestEveryModule:
    def test_it_says_what_it_is_for(self, module: Path) -> None:
        said = ast.get_docstring(ast.parse(module.read_text(encoding="utf-8")))
        is_empty = module.name == "__init__.py" and not module.read_text(encoding="utf-8").strip()
        assert said or is_empty

    def test_it_is_short_enough_to_be_read_at_once(self, module: Path) -> None:
        assert len(module.read_text(encoding="utf-8").splitlines()) <= LONGEST_FILE

    def test_it_is_called_after_what_it_is_about(self, module: Path) -> None:
        steps = module.relative_to(PACKAGE).with_suffix("").parts
        folders, name = steps[:-1], steps[-1]
        assert name not in SAYS_NOTHING
        assert not name.endswith(("_manager", "_service", "_helper", "_utils"))
        assert not set(folders) & (SAYS_NOTHING - {"service"})

    def test_it_asks_the_environment_only_where_that_is_its_task(self, module: Path) -> None:
        reads = reads_of_environment(ast.parse(module.read_text(encoding="utf-8")))
        if reads:
            assert module.relative_to(REPOSITORY).as_posix() in READ_THE_ENVIRONMENT, f"lines {reads}"


def test_those_who_may_ask_the_environment_do() -> None:
    for name in READ_THE_ENVIRONMENT:
        assert reads_of_environment(ast.parse((REPOSITORY / name).read_text(encoding="utf-8"))), name


def reads_of_environment(tree: ast.AST) -> list[int]:
    names = {"environ", "environb", "getenv", "getenvb"}
    return [
        node.lineno
        for node in ast.walk(tree)
        if (isinstance(node, ast.Attribute) and node.attr in names)
        or (isinstance(node, ast.ImportFrom) and node.module == "os" and names & {each.name for each in node.names})
    ]
