"""The connectors `git` and `github`: the files of a repository at one revision."""

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from waivern.components.connector import Connector
from waivern.components.outputs import check_makes
from waivern.connectors.git.addresses import Address, with_token
from waivern.connectors.git.fetching import Repository, in_folder
from waivern.connectors.git.program import Git, GitError
from waivern.connectors.git.properties import RevisionProperties
from waivern.connectors.git.tree import Blobs, CommittedFile, Entry, entries_of
from waivern.errors import ComponentError
from waivern.files.listing import chosen
from waivern.files.patterns import Choice
from waivern.files.scanning import FileScan
from waivern.messages.message import Message
from waivern.messages.not_scanned import NotScanned
from waivern.messages.packed import PackedMessage
from waivern.messages.schema import Schema

STANDARD_INPUT = Schema("standard_input", "1.0.0")
T = TypeVar("T")


class GitConnector(Connector):
    """Reads the files of one commit as they were committed: the same commit gives the same message wherever it lies.

    The repository is fetched into a temporary folder, which is removed. `metadata.commit` is the id of the commit
    that `ref` led to. Links, submodules and what Git LFS keeps elsewhere are named as left out.

    Args:
        properties: What the runbook says.
        address: Where the repository is.
        source: What items and findings say that they are from: the same for every revision.
        token: Asks for a token, where one has to be asked for.
    """

    def __init__(
        self,
        properties: RevisionProperties,
        *,
        address: Address,
        source: str,
        token: Callable[[], str] | None = None,
    ) -> None:
        self._properties = properties
        self._address = address
        self._source = source
        self._token = token

    @classmethod
    def get_name(cls) -> str:
        return "git"

    @classmethod
    def get_supported_output_schemas(cls) -> list[Schema]:
        return [STANDARD_INPUT]

    def extract(self, output_schema: Schema) -> Message:
        check_makes(self, output_schema)
        scan = FileScan(self._properties, source=self._source, connector_type=self.get_name())
        with self._fetched() as (git, repository, commit):
            self._read(scan, git, repository, commit)
        around = {
            "schemaVersion": "1.0.0",
            "name": "Repository",
            "source": self._source,
            "metadata": {**scan.metadata(), "ref": self._properties.ref, "commit": commit},
        }
        return PackedMessage(self.get_name(), around, "data", scan.items, STANDARD_INPUT)

    @contextmanager
    def _fetched(self) -> Iterator[tuple[Git, Repository, str]]:
        until = time.monotonic() + self._properties.clone_timeout
        with tempfile.TemporaryDirectory(prefix="waivern-git-", ignore_cleanup_errors=True) as folder:
            address = self._address if self._token is None else with_token(self._address, self._token())
            git = Git(in_folder(Path(folder)), until, address.login)
            repository = Repository(git, address)
            commit = repository.fetch(self._properties.ref, self._properties.clone_strategy)
            yield git, repository, commit

    def _read(self, scan: FileScan, git: Git, repository: Repository, commit: str) -> None:
        selection = self._properties
        listed = self._damaged(lambda: list(entries_of(git, commit, below=selection.subfolder or "")))
        if selection.subfolder and not listed:
            raise ComponentError(
                f"The repository {self._address.shown} has no folder '{selection.subfolder}' at '{selection.ref}'",
                remedy="Correct `subfolder`",
            )
        choice = Choice.of(selection.include_patterns, selection.exclude_patterns)
        found = [each if isinstance(each, NotScanned) else each.left_out() or each for each in chosen(listed, choice)]
        wanted = list(dict.fromkeys(each.blob for each in found if isinstance(each, Entry)))
        if wanted and selection.clone_strategy in ("minimal", "partial"):
            repository.complete(wanted)
        with self._damaged(lambda: Blobs(git, wanted)) as blobs:
            scan.read(CommittedFile(each.name, each.blob, blobs) if isinstance(each, Entry) else each for each in found)

    def _damaged(self, ask: Callable[[], T]) -> T:
        try:
            return ask()
        except (GitError, TimeoutError):
            raise ComponentError(
                f"The repository {self._address.shown} cannot be read: what was fetched of it is damaged",
                remedy="Let its owner check it with `git fsck`",
            ) from None


class GithubConnector(GitConnector):
    """Reads the files of a repository on github.com, or on a server of GitHub's kind."""

    @classmethod
    def get_name(cls) -> str:
        return "github"
