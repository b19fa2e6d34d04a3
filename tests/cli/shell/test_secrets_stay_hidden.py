"""Values of environment variables that a runbook uses are never printed, logged, stored or exported."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
import yaml
import zstandard

from waivern.exports.registry import Exporters

CANARY = "kanarienvogel/7+'x"
ENVIRONMENT = {
    "SHOP_PASSWORD": CANARY,
    "SHOP_URL": "postgresql://shop:wellensittich%2F7@127.0.0.1:1/shop",
    "WAIVERN_LOG_LEVEL": "DEBUG",
}
FORMS = ("kanarienvogel", "wellensittich")

SUCCEEDING = {
    "said": {"does": "echoes", "secret": "the password is ${SHOP_PASSWORD}", "logs_when_made": True},
    "long": {"does": "echoes", "secret": "${SHOP_PASSWORD}", "texts": ["${SHOP_PASSWORD} " * 200]},
    "logged": {"does": "logs", "text": "${SHOP_PASSWORD}"},
}
FAILING = {
    "told": {"does": "fails", "text": "no access with ${SHOP_PASSWORD}"},
    "raised": {"does": "raises", "text": "bad: ${SHOP_PASSWORD}"},
    "logged": {"does": "logs", "text": "${SHOP_PASSWORD}", "logs_when_made": True},
}


def _everything_in(database_url: str) -> Iterator[str]:
    """Yield every value of every row, with compressed content decompressed."""
    engine = sa.create_engine(database_url)
    metadata = sa.MetaData()
    metadata.reflect(engine)
    with engine.connect() as connection:
        for table in metadata.sorted_tables:
            for row in connection.execute(sa.select(table)).mappings():
                for name, value in row.items():
                    yield _as_text(value, compressed=name == "data" and row["codec"] == "zstd")
    engine.dispose()


def _as_text(value: object, *, compressed: bool) -> str:
    if not isinstance(value, bytes | memoryview):
        return str(value)
    content = zstandard.ZstdDecompressor().decompress(bytes(value)) if compressed else bytes(value)
    return content.decode("utf-8" if compressed else "latin-1")


def _files_in(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*"):
        if path.is_file() and path.suffix != ".pyc":
            yield path.read_bytes().decode("latin-1")


def _write_runbook(folder: Path, artifacts: dict[str, dict[str, object]]) -> None:
    defined = {name: {"source": {"type": "odd", "properties": properties}} for name, properties in artifacts.items()}
    unreachable = {"source": {"type": "sql_database", "properties": {"url": "${SHOP_URL}"}}, "optional": True}
    runbook = {"name": "Canary", "description": "x", "artifacts": {**defined, "shop": unreachable}}
    (folder / "scan.yaml").write_text(yaml.safe_dump(runbook))


@pytest.mark.parametrize(("artifacts", "code"), [(SUCCEEDING, 0), (FAILING, 3)], ids=["succeeding", "failing"])
@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection of expression-based index")
def test_no_resolved_value_is_printed_logged_stored_or_exported(
    folder, ask_process, database_url, artifacts, code
) -> None:
    _write_runbook(folder, artifacts)
    assert ask_process("db", "upgrade", "--db", database_url).code == 0
    exports = [
        word for form in Exporters() for word in ("--exporter", f"{form}=run.{form}.{Exporters()[form].extensions[0]}")
    ]
    started = ("run", "scan.yaml", "--db", database_url, "--output-dir", "out", *exports)
    ran = ask_process(*started, environment=ENVIRONMENT)
    queries = [
        ask_process(*arguments, "--db", database_url, environment=ENVIRONMENT)
        for arguments in (("history", "show", "latest", "--format", "json"), ("plan", "scan.yaml", "--format", "json"))
    ]
    assert ran.code == code, ran.err
    assert len(list(folder.glob("run.*"))) == len(Exporters())
    assert "${SHOP_PASSWORD}" in ran.err  # the log shows the variable instead of its value
    assert "It says" in ran.err
    assert "shop: Postgres" in ran.out or "shop: The" in ran.out
    stored = list(_everything_in(database_url))
    assert any("${SHOP_PASSWORD}" in value for value in stored)
    outputs = [ran.out, ran.err, *(query.out + query.err for query in queries), *stored, *_files_in(folder)]
    for form in FORMS:
        assert not [text[:200] for text in outputs if form in text]


def test_an_unexpected_error_shows_no_resolved_value(folder, ask, runbook, monkeypatch) -> None:
    monkeypatch.setenv("SHOP_PASSWORD", CANARY)
    monkeypatch.setenv("WAIVERN_LOG_LEVEL", "DEBUG")

    def breaks(*arguments: object, **options: object) -> None:
        raise ZeroDivisionError(f"with {CANARY}")

    monkeypatch.setattr("waivern.cli.commands.catalogue.plan.describe_plan", breaks)
    outcome = ask("plan", runbook({"a": {"secret": "${SHOP_PASSWORD}"}}))
    assert outcome.code == 3
    assert "with ${SHOP_PASSWORD}" in outcome.err
    assert "Traceback" in outcome.err
    assert "kanarienvogel" not in outcome.err
