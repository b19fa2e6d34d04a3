"""The file in which runs move from one database to another: a zip of lines of JSON and of contents, with a manifest.

`manifest.json` names every other file with its size and SHA-256; nothing is ever unpacked to a disk. The layout is
described in `docs/archives.md`.
"""

import hashlib
import json
import os
import re
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from waivern.errors import ArchiveError, UsageError

FORMAT, VERSION = "waivern-archive", 1
_MANIFEST = "manifest.json"
_NAME = re.compile(r"rows/[a-z_]{1,40}\.jsonl|blobs/[0-9a-f]{64}")
_LARGEST_MANIFEST = 256 * 1024 * 1024
_LARGEST_LINE = 64 * 1024 * 1024
_CHUNK = 1 << 20
_DAMAGED = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, OSError, ValueError, KeyError)


class BundleWriter:
    """Writes a bundle; it is there under its name when all of it is written, or not at all."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._beside = path.with_name(f".{path.name}.{os.getpid()}")
        self._files: dict[str, dict[str, Any]] = {}
        try:
            descriptor = os.open(self._beside, os.O_CREAT | os.O_RDWR | os.O_TRUNC, 0o600)
        except OSError as error:
            raise _not_written(path, error) from None
        self._file = os.fdopen(descriptor, "w+b")
        self._zip = zipfile.ZipFile(self._file, "w", zipfile.ZIP_DEFLATED, compresslevel=6)

    def lines(self, name: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Add a file of JSON objects, one a line."""
        encoded = (json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() + b"\n" for row in rows)
        self._add(f"rows/{name}.jsonl", encoded, zipfile.ZIP_DEFLATED)

    def content(self, digest: str, data: bytes) -> None:
        """Add what a database stores for a content."""
        self._add(f"blobs/{digest}", [data], zipfile.ZIP_STORED)

    def close(self, said: Mapping[str, Any]) -> str:
        """Add the manifest and give the file its name; return its SHA-256."""
        manifest = {"format": FORMAT, "version": VERSION, **said, "files": self._files}
        try:
            self._zip.writestr(_MANIFEST, json.dumps(manifest, indent=1, ensure_ascii=False))
            self._zip.close()
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.seek(0)
            digest = hashlib.file_digest(self._file, "sha256").hexdigest()
            self._file.close()
            self._beside.replace(self._path)
        except OSError as error:
            raise _not_written(self._path, error) from None
        return digest

    def abandon(self) -> None:
        """Leave nothing behind, if it was not closed."""
        self._file.close()
        self._beside.unlink(missing_ok=True)

    def _add(self, name: str, chunks: Iterable[bytes], how: int) -> None:
        sha, size = hashlib.sha256(), 0
        described = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
        described.compress_type = how
        try:
            with self._zip.open(described, "w", force_zip64=True) as written:
                for chunk in chunks:
                    written.write(chunk)
                    sha.update(chunk)
                    size += len(chunk)
        except OSError as error:
            raise _not_written(self._path, error) from None
        self._files[name] = {"size": size, "sha256": sha.hexdigest()}


class BundleReader:
    """Reads a bundle, none of which is trusted before `check` has gone through all of it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._zip = zipfile.ZipFile(path)
        except FileNotFoundError:
            raise ArchiveError(f"There is no file {path}") from None
        except _DAMAGED as error:
            raise self._damaged(f"it is no zip file, or a part of one ({error})") from None
        self._infos = {info.filename: info for info in self._zip.infolist()}
        self.manifest = self._read_manifest()
        self._files: Mapping[str, Any] = self.manifest["files"]

    def __enter__(self) -> "BundleReader":
        return self

    def __exit__(self, *_raised: object) -> None:
        self._zip.close()

    def check(self) -> None:
        """Compare every file with the manifest.

        Raises:
            ArchiveError: one is missing, altered, cut off, or not in the manifest.
        """
        if len(self._infos) != len(self._zip.infolist()):
            raise self._damaged("a name stands twice in it")
        for name in self._infos.keys() ^ {*self._files, _MANIFEST}:
            raise self._damaged(f"'{name[:80]}' is in it or in its manifest, and not in both")
        for name, said in self._files.items():
            sha, size = hashlib.sha256(), 0
            for chunk in self._chunks(name):
                sha.update(chunk)
                size += len(chunk)
            if (size, sha.hexdigest()) != (said["size"], said["sha256"]):
                raise self._damaged(f"{name} is not what its manifest says")

    def lines(self, name: str) -> Iterator[dict[str, Any]]:
        """Yield the objects of a file of lines; none where there is no such file."""
        whole = f"rows/{name}.jsonl"
        if whole not in self._files:
            return
        with self._reading(whole) as file:
            while line := file.readline(_LARGEST_LINE):
                row = json.loads(line)
                if not isinstance(row, dict):
                    raise ValueError(f"a line of {whole} is no object")
                yield row

    def content(self, digest: str) -> bytes:
        """Return what was stored for a content."""
        return b"".join(self._chunks(f"blobs/{digest}"))

    def _chunks(self, name: str) -> Iterator[bytes]:
        with self._reading(name) as file:
            left = int(self._files[name]["size"]) + 1
            while left > 0 and (chunk := file.read(min(_CHUNK, left))):
                left -= len(chunk)
                yield chunk

    @contextmanager
    def _reading(self, name: str) -> Iterator[IO[bytes]]:
        try:
            with self._zip.open(self._infos[name]) as file:
                yield file
        except (*_DAMAGED, RuntimeError) as error:
            raise self._damaged(f"{name} cannot be read ({error})") from None

    def _read_manifest(self) -> Mapping[str, Any]:
        info = self._infos.get(_MANIFEST)
        if info is None or info.file_size > _LARGEST_MANIFEST:
            raise ArchiveError(f"{self._path} is no archive of Waivern: it has no manifest")
        try:
            with self._zip.open(info) as file:
                manifest = json.loads(file.read(_LARGEST_MANIFEST))
        except (*_DAMAGED, RuntimeError) as error:
            raise self._damaged(f"its manifest cannot be read ({error})") from None
        if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
            raise ArchiveError(f"{self._path} is no archive of Waivern: its manifest says another format")
        if manifest.get("version") != VERSION:
            raise ArchiveError(
                f"{self._path} is of the format version {str(manifest.get('version'))[:20]}; known here is {VERSION}",
                remedy="Restore it with the version of Waivern that made it, or a newer one",
            )
        if not _is_sound(manifest.get("files")):
            raise self._damaged("its manifest names files that it cannot have")
        return manifest

    def _damaged(self, why: str) -> ArchiveError:
        return ArchiveError(f"The archive {self._path} is damaged: {why}", remedy="Take another copy of it")


def _is_sound(files: Any) -> bool:
    return isinstance(files, dict) and all(
        _NAME.fullmatch(name)
        and isinstance(said, dict)
        and isinstance(said.get("size"), int)
        and said["size"] >= 0
        and isinstance(said.get("sha256"), str)
        for name, said in files.items()
    )


def _not_written(path: Path, error: OSError) -> UsageError:
    return UsageError(f"{path} cannot be written: {error.strerror}", remedy="Name another file")
