"""What makes `git` and `github` connectors. The connectors' classes are imported when they are asked for."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from waivern.components.environment import Variables, validated_with_variables
from waivern.components.factory import ComponentFactory, validated
from waivern.components.working_directory import anchored, current

if TYPE_CHECKING:
    from waivern.connectors.git.connector import GitConnector, GithubConnector

_GITHUB = {"token": Variables(("GITHUB_TOKEN",), are_secret=True)}
_GITHUB_APP = {
    "app_id": Variables(("GITHUB_APP_ID",)),
    "installation_id": Variables(("GITHUB_INSTALLATION_ID",)),
    "private_key_path": Variables(("GITHUB_PRIVATE_KEY_PATH",)),
}
_GITHUB_COM = "https://github.com"


class GitConnectorFactory(ComponentFactory["GitConnector"]):
    """Makes connectors of git repositories, wherever they are."""

    @property
    def component_class(self) -> "type[GitConnector]":
        from waivern.connectors.git.connector import GitConnector

        return GitConnector

    def create(self, properties: Mapping[str, Any]) -> "GitConnector":
        from waivern.connectors.git.addresses import address_of
        from waivern.connectors.git.properties import GitProperties

        valid = validated(GitProperties, properties, component="git")
        address = address_of(valid.repository, token=valid.secret, folder=current())
        return self.component_class(valid, address=address, source=address.shown)


class GithubConnectorFactory(ComponentFactory["GithubConnector"]):
    """Makes connectors of repositories on GitHub."""

    @property
    def component_class(self) -> "type[GithubConnector]":
        from waivern.connectors.git.connector import GithubConnector

        return GithubConnector

    def create(self, properties: Mapping[str, Any]) -> "GithubConnector":
        from waivern.connectors.git.addresses import address_of
        from waivern.connectors.git.github_app import GithubApp
        from waivern.connectors.git.properties import GithubProperties

        variables = _GITHUB_APP if properties.get("auth_method") == "app" else _GITHUB
        valid = validated_with_variables(GithubProperties, properties, component="github", variables=variables)
        address = address_of(valid.address, token=valid.secret, folder=current())
        is_public = valid.base_url.rstrip("/") == _GITHUB_COM
        source = f"github://{valid.repository}" if is_public else address.shown.removesuffix(".git")
        app = None
        if valid.auth_method == "app" and valid.app_id and valid.installation_id and valid.private_key_path:
            key_file = anchored(valid.private_key_path)
            app = GithubApp(valid.api, valid.app_id, valid.installation_id, key_file)
        return self.component_class(valid, address=address, source=source, token=app.token if app else None)
