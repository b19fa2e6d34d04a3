"""The properties of the `git` and `github` connectors."""

import re
from importlib.util import find_spec
from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr, ValidationInfo, field_validator

from waivern.addresses import scheme_of
from waivern.connectors.git.addresses import address_error, is_unencrypted, ref_error
from waivern.files.selection import FileSelection

_GITHUB_COM = "https://github.com"
_OWNER_AND_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9._-]*[A-Za-z0-9_-][A-Za-z0-9._-]*", re.ASCII)


def _valid_address(address: str) -> str:
    error = address_error(address)
    if error is not None:
        raise ValueError(error)
    return address


def _valid_ref(ref: str) -> str:
    name = ref.strip() or "HEAD"
    error = ref_error(name)
    if error is not None:
        raise ValueError(error)
    return name


def _valid_subfolder(subfolder: str | None) -> str | None:
    path = PurePosixPath(subfolder or "")
    if path.is_absolute() or ".." in path.parts:
        raise ValueError("is not a folder below the root of the repository")
    return None if path == PurePosixPath() else str(path)


def _owner_and_name(repository: str) -> str:
    if not _OWNER_AND_NAME.fullmatch(repository.strip()):
        raise ValueError("is not of the form owner/name")
    return repository.strip().removesuffix(".git")


def _check_token_is_encrypted(address: str, others: ValidationInfo) -> str:
    if others.data.get("token") is not None and is_unencrypted(address):
        raise ValueError("would receive the token unencrypted: write https://")
    return address


class RevisionProperties(FileSelection):
    """The properties that `git` and `github` share: those of all connectors for files, and the revision.

    Args:
        ref: A branch, a tag or a commit; "HEAD" is the repository's default branch.
        subfolder: Read only this folder. File names and patterns are still relative to the repository's root.
        clone_strategy: What is fetched; see `fetching.STRATEGIES`. It does not change what is read.
        clone_timeout: The time limit for fetching, in seconds.
        token: The access token for the server.
    """

    ref: Annotated[str, AfterValidator(_valid_ref)] = "HEAD"
    subfolder: Annotated[str | None, AfterValidator(_valid_subfolder)] = None
    clone_strategy: Literal["minimal", "partial", "shallow", "full"] = "minimal"
    clone_timeout: int = Field(default=300, ge=1)
    token: SecretStr | None = None

    @property
    def token_value(self) -> str | None:
        return self.token.get_secret_value() if self.token is not None else None


class GitProperties(RevisionProperties):
    """The properties of `git`; `repository` is an address or a path."""

    repository: Annotated[str, Field(min_length=1), AfterValidator(_valid_address)]

    @field_validator("repository")
    @classmethod
    def _check_repository(cls, repository: str, others: ValidationInfo) -> str:
        return _check_token_is_encrypted(repository, others)


class GithubProperties(RevisionProperties):
    """The properties of `github`.

    Args:
        repository: "owner/name".
        base_url: The server; only for GitHub Enterprise.
        api_url: The address of the server's API; None: derived from `base_url`.
        app_id, installation_id, private_key_path: The GitHub App, its installation, and its private key as PEM.
        auth_method: "pat" for a token (not needed for public repositories), "app" for a GitHub App.
    """

    repository: Annotated[str, AfterValidator(_owner_and_name)]
    base_url: Annotated[str, AfterValidator(_valid_address)] = _GITHUB_COM
    api_url: Annotated[str, AfterValidator(_valid_address)] | None = None
    app_id: int | None = Field(default=None, ge=1)
    installation_id: int | None = Field(default=None, ge=1)
    private_key_path: str | None = None
    auth_method: Literal["pat", "app"] = "pat"

    @field_validator("base_url")
    @classmethod
    def _check_base_url(cls, address: str, others: ValidationInfo) -> str:
        if scheme_of(address) is None:
            raise ValueError("is not a valid address, such as https://github.example.org")
        return _check_token_is_encrypted(address, others)

    @field_validator("api_url")
    @classmethod
    def _check_api_url(cls, address: str | None) -> str | None:
        if address is not None and (scheme_of(address) not in ("http", "https") or is_unencrypted(address)):
            raise ValueError("is not a valid address, such as https://github.example.org/api/v3")
        return address

    @field_validator("auth_method")
    @classmethod
    def _check_auth_method(cls, method: str, others: ValidationInfo) -> str:
        if method == "app":
            missing = [name for name in ("app_id", "installation_id", "private_key_path") if not others.data.get(name)]
            if missing:
                raise ValueError(
                    f"`app` needs {', '.join(f'`{name}`' for name in missing)}, here or in the environment"
                )
            if others.data.get("api_url") is None and scheme_of(others.data.get("base_url", "")) != "https":
                raise ValueError("`app` needs https:// in `base_url`, or an `api_url`")
            if find_spec("cryptography") is None:
                raise ValueError("`app` needs a package that is not installed: pip install 'waivern[crypto]'")
        return method

    @property
    def api(self) -> str:
        public = f"{self.base_url.rstrip('/')}/api/v3" if self.base_url != _GITHUB_COM else "https://api.github.com"
        return (self.api_url or public).rstrip("/")

    @property
    def address(self) -> str:
        return f"{self.base_url.rstrip('/')}/{self.repository}.git"
