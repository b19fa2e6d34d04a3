"""The indicator analysers that Waivern ships."""

from waivern.analysers.indicators.analyser import IndicatorAnalyser
from waivern.analysers.indicators.indicator_kind import CODE_ONLY, indicator_kind


class PersonalDataAnalyser(IndicatorAnalyser):
    """Finds personal data by the patterns of values and the names of fields (GDPR Art. 4(1))."""

    kind = indicator_kind("personal_data", output_schema="personal_data_indicator", ruleset="personal_data_indicator")


class DataSubjectAnalyser(IndicatorAnalyser):
    """Finds categories of data subjects: customers, employees, patients, children (GDPR Art. 30(1)(c))."""

    kind = indicator_kind("data_subject", output_schema="data_subject_indicator", ruleset="data_subject_indicator")


class ProcessingPurposeAnalyser(IndicatorAnalyser):
    """Finds purposes of processing: payment, marketing, analytics (GDPR Art. 5(1)(b), 30(1)(b))."""

    kind = indicator_kind(
        "processing_purpose", output_schema="processing_purpose_indicator", ruleset="processing_purposes"
    )


class ServiceIntegrationAnalyser(IndicatorAnalyser):
    """Finds third-party services that code uses (GDPR Art. 28, 30(1)(d), 44)."""

    kind = indicator_kind(
        "service_integration",
        output_schema="service_integration_indicator",
        ruleset="service_integrations",
        inputs=CODE_ONLY,
    )


class DataCollectionAnalyser(IndicatorAnalyser):
    """Finds code that collects data: forms, cookies, uploads, requests (GDPR Art. 13, 14)."""

    kind = indicator_kind(
        "data_collection", output_schema="data_collection_indicator", ruleset="data_collection", inputs=CODE_ONLY
    )


class SecretsAnalyser(IndicatorAnalyser):
    """Finds keys, tokens and passwords in code and configuration (GDPR Art. 32; CWE-798)."""

    kind = indicator_kind("secrets", output_schema="secret_indicator", ruleset="secret_indicator")


class CryptoQualityAnalyser(IndicatorAnalyser):
    """Finds weak hashes, ciphers, keys and TLS settings (GDPR Art. 32(1)(a); CWE-327, CWE-328)."""

    kind = indicator_kind(
        "crypto_quality", output_schema="crypto_quality_indicator", ruleset="crypto_quality_indicator"
    )
