"""The factories of the `git` and `github` connectors, which import the connector classes lazily."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from waivern.components.environment import EnvironmentVariables, validated_with_variables
from waivern.components.factory import ComponentFactory, validated
from waivern.components.working_directory import current, resolve_path

if TYPE_CHECKING:
    from waivern.connectors.git.connector import GitConnector, GithubConnector

_GITHUB = {"token": EnvironmentVariables(("GITHUB_TOKEN",), are_secret=True)}
_GITHUB_APP = {
    "app_id": EnvironmentVariables(("GITHUB_APP_ID",)),
    "installation_id": EnvironmentVariables(("GITHUB_INSTALLATION_ID",)),
    "private_key_path": EnvironmentVariables(("GITHUB_PRIVATE_KEY_PATH",)),
}
_GITHUB_COM = "https://github.com"


class GitConnectorFactory(ComponentFactory["GitConnector"]):
    """Creates connectors for git repositories."""

    @property
    def component_class(self) -> "type[GitConnector]":
        from waivern.connectors.git.connector import GitConnector

        return GitConnector

    def create(self, properties: Mapping[str, Any]) -> "GitConnector":
        from waivern.connectors.git.addresses import parse_address
        from waivern.connectors.git.properties import GitProperties

        valid = validated(GitProperties, properties, component="git")
        address = parse_address(valid.repository, token=valid.token_value, folder=current())
        return self.component_class(valid, address=address, source=address.shown)


class GithubConnectorFactory(ComponentFactory["GithubConnector"]):
    """Creates connectors for repositories on GitHub."""

    @property
    def component_class(self) -> "type[GithubConnector]":
        from waivern.connectors.git.connector import GithubConnector

        return GithubConnector

    def create(self, properties: Mapping[str, Any]) -> "GithubConnector":
        from waivern.connectors.git.addresses import parse_address
        from waivern.connectors.git.github_app import GithubApp
        from waivern.connectors.git.properties import GithubProperties

        variables = _GITHUB_APP if properties.get("auth_method") == "app" else _GITHUB
        valid = validated_with_variables(GithubProperties, properties, component="github", variables=variables)
        address = parse_address(valid.address, token=valid.token_value, folder=current())
        is_public = valid.base_url.rstrip("/") == _GITHUB_COM
        source = f"github://{valid.repository}" if is_public else address.shown.removesuffix(".git")
        app = None
        if valid.auth_method == "app" and valid.app_id and valid.installation_id and valid.private_key_path:
            key_file = resolve_path(valid.private_key_path)
            app = GithubApp(valid.api, valid.app_id, valid.installation_id, key_file)
        return self.component_class(valid, address=address, source=source, token=app.token if app else None)
