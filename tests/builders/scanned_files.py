"""Files as a scan reads them, without a folder."""

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
    """The scan of one file; what it says can be stored."""
    scan = FileScan(FileSelection(**properties), source="here", connector_type="filesystem")
    scan.read([InMemory(name, content.encode() if isinstance(content, str) else content)])
    canonical_bytes({"data": list(scan.items), "metadata": scan.metadata()})
    return scan


def columns_of(scan: FileScan) -> dict[tuple[str, str], str]:
    """What stands in each column, all its stretches together, by table and column."""
    columns: dict[tuple[str, str], list[str]] = {}
    for item in scan.items:
        said = item["metadata"]
        if "column" in said:
            columns.setdefault((said["table"], said["column"]), []).append(item["content"])
    return {where: "\n".join(texts) for where, texts in columns.items()}


def texts_of(scan: FileScan) -> dict[str, str]:
    """The texts that stand in no column, by file."""
    texts: dict[str, list[str]] = {}
    for item in scan.items:
        if "column" not in item["metadata"]:
            texts.setdefault(item["metadata"]["file_path"], []).append(item["content"])
    return {file: "\n".join(each) for file, each in texts.items()}


def not_scanned_in(scan: FileScan) -> dict[str, str]:
    return {entry["name"]: entry["reason"] for entry in scan.not_scanned}
