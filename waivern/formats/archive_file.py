"""Archive files, which move runs between databases: a zip with a manifest, rows as JSON lines, and contents.

`manifest.json` lists every other file with its size and SHA-256. Nothing is ever unpacked to disk. The layout is
described in `docs/archives.md`.
"""

import hashlib
import json
import os
import re
import struct
import zipfile
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from waivern.errors import ArchiveError, UsageError

FORMAT, VERSION = "waivern-archive", 2
_READABLE = (1, 2)  # version 1 has no contents in parts
_MANIFEST = "manifest.json"
_NAME = re.compile(r"rows/[a-z_]{1,40}\.jsonl|blobs/[0-9a-f]{64}")
_LARGEST_MANIFEST = 256 * 1024 * 1024
_LARGEST_LINE = 64 * 1024 * 1024
_CHUNK = 1 << 20
_READ_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    OSError,
    ValueError,
    KeyError,
)


class ArchiveWriter:
    """Writes an archive to a temporary file, which gets its name when all of it is written."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._temporary = path.with_name(f".{path.name}.{os.getpid()}")
        self._files: dict[str, dict[str, Any]] = {}
        try:
            descriptor = os.open(self._temporary, os.O_CREAT | os.O_RDWR | os.O_TRUNC, 0o600)
        except OSError as error:
            raise _not_written(path, error) from None
        self._file = os.fdopen(descriptor, "w+b")
        self._zip = zipfile.ZipFile(self._file, "w", zipfile.ZIP_DEFLATED, compresslevel=6)

    def lines(self, name: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Add a file with one JSON object per line."""
        encoded = (json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() + b"\n" for row in rows)
        self._add(f"rows/{name}.jsonl", encoded, zipfile.ZIP_DEFLATED)

    def content(self, digest: str, data: bytes) -> None:
        """Add a content as the database stores it."""
        self._add(f"blobs/{digest}", [data], zipfile.ZIP_STORED)

    def close(self, description: Mapping[str, Any]) -> str:
        """Add the manifest, give the file its name, and return its SHA-256."""
        manifest = {"format": FORMAT, "version": VERSION, **description, "files": self._files}
        try:
            self._zip.writestr(_MANIFEST, json.dumps(manifest, indent=1, ensure_ascii=False))
            self._zip.close()
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.seek(0)
            digest = hashlib.file_digest(self._file, "sha256").hexdigest()
            self._file.close()
            self._temporary.replace(self._path)
        except OSError as error:
            raise _not_written(self._path, error) from None
        return digest

    def discard(self) -> None:
        """Delete the temporary file."""
        self._file.close()
        self._temporary.unlink(missing_ok=True)

    def _add(self, name: str, chunks: Iterable[bytes], compression: int) -> None:
        sha, size = hashlib.sha256(), 0
        info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
        info.compress_type = compression
        try:
            with self._zip.open(info, "w", force_zip64=True) as written:
                for chunk in chunks:
                    written.write(chunk)
                    sha.update(chunk)
                    size += len(chunk)
        except OSError as error:
            raise _not_written(self._path, error) from None
        self._files[name] = {"size": size, "sha256": sha.hexdigest()}


class ArchiveReader:
    """Reads an archive. Call `check` before anything else: nothing is trusted before."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._source = path.open("rb")
        except FileNotFoundError:
            raise ArchiveError(f"There is no file {path}") from None
        except OSError as error:
            raise ArchiveError(f"Cannot read {path}: {error.strerror}") from None
        try:
            self._zip = self._opened()
            self._infos = {info.filename: info for info in self._zip.infolist()}
            self.manifest = self._read_manifest()
        except BaseException:
            self._source.close()
            raise
        self._files: Mapping[str, Any] = self.manifest["files"]

    def __enter__(self) -> "ArchiveReader":
        return self

    def __exit__(self, *_raised: object) -> None:
        self._zip.close()
        self._source.close()  # ZipFile leaves it open while a member is being read

    def check(self) -> None:
        """Compare every file with the manifest.

        Raises:
            ArchiveError: a file is missing, altered, truncated, or not in the manifest.
        """
        if len(self._infos) != len(self._zip.infolist()):
            raise self._damaged("it holds two files of one name")
        for name in self._infos.keys() ^ {*self._files, _MANIFEST}:
            raise self._damaged(f"'{name[:80]}' is missing in the file or in its manifest")
        for name, expected in self._files.items():
            if name.startswith("blobs/") and self._infos[name].compress_type != zipfile.ZIP_STORED:
                # so that the memory for a content is bounded by the size of the archive
                raise self._damaged(f"{name} is compressed, but contents are stored as they are")
            sha, size = hashlib.sha256(), 0
            for chunk in self._chunks(name):
                sha.update(chunk)
                size += len(chunk)
            if (size, sha.hexdigest()) != (expected["size"], expected["sha256"]):
                raise self._damaged(f"{name} does not match the manifest")

    def lines(self, name: str) -> Iterator[dict[str, Any]]:
        """Yield the JSON objects of a file of rows; nothing if there is no such file."""
        path = f"rows/{name}.jsonl"
        if path not in self._files:
            return
        with self._reading(path) as file:
            while line := file.readline(_LARGEST_LINE):
                row = json.loads(line)
                if not isinstance(row, dict):
                    raise ValueError(f"a line of {path} is not an object")
                yield row

    @property
    def row_files(self) -> Collection[str]:
        """The names of the tables of which there are rows."""
        return {name.removeprefix("rows/").removesuffix(".jsonl") for name in self._files if name.startswith("rows/")}

    @property
    def contents(self) -> Collection[str]:
        """The digests of the contents."""
        return {name.removeprefix("blobs/") for name in self._files if name.startswith("blobs/")}

    def content(self, digest: str) -> bytes:
        """Return a content as the database stored it."""
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
        except (*_READ_ERRORS, RuntimeError) as error:
            raise self._damaged(f"cannot read {name} ({error})") from None

    def _opened(self) -> zipfile.ZipFile:
        try:
            return zipfile.ZipFile(self._source)
        except _READ_ERRORS as error:
            raise self._damaged(f"it is not a complete zip file ({error})") from None

    def _read_manifest(self) -> Mapping[str, Any]:
        info = self._infos.get(_MANIFEST)
        if info is None or info.file_size > _LARGEST_MANIFEST:
            raise ArchiveError(f"{self._path} is not a Waivern archive: it has no manifest")
        try:
            with self._zip.open(info) as file:
                manifest = json.loads(file.read(_LARGEST_MANIFEST))
        except (*_READ_ERRORS, RuntimeError) as error:
            raise self._damaged(f"cannot read its manifest ({error})") from None
        if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
            raise ArchiveError(f"{self._path} is not a Waivern archive: its manifest names a different format")
        if manifest.get("version") not in _READABLE:
            found = str(manifest.get("version"))[:20]
            raise ArchiveError(
                f"{self._path} has format version {found}; this version reads 1 to {VERSION}",
                remedy="Restore it with the version of Waivern that wrote it, or a newer one",
            )
        if not _is_valid(manifest.get("files")):
            raise self._damaged("its manifest lists files that no archive has")
        return manifest

    def _damaged(self, why: str) -> ArchiveError:
        return ArchiveError(f"The archive {self._path} is damaged: {why}", remedy="Use another copy of it")


def _is_valid(files: Any) -> bool:
    return isinstance(files, dict) and all(
        _NAME.fullmatch(name)
        and isinstance(entry, dict)
        and isinstance(entry.get("size"), int)
        and entry["size"] >= 0
        and isinstance(entry.get("sha256"), str)
        for name, entry in files.items()
    )


def _not_written(path: Path, error: OSError) -> UsageError:
    return UsageError(f"Cannot write {path}: {error.strerror}", remedy="Choose another file")
