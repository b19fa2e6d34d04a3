"""The properties of the `filesystem` connector."""

from typing import Any

from pydantic import Field, ValidationInfo, field_validator

from waivern.addresses import scheme_of
from waivern.connectors.filesystem.storages import storage_error
from waivern.files.selection import FileSelection

_LOCAL_SCHEME = "file"


class FilesystemProperties(FileSelection):
    """The properties of all connectors for files, and where the files are.

    Args:
        path: A local folder or file, or the address of one in a remote storage, such as s3://bucket/folder.
        storage_options: The arguments of the fsspec file system: credentials, endpoints.
    """

    path: str = Field(min_length=1)
    storage_options: dict[str, Any] | None = Field(default=None, repr=False)

    @property
    def local_path(self) -> str | None:
        """The local path; None if `path` is the address of a remote storage."""
        return _local_path(self.path)

    @field_validator("path")
    @classmethod
    def _check_storage(cls, path: str) -> str:
        error = None if _local_path(path) is not None else storage_error(path)
        if error is not None:
            raise ValueError(error)
        return path

    @field_validator("storage_options")
    @classmethod
    def _check_path_is_remote(cls, options: dict[str, Any] | None, others: ValidationInfo) -> dict[str, Any] | None:
        if options and _local_path(others.data.get("path", "")) is not None:
            raise ValueError("are for a `path` such as s3://bucket/folder")
        return options


def _local_path(path: str) -> str | None:
    scheme = scheme_of(path)
    if scheme == _LOCAL_SCHEME:
        return path[len(f"{_LOCAL_SCHEME}://") :]
    return path if scheme is None else None
