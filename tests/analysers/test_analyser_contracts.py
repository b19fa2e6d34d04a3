"""The shipped analysers fulfil the contract for each kind of input."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tests.builders.detecting import URI, cell_entry, code_message, file_entry, text_message
from waivern.analysers.gdpr import factory as classifiers
from waivern.analysers.indicators.factory import (
    CryptoQualityAnalyserFactory,
    DataCollectionAnalyserFactory,
    DataSubjectAnalyserFactory,
    PersonalDataAnalyserFactory,
    ProcessingPurposeAnalyserFactory,
    SecretsAnalyserFactory,
    ServiceIntegrationAnalyserFactory,
)
from waivern.analysers.source_code.factory import SourceCodeAnalyserFactory
from waivern.components.analyser import Analyser
from waivern.components.factory import ComponentFactory
from waivern.messages.message import Message
from waivern.testing.analyser_contract import AnalyserContract

TEXT = text_message(
    [
        file_entry("Write to ann@example.org or call 030 901820.\nIBAN DE89 3704 0044 0532 0130 00\n"),
        cell_entry("bo@example.org", "users", "email"),
        cell_entry("", "users", "first_name"),
        file_entry("Our customers get an invoice from employees of the call centre.", path="notice.txt"),
        file_entry("ssl_protocols TLSv1 TLSv1.2;", path="nginx.conf"),
    ],
    not_scanned=[{"name": "logo.png", "reason": "it is binary"}],
)
CODE = code_message(
    {
        "users.py": "user.first_name = 'x'\nHOST = '86.231.85.193'\n",
        "contact.php": "<?php\n$customer_email = $_POST['email'];\nsend_email($customer_email);\n",
        "login.php": "<?php\n$hash = md5($_POST['password']);\n",
        "pay.py": "import stripe\nstripe.api_key = '" + "sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc" + "'\n",
    }
)


class IndicatorContract(AnalyserContract):
    """The contract of the indicator analysers."""

    @pytest.fixture
    def properties(self) -> Mapping[str, Any]:
        return {"pattern_matching": {"evidence_context_size": "large", "maximum_evidence_count": 2}}

    @pytest.fixture(params=[[TEXT], [CODE], [TEXT, CODE]], ids=["text", "code", "both"])
    def inputs(self, request: pytest.FixtureRequest) -> Sequence[Message]:
        messages: Sequence[Message] = request.param
        return messages

    @pytest.fixture
    def bad_properties(self) -> Mapping[str, Mapping[str, Any]]:
        return {
            "pattern_matching.ruleset": {"pattern_matching": {"ruleset": "local/no_such_rules/1.0.0"}},
            "pattern_matching.evidence_context_size": {"pattern_matching": {"evidence_context_size": "huge"}},
            "pattern_matching.maximum_evidence_count": {"pattern_matching": {"maximum_evidence_count": 0}},
            "llm_validation.enable_llm_validation": {"llm_validation": {"enable_llm_validation": True}},
            "confidence_threshold": {"confidence_threshold": 2},
        }

    def test_the_inputs_have_findings(
        self, factory: ComponentFactory[Analyser], properties: Mapping[str, Any], inputs: Sequence[Message]
    ) -> None:
        (schema,) = factory.component_class.get_supported_output_schemas()
        assert factory.create(properties).process(inputs, schema).content["findings"]


class TestPersonalDataAnalyser(IndicatorContract):
    @pytest.fixture
    def factory(self) -> ComponentFactory[Analyser]:
        return PersonalDataAnalyserFactory()

    @pytest.fixture
    def properties(self) -> Mapping[str, Any]:
        return {"pattern_matching": {"ruleset": URI, "evidence_context_size": "large", "maximum_evidence_count": 2}}


class TestDataSubjectAnalyser(IndicatorContract):
    @pytest.fixture
    def factory(self) -> ComponentFactory[Analyser]:
        return DataSubjectAnalyserFactory()


class TestProcessingPurposeAnalyser(IndicatorContract):
    @pytest.fixture
    def factory(self) -> ComponentFactory[Analyser]:
        return ProcessingPurposeAnalyserFactory()


class TestDataCollectionAnalyser(IndicatorContract):
    @pytest.fixture
    def factory(self) -> ComponentFactory[Analyser]:
        return DataCollectionAnalyserFactory()

    @pytest.fixture
    def inputs(self) -> Sequence[Message]:
        return [CODE]


class TestServiceIntegrationAnalyser(IndicatorContract):
    @pytest.fixture
    def factory(self) -> ComponentFactory[Analyser]:
        return ServiceIntegrationAnalyserFactory()

    @pytest.fixture
    def inputs(self) -> Sequence[Message]:
        return [CODE]


class TestSecretsAnalyser(IndicatorContract):
    @pytest.fixture
    def factory(self) -> ComponentFactory[Analyser]:
        return SecretsAnalyserFactory()

    @pytest.fixture
    def inputs(self) -> Sequence[Message]:
        return [CODE]


class TestCryptoQualityAnalyser(IndicatorContract):
    @pytest.fixture
    def factory(self) -> ComponentFactory[Analyser]:
        return CryptoQualityAnalyserFactory()


CLASSIFIERS = [
    (classifiers.GdprPersonalDataClassifierFactory, PersonalDataAnalyserFactory),
    (classifiers.GdprDataSubjectClassifierFactory, DataSubjectAnalyserFactory),
    (classifiers.GdprProcessingPurposeClassifierFactory, ProcessingPurposeAnalyserFactory),
    (classifiers.GdprServiceIntegrationClassifierFactory, ServiceIntegrationAnalyserFactory),
    (classifiers.GdprDataCollectionClassifierFactory, DataCollectionAnalyserFactory),
]


class TestGdprClassifiers(AnalyserContract):
    @pytest.fixture(params=CLASSIFIERS, ids=lambda pair: pair[0].__name__)
    def pair(self, request: pytest.FixtureRequest) -> tuple[type[ComponentFactory[Analyser]], ...]:
        """Return the factories of a classifier and of the analyser whose findings it classifies."""
        return tuple(request.param)

    @pytest.fixture
    def factory(self, pair: tuple[type[ComponentFactory[Analyser]], ...]) -> ComponentFactory[Analyser]:
        return pair[0]()

    @pytest.fixture
    def properties(self) -> Mapping[str, Any]:
        return {"llm_validation": {"enable_llm_validation": False}}

    @pytest.fixture
    def inputs(self, pair: tuple[type[ComponentFactory[Analyser]], ...]) -> Sequence[Message]:
        analyser = pair[1]().create({})
        (schema,) = analyser.get_supported_output_schemas()
        return [analyser.process([CODE], schema)]

    @pytest.fixture
    def bad_properties(self) -> Mapping[str, Mapping[str, Any]]:
        return {
            "ruleset": {"ruleset": "local/no_such_classification/1.0.0"},
            "llm_validation.enable_llm_validation": {"llm_validation": {"enable_llm_validation": True}},
        }


class TestSourceCodeAnalyser(AnalyserContract):
    @pytest.fixture
    def factory(self) -> ComponentFactory[Analyser]:
        return SourceCodeAnalyserFactory()

    @pytest.fixture
    def properties(self) -> Mapping[str, Any]:
        return {"max_file_size": "1MB"}

    @pytest.fixture
    def inputs(self) -> Sequence[Message]:
        return [text_message([file_entry("def f(a): return 'x'", "a.py"), file_entry("text", "b.txt")])]

    @pytest.fixture
    def bad_properties(self) -> Mapping[str, Mapping[str, Any]]:
        return {"language": {"language": "klingon"}, "max_file_size": {"max_file_size": "much"}}
