"""The time to scan one long line is proportional to its length, whatever its content."""

import time

import pytest

from tests.builders.detecting import code_message, file_entry, text_message
from waivern.analysers.indicators import factory

FACTORIES = [
    factory.PersonalDataAnalyserFactory,
    factory.DataSubjectAnalyserFactory,
    factory.ProcessingPurposeAnalyserFactory,
    factory.ServiceIntegrationAnalyserFactory,
    factory.DataCollectionAnalyserFactory,
    factory.SecretsAnalyserFactory,
    factory.CryptoQualityAnalyserFactory,
]
PIECES = {
    "digits": "1234567890",
    "groups of digits": "phone 12 34 567 ",
    "letters": "a",
    "names": "first_name",
    "labels": "First name, ",
    "unclosed lists": "insert into t (email, ",
    "joined addresses": "a@b.c",
    "hexadecimal": "ab:",
    "passwords": 'password="',
    "lone surrogates": "\udc80email: ",
    "NULs": "\0",
    "line ends": "\r",
}
SHORT, LONG = 40_000, 320_000


@pytest.mark.parametrize("piece", PIECES.values(), ids=PIECES)
@pytest.mark.parametrize("factory_class", FACTORIES, ids=lambda factory_class: factory_class.analyser_class.get_name())
def test_eight_times_the_text_takes_about_eight_times_as_long(factory_class, piece):
    analyser = factory_class().create({})
    reads_text = any(schema.name == "standard_input" for schema in analyser.get_input_requirements()[0])

    def seconds(length: int) -> float:
        text = (piece * length)[:length]
        message = text_message([file_entry(text)]) if reads_text else code_message({"a.py": text})
        started = time.process_time()
        analyser.process([message], analyser.get_supported_output_schemas()[0])
        return time.process_time() - started

    seconds(100)  # compiles the rules
    short = max(0.02, min(seconds(SHORT) for _ in range(2)))
    assert seconds(LONG) < 8 * short * 3  # quadratic time would be 64 times as long
