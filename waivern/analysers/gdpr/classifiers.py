"""The GDPR classifiers that Waivern ships."""

from waivern.analysers.gdpr.analyser import GdprClassifier, classifier_kind


class GdprPersonalDataClassifier(GdprClassifier):
    """Classifies personal data: ordinary, special categories (Art. 9), criminal data (Art. 10)."""

    kind = classifier_kind("personal_data")


class GdprDataSubjectClassifier(GdprClassifier):
    """Classifies data subjects by their protection: children (Art. 8), employees (Art. 88), vulnerable (recital 75)."""

    kind = classifier_kind("data_subject")


class GdprProcessingPurposeClassifier(GdprClassifier):
    """Classifies purposes by their possible legal bases (Art. 6) and duties (Art. 21, 22, 35)."""

    kind = classifier_kind("processing_purpose")


class GdprServiceIntegrationClassifier(GdprClassifier):
    """Classifies third-party services by contract (Art. 28) and basis for transfers (Art. 44 to 49)."""

    kind = classifier_kind("service_integration")


class GdprDataCollectionClassifier(GdprClassifier):
    """Classifies data collection by information duties (Art. 13, 14) and consent (ePrivacy Directive, Art. 5(3))."""

    kind = classifier_kind("data_collection")
