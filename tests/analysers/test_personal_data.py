import random

import pytest

from tests.builders.detecting import (
    INDICATOR,
    RULES,
    cell_entry,
    file_entry,
    find_personal_data,
    only_finding,
    rules_found,
    text_message,
)
from waivern.analysers.indicators.factory import PersonalDataAnalyserFactory
from waivern.analysers.indicators.fingerprint import source_name
from waivern.errors import InvalidPropertiesError, MessageError
from waivern.messages.message import Message
from waivern.messages.schema import Schema
from waivern.rulesets.detection.detector import detect, detector_for

LETTER = "Dear all,\nwrite to ann.miller@example.org today,\nor to ann.miller@example.org and bo@example.net.\n"


def test_a_finding_has_its_location_matches_confidence_and_reasons():
    finding = only_finding(find_personal_data([file_entry(LETTER, path="letters/a.txt")]), "email_address")
    assert finding["category"] == "email"
    assert finding["location"] == {"file_path": "letters/a.txt", "lines": [2, 3]}
    assert finding["matched_patterns"] == [{"pattern": "value: address", "match_count": 3}]
    assert finding["confidence"] == 0.95
    assert finding["reasons"] == ["the value matches the pattern 'address', validated by email_address"]
    assert finding["metadata"]["source"] == "exports"
    assert [sample["line"] for sample in finding["evidence"]] == [2, 3, 3]


def test_the_summary_counts_findings_and_matches():
    content = find_personal_data([file_entry(LETTER), file_entry(LETTER, path="b.txt")])
    assert content["summary"] == {"total_findings": 2, "total_matches": 6, "by_category": {"email": 2}}
    assert content["analysis_metadata"]["scanned"] == 2


def test_evidence_shows_neither_the_value_nor_the_words_around_it():
    text = "Ann Miller, ann@example.org, 4111 1111 1111 1111, first_name=clara, my card is here"
    content = find_personal_data([file_entry(text)], pattern_matching={"evidence_context_size": "full"})
    shown = " ".join(sample["content"] for finding in content["findings"] for sample in finding["evidence"])
    assert rules_found(content) >= {"email_address", "payment_card", "person_name"}
    for secret in ("Ann", "Miller", "ann@", "example", "4111", "1111", "clara"):
        assert secret not in shown
    assert "is **** first_name" not in shown
    assert "first_name=*****" in shown


@pytest.mark.parametrize("size", ["small", "medium", "large", "full"])
@pytest.mark.parametrize(
    ("text", "secrets"),
    [
        ("email,first_name,diagnosis\nbob@example.com,robert,depression", ("robert", "depression")),
        ("anna,schmidt,anna@example.com", ("anna", "schmidt")),
        (
            "INSERT INTO users (email,last_name,password) VALUES ('abc@example.com','miller','hunter')",
            ("miller", "hunter"),
        ),
        ("john miller <john.miller@example.com>", ("john", "miller")),
        ("patient: x@example.com has hiv and is a muslim", ("hiv", "muslim")),
        ("diagnosis: suffers from severe depression and mail bob@example.com", ("severe", "depression")),
        ('{"first_name" : ["anna","berta"], "email": "c@example.com"}', ("anna", "berta")),
        ("street address: 12 high street, springfield, phone +44 20 7946 0958", ("high", "springfield")),
        ('last_name = "smith; jones", email = "s@example.com"', ("smith", "jones")),
        ("ssn_308630237 = 1", ("308630237",)),
        ("ssn_308-63-0237 = 1", ("308-63-0237",)),
        ('{"iban-DE89370400440532013000": 1}', ("DE89", "370400440532013000")),
        ('{"passport-C01234567": 1}', ("C01234567", "01234567")),
        ("user.phone_0301234567 = 2", ("0301234567",)),
    ],
)
def test_no_value_near_a_match_is_shown_in_any_spelling(text, secrets, size):
    content = find_personal_data([file_entry(text)], pattern_matching={"evidence_context_size": size})
    shown = " ".join(sample["content"] for finding in content["findings"] for sample in finding["evidence"])
    assert content["findings"]
    assert not [secret for secret in secrets if secret in shown], shown


def test_symbols_of_a_password_are_masked_too():
    content = find_personal_data(
        [cell_entry(value, "users", "password", row=value) for value in ("!#$%^&*()", "p!$$_#")]
    )
    shown = "".join(sample["content"] for finding in content["findings"] for sample in finding["evidence"])
    assert not set("#$%^&_") & set(shown)


@pytest.mark.parametrize("text", ["phone: 91 20 5551234567", "Tel: 00 49 8912345678", "Fax 91-22-2266554433"])
def test_a_number_too_large_for_a_date_does_not_prevent_other_findings(text):
    assert "email_address" in rules_found(find_personal_data([file_entry(f"{text}\nann@example.org")]))


def test_evidence_is_limited_to_the_maximum_count():
    text = "\n".join(f"user{number}@example.org" for number in range(100))
    finding = only_finding(
        find_personal_data([file_entry(text)], pattern_matching={"maximum_evidence_count": 7}), "email_address"
    )
    assert len(finding["evidence"]) == 7
    assert finding["location"]["lines"] == [1, 2, 3, 4, 5]
    assert finding["matched_patterns"][0]["match_count"] == 100


def test_a_column_is_found_by_its_name_and_its_values_are_masked():
    content = find_personal_data([cell_entry(name, "staff", "surname", row=name) for name in ("Abelson", "Baker", "")])
    finding = only_finding(content, "person_name")
    assert finding["location"] == {"table": "staff", "column": "surname"}
    assert [sample["content"] for sample in finding["evidence"]] == ["A******", "*****"]


def test_an_empty_column_is_found_by_its_name_too():
    assert rules_found(find_personal_data([cell_entry("", "users", "date_of_birth")])) == {"date_of_birth"}


def test_a_weak_name_counts_in_a_table_about_people_but_not_about_films():
    def columns(table, *names):
        return [cell_entry("x", table, name) for name in names]

    assert (
        rules_found(find_personal_data(columns("films", "title", "name", "city", "state", "country", "notes"))) == set()
    )
    assert rules_found(find_personal_data(columns("customers", "name", "city"))) == {"person_name", "postal_address"}
    assert rules_found(find_personal_data(columns("t", "name", "email"))) == {"person_name", "email_address"}
    assert (
        rules_found(find_personal_data(columns("customers", "company_name", "file_name", "email_template_id"))) == set()
    )


def test_the_name_of_a_column_supports_its_values():
    assert rules_found(find_personal_data([cell_entry("9434765870", "visits", "nhs_number")])) == {"uk_nhs_number"}
    assert rules_found(find_personal_data([cell_entry("9434765870", "orders", "number")])) == set()
    dotted = find_personal_data([cell_entry("40.32.21.21", "customers", "phone")])
    assert rules_found(dotted) == {"phone_number"}


def test_cells_are_separate_texts():
    cells = [
        cell_entry(part, "t", "c", row=str(row))
        for row, part in enumerate(("4111 1111", "1111 1111", "ann@", "example.org"))
    ]
    assert find_personal_data(cells)["findings"] == []


def test_source_code_is_scanned_too():
    data = [{"file_path": "a.py", "language": "python", "raw_content": "customer.date_of_birth\n"}]
    content = {"schemaVersion": "1.0.0", "name": "code", "source": "src", "data": data}
    message = Message("", content, Schema("source_code", "1.0.0"))
    output = PersonalDataAnalyserFactory().create({}).process([message], INDICATOR).content
    assert rules_found(output) == {"date_of_birth"}


def test_what_the_inputs_did_not_scan_is_repeated_in_the_output():
    not_scanned = [{"name": "a.bin", "reason": "it is binary"}]
    sampled = [{"name": "users", "read": 10, "total": 100}]
    message = text_message([], not_scanned=not_scanned, sampled=sampled)
    metadata = PersonalDataAnalyserFactory().create({}).process([message], INDICATOR).content["analysis_metadata"]
    assert metadata["not_scanned"] == not_scanned
    assert metadata["sampled"] == sampled
    assert metadata["rules_version"].startswith("1.0.0+")


def test_spans_below_the_confidence_threshold_do_not_count():
    entries = [file_entry("86.231.85.193 ann@example.org")]
    assert rules_found(find_personal_data(entries, confidence_threshold=0.9)) == {"email_address"}


def test_the_order_of_items_makes_no_difference():
    entries = [file_entry(LETTER, path=f"{number}.txt") for number in range(5)]
    entries += [cell_entry(f"u{row}@example.org", "users", "email", row=str(row)) for row in range(50)]
    expected = find_personal_data(entries)
    for seed in range(5):
        shuffled = entries.copy()
        random.Random(seed).shuffle(shuffled)
        assert find_personal_data(shuffled) == expected


def test_a_fingerprint_is_stable_when_the_source_moves_or_is_sampled():
    def fingerprint(*entries):
        return only_finding(find_personal_data(entries), "email_address")["fingerprint"]

    whole = fingerprint(file_entry(LETTER, source="exports"))
    assert fingerprint(file_entry("\n\nnew line: bo@example.org", source="./exports/")) == whole
    assert fingerprint(file_entry(LETTER, source="exports", path="exports/notes.txt")) != whole
    absolute = fingerprint(file_entry(LETTER, source="/srv/exports"))
    assert fingerprint(file_entry(LETTER, source="/srv/exports", path="/srv/exports/notes.txt")) == absolute
    windows = fingerprint(file_entry(LETTER, source="C:\\exports"))
    assert fingerprint(file_entry(LETTER, source="C:\\exports", path="C:\\exports\\notes.txt")) == windows
    assert fingerprint(file_entry(LETTER, source="2025/exports")) != whole
    assert fingerprint(file_entry(LETTER, path="other.txt")) != whole
    assert fingerprint(file_entry(LETTER, source="imports")) != whole
    rows = [cell_entry(f"u{row}@example.org", "users", "email", row=str(row)) for row in range(9)]
    assert fingerprint(*rows) == fingerprint(rows[4])


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("postgresql+psycopg://ann:***@db.example:5432/shop?sslmode=require", "db.example:5432/shop"),
        ("postgresql://bo@DB.example:5432/shop", "db.example:5432/shop"),
        ("sqlite:////var/lib/shop.db", "/var/lib/shop.db"),
        ("./data/shop.db", "data/shop.db"),
        ("data\\exports\\", "data/exports"),
        ("db.example:5432/shop", "db.example:5432/shop"),
        ("${SCAN_DIR}", "${SCAN_DIR}"),
    ],
)
def test_the_name_of_a_source_contains_only_what_is_stable(source, name):
    assert source_name(source) == name


def test_creating_an_analyser_compiles_nothing():
    detector_for.cache_clear()
    PersonalDataAnalyserFactory().create({})
    assert detector_for.cache_info().currsize == 0


def test_the_error_for_an_unknown_ruleset_suggests_a_similar_name():
    with pytest.raises(InvalidPropertiesError, match="Did you mean 'local/personal_data_indicator/1.0.0'"):
        PersonalDataAnalyserFactory().create({"pattern_matching": {"ruleset": "local/personal_data_indicatr/1.0.0"}})


def test_validation_by_a_language_model_is_rejected():
    with pytest.raises(InvalidPropertiesError, match="not available"):
        PersonalDataAnalyserFactory().create({"llm_validation": {"enable_llm_validation": True}})
    PersonalDataAnalyserFactory().create({"llm_validation": {"enable_llm_validation": False, "llm_batch_size": 10}})


def test_an_unsupported_output_schema_is_rejected():
    with pytest.raises(MessageError, match="does not produce any/1.0.0"):
        PersonalDataAnalyserFactory().create({}).process([text_message([])], Schema("any", "1.0.0"))


def test_an_address_in_a_table_counts_only_if_the_table_is_about_people():
    def rules_of(table: str) -> set[str]:
        content = find_personal_data(
            [cell_entry("221 Baker Street", table, column) for column in ("ship_address", "remark")]
        )
        return {finding["rule"] for finding in content["findings"] if finding["location"]["column"] == "remark"}

    assert rules_of("orders") == set()
    assert rules_of("customers") == {"street_address"}
    assert rules_found(find_personal_data([file_entry("I live at 221 Baker Street.")])) == {"street_address"}


def test_a_date_alone_is_detected_but_is_not_a_finding_of_a_scan():
    text = "shipped on 2024-01-31, paid on 3/4/2024"
    assert [span.rule for span in detect(text, RULES)] == ["date", "date"]
    content = find_personal_data(
        [file_entry(text), cell_entry("2024-01-31", "customers", "shipped_on")], confidence_threshold=0
    )
    assert "date" not in rules_found(content)
