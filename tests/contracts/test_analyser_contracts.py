"""The shipped analysers hold to the contract, on each kind of input."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tests.detecting import URI, cell_entry, file_entry, message_of
from waivern.analysers.indicators.factory import PersonalDataAnalyserFactory
from waivern.components.analyser import Analyser
from waivern.components.factory import ComponentFactory
from waivern.messages.message import Message
from waivern.messages.schema import Schema
from waivern.testing.analyser_contract import AnalyserContract

TEXT = message_of(
    [
        file_entry("Write to ann@example.org or call 030 901820.\nIBAN DE89 3704 0044 0532 0130 00\n"),
        cell_entry("bo@example.org", "users", "email"),
        cell_entry("", "users", "first_name"),
    ],
    not_scanned=[{"what": "logo.png", "why": "it is binary"}],
)
CODE = Message(
    "",
    {
        "schemaVersion": "1.0.0",
        "name": "code",
        "source": "src",
        "data": [
            {
                "file_path": "users.py",
                "language": "python",
                "raw_content": "user.first_name = 'x'\nHOST = '86.231.85.193'\n",
            }
        ],
    },
    Schema("source_code", "1.0.0"),
)


class TestPersonalDataAnalyser(AnalyserContract):
    @pytest.fixture
    def factory(self) -> ComponentFactory[Analyser]:
        return PersonalDataAnalyserFactory()

    @pytest.fixture
    def properties(self) -> Mapping[str, Any]:
        return {"pattern_matching": {"ruleset": URI, "evidence_context_size": "large", "maximum_evidence_count": 2}}

    @pytest.fixture(params=[[TEXT], [CODE], [TEXT, CODE]], ids=["text", "code", "both"])
    def inputs(self, request: pytest.FixtureRequest) -> Sequence[Message]:
        chosen: Sequence[Message] = request.param
        return chosen

    @pytest.fixture
    def bad_properties(self) -> Mapping[str, Mapping[str, Any]]:
        return {
            "pattern_matching.ruleset": {"pattern_matching": {"ruleset": "local/no_such_rules/1.0.0"}},
            "pattern_matching.evidence_context_size": {"pattern_matching": {"evidence_context_size": "huge"}},
            "pattern_matching.maximum_evidence_count": {"pattern_matching": {"maximum_evidence_count": 0}},
            "llm_validation.enable_llm_validation": {"llm_validation": {"enable_llm_validation": True}},
            "confidence_threshold": {"confidence_threshold": 2},
        }
