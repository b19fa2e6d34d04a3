"""Files in a remote storage that fsspec supports, such as s3://bucket/folder."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from waivern.addresses import scheme_of, shown_address
from waivern.connectors.filesystem.storages import SINGLE_FILE_SCHEMES, error_reason, error_remedy, is_connection_error
from waivern.errors import ComponentError
from waivern.files.listing import filter_files
from waivern.files.patterns import PathFilter
from waivern.files.reading import TooLargeError, UnreadableError, within_limit
from waivern.messages.not_scanned import NotScanned

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

T = TypeVar("T")


@dataclass(frozen=True)
class RemoteAddress:
    """An address in a remote storage, and the arguments of its file system, which may be secret and are never shown."""

    address: str
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def files(self, paths: PathFilter) -> Iterator["RemoteFile | NotScanned"]:
        """Yield the files below the address.

        An object storage has no folders: empty objects whose names end in "/" represent them, and are left out.

        Raises:
            ComponentError: the address does not exist, or cannot be read.
        """
        storage, root = self._open()
        info = self._call(lambda: storage.info(root))
        if info.get("type") == "file":
            name = shown_address(root)
            file = RemoteFile(name.rstrip("/").rpartition("/")[2], root, info.get("size"), self, storage)
            yield from filter_files([file], paths)
            return
        found = self._call(lambda: storage.find(root, detail=True))
        files = [
            RemoteFile(path.removeprefix(f"{root.rstrip('/')}/"), path, details.get("size"), self, storage)
            for path, details in found.items()
            if details.get("type") != "directory" and not (path.endswith("/") and not details.get("size"))
        ]
        yield from filter_files(files, paths)

    def read(self, storage: "AbstractFileSystem", path: str, *, limit: int) -> bytes:
        """Return a file's bytes, at most `limit` + 1.

        Raises:
            UnreadableError: this file cannot be read.
            ComponentError: the storage cannot be reached any more.
        """
        try:
            if scheme_of(self.address) in SINGLE_FILE_SCHEMES:  # an HTTP server may ignore the range and send all
                with storage.open(path, "rb", block_size=0) as file:
                    return bytes(file.read(limit + 1))
            return bytes(storage.cat_file(path, start=0, end=limit + 1))
        except Exception as error:  # noqa: BLE001  each storage has its own errors
            if is_connection_error(error):
                raise self._component_error(error) from None
            if isinstance(error, FileNotFoundError):
                raise UnreadableError("deleted while the folder was read") from None
            raise UnreadableError(f"cannot be read: {error_reason(error, self.address, self.options)}") from None

    def _open(self) -> tuple["AbstractFileSystem", str]:
        """Return the file system and the path in it, without fsspec's caches, which keep listings and credentials."""
        import fsspec

        no_caches = {"skip_instance_cache": True, "use_listings_cache": False}
        storage, path = self._call(lambda: fsspec.url_to_fs(self.address, **no_caches, **self.options))
        return storage, str(path)

    def _call(self, function: Callable[[], T]) -> T:
        try:
            return function()
        except Exception as error:  # noqa: BLE001  each storage has its own errors
            raise self._component_error(error) from None

    def _component_error(self, error: Exception) -> ComponentError:
        return ComponentError(
            f"{shown_address(self.address)} cannot be read: {error_reason(error, self.address, self.options)}",
            remedy=error_remedy(error),
        )


@dataclass(frozen=True)
class RemoteFile:
    """A file of a storage: `name` is its path relative to the root, `size` its size if the storage states it."""

    name: str
    path: str
    size: int | None
    location: RemoteAddress
    storage: "AbstractFileSystem"

    def read(self, *, limit: int) -> bytes:
        """Return its bytes; no more than `limit` + 1 are requested.

        Raises:
            TooLargeError: it has more than `limit`.
            UnreadableError: it cannot be read.
        """
        if self.size == 0:  # a range request on an empty object fails
            return b""
        if self.size is not None and self.size > limit:
            raise TooLargeError(limit, self.size)
        content = self.location.read(self.storage, self.path, limit=limit)
        return within_limit(content, limit)
