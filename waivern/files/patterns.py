"""Which files a runbook's patterns select."""

from collections.abc import Sequence
from dataclasses import dataclass

from pathspec import GitIgnoreSpec

from waivern.messages.not_scanned import NotScanned, ReasonCode


class Patterns:
    """Patterns in the syntax of `.gitignore`, for paths relative to the root, with "/".

    `*.png` matches that name at any depth, `/top.txt` (or `./top.txt`) only at the root, `logs/` a folder with
    everything in it, `**` any number of folders, and `!keep.log` negates an earlier pattern. Case matters.
    """

    def __init__(self, patterns: Sequence[str]) -> None:
        self._patterns = tuple(patterns)
        self._spec = GitIgnoreSpec.from_lines([_from_root(pattern) for pattern in patterns], backend="simple")
        self._has_negation = any(pattern.include is False for pattern in self._spec.patterns)

    def __bool__(self) -> bool:
        return bool(self._patterns)

    def match_file(self, file: str) -> str | None:
        """Return the pattern that matches the file, as the runbook has it; None if none does."""
        result = self._spec.check_file(file)
        return self._patterns[result.index] if result.include and result.index is not None else None

    def match_folder(self, folder: str) -> str | None:
        """Return the pattern that matches everything in the folder; None if its files have to be checked one by one."""
        return None if self._has_negation else self.match_file(f"{folder}/")


@dataclass(frozen=True)
class PathFilter:
    """Which files are read: those that match `include` (all if it is empty) and do not match `exclude`."""

    include: Patterns
    exclude: Patterns

    @classmethod
    def from_patterns(cls, include: Sequence[str], exclude: Sequence[str]) -> "PathFilter":
        return cls(Patterns(include), Patterns(exclude))

    def skip_file(self, file: str) -> NotScanned | None:
        """Return why a file is not scanned; None if it is."""
        exclusion = self.exclusion_of(file)
        if exclusion is not None:
            return NotScanned(file, exclusion, ReasonCode.EXCLUDED)
        if self.include and self.include.match_file(file) is None:
            return NotScanned(file, "not among include_patterns", ReasonCode.NOT_INCLUDED)
        return None

    def skip_folder(self, folder: str) -> NotScanned | None:
        """Return why a whole folder is not scanned; None if its files have to be checked one by one."""
        exclusion = _exclusion(self.exclude.match_folder(folder))
        return None if exclusion is None else NotScanned(f"{folder}/", exclusion, ReasonCode.EXCLUDED)

    def exclusion_of(self, file: str) -> str | None:
        """Return in words which pattern excludes a file; None if none does."""
        return _exclusion(self.exclude.match_file(file))


def pattern_error(pattern: str) -> str | None:
    """Return what is wrong with a pattern; None if it is valid."""
    try:
        parsed = GitIgnoreSpec.from_lines([_from_root(pattern)], backend="simple").patterns
    except ValueError:
        return "is not a valid pattern"
    if pattern.startswith("#"):
        return "is a comment: write \\# for a name that starts with #"
    return None if len(parsed) == 1 and parsed[0].include is not None else "matches nothing"


def _from_root(pattern: str) -> str:
    return pattern.removeprefix(".") if pattern.startswith("./") else pattern


def _exclusion(pattern: str | None) -> str | None:
    return None if pattern is None else f"excluded by the pattern {pattern}"
