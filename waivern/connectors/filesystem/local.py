"""Files on this machine: a folder, or a single file."""

import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from waivern.errors import ComponentError
from waivern.files.patterns import PathFilter
from waivern.files.walking import File, Walk
from waivern.messages.not_scanned import NotScanned

_REMEDY = "Correct `path`; a relative one starts from the runbook's folder, or from --working-dir"


@dataclass(frozen=True)
class LocalPath:
    """A local path: `shown` as the runbook has it, `root` as it is opened."""

    shown: str
    root: Path

    def files(self, paths: PathFilter) -> Iterator[File | NotScanned]:
        """Yield the files below the root.

        Raises:
            ComponentError: the root does not exist, or cannot be read.
        """
        try:
            mode = self.root.stat().st_mode
            if stat.S_ISDIR(mode):
                yield from Walk(str(self.root), paths)
            elif stat.S_ISREG(mode):
                file = File(self.root.name, str(self.root.resolve()))
                yield Walk(str(self.root.parent), paths).filter_file(file)
            else:
                raise ComponentError(f"The path '{self.shown}' is neither a file nor a folder", remedy=_REMEDY)
        except FileNotFoundError:
            raise ComponentError(f"The path '{self.shown}' does not exist", remedy=_REMEDY) from None
        except OSError as error:
            raise ComponentError(
                f"The path '{self.shown}' cannot be read: {error.strerror}",
                remedy="Give the user who runs the scan permission to read it",
            ) from None
