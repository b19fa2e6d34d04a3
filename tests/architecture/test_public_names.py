"""What `import waivern` gives: the same names at run time and for type checkers, and nothing slow."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import waivern

STUB = Path(waivern.__file__).with_suffix(".pyi")
SLOW = ["sqlalchemy", "alembic", "pydantic", "click", "rich", "yaml", "hyperscan", "re2", "phonenumbers", "msgspec"]


def homes_in_stub() -> dict[str, str]:
    """{public name: the module it is imported from} as type checkers see it."""
    return {
        alias.asname or alias.name: node.module or ""
        for node in ast.parse(STUB.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def test_type_checkers_see_the_same_public_names() -> None:
    assert homes_in_stub() == waivern._HOME_OF  # type: ignore[attr-defined]  # the stub tells type checkers less
    assert set(waivern.__all__) == {*homes_in_stub(), "__version__"}  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", sorted(homes_in_stub()))
def test_every_public_name_is_imported_from_its_module(name: str) -> None:
    assert getattr(waivern, name) is getattr(importlib.import_module(homes_in_stub()[name]), name)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Schemata'"):
        waivern.Schemata  # type: ignore[attr-defined]  # noqa: B018


@pytest.mark.parametrize(
    ("statement", "allowed"),
    [
        ("import waivern", set()),
        ("import waivern; waivern.WaivernError", set()),
        ("import waivern; waivern.Connector, waivern.Analyser, waivern.ComponentFactory, waivern.Message", set()),
        ("import waivern.cli.shell.main", {"click"}),
    ],
)
def test_importing_a_name_loads_no_slow_module(statement: str, allowed: set[str]) -> None:
    loaded = subprocess.run(
        [sys.executable, "-c", f"{statement}\nimport sys\nprint(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout.split()
    assert set(SLOW) & set(loaded) <= allowed
