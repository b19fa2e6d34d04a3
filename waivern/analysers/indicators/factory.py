"""Factories of the indicator analysers. A ruleset is loaded here and compiled on first use."""

from collections.abc import Mapping
from typing import Any, ClassVar

from waivern.analysers.indicators import analysers
from waivern.analysers.indicators.analyser import IndicatorAnalyser
from waivern.components.factory import ComponentFactory, validated


class _IndicatorAnalyserFactory(ComponentFactory[IndicatorAnalyser]):
    analyser_class: ClassVar[type[IndicatorAnalyser]]

    @property
    def component_class(self) -> type[IndicatorAnalyser]:
        return self.analyser_class

    def create(self, properties: Mapping[str, Any]) -> IndicatorAnalyser:
        from waivern.analysers.indicators.properties import IndicatorProperties

        component = self.analyser_class.get_name()
        return self.analyser_class(validated(IndicatorProperties, properties, component=component))


class PersonalDataAnalyserFactory(_IndicatorAnalyserFactory):
    """Creates `personal_data` analysers."""

    analyser_class = analysers.PersonalDataAnalyser


class DataSubjectAnalyserFactory(_IndicatorAnalyserFactory):
    """Creates `data_subject` analysers."""

    analyser_class = analysers.DataSubjectAnalyser


class ProcessingPurposeAnalyserFactory(_IndicatorAnalyserFactory):
    """Creates `processing_purpose` analysers."""

    analyser_class = analysers.ProcessingPurposeAnalyser


class ServiceIntegrationAnalyserFactory(_IndicatorAnalyserFactory):
    """Creates `service_integration` analysers."""

    analyser_class = analysers.ServiceIntegrationAnalyser


class DataCollectionAnalyserFactory(_IndicatorAnalyserFactory):
    """Creates `data_collection` analysers."""

    analyser_class = analysers.DataCollectionAnalyser


class SecretsAnalyserFactory(_IndicatorAnalyserFactory):
    """Creates `secrets` analysers."""

    analyser_class = analysers.SecretsAnalyser


class CryptoQualityAnalyserFactory(_IndicatorAnalyserFactory):
    """Creates `crypto_quality` analysers."""

    analyser_class = analysers.CryptoQualityAnalyser
