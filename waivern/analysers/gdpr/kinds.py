"""The classifiers that Waivern has."""

from waivern.analysers.gdpr.analyser import GdprClassifier, kind_of


class GdprPersonalDataClassifier(GdprClassifier):
    """What personal data is: ordinary, of a special category (Art. 9), criminal (Art. 10)."""

    kind = kind_of("personal_data")


class GdprDataSubjectClassifier(GdprClassifier):
    """What protects whose data it is: children (Art. 8), employees (Art. 88), the vulnerable (recital 75)."""

    kind = kind_of("data_subject")


class GdprProcessingPurposeClassifier(GdprClassifier):
    """On what basis a purpose may rest (Art. 6), and what it calls for (Art. 21, 22, 35)."""

    kind = kind_of("processing_purpose")


class GdprServiceIntegrationClassifier(GdprClassifier):
    """What a third party's service calls for: a contract (Art. 28), a ground for a transfer (Art. 44 to 49)."""

    kind = kind_of("service_integration")


class GdprDataCollectionClassifier(GdprClassifier):
    """What has to be told where data is taken in (Art. 13, 14), and where consent comes first (ePrivacy, Art. 5(3))."""

    kind = kind_of("data_collection")
