"""Which files a runbook's patterns mean."""

from collections.abc import Sequence
from dataclasses import dataclass

from pathspec import GitIgnoreSpec

from waivern.messages.not_scanned import NotScanned, ReasonCode


class Patterns:
    """Patterns as a `.gitignore` has them, over paths relative to the root, written with "/".

    `*.png` means that name at any depth, `/top.txt` (or `./top.txt`) only at the root, `logs/` a folder with all that
    is in it, `**` any number of folders, and `!keep.log` takes back what an earlier pattern said. Upper and lower case
    differ.
    """

    def __init__(self, patterns: Sequence[str]) -> None:
        self._written = tuple(patterns)
        self._spec = GitIgnoreSpec.from_lines([_from_root(each) for each in patterns], backend="simple")
        self._takes_back = any(pattern.include is False for pattern in self._spec.patterns)

    def __bool__(self) -> bool:
        return bool(self._written)

    def meaning(self, file: str) -> str | None:
        """Return the pattern, as it was written, that means the file; None where none does."""
        result = self._spec.check_file(file)
        return self._written[result.index] if result.include and result.index is not None else None

    def meaning_all_of(self, folder: str) -> str | None:
        """Return the pattern that means the folder with all that is in it; None where files must be asked singly."""
        return None if self._takes_back else self.meaning(f"{folder}/")


@dataclass(frozen=True)
class Choice:
    """Which files are read: those that `include` means, all where it is empty, without those that `exclude` means."""

    include: Patterns
    exclude: Patterns

    @classmethod
    def of(cls, include: Sequence[str], exclude: Sequence[str]) -> "Choice":
        return cls(Patterns(include), Patterns(exclude))

    def skip_file(self, file: str) -> NotScanned | None:
        """Return why a file is not scanned; None if it is."""
        excluded = self.why_excluded(file)
        if excluded is not None:
            return NotScanned(file, excluded, ReasonCode.EXCLUDED)
        if self.include and self.include.meaning(file) is None:
            return NotScanned(file, "not among include_patterns", ReasonCode.NOT_INCLUDED)
        return None

    def why_excluded(self, file: str) -> str | None:
        """Say which pattern excludes a file; None where none does."""
        return _excluded(self.exclude.meaning(file))

    def skip_folder(self, folder: str) -> NotScanned | None:
        """Return why a whole folder is not scanned; None if its files have to be checked one by one."""
        excluded = _excluded(self.exclude.meaning_all_of(folder))
        return None if excluded is None else NotScanned(f"{folder}/", excluded, ReasonCode.EXCLUDED)


def fault_of(pattern: str) -> str | None:
    """Say what is wrong with a pattern; None where nothing is."""
    try:
        read = GitIgnoreSpec.from_lines([_from_root(pattern)], backend="simple").patterns
    except ValueError:
        return "is no pattern"
    if pattern.startswith("#"):
        return "is a comment: write \\# for a name that starts with #"
    return None if len(read) == 1 and read[0].include is not None else "means nothing"


def _from_root(pattern: str) -> str:
    return pattern.removeprefix(".") if pattern.startswith("./") else pattern


def _excluded(pattern: str | None) -> str | None:
    return None if pattern is None else f"excluded by the pattern {pattern}"
