"""Makes source_code_analysers."""

from collections.abc import Mapping
from typing import Any

from waivern.analysers.source_code.analyser import SourceCodeAnalyser
from waivern.components.factory import ComponentFactory, validated


class SourceCodeAnalyserFactory(ComponentFactory[SourceCodeAnalyser]):
    """Checks properties; grammars are loaded when the first file of their language comes."""

    @property
    def component_class(self) -> type[SourceCodeAnalyser]:
        return SourceCodeAnalyser

    def create(self, properties: Mapping[str, Any]) -> SourceCodeAnalyser:
        from waivern.analysers.source_code.properties import SourceCodeProperties

        return SourceCodeAnalyser(validated(SourceCodeProperties, properties, component=SourceCodeAnalyser.get_name()))
