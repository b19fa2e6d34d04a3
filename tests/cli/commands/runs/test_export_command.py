"""`waivern export`, and `waivern run --exporter`."""

import csv
import hashlib
import io
import json
import sqlite3
import stat

import pytest

RUNBOOK = """
name: Files
description: Who writes to us
contact: DPO <dpo@example.org>
artifacts:
  files: {source: {type: filesystem, properties: {path: ./files}}}
  found: {inputs: files, process: {type: personal_data}}
  again: {inputs: found}
"""


@pytest.fixture
def scan(ask, folder):
    (folder / "files").mkdir()
    (folder / "files.yaml").write_text(RUNBOOK)

    def scanned(*options: str, code: int = 0, **files: str | None):
        for name, text in files.items():
            path = folder / "files" / f"{name}.txt"
            path.unlink() if text is None else path.write_text(text)
        outcome = ask("run", "files.yaml", "--quiet", *options)
        assert outcome.code == code, outcome.err
        return outcome

    return scanned


def test_a_run_or_a_runbooks_last_complete_run_is_exported(ask, scan) -> None:
    scan(a="ann@example.org", b="bo@example.org")
    output = [json.loads(ask("export", named).out) for named in ("latest", "Files", "files.yaml")]
    assert output[0] == output[1] == output[2]
    report = output[0]
    assert (report["description"], report["contact"]) == ("Who writes to us", "DPO <dpo@example.org>")
    assert [finding["location"] for finding in report["findings"]] == ["a.txt", "b.txt"]
    assert report["findings"][0]["artifacts"] == ["found", "again"]
    assert "ann@example.org" not in json.dumps(report)
    assert {rule["name"] for rule in report["rules"]} >= {"email_address"}
    assert json.loads(ask("export", report["run"]["id"][:18]).out)["run"] == report["run"]


def test_changes_are_exported_and_coverage_gaps_counted(ask, scan) -> None:
    scan(a="ann@example.org", b="bo@example.org")
    scan(b="\x00\x01\x02" * 50, c="cy@example.org")
    outcome = ask("export", "latest")
    report = json.loads(outcome.out)
    assert {finding["location"]: finding["change"] for finding in report["findings"]} == {
        "a.txt": "unchanged",
        "c.txt": "new",
    }
    assert [finding["location"] for finding in report["comparison"]["unknown"]] == ["b.txt"]
    assert [gap["name"] for gap in report["not_scanned"]] == ["b.txt"]
    assert "Not scanned: 1; partially scanned: 0; artifacts not produced: 0" in outcome.err


def test_all_coverage_gaps_are_exported(ask, scan, folder) -> None:
    scan(a="ann@example.org", **{f"x{number}": "\x00\x01\x02" * 50 for number in range(9)})
    assert len(json.loads(ask("export", "latest").out)["not_scanned"]) == 9


def test_a_file_is_written_atomically_with_mode_0600(ask, scan, folder) -> None:
    scan(a="ann@example.org")
    outcome = ask("export", "latest", "--format", "csv", "--output", "found.csv")
    assert (outcome.code, outcome.out) == (0, "")
    file = folder / "found.csv"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    (row,) = csv.DictReader(io.StringIO(file.read_text()))
    assert (row["rule"], row["location"], row["runbook"]) == ("email_address", "a.txt", "Files")
    assert sorted(path.name for path in folder.iterdir()) == [".waivern", "files", "files.yaml", "found.csv"]


def test_every_export_is_an_event_with_the_digest_of_its_bytes(ask, scan, folder) -> None:
    scan("--exporter", "sarif=scan.sarif", a="ann@example.org")
    assert ask("export", "latest", "--format", "csv", "--output", "found.csv").code == 0
    printed = ask("export", "latest", "--format", "junit").out
    with sqlite3.connect(folder / ".waivern" / "waivern.db") as database:
        rows = database.execute("SELECT body FROM events WHERE kind = 'run.exported' ORDER BY seq").fetchall()
    output = [json.loads(body) for (body,) in rows]
    assert [exported["format"] for exported in output] == ["sarif", "csv", "junit"]
    written = [(folder / "scan.sarif").read_bytes(), (folder / "found.csv").read_bytes(), printed.encode()]
    assert [exported["digest"] for exported in output] == [hashlib.sha256(content).hexdigest() for content in written]


def test_a_run_can_be_exported_as_it_ends(scan, folder) -> None:
    scan("--exporter", "sarif=scan.sarif", "--exporter", "csv", a="ann@example.org")
    assert len(json.loads((folder / "scan.sarif").read_text())["runs"][0]["results"]) == 1
    (written,) = folder.glob("*.csv")
    assert "email_address" in written.read_text()


def test_an_invalid_exporter_option_is_refused_before_the_run(ask, scan, folder) -> None:
    outcome = scan("--exporter", "sarfi=scan.sarif", code=2)
    assert "There is no export format 'sarfi' Did you mean 'sarif'?" in " ".join(outcome.err.split())
    outcome = scan("--exporter", "sarif=nowhere/scan.sarif", code=2)
    assert "There is no folder" in outcome.err
    assert json.loads(ask("history", "--format", "json").out) == []


def test_invalid_export_options_are_refused(ask, scan, folder, runbook) -> None:
    scan(a="ann@example.org")
    for arguments, message in [
        (("latest", "--format", "jsom"), "There is no export format 'jsom'"),
        (("latest", "--output", "nowhere/x.json"), "There is no folder"),
        (("latest", "--output", "files"), "files is a folder"),
        (("nothing",), "There is no run"),
        (("latest", "--fail-from", "dire"), "'dire' is not one of"),
    ]:
        outcome = ask("export", *arguments)
        assert (outcome.code, outcome.out) == (2, ""), arguments
        assert message in outcome.err


def test_a_failed_run_is_exported_as_incomplete(ask, folder, runbook) -> None:
    assert ask("run", runbook({"a": {"does": "fails"}, "b": {}}, name="Odd"), "--quiet").code == 3
    outcome = ask("export", "latest")
    report = json.loads(outcome.out)
    assert (outcome.code, report["complete"]) == (0, False)
    assert "The run is incomplete: it failed" in report["incomplete_reason"]
    assert "The run is incomplete" in outcome.err
    outcome = ask("export", "Odd")
    assert (outcome.code, outcome.out) == (2, "")
    assert "'Odd' has no complete run" in outcome.err


def test_a_queued_run_is_not_exported(ask, scan) -> None:
    scan(a="ann@example.org")
    assert ask("schedule", "add", "nightly", "files.yaml", "--cron", "0 2 * * *").code == 0
    assert ask("schedule", "trigger", "nightly").code == 0
    outcome = ask("export", "latest")
    assert outcome.code == 2
    assert "is still queued" in outcome.err


def test_exporters_are_listed(ask) -> None:
    listed = {component["name"]: component for component in json.loads(ask("components", "--format", "json").out)}
    assert listed["sarif"] == {
        "kind": "exporter",
        "name": "sarif",
        "inputs": [],
        "outputs": ["application/sarif+json"],
        "broken": None,
    }


def test_a_pruned_run_is_exported_without_evidence_and_with_a_warning(ask, scan, folder) -> None:
    with_retention = RUNBOOK.replace("process: {type: personal_data}", "process: {type: personal_data}, retain: none")
    (folder / "files").mkdir(exist_ok=True)
    (folder / "files.yaml").write_text(with_retention.replace("  again: {inputs: found}\n", ""))
    scan(a="ann@example.org", b="\x00\x01\x02" * 50)
    assert ask("prune").code == 0
    outcome = ask("export", "latest")
    report = json.loads(outcome.out)
    assert report["without_evidence"] == ["found"]
    (finding,) = report["findings"]
    assert (finding["location"], finding["evidence"]) == ("a.txt", None)
    assert [gap["name"] for gap in report["not_scanned"]] == ["b.txt"]
    assert "email_address" in {rule["name"] for rule in report["rules"]}
    assert "No evidence, because the content was pruned: found" in outcome.err
    assert ask("export", "latest", "--format", "sarif").code == 0


ORGANISATION = """
controller: {name: Shop Ltd}
activities:
  - {name: Letters, data_categories: [email, phone]}
"""


def test_the_organisation_file_beside_the_runbook_is_used(ask, scan, folder) -> None:
    scan(a="ann@example.org")
    (folder / "waivern-organisation.yaml").write_text(ORGANISATION)
    for named in ("record.csv", "record.xlsx", "record.html"):
        assert ask("export", "files.yaml", "--format", "ropa", "--output", named).code == 0
    rows = list(csv.DictReader(io.StringIO((folder / "record.csv").read_text())))
    statuses = {(row["section"], row["value"]): row["status"] for row in rows}
    assert statuses["record", "Shop Ltd"] == "declared"
    assert statuses["record", "email"] == "declared and found"
    assert statuses["declared but not found", "phone"] == "declared"
    assert (folder / "record.xlsx").read_bytes().startswith(b"PK")
    assert "Shop Ltd" in (folder / "record.html").read_text()
    (folder / "other.yaml").write_text("controller: {name: Other Ltd}")
    assert "Other Ltd" in ask("export", "latest", "--format", "ropa", "--organisation", "other.yaml").out


def test_an_invalid_organisation_file_is_refused_before_the_run(ask, scan, folder) -> None:
    (folder / "waivern-organisation.yaml").write_text("controler: {name: Shop Ltd}")
    outcome = scan("--exporter", "ropa=record.csv", a="ann@example.org", code=2)
    assert "waivern-organisation.yaml:1: controler is not known" in outcome.err
    assert json.loads(ask("history", "--format", "json").out) == []
    outcome = ask("export", "latest", "--format", "ropa", "--output", "record.pdf")
    assert "The format 'ropa' cannot be written to a file with the extension '.pdf'" in outcome.err


def test_a_name_that_is_not_a_valid_file_name_is_a_runbook_name(ask, scan) -> None:
    scan(a="ann@example.org")
    for command in ("export", "diff"):
        outcome = ask(command, "x" * 300)
        assert outcome.code == 2
        assert "There is no run" in outcome.err or "has no complete run" in outcome.err
