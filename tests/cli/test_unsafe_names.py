"""No command prints an unsafe character, whatever the names of runbooks, artifacts, files, tables and columns are."""

import json
import sqlite3
from pathlib import Path

import yaml
from hypothesis import HealthCheck, example, given, settings

from tests.exports.test_unsafe_characters import EVERY_KIND, NAMES
from tests.test_escaping import is_unsafe

LISTS = [
    *(("history",), ("history", "show", "latest"), ("artifacts", "list", "latest"), ("findings",)),
    *(("events",), ("schedule", "list"), ("schedule", "show", "nightly"), ("schedule", "next", "nightly")),
    *(("status",), ("verify",), ("diff", "latest", "latest"), ("plan", "scan.yaml"), ("validate", "scan.yaml")),
    *(("erase", "--run", "latest", "--reason", "x"), ("prune", "--dry-run", "--older-than", "0d")),
    *(("artifacts", "show", "latest", "found"), ("artifacts", "show", "latest", "files")),
    *(("db", "current"), ("rulesets",), ("components",)),
]
WITH_CSV = ("history", "artifacts list", "findings", "schedule list")


def write_sources(folder: Path, name: str) -> None:
    usable = name.replace("/", "")
    files = folder / "files"
    files.mkdir(exist_ok=True)
    for file in files.iterdir():
        file.unlink()
    (files / f"x{usable}.txt").write_text("Write to ann.example@example.org")
    (folder / "shop.db").unlink(missing_ok=True)
    with sqlite3.connect(folder / "shop.db") as database:
        table, column = (f'"{part}{usable.replace(chr(34), "")}"' for part in ("customers", "email"))
        database.execute(f"CREATE TABLE {table} ({column} TEXT)")
        database.execute(f"INSERT INTO {table} VALUES ('bob.example@example.org')")
    artifacts = {
        "files": {"source": {"type": "filesystem", "properties": {"path": "files"}}},
        "shop": {"source": {"type": "sqlite", "properties": {"path": "shop.db"}}},
        "missing": {
            "source": {"type": "filesystem", "properties": {"path": f"no{name}"}},
            "optional": True,
        },
        "found": {
            "inputs": ["files", "shop"],
            "process": {"type": "personal_data", "properties": {}},
            "output": True,
        },
    }
    runbook = {"name": f"Scan {name}", "description": name, "contact": name, "artifacts": artifacts}
    (folder / "scan.yaml").write_text(yaml.safe_dump(runbook))


@given(name=NAMES)
@example(name=EVERY_KIND)
@settings(max_examples=1, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_command_prints_an_unsafe_character(ask, folder, name: str) -> None:
    write_sources(folder, name.replace("\0", ""))
    printed = [ask("run", "scan.yaml"), ask("run", "scan.yaml", "--format", "json", "--quiet")]
    assert [outcome.code for outcome in printed] == [0, 0], printed
    ask("schedule", "remove", "nightly")
    printed.append(ask("schedule", "add", "nightly", "scan.yaml", "--cron", "0 2 * * *"))
    for command in LISTS:
        printed.append(ask(*command))
        if " ".join(command[:2]) in WITH_CSV or (command[0] in WITH_CSV and len(command) == 1):
            printed.append(ask(*command, "--format", "csv"))
        listed = ask(*command, "--format", "json")
        printed.append(listed)
        if listed.code == 0:
            json.loads(listed.out)
    found = json.loads(ask("findings", "--format", "json").out)
    for finding in found[:2]:
        printed += [ask("findings", "show", finding["fingerprint"]), ask("explain", finding["fingerprint"])]
    assert found
    for outcome in printed:
        assert unsafe_in(outcome.out + outcome.err) == []


def unsafe_in(text: str) -> list[str]:
    return [character for character in text if character != "\n" and is_unsafe(character)]
