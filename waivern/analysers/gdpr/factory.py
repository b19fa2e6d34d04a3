"""Factories of the GDPR classifiers. The classification is loaded here."""

from collections.abc import Mapping
from typing import Any, ClassVar

from waivern.analysers.gdpr import classifiers
from waivern.analysers.gdpr.analyser import GdprClassifier
from waivern.components.factory import ComponentFactory, validated


class _ClassifierFactory(ComponentFactory[GdprClassifier]):
    classifier_class: ClassVar[type[GdprClassifier]]

    @property
    def component_class(self) -> type[GdprClassifier]:
        return self.classifier_class

    def create(self, properties: Mapping[str, Any]) -> GdprClassifier:
        from waivern.analysers.gdpr.properties import ClassifierProperties

        component = self.classifier_class.get_name()
        return self.classifier_class(validated(ClassifierProperties, properties, component=component))


class GdprPersonalDataClassifierFactory(_ClassifierFactory):
    """Creates `gdpr_personal_data_classifier` components."""

    classifier_class = classifiers.GdprPersonalDataClassifier


class GdprDataSubjectClassifierFactory(_ClassifierFactory):
    """Creates `gdpr_data_subject_classifier` components."""

    classifier_class = classifiers.GdprDataSubjectClassifier


class GdprProcessingPurposeClassifierFactory(_ClassifierFactory):
    """Creates `gdpr_processing_purpose_classifier` components."""

    classifier_class = classifiers.GdprProcessingPurposeClassifier


class GdprServiceIntegrationClassifierFactory(_ClassifierFactory):
    """Creates `gdpr_service_integration_classifier` components."""

    classifier_class = classifiers.GdprServiceIntegrationClassifier


class GdprDataCollectionClassifierFactory(_ClassifierFactory):
    """Creates `gdpr_data_collection_classifier` components."""

    classifier_class = classifiers.GdprDataCollectionClassifier
