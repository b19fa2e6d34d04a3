"""Databases of the kinds that people have: which of their columns are found to hold personal data, and which are not.

Each file of `databases/` has tables with columns, and of each column what it holds and two values. What it holds is a
category, several of which any will do ("name|employment"), or "-", which is nothing of anybody; "-|account" leaves it
open. What a column holds was written down before it was tried.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.builders.detecting import analysed, cell_entry

DATABASES = sorted((Path(__file__).parent / "databases").glob("*.yaml"))
NOTHING = "-"

KNOWN_TO_BE_MISSED = {
    ("bank_and_insurance", "cards", "expiry_date"),  # it takes the number beside it to be a card's
    ("bank_and_insurance", "cards", "pin_hash"),
    ("hospital", "lab_results", "cholesterol"),  # nothing in the table is about a person but a number of the patient
    ("hospital", "prescriptions", "dosage"),
    ("hospital", "prescriptions", "prescriber"),
}


def tables_of(path: Path) -> dict[str, dict[str, list[Any]]]:
    return dict(yaml.safe_load(path.read_text(encoding="utf-8")))


def entries_of(path: Path) -> Iterator[dict[str, Any]]:
    for table, columns in tables_of(path).items():
        for column, (_, *values) in columns.items():
            for row, value in enumerate(values):
                yield cell_entry(str(value), table, column, row=str(row), source=path.stem)


@pytest.mark.parametrize("path", DATABASES, ids=lambda path: path.stem)
def test_every_column_that_holds_personal_data_is_found_and_no_other_one(path: Path):
    found: dict[tuple[str, str], set[str]] = {}
    for finding in analysed(entries_of(path))["findings"]:
        place = finding["location"]
        found.setdefault((place["table"], place["column"]), set()).add(finding["category"])
    missed, wrong = set(), {}
    for table, columns in tables_of(path).items():
        for column, (holds, *_) in columns.items():
            expected, categories = set(holds.split("|")), found.get((table, column), set())
            if NOTHING not in expected and not categories & expected:
                missed.add((path.stem, table, column))
            if categories - expected:
                wrong[table, column] = categories
    assert missed == {each for each in KNOWN_TO_BE_MISSED if each[0] == path.stem}
    assert wrong == {}


def test_there_are_databases_of_many_kinds():
    columns = [holds for path in DATABASES for table in tables_of(path).values() for holds, *_ in table.values()]
    assert len(DATABASES) >= 13
    assert sum(holds == NOTHING for holds in columns) > 200
    assert sum(NOTHING not in holds for holds in columns) > 200
