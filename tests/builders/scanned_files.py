"""Scanning files in memory."""

from dataclasses import dataclass
from typing import Any

from waivern.files.reading import within_limit
from waivern.files.scanning import FileScan
from waivern.files.selection import FileSelection
from waivern.messages.canonical import canonical_bytes


@dataclass(frozen=True)
class InMemory:
    name: str
    content: bytes

    def read(self, *, limit: int) -> bytes:
        return within_limit(self.content, limit)


def scan_of(name: str, content: bytes | str, **properties: Any) -> FileScan:
    """Scan one file, and check that the result can be stored."""
    scan = FileScan(FileSelection(**properties), source="here", connector_type="filesystem")
    scan.read([InMemory(name, content.encode() if isinstance(content, str) else content)])
    canonical_bytes({"data": list(scan.items), "metadata": scan.metadata()})
    return scan


def columns_of(scan: FileScan) -> dict[tuple[str, str], str]:
    """Return the text of each column, with all its chunks, by table and column."""
    columns: dict[tuple[str, str], list[str]] = {}
    for item in scan.items:
        metadata = item["metadata"]
        if "column" in metadata:
            columns.setdefault((metadata["table"], metadata["column"]), []).append(item["content"])
    return {column: "\n".join(texts) for column, texts in columns.items()}


def texts_of(scan: FileScan) -> dict[str, str]:
    """Return the texts outside of columns, by file."""
    texts: dict[str, list[str]] = {}
    for item in scan.items:
        if "column" not in item["metadata"]:
            texts.setdefault(item["metadata"]["file_path"], []).append(item["content"])
    return {file: "\n".join(parts) for file, parts in texts.items()}


def not_scanned_in(scan: FileScan) -> dict[str, str]:
    return {entry["name"]: entry["reason"] for entry in scan.not_scanned}
