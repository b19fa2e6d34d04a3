"""What makes `mongodb` connectors. The connector's class is imported when it is asked for."""

from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from waivern.components.environment import Variables, validated_with_variables
from waivern.components.factory import ComponentFactory
from waivern.errors import InvalidPropertiesError

if TYPE_CHECKING:
    from waivern.connectors.mongodb.connector import MongodbConnector

_VARIABLES = {
    "uri": Variables(("MONGODB_URI",), are_secret=True),
    "database": Variables(("MONGODB_DATABASE",)),
}
_BY_PARTS = {"database": _VARIABLES["database"], "password": Variables(("MONGODB_PASSWORD",), are_secret=True)}


class MongodbConnectorFactory(ComponentFactory["MongodbConnector"]):
    """Makes connectors of MongoDB servers, and of those that speak as they do."""

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
        from waivern.connectors.mongodb.reading import HowMuch

        variables = _BY_PARTS if properties.get("host") else _VARIABLES
        valid = validated_with_variables(MongodbProperties, properties, component="mongodb", variables=variables)
        return self.component_class(
            valid.server,
            valid.name,
            Selection(valid.include_collections, valid.exclude_collections),
            HowMuch(valid.sample_size, valid.seed, valid.max_value_size, valid.exclude_fields),
            connect_timeout_s=valid.connect_timeout,
        )
