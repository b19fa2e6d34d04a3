"""A text in one long line takes time in proportion to its length, whatever it is made of."""

import time

import pytest

from tests.builders.detecting import code_of, file_entry, message_of
from waivern.analysers.indicators import factory

ANALYSERS = [
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
    "opened and never closed": "insert into t (email, ",
    "addresses glued together": "a@b.c",
    "hexadecimal": "ab:",
    "passwords": 'password="',
    "lone surrogates": "\udc80email: ",
    "NULs": "\0",
    "ends of lines": "\r",
}
SHORT, LONG = 40_000, 320_000


@pytest.mark.parametrize("piece", PIECES.values(), ids=PIECES)
@pytest.mark.parametrize("make", ANALYSERS, ids=lambda make: make.makes.get_name())
def test_eight_times_the_text_takes_about_eight_times_as_long(make, piece):
    analyser = make().create({})
    reads_text = any(schema.name == "standard_input" for schema in analyser.get_input_requirements()[0])

    def seconds(length: int) -> float:
        text = (piece * length)[:length]
        message = message_of([file_entry(text)]) if reads_text else code_of({"a.py": text})
        started = time.process_time()
        analyser.process([message], analyser.get_supported_output_schemas()[0])
        return time.process_time() - started

    seconds(100)  # compiles the rules
    few = max(0.02, min(seconds(SHORT) for _ in range(2)))
    assert seconds(LONG) < 8 * few * 3  # where time grew with the square it would be 64 times as long
