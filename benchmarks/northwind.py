"""List the findings in each column of a database: `python -m benchmarks.northwind CREATE_SQL`.

CREATE_SQL is a script that creates the database in SQLite. Columns without findings are listed too, so that false
positives and false negatives are easy to see.
"""

import argparse
import sqlite3
import tempfile
from collections import defaultdict
from pathlib import Path

from benchmarks.measuring import print_table
from waivern.analysers.indicators.factory import PersonalDataAnalyserFactory
from waivern.connectors.sql_database.factory import SqliteConnectorFactory
from waivern.messages.schema import Schema

INDICATOR = Schema("personal_data_indicator", "1.0.0")
STANDARD_INPUT = Schema("standard_input", "1.0.0")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("create_sql", type=Path)
    script = parser.parse_args().create_sql.read_text(encoding="utf-8", errors="replace")
    with tempfile.TemporaryDirectory(prefix="waivern-benchmark-") as folder:
        path = Path(folder) / "northwind.db"
        with sqlite3.connect(path) as connection:
            connection.executescript(script)
        message = SqliteConnectorFactory().create({"path": str(path)}).extract(STANDARD_INPUT)
    content = PersonalDataAnalyserFactory().create({}).process([message], INDICATOR).content
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for finding in content["findings"]:
        location = finding["location"]
        found[location["table"], location["column"]].append(f"{finding['category']} {finding['confidence']:.0%}")
    rows = []
    for table in message.content["metadata"]["tables"]:
        columns = [column["name"] if isinstance(column, dict) else column for column in table["columns"]]
        rows += [(table["table"], column, ", ".join(found.get((table["table"], column), ["-"]))) for column in columns]
    print_table("columns", ("table", "column", "found"), rows)


if __name__ == "__main__":
    main()
