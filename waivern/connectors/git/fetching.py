"""Fetching one revision of a repository."""

import re
from collections.abc import Sequence
from pathlib import Path

from waivern.addresses import hide_secrets
from waivern.connectors.git.addresses import Address
from waivern.connectors.git.program import Git, GitError
from waivern.errors import ComponentError

STRATEGIES = {
    "minimal": ("--depth=1", "--filter=blob:none"),
    "partial": ("--filter=blob:none",),
    "shallow": ("--depth=1",),
    "full": (),
}
"""The options of `git fetch` by strategy: without the history, without contents that are not read, or everything."""

_COMMIT_ID = re.compile(r"[0-9a-f]{4,64}")
_ALL_REFS = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
# What git prints, the reason in words, and the remedy.
_KNOWN_ERRORS = (
    (
        ("Authentication failed", "could not read Username", "could not read Password", "error: 401", "error: 403"),
        "it requires credentials, or refuses those it was given",
        "Give a `token` that may read it, as ${NAME}",
    ),
    (
        ("Permission denied (publickey", "Host key verification failed"),
        "its server refuses the SSH key, or is not in known_hosts",
        "Make sure that the user who runs the scan can log in there by ssh without a prompt",
    ),
    (
        ("dubious ownership",),
        "it belongs to another user",
        "Run the scan as that user, or let git trust it: git config --global --add safe.directory PATH",
    ),
    (
        ("Could not resolve host", "Failed to connect", "Connection refused", "Connection timed out", "unreachable"),
        "its server cannot be reached",
        "Check the network and the address",
    ),
    (
        ("not found", "does not appear to be a git repository", "does not exist", "No such file or directory"),
        "there is no such repository, or it is private",
        "Correct `repository`, or give a `token` that may read it, as ${NAME}",
    ),
)


class Repository:
    """A local bare repository into which a revision is fetched."""

    def __init__(self, git: Git, address: Address) -> None:
        self._git = git
        self._address = address

    def fetch(self, ref: str, strategy: str) -> str:
        """Fetch a branch, a tag or a commit, and return the commit's id.

        A name that is both a branch and a tag means the tag, as with git. An abbreviated commit id is searched in
        everything that is reachable from branches and tags.

        Raises:
            ComponentError: the revision does not exist, or the repository cannot be read.
        """
        self._run("init", "--quiet", "--bare", "--template=", "--", str(self._git.repository))
        self._run("remote", "add", "--", "origin", self._address.location)
        options = STRATEGIES[strategy]
        try:
            self._fetch(options, ref)
        except GitError as error:
            if not _COMMIT_ID.fullmatch(ref):
                raise self._component_error(str(error), ref) from None
            return self._fetch_commit(ref, [option for option in options if not option.startswith("--depth")])
        return self._commit_id("FETCH_HEAD", ref)

    def fetch_blobs(self, blobs: Sequence[str]) -> None:
        """Fetch the contents that a filter left out, all at once: git would fetch them one by one on access."""
        ids = "\n".join(blobs).encode()
        options = ("--quiet", "--no-tags", "--no-write-fetch-head", "--filter=blob:none", "--stdin")
        self._run("-c", "fetch.negotiationAlgorithm=noop", "fetch", *options, "--", "origin", stdin=ids)

    def _fetch(self, options: Sequence[str], *refs: str) -> None:
        try:
            self._git.run("fetch", "--quiet", "--no-tags", *options, "--", "origin", *refs)
        except TimeoutError:
            raise self._timeout_error() from None

    def _fetch_commit(self, ref: str, options: Sequence[str]) -> str:
        """Fetch everything to find a commit: the id is abbreviated, or the server does not serve commits by id."""
        try:
            self._fetch(options, *_ALL_REFS)
        except GitError as error:
            raise self._component_error(str(error), ref) from None
        return self._commit_id(ref, ref)

    def _commit_id(self, name: str, ref: str) -> str:
        try:
            output = self._git.run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
        except GitError as error:
            raise self._component_error(str(error) or "couldn't find remote ref", ref) from None
        return output.decode("ascii").strip()

    def _run(self, *arguments: str, stdin: bytes = b"") -> bytes:
        try:
            return self._git.run(*arguments, stdin=stdin)
        except GitError as error:
            raise self._component_error(str(error)) from None
        except TimeoutError:
            raise self._timeout_error() from None

    def _timeout_error(self) -> ComponentError:
        return ComponentError(
            f"The repository {self._address.shown} could not be fetched within `clone_timeout`",
            remedy="Raise it, or fetch less with `clone_strategy: minimal` and `include_patterns`",
        )

    def _component_error(self, output: str, ref: str = "") -> ComponentError:
        shown = self._address.shown
        if "couldn't find remote ref" in output or "unknown revision" in output or "ambiguous" in output:
            return ComponentError(
                f"The repository {shown} has no branch, tag or commit '{ref}'", remedy="Correct `ref`"
            )
        for signs, reason, remedy in _KNOWN_ERRORS:
            if any(sign in output for sign in signs):
                return ComponentError(f"The repository {shown} cannot be read: {reason}", remedy=remedy)
        last = next((line for line in output.splitlines() if line.startswith(("fatal:", "error:"))), output[-200:])
        return ComponentError(
            f"The repository {shown} cannot be read: {self._without_secrets(last)}",
            remedy="Check `repository` and `ref`",
        )

    def _without_secrets(self, text: str) -> str:
        credentials = self._address.credentials
        if credentials is not None and credentials.password:
            text = text.replace(credentials.password, "***")
        return hide_secrets(text, self._address.location)


def repository_path(folder: Path) -> Path:
    """Return the repository's path in a temporary folder."""
    return folder / "repository.git"
