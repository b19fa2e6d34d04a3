"""The connectors `git` and `github`: files of a repository at one revision."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from waivern.components.connector import Connector
from waivern.components.outputs import check_output_schema
from waivern.connectors.git.addresses import Address, with_token
from waivern.connectors.git.fetching import Repository, repository_path
from waivern.connectors.git.program import Git, GitError
from waivern.connectors.git.properties import RevisionProperties
from waivern.connectors.git.tree import Blobs, CommittedFile, Entry, entries_of
from waivern.errors import ComponentError
from waivern.files.listing import filter_files
from waivern.files.patterns import PathFilter
from waivern.files.scanning import FileScan
from waivern.messages.compressed_message import CompressedMessage
from waivern.messages.message import Message
from waivern.messages.not_scanned import NotScanned
from waivern.messages.schema import STANDARD_INPUT, Schema
from waivern.processes.temporary_folders import temporary_folder

T = TypeVar("T")


class GitConnector(Connector):
    """Reads the files of one commit as committed: the same commit gives the same message, wherever it is fetched from.

    The repository is fetched into a temporary folder. `metadata.commit` is the id of the commit that `ref` resolved
    to. Links, submodules and Git LFS pointers are reported as not scanned.

    Args:
        properties: The properties in the runbook.
        address: The address of the repository.
        source: The `source` of items and findings: the same for every revision.
        token: Requests a token when the repository is fetched; None: no token is needed, or `address` has it.
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
        check_output_schema(self, output_schema)
        scan = FileScan(self._properties, source=self._source, connector_type=self.get_name())
        with self._fetched() as (git, repository, commit):
            self._read(scan, git, repository, commit)
        envelope = {
            "schemaVersion": "1.0.0",
            "name": "Repository",
            "source": self._source,
            "metadata": {**scan.metadata(), "ref": self._properties.ref, "commit": commit},
        }
        return CompressedMessage(self.get_name(), envelope, "data", scan.items, STANDARD_INPUT)

    @contextmanager
    def _fetched(self) -> Iterator[tuple[Git, Repository, str]]:
        deadline = time.monotonic() + self._properties.clone_timeout
        with temporary_folder("git") as folder:
            address = self._address if self._token is None else with_token(self._address, self._token())
            git = Git(repository_path(folder), deadline, address.credentials)
            repository = Repository(git, address)
            commit = repository.fetch(self._properties.ref, self._properties.clone_strategy)
            yield git, repository, commit

    def _read(self, scan: FileScan, git: Git, repository: Repository, commit: str) -> None:
        selection = self._properties
        listed = self._check_damage(lambda: list(entries_of(git, commit, below=selection.subfolder or "")))
        if selection.subfolder and not listed:
            raise ComponentError(
                f"The repository {self._address.shown} has no folder '{selection.subfolder}' at '{selection.ref}'",
                remedy="Correct `subfolder`",
            )
        filtered = filter_files(
            listed, PathFilter.from_patterns(selection.include_patterns, selection.exclude_patterns)
        )
        found = [entry if isinstance(entry, NotScanned) else entry.not_scanned() or entry for entry in filtered]
        blob_ids = list(dict.fromkeys(entry.blob for entry in found if isinstance(entry, Entry)))
        if blob_ids and selection.clone_strategy in ("minimal", "partial"):
            repository.fetch_blobs(blob_ids)
        with self._check_damage(lambda: Blobs(git, blob_ids)) as blobs:
            scan.read(
                CommittedFile(entry.name, entry.blob, blobs) if isinstance(entry, Entry) else entry for entry in found
            )

    def _check_damage(self, function: Callable[[], T]) -> T:
        try:
            return function()
        except (GitError, TimeoutError):
            raise ComponentError(
                f"The repository {self._address.shown} cannot be read: the fetched content is damaged",
                remedy="Ask its owner to check it with `git fsck`",
            ) from None


class GithubConnector(GitConnector):
    """Reads the files of a repository on github.com or a GitHub Enterprise server."""

    @classmethod
    def get_name(cls) -> str:
        return "github"
