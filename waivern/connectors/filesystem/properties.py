"""What a runbook may say to the `filesystem` connector."""

from typing import Any

from pydantic import Field, ValidationInfo, field_validator

from waivern.connectors.filesystem.storages import fault_of
from waivern.files.addresses import kind_of
from waivern.files.selection import FileSelection

_LOCAL = "file"


class FilesystemProperties(FileSelection):
    """The properties of `filesystem`: those of every connector of files, and where the files are.

    Args:
        path: A folder or one file of this machine, or the address of either in a storage, such as s3://bucket/folder.
        storage_options: What fsspec makes the storage with: logins, endpoints.
    """

    path: str = Field(min_length=1)
    storage_options: dict[str, Any] | None = Field(default=None, repr=False)

    @property
    def local_path(self) -> str | None:
        """The path on this machine; None where it is the address of a storage."""
        return _on_this_machine(self.path)

    @field_validator("path")
    @classmethod
    def _can_be_read(cls, path: str) -> str:
        fault = None if _on_this_machine(path) is not None else fault_of(path)
        if fault is not None:
            raise ValueError(fault)
        return path

    @field_validator("storage_options")
    @classmethod
    def _belong_to_a_storage(cls, options: dict[str, Any] | None, others: ValidationInfo) -> dict[str, Any] | None:
        if options and _on_this_machine(others.data.get("path", "")) is not None:
            raise ValueError("are for a `path` such as s3://bucket/folder")
        return options


def _on_this_machine(path: str) -> str | None:
    kind = kind_of(path)
    if kind == _LOCAL:
        return path[len(f"{_LOCAL}://") :]
    return path if kind is None else None
