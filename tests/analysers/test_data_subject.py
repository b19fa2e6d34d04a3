"""Groups of people, in files, in the names of tables and columns, and in code."""

import random

import pytest

from tests.builders.detecting import cell_entry, file_entry, indicated, message_of, only, rules_found
from waivern.analysers.indicators.factory import DataSubjectAnalyserFactory

NOTICE = (
    "To whom it concerns\n\nOur customers may write to us.\nEmployees and job applicants: see below. Customers again.\n"
)


def analysed(entries, **properties):
    return indicated(DataSubjectAnalyserFactory(), [message_of(entries)], **properties)


def columns(table, *names):
    return [cell_entry("x", table, name) for name in names]


def test_a_text_names_groups_of_people_with_their_lines():
    content = analysed([file_entry(NOTICE)])
    assert rules_found(content) == {"customer", "employee", "job_applicant"}
    finding = only(content, "customer")
    assert finding["category"] == "customer"
    assert finding["location"] == {"file_path": "notes.txt", "lines": [3, 4]}
    assert finding["matched_patterns"] == [{"pattern": "value: customer", "match_count": 2}]
    assert finding["reasons"] == ["the word 'customer'"]


def test_a_table_of_people_is_a_finding_and_so_is_a_column_that_names_them():
    content = analysed(columns("customers", "id", "name", "customer_email", "price"))
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
def test_a_word_of_several_meanings_counts_as_the_name_of_a_table(table, rule):
    content = analysed(columns(table, "id"))
    assert rules_found(content) == {rule}
    assert "it is the whole name" in only(content, rule)["reasons"]


@pytest.mark.parametrize("name", ["http_client", "parent_id", "class_members", "database_driver", "child_count"])
def test_a_name_in_which_the_word_means_another_thing_is_no_finding(name):
    assert analysed(columns("things", name))["findings"] == []
    assert analysed([file_entry(f"self.{name} = make_{name}()")])["findings"] == []


def test_a_weak_word_needs_a_word_near_by_that_speaks_for_it():
    assert rules_found(analysed([file_entry("Each driver waits.")])) == set()
    assert rules_found(analysed([file_entry("Each driver of a truck waits.")])) == {"driver"}


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
def test_other_languages_are_read_too(text, rule):
    assert rule in rules_found(analysed([file_entry(text)]))


def test_evidence_shows_the_word_and_masks_what_stands_beside_it():
    text = "customer ann.miller@example.org, born 12.3.1985"
    (evidence,) = only(analysed([file_entry(text)]), "customer")["evidence"]
    assert evidence["content"].startswith("customer ***.******@*******.*")
    for secret in ("ann", "miller", "example", "1985"):
        assert secret not in evidence["content"]


def test_order_of_items_makes_no_difference():
    entries = [file_entry(NOTICE, path=f"{number}.txt") for number in range(5)]
    entries += columns("customers", "id", "name", "client", "patient_id") + columns("users", "id", "user_email")
    entries += [cell_entry(f"employee {row}", "notes", "text", row=str(row)) for row in range(20)]
    expected = analysed(entries)
    assert expected["findings"]
    for seed in range(5):
        shuffled = entries.copy()
        random.Random(seed).shuffle(shuffled)
        assert analysed(shuffled) == expected
