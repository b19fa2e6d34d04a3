"""What names a finding for good."""

import hashlib
import posixpath
import re
from urllib.parse import urlsplit

from waivern.analysers.indicators.items import Place

_OF_WINDOWS = re.compile(r"[a-z]:[\\/]|\\\\", re.IGNORECASE)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)


def fingerprint_of(rule: str, place: Place) -> str:
    """Return 32 hexadecimal digits that say which rule found something at which place of which source.

    It is the same on every run, however much of the source was read and whatever else was found: it is made of the
    rule's name, of the file's path below its source, of table and column, and of what the source is called: a path
    as the runbook says it, so that a checkout somewhere else gives the same; of a URL only host, port and database, so
    that another user, password or driver gives the same. No two places of a source share one.
    """
    said = "\x1e".join(_escaped(part) for part in ("1", rule, source_name(place.source), *_where(place)))
    return hashlib.blake2b(said.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def source_name(source: str) -> str:
    """Return what a source is called, less what may differ from one run to another."""
    if not _SCHEME.match(source):
        return _path(source)
    parts = urlsplit(source)
    host = parts.netloc.rpartition("@")[2].lower()
    return f"{host}/{parts.path.strip('/')}" if host else _path(parts.path.removeprefix("/"))


def _path(path: str) -> str:
    return posixpath.normpath(path.replace("\\", "/"))


def _where(place: Place) -> tuple[str, ...]:
    if place.column is None and place.table is None:
        return "file", _below_source(place)
    of_table = ("column", place.table or "", place.column) if place.column is not None else ("table", place.table or "")
    return of_table if place.path is None else (*of_table, _below_source(place))


def _below_source(place: Place) -> str:
    """The path below its source. Only an absolute path repeats it: in `exports` there may be a folder `exports`."""
    path, root = place.path or "", place.source
    if _OF_WINDOWS.match(path):
        path, root = path.replace("\\", "/"), root.replace("\\", "/")
    if path.startswith("/") or _OF_WINDOWS.match(path):
        path = path.removeprefix(f"{root.rstrip('/')}/")
    return path.removeprefix("./")


def _escaped(part: str) -> str:
    return part.replace("\x1d", "\x1d0").replace("\x1e", "\x1d1") if "\x1d" in part or "\x1e" in part else part
