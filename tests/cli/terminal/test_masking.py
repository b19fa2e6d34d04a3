"""Stored findings are masked: no matched value appears in a message or a table row."""

import json
import sqlite3

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

RUNBOOK = """
name: Files
description: for a test
artifacts:
  files: {source: {type: filesystem, properties: {path: ./files}}, retain: none}
  found: {inputs: files, process: {type: personal_data}, output: true}
"""
NAMES = st.text("abcdefghijklmnopqrstuvwxyz", min_size=5, max_size=12)
NUMBERS = st.from_regex(r"\A\+44 7[0-9]{3} [0-9]{6}\Z")


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=st.lists(NAMES, min_size=1, max_size=20, unique=True), numbers=st.lists(NUMBERS, max_size=5))
def test_no_matched_value_is_stored_with_its_finding(ask, folder, names: list[str], numbers: list[str]) -> None:
    (folder / "files").mkdir(exist_ok=True)
    fixed = ["DE89370400440532013000", "4111 1111 1111 1111"]
    values = [f"{name}@{name}-mail.example" for name in names] + numbers + fixed
    (folder / "files" / "all.txt").write_text("\n".join(f"contact: {value};" for value in values))
    (folder / "files.yaml").write_text(RUNBOOK)
    assert ask("run", "files.yaml", "--quiet").code == 0
    stored = ask("artifacts", "show", "latest", "found").out
    found = json.loads(stored)["findings"]
    assert sum(pattern["match_count"] for one in found for pattern in one["matched_patterns"]) >= len(names) + len(
        fixed
    )
    with sqlite3.connect(folder / ".waivern" / "waivern.db") as database:
        stored += str(database.execute("SELECT * FROM findings").fetchall())
        stored += str(
            database.execute("SELECT overview, error FROM artifacts LEFT JOIN overviews ON id = overview_id").fetchall()
        )
        stored += str(database.execute("SELECT body FROM events").fetchall())
    assert not [value for value in values if value in stored or value.replace(" ", "") in stored]
