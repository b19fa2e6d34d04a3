"""Fingerprints: the stable identity of findings."""

import hashlib
import posixpath
import re
from urllib.parse import urlsplit

from waivern.analysers.indicators.input_texts import Location

_WINDOWS_ROOT = re.compile(r"[a-z]:[\\/]|\\\\", re.IGNORECASE)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)


def fingerprint_of(rule: str, location: Location) -> str:
    """Return the fingerprint of a rule's finding at a location: 32 hexadecimal digits.

    It is the same in every run, however much of the source was read and whatever else was found. It depends on the name
    of the rule, the path of the file below its source, the table, the column, and the name of the source. If the source
    is a path, it is used as written in the runbook, so that a checkout in a different folder gives the same
    fingerprint. If it is a URL, only host, port and database are used, so that a different user, password or driver
    gives the same fingerprint. No two locations of a source have the same fingerprint.
    """
    identity = "\x1e".join(_escaped(part) for part in ("1", rule, source_name(location.source), *_identity(location)))
    return hashlib.blake2b(identity.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def source_name(source: str) -> str:
    """Return the name of a source without what may differ between runs."""
    if not _SCHEME.match(source):
        return _normalised(source)
    parts = urlsplit(source)
    host = parts.netloc.rpartition("@")[2].lower()
    return f"{host}/{parts.path.strip('/')}" if host else _normalised(parts.path.removeprefix("/"))


def _normalised(path: str) -> str:
    return posixpath.normpath(path.replace("\\", "/"))


def _identity(location: Location) -> tuple[str, ...]:
    if location.column is None and location.table is None:
        return "file", _path_below_source(location)
    if location.column is not None:
        in_table: tuple[str, ...] = ("column", location.table or "", location.column)
    else:
        in_table = ("table", location.table or "")
    return in_table if location.path is None else (*in_table, _path_below_source(location))


def _path_below_source(location: Location) -> str:
    """Return the path without the source. Only absolute paths repeat it: `exports` may contain a folder `exports`."""
    path, root = location.path or "", location.source
    if _WINDOWS_ROOT.match(path):
        path, root = path.replace("\\", "/"), root.replace("\\", "/")
    if path.startswith("/") or _WINDOWS_ROOT.match(path):
        path = path.removeprefix(f"{root.rstrip('/')}/")
    return path.removeprefix("./")


def _escaped(part: str) -> str:
    return part.replace("\x1d", "\x1d0").replace("\x1e", "\x1d1") if "\x1d" in part or "\x1e" in part else part
