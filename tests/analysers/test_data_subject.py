"""Detection of data subjects in files, in the names of tables and columns, and in code."""

import random

import pytest

from tests.builders.detecting import analyse, cell_entry, file_entry, only_finding, rules_found, text_message
from waivern.analysers.indicators.factory import DataSubjectAnalyserFactory

NOTICE = (
    "To whom it concerns\n\nOur customers may write to us.\nEmployees and job applicants: see below. Customers again.\n"
)


def find_data_subjects(entries, **properties):
    return analyse(DataSubjectAnalyserFactory(), [text_message(entries)], **properties)


def columns(table, *names):
    return [cell_entry("x", table, name) for name in names]


def test_data_subjects_in_a_text_are_found_with_their_lines():
    content = find_data_subjects([file_entry(NOTICE)])
    assert rules_found(content) == {"customer", "employee", "job_applicant"}
    finding = only_finding(content, "customer")
    assert finding["category"] == "customer"
    assert finding["location"] == {"file_path": "notes.txt", "lines": [3, 4]}
    assert finding["matched_patterns"] == [{"pattern": "value: customer", "match_count": 2}]
    assert finding["reasons"] == ["the keyword 'customer'"]


def test_tables_and_columns_named_after_data_subjects_are_findings():
    content = find_data_subjects(columns("customers", "id", "name", "customer_email", "price"))
    assert [finding["location"] for finding in content["findings"]] == [
        {"table": "customers"},
        {"table": "customers", "column": "customer_email"},
    ]
    assert {finding["rule"] for finding in content["findings"]} == {"customer"}
    assert content["findings"][0]["evidence"] == [{"content": "customers"}]


@pytest.mark.parametrize(
    ("table", "rule"),
    [("users", "user"), ("clients", "customer"), ("members", "member"), ("drivers", "driver"), ("Patient", "patient")],
)
def test_a_weak_keyword_counts_as_the_name_of_a_table(table, rule):
    content = find_data_subjects(columns(table, "id"))
    assert rules_found(content) == {rule}
    assert "it is the whole name" in only_finding(content, rule)["reasons"]


@pytest.mark.parametrize("name", ["http_client", "parent_id", "class_members", "database_driver", "child_count"])
def test_an_identifier_with_a_different_meaning_is_not_a_finding(name):
    assert find_data_subjects(columns("things", name))["findings"] == []
    assert find_data_subjects([file_entry(f"self.{name} = make_{name}()")])["findings"] == []


def test_a_weak_keyword_needs_a_context_word_nearby():
    assert rules_found(find_data_subjects([file_entry("Each driver waits.")])) == set()
    assert rules_found(find_data_subjects([file_entry("Each driver of a truck waits.")])) == {"driver"}


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("Unsere Kundinnen und Kunden", "customer"),
        ("les salariés de l'entreprise", "employee"),
        ("los datos del paciente", "patient"),
        ("i minorenni e i loro genitori", "child"),
        ("de kiezers van de gemeente", "citizen"),
    ],
)
def test_data_subjects_are_found_in_other_languages(text, rule):
    assert rule in rules_found(find_data_subjects([file_entry(text)]))


def test_evidence_shows_the_keyword_and_masks_the_rest_of_the_line():
    text = "customer ann.miller@example.org, born 12.3.1985"
    (evidence,) = only_finding(find_data_subjects([file_entry(text)]), "customer")["evidence"]
    assert evidence["content"].startswith("customer ***.******@*******.*")
    for secret in ("ann", "miller", "example", "1985"):
        assert secret not in evidence["content"]


def test_the_order_of_items_makes_no_difference():
    entries = [file_entry(NOTICE, path=f"{number}.txt") for number in range(5)]
    entries += columns("customers", "id", "name", "client", "patient_id") + columns("users", "id", "user_email")
    entries += [cell_entry(f"employee {row}", "notes", "text", row=str(row)) for row in range(20)]
    expected = find_data_subjects(entries)
    assert expected["findings"]
    for seed in range(5):
        shuffled = entries.copy()
        random.Random(seed).shuffle(shuffled)
        assert find_data_subjects(shuffled) == expected
