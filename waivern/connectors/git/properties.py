"""What a runbook may say to the connectors `git` and `github`."""

import re
from importlib.util import find_spec
from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr, ValidationInfo, field_validator

from waivern.connectors.git.addresses import fault_of_address, fault_of_ref, is_in_the_clear
from waivern.files.addresses import kind_of
from waivern.files.selection import FileSelection

_GITHUB_COM = "https://github.com"
_OWNER_AND_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9._-]*[A-Za-z0-9_-][A-Za-z0-9._-]*", re.ASCII)


def _address(written: str) -> str:
    fault = fault_of_address(written)
    if fault is not None:
        raise ValueError(fault)
    return written


def _ref(written: str) -> str:
    name = written.strip() or "HEAD"
    fault = fault_of_ref(name)
    if fault is not None:
        raise ValueError(fault)
    return name


def _folder(written: str | None) -> str | None:
    path = PurePosixPath(written or "")
    if path.is_absolute() or ".." in path.parts:
        raise ValueError("is no folder below the top of the repository")
    return None if path == PurePosixPath() else str(path)


def _owner_and_name(written: str) -> str:
    if not _OWNER_AND_NAME.fullmatch(written.strip()):
        raise ValueError("is not as owner/name")
    return written.strip().removesuffix(".git")


def _private(address: str, others: ValidationInfo) -> str:
    if others.data.get("token") is not None and is_in_the_clear(address):
        raise ValueError("would be sent the token in the clear: write https://")
    return address


class RevisionProperties(FileSelection):
    """The properties that `git` and `github` share: those of every connector of files, and which revision is read.

    Args:
        ref: A branch, a tag or a commit; "HEAD" is the branch that the repository has as its main one.
        subfolder: Only what is in this folder of the repository. Names and patterns are from its top all the same.
        clone_strategy: What is fetched; see `fetching.STRATEGIES`. What is read is the same.
        clone_timeout: How long fetching may take, in seconds.
        token: What lets in at the server.
    """

    ref: Annotated[str, AfterValidator(_ref)] = "HEAD"
    subfolder: Annotated[str | None, AfterValidator(_folder)] = None
    clone_strategy: Literal["minimal", "partial", "shallow", "full"] = "minimal"
    clone_timeout: int = Field(default=300, ge=1)
    token: SecretStr | None = None

    @property
    def secret(self) -> str | None:
        return self.token.get_secret_value() if self.token is not None else None


class GitProperties(RevisionProperties):
    """The properties of `git`; `repository` is an address or a path."""

    repository: Annotated[str, Field(min_length=1), AfterValidator(_address)]

    @field_validator("repository")
    @classmethod
    def _keeps_the_token(cls, repository: str, others: ValidationInfo) -> str:
        return _private(repository, others)


class GithubProperties(RevisionProperties):
    """The properties of `github`.

    Args:
        repository: "owner/name".
        base_url: The server, another one than github.com for GitHub Enterprise.
        api_url: The address of the server's API; none: the one that GitHub has beside `base_url`.
        app_id, installation_id, private_key_path: The app, one installation of it, and its key as PEM.
        auth_method: "pat" is a token, which may be left out for what everybody may read, "app" an app.
    """

    repository: Annotated[str, AfterValidator(_owner_and_name)]
    base_url: Annotated[str, AfterValidator(_address)] = _GITHUB_COM
    api_url: Annotated[str, AfterValidator(_address)] | None = None
    app_id: int | None = Field(default=None, ge=1)
    installation_id: int | None = Field(default=None, ge=1)
    private_key_path: str | None = None
    auth_method: Literal["pat", "app"] = "pat"

    @field_validator("base_url")
    @classmethod
    def _leads_to_a_server(cls, address: str, others: ValidationInfo) -> str:
        if kind_of(address) is None:
            raise ValueError("is no address, such as https://github.example.org")
        return _private(address, others)

    @field_validator("api_url")
    @classmethod
    def _leads_to_an_api(cls, address: str | None) -> str | None:
        if address is not None and (kind_of(address) not in ("http", "https") or is_in_the_clear(address)):
            raise ValueError("is no address such as https://github.example.org/api/v3")
        return address

    @field_validator("auth_method")
    @classmethod
    def _can_be_used(cls, method: str, others: ValidationInfo) -> str:
        if method == "app":
            missing = [name for name in ("app_id", "installation_id", "private_key_path") if not others.data.get(name)]
            if missing:
                raise ValueError(
                    f"`app` needs {', '.join(f'`{name}`' for name in missing)}, here or in the environment"
                )
            if others.data.get("api_url") is None and kind_of(others.data.get("base_url", "")) != "https":
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
