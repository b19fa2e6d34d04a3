"""Getting one revision of a repository, with as much beside it as is wanted."""

import re
from collections.abc import Sequence
from pathlib import Path

from waivern.connectors.git.addresses import Address
from waivern.connectors.git.program import Git, GitError
from waivern.errors import ComponentError
from waivern.files.addresses import without_login

STRATEGIES = {
    "minimal": ("--depth=1", "--filter=blob:none"),
    "partial": ("--filter=blob:none",),
    "shallow": ("--depth=1",),
    "full": (),
}
"""What is fetched: without the history before the revision, without contents that are not read, or all of it."""

_COMMIT = re.compile(r"[0-9a-f]{4,64}")
_WHOLE = (40, 64)
_EVERYTHING = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
_REASONS = (
    (
        ("Authentication failed", "could not read Username", "could not read Password", "error: 401", "error: 403"),
        "it asks for a login, or refuses the one that it is given",
        "Give a `token` that may read it, as ${NAME}",
    ),
    (
        ("Permission denied (publickey", "Host key verification failed"),
        "its server refuses the key, or is not known",
        "Let the user who scans log in there by ssh without being asked anything",
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
        "there is no repository, or it is shown to nobody without a login",
        "Correct `repository`, or give a `token` that may read it, as ${NAME}",
    ),
)


class Repository:
    """A repository of our own, in an empty folder, that holds what was fetched of another one."""

    def __init__(self, git: Git, address: Address) -> None:
        self._git = git
        self._address = address

    def fetch(self, ref: str, strategy: str) -> str:
        """Fetch a branch, a tag or a commit, and return the commit's id.

        A name that is a branch's and a tag's is the tag's, as with git. A commit by the beginning of its id is looked
        for among all that branches and tags lead to.

        Raises:
            ComponentError: there is no such revision, or the repository cannot be read.
        """
        self._asked("init", "--quiet", "--bare", "--template=", "--", str(self._git.repository))
        self._asked("remote", "add", "--", "origin", self._address.location)
        options = STRATEGIES[strategy]
        try:
            self._fetch(options, ref)
        except GitError as error:
            if not _COMMIT.fullmatch(ref):
                raise self._failure(str(error), ref) from None
            return self._fetch_commit(ref, [each for each in options if not each.startswith("--depth")])
        return self._commit("FETCH_HEAD", ref)

    def complete(self, blobs: Sequence[str]) -> None:
        """Fetch contents that were left out, all at a time: git would fetch each when it is asked for."""
        wanted = "\n".join(blobs).encode()
        options = ("--quiet", "--no-tags", "--no-write-fetch-head", "--filter=blob:none", "--stdin")
        self._asked("-c", "fetch.negotiationAlgorithm=noop", "fetch", *options, "--", "origin", given=wanted)

    def _fetch(self, options: Sequence[str], *refs: str) -> None:
        try:
            self._git.run("fetch", "--quiet", "--no-tags", *options, "--", "origin", *refs)
        except TimeoutError:
            raise self._too_slow() from None

    def _fetch_commit(self, ref: str, options: Sequence[str]) -> str:
        """A commit by its whole id, of a server that hands out no commit by its id, or by the beginning of its id."""
        try:
            self._fetch(options, *_EVERYTHING)
        except GitError as error:
            raise self._failure(str(error), ref) from None
        return self._commit(ref, ref)

    def _commit(self, name: str, ref: str) -> str:
        try:
            found = self._git.run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
        except GitError as error:
            raise self._failure(str(error) or "couldn't find remote ref", ref) from None
        return found.decode("ascii").strip()

    def _asked(self, *arguments: str, given: bytes = b"") -> bytes:
        try:
            return self._git.run(*arguments, given=given)
        except GitError as error:
            raise self._failure(str(error)) from None
        except TimeoutError:
            raise self._too_slow() from None

    def _too_slow(self) -> ComponentError:
        return ComponentError(
            f"The repository {self._address.shown} could not be fetched within `clone_timeout`",
            remedy="Raise it, or fetch less with `clone_strategy: minimal` and `include_patterns`",
        )

    def _failure(self, said: str, ref: str = "") -> ComponentError:
        shown = self._address.shown
        if "couldn't find remote ref" in said or "unknown revision" in said or "ambiguous" in said:
            return ComponentError(
                f"The repository {shown} has no branch, tag or commit '{ref}'", remedy="Correct `ref`"
            )
        for signs, why, remedy in _REASONS:
            if any(sign in said for sign in signs):
                return ComponentError(f"The repository {shown} cannot be read: {why}", remedy=remedy)
        last = next((line for line in said.splitlines() if line.startswith(("fatal:", "error:"))), said[-200:])
        return ComponentError(
            f"The repository {shown} cannot be read: {self._without_secrets(last)}",
            remedy="Check `repository` and `ref`",
        )

    def _without_secrets(self, said: str) -> str:
        login = self._address.login
        if login is not None and login.password:
            said = said.replace(login.password, "***")
        return without_login(said)


def in_folder(folder: Path) -> Path:
    """Return where in a temporary folder the repository is to be."""
    return folder / "repository.git"
