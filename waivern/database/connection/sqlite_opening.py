"""SQLite database files: created for this user only, or opened read-only."""

import os
import shlex
from pathlib import Path
from urllib.parse import quote, unquote

import sqlalchemy as sa

from waivern.errors import DatabaseMissingError, DatabaseUnavailableError

_URI_PREFIX = "file:"
_DEFAULT_FOLDER = ".waivern"


def sqlite_path(url: sa.URL) -> Path:
    """Return the path of the file that a `sqlite:///FILE` or `sqlite:///file:FILE?uri=true` URL names."""
    name = str(url.database)
    return Path(unquote(name.removeprefix(_URI_PREFIX))) if name.startswith(_URI_PREFIX) else Path(name)


def is_read_only(url: sa.URL) -> bool:
    """Return whether the URL has `mode=ro`, or this user must not write the existing file."""
    path = sqlite_path(url)
    return url.query.get("mode") == "ro" or (path.exists() and not os.access(path, os.W_OK))


def read_only_url(url: sa.URL) -> sa.URL:
    """Return the URL that opens a file read-only.

    SQLite cannot read a file in WAL mode unless it can create the `-wal` and `-shm` files beside it, or the file is
    declared immutable. A file in a folder that cannot be written is immutable unless there is a `-wal` file.
    """
    path = sqlite_path(url)
    query = {**url.query, "mode": "ro", "uri": "true"}
    if not os.access(path.parent, os.W_OK) and not Path(f"{path}-wal").exists():
        query["immutable"] = "1"
    return url.set(database=f"{_URI_PREFIX}{quote(str(path))}", query=query)


def create_private_file(path: Path) -> None:
    """Create a missing file with mode 0600, and a missing folder `.waivern` for it with mode 0700.

    No other folder is created: a mistyped path would become an empty database in a new folder.

    Raises:
        DatabaseMissingError: its folder does not exist.
        DatabaseUnavailableError: that is not permitted, or the file cannot be opened.
    """
    try:
        if path.parent.name == _DEFAULT_FOLDER and path.parent.parent.is_dir():
            path.parent.mkdir(mode=0o700, exist_ok=True)
        if not path.parent.exists():
            raise DatabaseMissingError(  # not "unavailable": a service would wait for it
                f"There is no folder {path.parent} for the database file {path.name}",
                remedy="Correct the path in --db or WAIVERN_DATABASE_URL, or create the folder: "
                f"mkdir -p -m 700 {shlex.quote(str(path.parent))}",
            )
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise DatabaseUnavailableError(
            f"Cannot open the database file {path}: {error.strerror}",
            remedy="Check the path and its permissions, or name another file with --db or WAIVERN_DATABASE_URL",
        ) from None
