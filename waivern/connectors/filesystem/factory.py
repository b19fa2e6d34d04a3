"""The factory of the `filesystem` connector."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from waivern.components.factory import ComponentFactory, validated
from waivern.components.working_directory import resolve_path

if TYPE_CHECKING:
    from waivern.connectors.filesystem.connector import FilesystemConnector


class FilesystemConnectorFactory(ComponentFactory["FilesystemConnector"]):
    """Creates `FilesystemConnector`s."""

    @property
    def component_class(self) -> "type[FilesystemConnector]":
        from waivern.connectors.filesystem.connector import FilesystemConnector

        return FilesystemConnector

    def create(self, properties: Mapping[str, Any]) -> "FilesystemConnector":
        from waivern.connectors.filesystem.local import LocalPath
        from waivern.connectors.filesystem.properties import FilesystemProperties
        from waivern.connectors.filesystem.remote import RemoteAddress

        valid = validated(FilesystemProperties, properties, component="filesystem")
        if valid.local_path is None:
            return self.component_class(valid, location=RemoteAddress(valid.path, valid.storage_options or {}))
        return self.component_class(valid, location=LocalPath(valid.path, resolve_path(valid.local_path)))
