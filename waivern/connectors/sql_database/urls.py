"""What a database's URL says, and what may be shown of it."""

import sqlalchemy as sa

# What SQLAlchemy would take for these depends on its version, or is not what Waivern's extras install.
_DRIVERS = {
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
    "sqlite": "sqlite+pysqlite",
}
_INSTALL = {
    "postgresql+psycopg": "waivern[postgres]",
    "mysql+pymysql": "waivern[mysql]",
    "mariadb+pymysql": "waivern[mysql]",
}
_FORM = "postgresql://user:password@host/database or sqlite:///shop.db"


def usable_url(written: str) -> sa.URL:
    """Return the URL with the driver that is used; nothing is connected to.

    Raises:
        ValueError: it is none, or its driver is not installed; the text repeats nothing secret.
    """
    try:
        url = sa.make_url(written)
    except (sa.exc.ArgumentError, ValueError):
        raise ValueError(f"is no database URL, such as {_FORM}; write @ : / in a password as %40 %3A %2F") from None
    url = url.set(drivername=_DRIVERS.get(url.drivername, url.drivername))
    check_driver(url)
    if url.get_backend_name() == "sqlite":
        _check_sqlite(url)
    return url


def check_driver(url: sa.URL) -> None:
    """Import the URL's driver.

    Raises:
        ValueError: it is not installed, or asynchronous; the text says what to install.
    """
    try:
        dialect = url.get_dialect()
        dialect.import_dbapi()
    except sa.exc.NoSuchModuleError:
        raise ValueError(f"names a kind of database that is not installed: {url.drivername}") from None
    except ImportError:
        package = _INSTALL.get(url.drivername, "the package of that driver")
        raise ValueError(
            f"needs the driver {url.drivername}, which is not installed: pip install '{package}'"
        ) from None
    if dialect.is_async:
        raise ValueError(f"names an asynchronous driver: leave '+{url.get_driver_name()}' away")


def source_name(url: sa.URL) -> str:
    """Return the name under which messages and errors tell of a database: "host:port/database", or the SQLite file.

    It stays the same where a user, a password, a driver or an option is added to the URL or changed. It is no URL, so
    that a URL that stands in a variable is not found in it, and it is not blotted out of messages as that value.
    """
    if url.get_backend_name() == "sqlite":
        return url.database or ""
    said = {name: ",".join(values) for name, values in url.normalized_query.items()}
    host = url.host or said.get("host") or "localhost"
    port = url.port or said.get("port")
    shown = f"[{host}]" if ":" in host and url.host else host
    return f"{shown}{f':{port}' if port else ''}/{url.database or said.get('dbname') or ''}"


def without_secrets(text: str, url: sa.URL) -> str:
    """Return the first line of `text` with the URL's password and options blotted out."""
    first = next(iter(text.strip().splitlines()), "")
    options = [value for name, value in url.query.items() if name not in ("host", "port", "dbname")]
    flat = [each for value in options for each in ([value] if isinstance(value, str) else value)]
    for secret in (url.password, *flat):
        if secret:
            first = first.replace(str(secret), "***")
    return first[:300]


def _check_sqlite(url: sa.URL) -> None:
    if url.get_driver_name() != "pysqlite":
        raise ValueError("names a SQLite driver that cannot be opened read-only: write sqlite:///path")
    if not url.database or url.database == ":memory:":
        raise ValueError("names no SQLite file: write sqlite:///path")
    if url.database.startswith("file:") or url.query:
        raise ValueError("is more than a path: write sqlite:///path; it is opened read-only anyway")
