"""The structure of the code: import contracts, access to the environment, module names and folder sizes."""

import ast
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
PACKAGE = REPOSITORY / "waivern"
MODULES = sorted(PACKAGE.rglob("*.py"))
LONGEST_FILE = 300
MOST_FILES_IN_A_FOLDER = 16
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "manager", "managers", "misc", "common", "service"}

READERS_OF_THE_ENVIRONMENT = {
    "waivern/settings.py": "reads the settings",
    "waivern/runbooks/variables/substitution.py": "resolves ${NAME}",
    "waivern/components/environment.py": "defaults of properties",
    "waivern/processes/environment.py": "passes an allow-list to the programs that Waivern starts",
    "waivern/processes/guard.py": "marks what a run starts",
    "waivern/bootstrap.py": "passes the environment on for ${NAME}",
    "waivern/runbooks/variables/watched_environment.py": "records look-ups of ${NAME}",
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
    """Each of these settings weakens a contract. None may be set: move the code instead."""
    holes = {"ignore_imports", "unmatched_ignore_imports_alerting", "exclude_type_checking_imports"}
    linted = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    assert not holes & {key for contract in [linted, *contracts()] for key in contract}


def test_only_the_named_packages_may_import_a_restricted_library() -> None:
    """A new package must be added to every contract that restricts a library, or to this list."""
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
    """Yield the top-level packages and modules; connectors one by one."""
    for path in PACKAGE.iterdir():
        if path.name == "connectors":
            yield from (
                f"waivern.connectors.{child.name}" for child in path.iterdir() if (child / "__init__.py").exists()
            )
        elif (path / "__init__.py").exists() or (path.suffix == ".py" and path.name != "__init__.py"):
            yield f"waivern.{path.stem}"


def covers(modules: set[str], module: str) -> bool:
    return any(module == prefix or module.startswith(f"{prefix}.") for prefix in modules)


def test_every_module_has_a_docstring() -> None:
    assert not [name for name, text in sources() if not ast.get_docstring(ast.parse(text))]


def test_no_module_is_too_long() -> None:
    assert not [name for name, text in sources() if len(text.splitlines()) > LONGEST_FILE]


def test_no_folder_holds_too_many_modules() -> None:
    sizes = Counter(path.parent for path in MODULES if path.name != "__init__.py")
    assert not {folder: size for folder, size in sizes.items() if size > MOST_FILES_IN_A_FOLDER}


def test_no_module_has_a_vague_name() -> None:
    vague = []
    for path in MODULES:
        *folders, name = path.relative_to(PACKAGE).with_suffix("").parts
        if name in VAGUE_NAMES or name.endswith(("_manager", "_service", "_helper", "_utils")):
            vague.append(path)
        if set(folders) & (VAGUE_NAMES - {"service"}):
            vague.append(path)
    assert not vague


def test_only_the_named_modules_read_the_environment() -> None:
    readers = {name for name, text in sources() if reads_of_environment(ast.parse(text))}
    assert readers == READERS_OF_THE_ENVIRONMENT.keys()


def sources() -> Iterator[tuple[str, str]]:
    """Yield the path and the text of every module of the package."""
    for path in MODULES:
        yield path.relative_to(REPOSITORY).as_posix(), path.read_text(encoding="utf-8")


def reads_of_environment(tree: ast.AST) -> list[int]:
    """Return the lines that use os.environ or os.getenv."""
    names = {"environ", "environb", "getenv", "getenvb"}
    return [
        node.lineno
        for node in ast.walk(tree)
        if (isinstance(node, ast.Attribute) and node.attr in names)
        or (isinstance(node, ast.ImportFrom) and node.module == "os" and names & {alias.name for alias in node.names})
    ]
