"""The environment variables that the programs inherit which Waivern starts.

An allow-list: the environment of a service holds encryption keys, database passwords and the secrets of runbooks, which
neither git nor the operator's commands need.
"""

import os
from collections.abc import Collection

TREE_VARIABLE = "WAIVERN_PROCESS_TREE"
"""The variable by which a run's guard recognises the processes that the run has started; see `guard`."""

_PROXIES = ("http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy")
_BASIC = frozenset(
    (
        *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR", "LD_LIBRARY_PATH"),
        *("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR", "XDG_STATE_HOME"),
        *("SSL_CERT_DIR", "SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE"),
        *_PROXIES,
        *(name.upper() for name in _PROXIES),
    )
)


def basic_environment(*, names: Collection[str] = (), prefixes: tuple[str, ...] = ()) -> dict[str, str]:
    """Return what every program may inherit (paths, language, proxies, certificates) and the variables given here."""
    return {
        name: value
        for name, value in os.environ.items()
        if name in _BASIC or name in names or name.startswith(("LC_", *prefixes))
    }


def inherited_tree() -> dict[str, str]:
    """Return `TREE_VARIABLE` if it is set: what a run starts inherits it."""
    tree = os.environ.get(TREE_VARIABLE)
    return {} if tree is None else {TREE_VARIABLE: tree}
