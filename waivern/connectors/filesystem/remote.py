"""Where the files are when they lie in a storage that fsspec knows: s3://bucket/folder and its kin."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from waivern.connectors.filesystem.storages import FILES_ONLY, is_lost, reason, remedy
from waivern.errors import ComponentError
from waivern.files.addresses import kind_of, without_login
from waivern.files.listing import chosen
from waivern.files.patterns import Choice
from waivern.files.reading import TooLargeError, UnreadableError, within_limit
from waivern.messages.not_scanned import NotScanned

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

T = TypeVar("T")


@dataclass(frozen=True)
class RemotePlace:
    """An address in a storage, with what its file system is made with, which may be secret and is shown nowhere."""

    address: str
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def found(self, choice: Choice) -> Iterator["RemoteFile | NotScanned"]:
        """Yield what there is below the address.

        A storage of objects has no folders: an empty object whose name ends in "/" stands for one, and is none.

        Raises:
            ComponentError: nothing is there, or it cannot be read.
        """
        storage, root = self._storage()
        about = self._asked(lambda: storage.info(root))
        if about.get("type") == "file":
            name = without_login(root) if kind_of(root) else root
            only = RemoteFile(name.rstrip("/").rpartition("/")[2], root, about.get("size"), self, storage)
            yield from chosen([only], choice)
            return
        listed = self._asked(lambda: storage.find(root, detail=True))
        files = [
            RemoteFile(path.removeprefix(f"{root.rstrip('/')}/"), path, each.get("size"), self, storage)
            for path, each in listed.items()
            if each.get("type") != "directory" and not (path.endswith("/") and not each.get("size"))
        ]
        yield from chosen(files, choice)

    def read(self, storage: "AbstractFileSystem", path: str, *, limit: int) -> bytes:
        """Return a file's bytes, at most one more than `limit`.

        Raises:
            UnreadableError: this file cannot be read.
            ComponentError: the storage cannot be reached any more.
        """
        try:
            if kind_of(self.address) in FILES_ONLY:  # a server may send all, however little was asked for
                with storage.open(path, "rb", block_size=0) as file:
                    return bytes(file.read(limit + 1))
            return bytes(storage.cat_file(path, start=0, end=limit + 1))
        except Exception as error:  # noqa: BLE001  each storage has errors of its own
            if is_lost(error):
                raise self._failure(error) from None
            if isinstance(error, FileNotFoundError):
                raise UnreadableError("vanished while the folder was read") from None
            raise UnreadableError(f"cannot be read: {reason(error, self.options)}") from None

    def _storage(self) -> tuple["AbstractFileSystem", str]:
        """The file system and the path in it. Nothing of it is kept: fsspec would remember listings and logins."""
        import fsspec

        fresh = {"skip_instance_cache": True, "use_listings_cache": False}
        storage, path = self._asked(lambda: fsspec.url_to_fs(self.address, **fresh, **self.options))
        return storage, str(path)

    def _asked(self, ask: Callable[[], T]) -> T:
        try:
            return ask()
        except Exception as error:  # noqa: BLE001  each storage has errors of its own
            raise self._failure(error) from None

    def _failure(self, error: Exception) -> ComponentError:
        return ComponentError(
            f"{without_login(self.address)} cannot be read: {reason(error, self.options)}", remedy=remedy(error)
        )


@dataclass(frozen=True)
class RemoteFile:
    """A file of a storage: `name` is its path relative to the root, `size` what the storage says of it, if it does."""

    name: str
    path: str
    size: int | None
    place: RemotePlace
    storage: "AbstractFileSystem"

    def read(self, *, limit: int) -> bytes:
        """Return its bytes; no more than `limit` and one are asked for.

        Raises:
            TooLargeError: it has more than `limit`.
            UnreadableError: it cannot be read.
        """
        if self.size == 0:  # there is no part of nothing that could be asked for
            return b""
        if self.size is not None and self.size > limit:
            raise TooLargeError(limit, self.size)
        content = self.place.read(self.storage, self.path, limit=limit)
        return within_limit(content, limit)
