"""What a database's URL says, and which of it may be shown."""

import sqlalchemy as sa

# What SQLAlchemy would take for these depends on its version, or is not what Waivern's extras install.
_DRIVERS = {
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
    "sqlite": "sqlite+pysqlite",
}
_INSTALL = {"postgresql+psycopg": "waivern[postgres]", "mysql+pymysql": "pymysql", "mariadb+pymysql": "pymysql"}
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
    _check_driver(url)
    if url.get_backend_name() == "sqlite":
        _check_sqlite(url)
    return url


def shown_url(url: sa.URL) -> str:
    """Return what may stand in a message: the kind of database, host and port, and the database's name."""
    port = f":{url.port}" if url.port else ""
    return f"{url.get_backend_name()}://{url.host or ''}{port}/{url.database or ''}"


def without_secrets(text: str, url: sa.URL) -> str:
    """Return the first line of `text` with the URL's password and options blotted out."""
    first = next(iter(text.strip().splitlines()), "")
    options = [value for name, value in url.query.items() if name not in ("host", "port", "dbname")]
    flat = [each for value in options for each in ([value] if isinstance(value, str) else value)]
    for secret in (url.password, *flat):
        if secret:
            first = first.replace(str(secret), "***")
    return first[:300]


def _check_driver(url: sa.URL) -> None:
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


def _check_sqlite(url: sa.URL) -> None:
    if url.get_driver_name() != "pysqlite":
        raise ValueError("names a SQLite driver that cannot be opened read-only: write sqlite:///path")
    if not url.database or url.database == ":memory:":
        raise ValueError("names no SQLite file: write sqlite:///path")
    if url.database.startswith("file:") or url.query:
        raise ValueError("is more than a path: write sqlite:///path; it is opened read-only anyway")
