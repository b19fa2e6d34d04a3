"""Makes classifiers: checks properties and loads the classification."""

from collections.abc import Mapping
from typing import Any, ClassVar

from waivern.analysers.gdpr import kinds
from waivern.analysers.gdpr.analyser import GdprClassifier
from waivern.components.factory import ComponentFactory, validated


class _ClassifierFactory(ComponentFactory[GdprClassifier]):
    makes: ClassVar[type[GdprClassifier]]

    @property
    def component_class(self) -> type[GdprClassifier]:
        return self.makes

    def create(self, properties: Mapping[str, Any]) -> GdprClassifier:
        from waivern.analysers.gdpr.properties import ClassifierProperties

        return self.makes(validated(ClassifierProperties, properties, component=self.makes.get_name()))


class GdprPersonalDataClassifierFactory(_ClassifierFactory):
    """Makes `gdpr_personal_data_classifier`."""

    makes = kinds.GdprPersonalDataClassifier


class GdprDataSubjectClassifierFactory(_ClassifierFactory):
    """Makes `gdpr_data_subject_classifier`."""

    makes = kinds.GdprDataSubjectClassifier


class GdprProcessingPurposeClassifierFactory(_ClassifierFactory):
    """Makes `gdpr_processing_purpose_classifier`."""

    makes = kinds.GdprProcessingPurposeClassifier


class GdprServiceIntegrationClassifierFactory(_ClassifierFactory):
    """Makes `gdpr_service_integration_classifier`."""

    makes = kinds.GdprServiceIntegrationClassifier


class GdprDataCollectionClassifierFactory(_ClassifierFactory):
    """Makes `gdpr_data_collection_classifier`."""

    makes = kinds.GdprDataCollectionClassifier
