"""The factory of the `mongodb` connector, which imports the connector class lazily."""

from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from waivern.components.environment import EnvironmentVariables, validated_with_variables
from waivern.components.factory import ComponentFactory
from waivern.errors import InvalidPropertiesError

if TYPE_CHECKING:
    from waivern.connectors.mongodb.connector import MongodbConnector

_URI_VARIABLES = {
    "uri": EnvironmentVariables(("MONGODB_URI",), are_secret=True),
    "database": EnvironmentVariables(("MONGODB_DATABASE",)),
}
_HOST_VARIABLES = {
    "database": _URI_VARIABLES["database"],
    "password": EnvironmentVariables(("MONGODB_PASSWORD",), are_secret=True),
}


class MongodbConnectorFactory(ComponentFactory["MongodbConnector"]):
    """Creates connectors for MongoDB servers and compatible ones."""

    @property
    def component_class(self) -> "type[MongodbConnector]":
        from waivern.connectors.mongodb.connector import MongodbConnector

        return MongodbConnector

    def create(self, properties: Mapping[str, Any]) -> "MongodbConnector":
        if find_spec("pymongo") is None:
            raise InvalidPropertiesError(
                "mongodb", {"": "MongoDB's driver is not installed: pip install 'waivern[mongodb]'"}
            )
        from waivern.connectors.mongodb.connector import Selection
        from waivern.connectors.mongodb.properties import MongodbProperties
        from waivern.connectors.mongodb.reading import ReadLimits

        variables = _HOST_VARIABLES if properties.get("host") else _URI_VARIABLES
        valid = validated_with_variables(MongodbProperties, properties, component="mongodb", variables=variables)
        return self.component_class(
            valid.server,
            valid.name,
            Selection(valid.include_collections, valid.exclude_collections),
            ReadLimits(valid.sample_size, valid.seed, valid.max_value_size, valid.exclude_fields),
            connect_timeout_s=valid.connect_timeout,
        )
