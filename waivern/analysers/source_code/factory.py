"""The factory of the source code analyser."""

from collections.abc import Mapping
from typing import Any

from waivern.analysers.source_code.analyser import SourceCodeAnalyser
from waivern.components.factory import ComponentFactory, validated


class SourceCodeAnalyserFactory(ComponentFactory[SourceCodeAnalyser]):
    """Creates `source_code_analyser` components. A grammar is loaded for the first file of its language."""

    @property
    def component_class(self) -> type[SourceCodeAnalyser]:
        return SourceCodeAnalyser

    def create(self, properties: Mapping[str, Any]) -> SourceCodeAnalyser:
        from waivern.analysers.source_code.properties import SourceCodeProperties

        return SourceCodeAnalyser(validated(SourceCodeProperties, properties, component=SourceCodeAnalyser.get_name()))
