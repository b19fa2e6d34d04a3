"""Makes analysers of indicators: checks properties and loads the ruleset, which is compiled when it is first used."""

from collections.abc import Mapping
from typing import Any, ClassVar

from waivern.analysers.indicators import kinds
from waivern.analysers.indicators.analyser import IndicatorAnalyser
from waivern.components.factory import ComponentFactory, validated


class _IndicatorAnalyserFactory(ComponentFactory[IndicatorAnalyser]):
    makes: ClassVar[type[IndicatorAnalyser]]

    @property
    def component_class(self) -> type[IndicatorAnalyser]:
        return self.makes

    def create(self, properties: Mapping[str, Any]) -> IndicatorAnalyser:
        from waivern.analysers.indicators.properties import IndicatorProperties

        return self.makes(validated(IndicatorProperties, properties, component=self.makes.get_name()))


class PersonalDataAnalyserFactory(_IndicatorAnalyserFactory):
    """Makes `personal_data`."""

    makes = kinds.PersonalDataAnalyser


class DataSubjectAnalyserFactory(_IndicatorAnalyserFactory):
    """Makes `data_subject`."""

    makes = kinds.DataSubjectAnalyser


class ProcessingPurposeAnalyserFactory(_IndicatorAnalyserFactory):
    """Makes `processing_purpose`."""

    makes = kinds.ProcessingPurposeAnalyser


class ServiceIntegrationAnalyserFactory(_IndicatorAnalyserFactory):
    """Makes `service_integration`."""

    makes = kinds.ServiceIntegrationAnalyser


class DataCollectionAnalyserFactory(_IndicatorAnalyserFactory):
    """Makes `data_collection`."""

    makes = kinds.DataCollectionAnalyser


class SecretsAnalyserFactory(_IndicatorAnalyserFactory):
    """Makes `secrets`."""

    makes = kinds.SecretsAnalyser


class CryptoQualityAnalyserFactory(_IndicatorAnalyserFactory):
    """Makes `crypto_quality`."""

    makes = kinds.CryptoQualityAnalyser
