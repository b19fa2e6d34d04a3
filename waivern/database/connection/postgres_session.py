"""The state of a Postgres session: what a role, a database or a server may preset is set to what Waivern relies on.

A connection pooler such as pgbouncer may give each transaction another session (transaction pooling). Then nothing that
is set on a connection survives, so the settings are made at the beginning of every transaction, and no statement is
prepared. The pooler is recognised because the process that the server names is not the one that it announced.
"""

import shlex
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

_POOLED = "waivern_is_pooled"
_LOCK_TIMEOUT_S = 30
_MIN_IDLE_S, _MAX_IDLE_S = 2.0, 20.0
_LIVENESS_OPTIONS = {  # detect a host that vanished without closing the connection in 30 s; a URL may override them
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
    "client_encoding": "utf8",
}
_SETTINGS: Mapping[str, str] = {
    "DateStyle": "ISO",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "lock_timeout": f"{_LOCK_TIMEOUT_S}s",
    "search_path": '"$user", public',
    "standard_conforming_strings": "on",
    "statement_timeout": "0",
}
_SINCE_VERSION = {"idle_session_timeout": 140_000, "transaction_timeout": 170_000}


class PostgresSession:
    """The settings of the sessions of one database URL.

    Args:
        url: Options of the URL take precedence: `?options=-csearch_path%3Dcompliance` chooses the schema.
        lease_s: The lease of a run, in seconds. Postgres closes a connection that idles inside a transaction for two
            thirds of it (2 to 20 seconds), so that a suspended process does not keep its locks.
    """

    def __init__(self, url: sa.URL, *, lease_s: float) -> None:
        idle_s = min(max(lease_s * 2 / 3, _MIN_IDLE_S), _MAX_IDLE_S)
        chosen, self._other_options = _settings_of(" ".join(url.normalized_query.get("options", ())))
        self._settings = {
            **_SETTINGS,
            "idle_in_transaction_session_timeout": f"{int(idle_s * 1000)}",
            **chosen,
        }
        self._url = url

    @property
    def url(self) -> sa.URL:
        """The URL without the settings: a pooler would refuse to start a session with them."""
        url = self._url.difference_update_query(["options"])
        return url.update_query_dict({"options": self._other_options}) if self._other_options else url

    @property
    def connect_arguments(self) -> dict[str, Any]:
        """The arguments of the driver that the URL does not give."""
        return {key: value for key, value in _LIVENESS_OPTIONS.items() if key not in self._url.query}

    def prepare(self, connection: Any, record: Any) -> None:
        """Set the state of a new connection, or note that it must be set in each transaction."""
        version = connection.info.server_version
        newer = {name: "0" for name, since in _SINCE_VERSION.items() if version >= since}
        settings = {**newer, **self._settings}
        (pid, *_) = connection.execute(_statement(settings, is_local=False, first="pg_backend_pid()")).fetchone()
        if pid == connection.info.backend_pid:
            connection.commit()
            return
        connection.rollback()  # the session belongs to other clients, too
        connection.prepare_threshold = None
        record.info[_POOLED] = _statement(settings, is_local=True)

    @staticmethod
    def begin(connection: sa.Connection) -> None:
        """Set the state of a transaction, unless it was set for the whole session."""
        statement = connection.info.get(_POOLED)
        if statement is not None:
            connection.exec_driver_sql(statement, execution_options={"no_parameters": True})


def _statement(settings: Mapping[str, str], *, is_local: bool, first: str = "") -> str:
    calls = [f"set_config('{name}', {_literal(value)}, {str(is_local).lower()})" for name, value in settings.items()]
    return f"SELECT {', '.join([first, *calls] if first else calls)}"


def _literal(text: str) -> str:
    quoted = text.replace("'", "''")
    return f"'{quoted}'" if "\\" not in text else "E'" + quoted.replace("\\", "\\\\") + "'"


def _settings_of(options: str) -> tuple[dict[str, str], str]:
    """Return the settings in a value of libpq's `options`, such as `-c search_path=a`, and the rest of it."""
    settings: dict[str, str] = {}
    others: list[str] = []
    words = iter(shlex.split(options))
    for word in words:
        setting = next(words, "") if word == "-c" else word.removeprefix("-c").removeprefix("--")
        name, equals, value = setting.partition("=")
        if word.startswith(("-c", "--")) and equals and name.replace("_", "").replace(".", "").isalnum():
            settings[_as_spelled(name)] = value
        else:
            others.append(word if word != "-c" else f"-c {setting}")
    return settings, " ".join(others)


def _as_spelled(name: str) -> str:
    """Names of settings are case-insensitive; return it as it is spelled above."""
    return next((known for known in _SETTINGS if known.lower() == name.lower()), name.lower())
