"""The limits of time and memory for each file: what exceeds them ends alone and is named."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from pydantic import ValidationError

from tests.builders.scanned_files import InMemory, scan_of, texts_of
from tests.files.test_archives import zipped
from waivern.files.formats import registry
from waivern.files.formats.registry import Format
from waivern.files.parsers import process
from waivern.files.scanning import FileScan
from waivern.files.selection import FileSelection

DOCUMENT = Format("a faulty document", "tests.builders.faulty_parser")
TEXT = Format("a faulty text", "tests.builders.faulty_parser", is_text=True, has_one_encoding=True)
NEVER = float("inf")
BEGINNING = "only its beginning was scanned: "


@pytest.fixture(autouse=True)
def _faulty_formats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.FORMATS, ".document", DOCUMENT)
    monkeypatch.setitem(registry.FORMATS, ".faulty", TEXT)


def entries(scan: FileScan) -> list[tuple[str, str]]:
    return [(entry["name"], entry["code"]) for entry in scan.not_scanned]


@pytest.mark.parametrize("fault", ["loop", "loop in C", "sleep"])
@pytest.mark.parametrize("suffix", ["document", "faulty"])
def test_a_parser_that_hangs_is_ended_and_every_other_file_is_scanned(fault: str, suffix: str) -> None:
    files = [("a.csv", "name\nAnn Smith\n"), (f"b.{suffix}", f"Bob\n{fault}"), ("c.csv", "name\nEve Jones\n")]
    scan = FileScan(FileSelection(file_time_limit=0.2), source="here", connector_type="filesystem")
    scan.read([InMemory(name, content.encode()) for name, content in files])
    extracted = suffix == "document"
    assert entries(scan) == [("b.document" if extracted else "b.faulty", "time_limit")]
    reason = "parsing it takes more than file_time_limit (0.2 seconds)"
    assert scan.not_scanned[0]["reason"] == f"{BEGINNING if extracted else ''}{reason}"
    assert scan.scanned == 2 + extracted
    assert [item["content"] for item in scan.items] == ["Ann Smith", *["Bob"] * extracted, "Eve Jones"]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not limit a process's memory")
@pytest.mark.parametrize("suffix", ["document", "faulty"])
def test_a_parser_that_fills_the_memory_is_ended(suffix: str) -> None:
    scan = scan_of(f"b.{suffix}", "Bob\nfill the memory", file_memory_limit="50MB")
    assert [code for _, code in entries(scan)] == ["memory_limit"]
    reason = "parsing it takes more than file_memory_limit (50000000 bytes)"
    assert scan.not_scanned[0]["reason"] == f"{BEGINNING if suffix == 'document' else ''}{reason}"
    assert [item["content"] for item in scan_of("a.csv", "name\nAnn Smith\n").items] == ["Ann Smith"]


@pytest.mark.parametrize(("fault", "end"), [("crash", "ended by SIGSEGV"), ("exit", "ended")])
def test_a_parser_that_crashes_ends_alone(fault: str, end: str) -> None:
    scan = scan_of("b.document", f"Bob\n{fault}")
    assert texts_of(scan) == {"b.document": "Bob"}
    assert entries(scan) == [("b.document", "damaged")]
    assert scan.not_scanned[0]["reason"] == f"{BEGINNING}a faulty document that cannot be read: the parser {end}"


def test_only_the_member_of_an_archive_that_exceeds_a_limit_is_named() -> None:
    content = zipped({"a.csv": b"name\nAnn Smith\n", "b.faulty": b"Bob\nloop", "c.csv": b"name\nEve Jones\n"})
    scan = scan_of("x.zip", content, file_time_limit=0.2)
    assert entries(scan) == [("x.zip!/b.faulty", "time_limit")]
    assert [item["content"] for item in scan.items] == ["Ann Smith", "Eve Jones"]


def test_the_output_of_a_parser_is_not_taken_for_a_reply() -> None:
    scan = scan_of("b.document", "Bob\nprint")
    assert texts_of(scan) == {"b.document": "Bob"}
    assert scan.not_scanned == []


def test_a_parser_sees_no_secrets_in_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    process.processes.close()
    monkeypatch.setenv("WAIVERN_DATABASE_URL", "postgresql://user:secret@host/name")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    names = texts_of(scan_of("b.document", "Bob\nshow the environment"))["b.document"].split("\n")
    assert not {"WAIVERN_DATABASE_URL", "AWS_SECRET_ACCESS_KEY"} & set(names)


def test_one_process_parses_one_file_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    process.processes.close()
    started: list[process.ParserProcess] = []

    class Counted(process.ParserProcess):
        def __init__(self) -> None:
            super().__init__()
            started.append(self)

    monkeypatch.setattr(process, "ParserProcess", Counted)
    for number in range(20):
        scan_of(f"{number}.csv", "name\nAnn Smith\n")
    scan_of("x.eml", "Subject: x\n\nSee the attached file.\n")
    assert len(started) == 1


def test_plain_text_needs_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    process.processes.close()
    monkeypatch.setattr(process, "ParserProcess", None)
    assert texts_of(scan_of("a.txt", "Ann Smith")) == {"a.txt": "Ann Smith"}


def test_a_file_is_named_if_no_process_can_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> process.ParserProcess:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    process.processes.close()
    monkeypatch.setattr(process, "ParserProcess", fail)
    scan = scan_of("a.csv", "name\nAnn Smith\n")
    assert entries(scan) == [("a.csv", "unreadable")]


def test_a_process_that_ends_before_it_is_ready_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    process.processes.close()
    monkeypatch.setattr(process, "_PROGRAM", "")
    scan = scan_of("a.csv", "name\nAnn Smith\n")
    assert entries(scan) == [("a.csv", "unreadable")]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux signals the end of the other process")
def test_a_parser_that_hangs_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    id_file = tmp_path / "id"
    program = (
        "from tests.builders.scanned_files import scan_of; from waivern.files.formats import registry;"
        "from tests.files.test_file_limits import DOCUMENT; registry.FORMATS['.document'] = DOCUMENT;"
        f"scan_of('b.document', 'Bob\\nwrite the process id and loop\\n{id_file}')"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    scanning = subprocess.Popen([sys.executable, "-c", program], env=environment)
    try:
        parser = int(_eventually(lambda: id_file.read_text() if id_file.exists() else ""))
    finally:
        scanning.kill()
        scanning.wait()
    try:
        assert _eventually(lambda: "" if _is_running(parser) else "ended") == "ended"
    finally:
        with suppress(ProcessLookupError):
            os.kill(parser, signal.SIGKILL)


@pytest.mark.parametrize(
    "properties",
    [{"file_time_limit": 0}, {"file_time_limit": NEVER}, {"file_memory_limit": 0}, {"file_memory_limit": "a lot"}],
)
def test_a_limit_of_zero_infinity_or_without_a_number_is_refused(properties: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        FileSelection.model_validate(properties)


def _eventually(value: Callable[[], str]) -> str:
    for _ in range(600):
        found = value()
        if found.endswith("\n") or found == "ended":
            return found
        time.sleep(0.1)
    return ""


def _is_running(process_id: int) -> bool:
    try:
        return " Z " not in Path(f"/proc/{process_id}/stat").read_text()
    except FileNotFoundError:
        return False
