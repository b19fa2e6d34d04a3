"""Database URLs: checking them, and showing them without secrets."""

import sqlalchemy as sa

from waivern.addresses import has_ambiguous_login, hide_secrets

# SQLAlchemy's default drivers depend on its version, and are not the ones that Waivern's extras install.
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


def parse_url(text: str) -> sa.URL:
    """Parse a URL and set the driver, without connecting.

    Raises:
        ValueError: it is not valid, or its driver is not installed; the message repeats no secret.
    """
    try:
        if has_ambiguous_login(text):
            raise ValueError
        url = sa.make_url(text)
    except (sa.exc.ArgumentError, ValueError):
        raise ValueError(
            f"is not a valid database URL, such as {_FORM}; write @ : / in a password as %40 %3A %2F"
        ) from None
    url = url.set(drivername=_DRIVERS.get(url.drivername, url.drivername))
    check_driver(url)
    if url.get_backend_name() == "sqlite":
        _check_sqlite(url)
    return url


def check_driver(url: sa.URL) -> None:
    """Import the URL's driver.

    Raises:
        ValueError: it is not installed, or asynchronous; the message says what to install.
    """
    try:
        dialect = url.get_dialect()
        dialect.import_dbapi()
    except sa.exc.NoSuchModuleError:
        raise ValueError(f"has no installed SQLAlchemy dialect: {url.drivername}") from None
    except ImportError:
        package = _INSTALL.get(url.drivername, "the package of that driver")
        raise ValueError(
            f"needs the driver {url.drivername}, which is not installed: pip install '{package}'"
        ) from None
    if dialect.is_async:
        raise ValueError(f"names an asynchronous driver: remove '+{url.get_driver_name()}'")


def source_name(url: sa.URL) -> str:
    """Return a database's name in messages and errors: "host:port/database", or the SQLite file.

    It does not depend on the user, password, driver and options of the URL. It is not a URL itself: the value of a
    variable that holds the URL is redacted in messages, and the name must remain.
    """
    if url.get_backend_name() == "sqlite":
        return url.database or ""
    options = {name: ",".join(values) for name, values in url.normalized_query.items()}
    host = url.host or options.get("host") or "localhost"
    port = url.port or options.get("port")
    host_in_brackets = f"[{host}]" if ":" in host and url.host else host
    return f"{host_in_brackets}{f':{port}' if port else ''}/{url.database or options.get('dbname') or ''}"


def without_secrets(text: str, url: sa.URL) -> str:
    """Return the first line of `text` with the URL's password and options redacted."""
    first = next(iter(text.strip().splitlines()), "")
    options = [value for name, value in url.query.items() if name not in ("host", "port", "dbname")]
    values = [text for value in options for text in ([value] if isinstance(value, str) else value)]
    for secret in (url.password, *values):
        if secret:
            first = first.replace(str(secret), "***")
    return hide_secrets(first, url.render_as_string(hide_password=False))[:300]


def _check_sqlite(url: sa.URL) -> None:
    if url.get_driver_name() != "pysqlite":
        raise ValueError("names a SQLite driver that cannot open a file read-only: write sqlite:///path")
    if not url.database or url.database == ":memory:":
        raise ValueError("names no file: write sqlite:///path")
    if url.database.startswith("file:") or url.query:
        raise ValueError("has options: write sqlite:///path; it is always opened read-only")
