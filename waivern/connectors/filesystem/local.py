"""Where the files are when they lie on this machine: a folder, or one file."""

import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from waivern.errors import ComponentError
from waivern.files.patterns import Choice
from waivern.files.walking import File, Walk
from waivern.messages.not_scanned import NotScanned

_REMEDY = "Correct `path`; a relative one is meant from the runbook's folder, or from --working-dir"


@dataclass(frozen=True)
class LocalPlace:
    """A path of this machine; `written` is how the runbook writes it."""

    written: str
    root: Path

    def found(self, choice: Choice) -> Iterator[File | NotScanned]:
        """Yield what there is below the root; the root itself must be readable.

        Raises:
            ComponentError: it is not there, or cannot be read.
        """
        try:
            mode = self.root.stat().st_mode
            if stat.S_ISDIR(mode):
                yield from Walk(str(self.root), choice)
            elif stat.S_ISREG(mode):
                only = File(self.root.name, str(self.root.resolve()))
                yield Walk(str(self.root.parent), choice).only(only)
            else:
                raise ComponentError(f"The path '{self.written}' is neither a file nor a folder", remedy=_REMEDY)
        except FileNotFoundError:
            raise ComponentError(f"The path '{self.written}' does not exist", remedy=_REMEDY) from None
        except OSError as error:
            raise ComponentError(
                f"The path '{self.written}' cannot be read: {error.strerror}", remedy="Let the user who scans read it"
            ) from None
