"""The values of a tree of keys, grouped by key path."""

import re
from collections.abc import Iterator

from waivern.files.formats.model.columns import CHUNK_SIZE, in_one_line
from waivern.files.formats.model.document import FormatError, Part

MAX_COLUMNS = 5_000
"""Key paths of one file; a file with more is not a table but a mapping of data."""

MAX_KEY_LENGTH = 64
_MAX_PATH_LENGTH = 1_000
_MAX_PATHS = 2 * MAX_COLUMNS
_DATA_IN_KEY = re.compile(r".@|[0-9]{5}")


class KeyedValues:
    """Collects the values of a tree by their key path.

    A key that is data rather than a name (an e-mail address, an id, a long text) is replaced by "*" in the path,
    and is itself a value of the column "*".

    Args:
        root: The name of the whole tree.
    """

    def __init__(self, root: str) -> None:
        self._root = root
        self._values: dict[tuple[str, str | None], list[str]] = {}
        self._paths: dict[tuple[str, str], str] = {}

    def path_of(self, parent: str, key: str | None) -> str:
        """Return the path of the container that `parent` has under a key, or of its items if there is no key.

        It is one string for all containers with this path: a file may have a million of them.

        Raises:
            FormatError: the path is too long, or the file has too many paths.
        """
        step = "[]" if key is None else f".{key}" if parent else key
        path = self._paths.get((parent, step))
        if path is None:
            path = parent + step
            if len(self._paths) >= _MAX_PATHS or len(path) > _MAX_PATH_LENGTH:
                raise FormatError
            self._paths[parent, step] = path
        return path

    def add(self, table: str, key: str | None, value: str | None) -> None:
        """Add a value (None: the key has no value); `table` is the path of the object that holds it, "" for the root.

        Raises:
            FormatError: the file has more than `MAX_COLUMNS` key paths.
        """
        values = self._values.get((table, key))
        if values is None:
            if len(self._values) >= MAX_COLUMNS:
                raise FormatError
            values = self._values[table, key] = []
        if value is not None:
            values.append(in_one_line(value))

    def name_of(self, table: str, key: str) -> str:
        """Return the key if it is a name; else add it as a value and return "*"."""
        if is_name(key):
            return in_one_line(key)
        self.add(table, "*", key)
        return "*"

    def parts(self) -> Iterator[Part]:
        """Yield one part per key path and chunk of values, in the order in which the paths were first added."""
        for (table, key), values in self._values.items():
            metadata = {"table": f"{self._root}{table}" if table in ("", "[]") else table}
            if key is not None:
                metadata["column"] = key
            for content in _chunks(values):
                yield Part(content, metadata)


def is_name(key: str) -> bool:
    """Return whether a key is a name rather than data (an e-mail address, an id, a long text)."""
    return len(key) <= MAX_KEY_LENGTH and not _DATA_IN_KEY.search(key) and any(char.isalpha() for char in key)


def _chunks(values: list[str]) -> Iterator[str]:
    start, size = 0, 0
    for number, value in enumerate(values, start=1):
        size += len(value) + 1
        if size >= CHUNK_SIZE or number == len(values):
            yield "\n".join(values[start:number])
            start, size = number, 0
    if not values:
        yield ""
