"""What names a finding for good."""

import hashlib
import posixpath
import re
from urllib.parse import urlsplit

from waivern.analysers.personal_data.items import Place

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)


def fingerprint_of(rule: str, place: Place) -> str:
    """Return 32 hexadecimal digits that say which rule found something at which place of which source.

    It is the same on every run, however much of the source was read and whatever else was found: it is made of the
    rule's name, of the file's path below its source or of table and column, and of what the source is called: a path
    as the runbook says it, so that a checkout somewhere else gives the same; of a URL only host, port and database, so
    that another user, password or driver gives the same.
    """
    where = ("column", place.table or "", place.column or "") if place.is_column else ("file", _below_source(place))
    said = "\x1e".join(("1", rule, source_name(place.source), *where))
    return hashlib.blake2b(said.encode("utf-8", "replace"), digest_size=16).hexdigest()


def source_name(source: str) -> str:
    """Return what a source is called, less what may differ from one run to another."""
    if not _SCHEME.match(source):
        return _path(source)
    parts = urlsplit(source)
    host = parts.netloc.rpartition("@")[2].lower()
    return f"{host}/{parts.path.strip('/')}" if host else _path(parts.path.removeprefix("/"))


def _path(path: str) -> str:
    return posixpath.normpath(path.replace("\\", "/"))


def _below_source(place: Place) -> str:
    path, root = (place.path or "").replace("\\", "/"), place.source.replace("\\", "/").rstrip("/")
    return path.removeprefix(f"{root}/").removeprefix("./")
