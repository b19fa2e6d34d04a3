"""Makes personal_data analysers."""

from collections.abc import Mapping
from typing import Any

from waivern.analysers.personal_data.analyser import PersonalDataAnalyser
from waivern.components.factory import ComponentFactory, validated


class PersonalDataAnalyserFactory(ComponentFactory[PersonalDataAnalyser]):
    """Checks properties and loads the ruleset; the ruleset is compiled when the first message comes."""

    @property
    def component_class(self) -> type[PersonalDataAnalyser]:
        return PersonalDataAnalyser

    def create(self, properties: Mapping[str, Any]) -> PersonalDataAnalyser:
        from waivern.analysers.personal_data.properties import PersonalDataProperties

        return PersonalDataAnalyser(validated(PersonalDataProperties, properties, component="personal_data"))
