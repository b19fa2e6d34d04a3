"""The analysers of indicators that Waivern has."""

from waivern.analysers.indicators.analyser import IndicatorAnalyser
from waivern.analysers.indicators.kind import CODE_ONLY, kind_of


class PersonalDataAnalyser(IndicatorAnalyser):
    """Finds personal data by the form of values and by the names of fields (GDPR Art. 4(1))."""

    kind = kind_of("personal_data", indicator="personal_data_indicator", ruleset="personal_data_indicator")


class DataSubjectAnalyser(IndicatorAnalyser):
    """Finds whose data it is: customers, employees, patients, children (GDPR Art. 30(1)(c))."""

    kind = kind_of("data_subject", indicator="data_subject_indicator", ruleset="data_subject_indicator")


class ProcessingPurposeAnalyser(IndicatorAnalyser):
    """Finds what data is processed for: payment, marketing, analytics (GDPR Art. 5(1)(b), 30(1)(b))."""

    kind = kind_of("processing_purpose", indicator="processing_purpose_indicator", ruleset="processing_purposes")


class ServiceIntegrationAnalyser(IndicatorAnalyser):
    """Finds in code which third parties it talks to (GDPR Art. 28, 30(1)(d), 44)."""

    kind = kind_of(
        "service_integration",
        indicator="service_integration_indicator",
        ruleset="service_integrations",
        inputs=CODE_ONLY,
    )


class DataCollectionAnalyser(IndicatorAnalyser):
    """Finds in code where it takes data in: forms, cookies, uploads, requests (GDPR Art. 13, 14)."""

    kind = kind_of(
        "data_collection", indicator="data_collection_indicator", ruleset="data_collection", inputs=CODE_ONLY
    )


class SecretsAnalyser(IndicatorAnalyser):
    """Finds keys, tokens and passwords that stand in code and configuration (GDPR Art. 32; CWE-798)."""

    kind = kind_of("secrets", indicator="secret_indicator", ruleset="secret_indicator")


class CryptoQualityAnalyser(IndicatorAnalyser):
    """Finds weak hashes, ciphers, keys and TLS settings (GDPR Art. 32(1)(a); CWE-327, CWE-328)."""

    kind = kind_of("crypto_quality", indicator="crypto_quality_indicator", ruleset="crypto_quality_indicator")
