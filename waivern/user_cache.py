"""The user's cache folder: derived data that is expensive to compute and worthless when lost.

An entry is used only if nobody else can have written it: the folder and the file belong to this user, and no other user
may write to them. Its digest is checked, so a damaged entry is computed again. A cache that cannot be read or written
costs time, nothing else.
"""

import functools
import hashlib
import logging
import os
import secrets
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from waivern import __version__

logger = logging.getLogger(__name__)

MAX_BYTES = 64 * 1024 * 1024
"""The most that all entries may take; the ones that were used longest ago are removed."""

_DIGEST_SIZE = hashlib.sha256().digest_size
_SUFFIX = ".cached"
_TEMPORARY_SUFFIX = ".part"
_TEMPORARY_AGE_S = 3600
_USED_EVERY_S = 86_400
_OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH


class UserCache:
    """Entries in one folder, which is created on first use with mode 0700. Safe to use from several processes at once.

    Args:
        folder: The folder; None: nothing is cached.
        max_bytes: The most that all entries may take.
    """

    def __init__(self, folder: Path | None, *, max_bytes: int = MAX_BYTES) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._has_logged = False

    def get(self, key: str) -> bytes | None:
        """Return the content of an entry, or None if there is none that can be trusted.

        Args:
            key: Hexadecimal digits: the digest of everything that the content depends on.
        """
        if self._folder is None:
            return None
        try:
            with self._opened_folder(self._folder) as folder:
                content = _read_trusted(_name_of(key), folder)
        except FileNotFoundError:
            return None
        except OSError as error:
            self._log(error)
            return None
        digest, content = content[:_DIGEST_SIZE], content[_DIGEST_SIZE:]
        return content if digest == _digest(key, content) else None

    def put(self, key: str, content: bytes) -> None:
        """Store an entry, replacing an older one at once, and remove the oldest entries if there are too many."""
        if self._folder is None or len(content) > self._max_bytes // 4:
            return
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._opened_folder(self._folder) as folder:
                _write_atomically(_name_of(key), _digest(key, content) + content, folder)
                _remove_oldest(folder, self._max_bytes)
        except OSError as error:
            self._log(error)

    @contextmanager
    def _opened_folder(self, path: Path) -> Iterator[int]:
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            _check_trusted(os.fstat(folder), str(path))
            yield folder
        finally:
            os.close(folder)

    def _log(self, error: OSError) -> None:
        if not self._has_logged:
            self._has_logged = True
            logger.info("The cache folder %s is not used: %s", self._folder, error.strerror or error)


_cache = UserCache(None)


def user_cache() -> UserCache:
    """Return the cache of this process. It caches nothing before `use_cache_folder`."""
    return _cache


def use_cache_folder(folder: Path | None) -> None:
    """Set the cache folder of this process; None: nothing is cached."""
    global _cache
    _cache = UserCache(folder)


def key_of(package: str, *parts: bytes) -> str:
    """Return the key of what a package of Waivern makes of `parts`.

    It changes with the package's source code, with Waivern's version and with Python's.

    Args:
        package: The folder of the package, relative to `waivern`.
        parts: Everything else that the result depends on.
    """
    digest = hashlib.sha256(_digest_of_code(package))
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


@functools.cache
def _digest_of_code(package: str) -> bytes:
    digest = hashlib.sha256(f"{__version__} {sys.version}".encode())
    for file in sorted((Path(__file__).parent / package).rglob("*.py")):
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.digest()


def _name_of(key: str) -> str:
    return f"{key}{_SUFFIX}"


def _digest(key: str, content: bytes) -> bytes:
    return hashlib.sha256(key.encode() + b"\0" + content).digest()


def _check_trusted(found: os.stat_result, name: str) -> None:
    if found.st_uid != os.geteuid():
        raise PermissionError(f"{name} belongs to another user")
    if found.st_mode & _OTHERS_MAY_WRITE:
        raise PermissionError(f"other users may write to {name}")


def _read_trusted(name: str, folder: int) -> bytes:
    # O_NONBLOCK, because opening a named pipe would wait for a writer
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with open(os.open(name, flags, dir_fd=folder), "rb") as file:  # noqa: PTH123
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise PermissionError(f"{name} is not a file")
        _check_trusted(found, name)
        content = file.read()
    if time.time() - found.st_mtime > _USED_EVERY_S:
        with suppress(OSError):
            os.utime(name, dir_fd=folder, follow_symlinks=False)
    return content


def _write_atomically(name: str, content: bytes, folder: int) -> None:
    temporary = f"{name}.{secrets.token_hex(8)}{_TEMPORARY_SUFFIX}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with open(os.open(temporary, flags, 0o600, dir_fd=folder), "wb") as file:  # noqa: PTH123
            file.write(content)
        os.replace(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary, dir_fd=folder)
        raise


def _remove_oldest(folder: int, max_bytes: int) -> None:
    """Remove the entries that were used longest ago, and what interrupted writers have left behind."""
    entries: list[tuple[float, int, str]] = []
    now = time.time()
    for name in os.listdir(folder):
        if not name.endswith((_SUFFIX, _TEMPORARY_SUFFIX)):
            continue
        with suppress(OSError):  # another process has just removed it
            found = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if name.endswith(_SUFFIX):
                entries.append((found.st_mtime, found.st_size, name))
            elif now - found.st_mtime > _TEMPORARY_AGE_S:
                os.unlink(name, dir_fd=folder)
    total = sum(size for _, size, _ in entries)
    for _, size, name in sorted(entries):
        if total <= max_bytes:
            return
        with suppress(OSError):
            os.unlink(name, dir_fd=folder)
        total -= size
