"""The draft record of processing activities: what is found, declared, both, or neither, in three forms."""

import csv
import io
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders.thoroughness import examples
from tests.docs.pages import blocks_of
from tests.exports.test_html import Page, report_with_text
from waivern.errors import ExportError
from waivern.exports.exporter import Preferences
from waivern.exports.model.organisation import Organisation, read_organisation
from waivern.exports.model.report import ReportedRule
from waivern.exports.model.reported_finding import Location, ReportedFinding
from waivern.exports.ropa.exporter import RopaExporter
from waivern.history.decisions import Decision, Verdict
from waivern.testing.sample_reports import failed_report, sample_finding, sample_report

ORGANISATION_FILE = """
controller: {name: Shop Ltd, address: 1 High Street, contact: privacy@shop.example}
data_protection_officer: {name: Ann Officer, contact: dpo@shop.example}
retention: 6 years after the last order
security: [disks are encrypted]
activities:
  - name: Orders
    runbooks: [Nightly scan]
    purposes: [payment]
    legal_basis: Art. 6(1)(b)
    data_subjects: customer
    data_categories: [email, payment_card]
    recipients: ["Stripe, Inc."]
    transfers: [{country: United States, recipient: "Stripe, Inc.", safeguards: standard clauses}]
    retention: 10 years
  - name: Payroll
    runbooks: [Another scan]
    data_subjects: [employee]
"""


def rule(ruleset: str, name: str, category: str, **facts: str) -> ReportedRule:
    return ReportedRule(name, f"local/{ruleset}/1.0.0", "1", category, "medium", "", "a law", facts)


RULES = [
    rule("personal_data_indicator", "email_address", "email"),
    rule("personal_data_indicator", "diagnosis", "health"),
    rule("data_subject_indicator", "customer", "customer"),
    rule("processing_purposes", "marketing", "marketing"),
    rule("service_integrations", "stripe", "payment", company="Stripe, Inc.", country="United States"),
    rule("service_integrations", "adyen", "payment", company="Adyen N.V.", country="Netherlands"),
    rule("secret_indicator", "aws_key", "cloud_credential"),
]


def found(name: str, of: ReportedRule, **more: Any) -> ReportedFinding:
    finding = sample_finding(name, rule=of.name, category=of.category, **more.pop("finding", {}))
    return ReportedFinding(finding, ("x",), Location(), (), (), of.ruleset, **more)


def report(**more: Any) -> Any:
    findings = [found(str(number), rule_name) for number, rule_name in enumerate(RULES)]
    findings.append(found("9", RULES[0]))
    return sample_report(findings, rules=RULES, **more)


def rows_of(organisation: Organisation | None, of: Any = None) -> list[dict[str, str]]:
    data = b"".join(RopaExporter().export(of or report(), Preferences("csv", organisation=organisation)))
    return list(csv.DictReader(io.StringIO(data.decode(), newline="")))


def organisation(tmp_path: Path, text: str = ORGANISATION_FILE) -> Organisation:
    file = tmp_path / "waivern-organisation.yaml"
    file.write_text(text, encoding="utf-8")
    return read_organisation(file)


def entries(rows: list[dict[str, str]], section: str = "record") -> list[tuple[str, str, str]]:
    return [(row["field"], row["value"], row["status"]) for row in rows if row["section"] == section]


def test_without_declarations_the_draft_consists_of_findings() -> None:
    rows = rows_of(None)
    assert entries(rows) == [
        ("controller", "", "missing"),
        ("contact", "DPO <dpo@example.org>", "proposed"),
        ("purposes", "marketing", "proposed"),
        ("data subjects", "customer", "found"),
        ("personal data", "email", "found"),
        ("personal data", "health", "found"),
        ("recipients", "Adyen N.V. (adyen, Netherlands)", "proposed"),
        ("recipients", "Stripe, Inc. (stripe, United States)", "proposed"),
        ("transfers", "Stripe, Inc. (United States)", "proposed"),
        ("retention", "", "missing"),
        ("security", "remove cloud credential from code and files", "proposed"),
    ]
    assert {row["activity"] for row in rows if row["section"] == "record"} == {"", "Nightly scan"}
    assert [row["article"] for row in rows][:5] == [
        *("Art. 30(1)(a)", "Art. 30(1)(a)", "Art. 30(1)(b)", "Art. 30(1)(c)", "Art. 30(1)(c)"),
    ]
    assert entries(rows, "declared but not found") == entries(rows, "found but not declared") == []


def test_found_entries_link_to_their_findings() -> None:
    (email,) = [row for row in rows_of(None) if row["value"] == "email"]
    assert email["findings"] == "2"
    assert email["fingerprints"].split("\n") == ["0" * 32, "9" * 32]
    assert email["locations"].split("\n") == ["./files: 0.txt", "./files: 9.txt"]


def test_declared_entries_are_compared_with_findings(tmp_path: Path) -> None:
    rows = rows_of(organisation(tmp_path))
    record = entries(rows)
    for entry in [
        ("controller", "Shop Ltd, 1 High Street, privacy@shop.example", "declared"),
        ("data protection officer", "Ann Officer, dpo@shop.example", "declared"),
        ("purposes", "payment", "declared"),
        ("data subjects", "customer", "declared and found"),
        ("personal data", "email", "declared and found"),
        ("personal data", "payment_card", "declared"),
        ("recipients", "Stripe, Inc.", "declared and found"),
        ("transfers", "Stripe, Inc. (United States): standard clauses", "declared"),
        ("retention", "10 years", "declared"),
        ("security", "disks are encrypted", "declared"),
    ]:
        assert entry in record
    assert "Payroll" not in {row["activity"] for row in rows}
    assert {row[1] for row in entries(rows, "declared but not found")} == {"payment", "payment_card"}
    assert {row[1] for row in entries(rows, "found but not declared")} == {
        "health",
        "marketing",
        "Adyen N.V. (adyen, Netherlands)",
    }


def test_coverage_gaps_are_noted_on_entries_that_were_not_found(tmp_path: Path) -> None:
    declaration = organisation(tmp_path)
    notes = {row["note"] for row in rows_of(declaration) if row["section"] == "declared but not found"}
    assert notes == {"not everything was scanned: it may exist although it was not found"}
    notes = {row["note"] for row in rows_of(declaration, failed_report()) if row["section"] == "declared but not found"}
    assert notes == {"the run is incomplete: it may exist although it was not found"}
    whole = rows_of(declaration, report(not_scanned=(), partially_scanned=(), artifacts=()))
    notes = {row["note"] for row in whole if row["section"] == "declared but not found"}
    assert notes == {"everything in scope was scanned"}
    assert "logo.png" in {row["value"] for row in rows_of(declaration) if row["section"] == "not scanned"}


def test_declared_and_found_entries_have_their_dpv_terms(tmp_path: Path) -> None:
    def terms(rows: list[dict[str, str]]) -> dict[tuple[str, str], str]:
        return {(row["field"], row["value"]): row["dpv_term"] for row in rows if row["dpv_term"]}

    assert terms(rows_of(None)) == {
        ("data subjects", "customer"): "https://w3id.org/dpv#Customer",
        ("personal data", "email"): "https://w3id.org/dpv/pd#EmailAddress",
        ("personal data", "health"): "https://w3id.org/dpv/pd#Health",
    }
    declared = terms(rows_of(organisation(tmp_path)))
    assert declared["purposes", "payment"] == "https://w3id.org/dpv#PaymentManagement"
    assert declared["personal data", "payment_card"] == "https://w3id.org/dpv/pd#PaymentCard"
    assert declared["personal data", "email"] == "https://w3id.org/dpv/pd#EmailAddress"


def test_special_categories_are_marked_and_suppressed_findings_are_ignored() -> None:
    special = found("a", RULES[1], finding={"special_category": True})
    suppressed = Decision(Verdict.SUPPRESSED, "test data", "Ann", fingerprint="b" * 32)
    rows = rows_of(None, sample_report([special, found("b", RULES[2], decision=suppressed)], rules=RULES))
    assert [row["note"] for row in rows if row["value"] == "health"] == ["special category (Art. 9 GDPR)"]
    assert "customer" not in {row["value"] for row in rows}


def test_a_workbook_has_a_sheet_for_each_section_and_no_formula(tmp_path: Path) -> None:
    from openpyxl import load_workbook

    declaration = Organisation.model_validate({"controller": {"name": "=cmd|' /C calc'!A0"}})
    data = b"".join(RopaExporter().export(report(), Preferences("xlsx", organisation=declaration)))
    book = load_workbook(io.BytesIO(data))
    assert book.sheetnames == ["Record", "Declared but not found", "Found but not declared", "Not scanned"]
    cells = [cell for row in book["Record"].iter_rows() for cell in row]
    assert not any(cell.data_type == "f" for cell in cells)
    assert "'=cmd|' /C calc'!A0" in {cell.value for cell in cells}


@given(st.text(st.characters(codec="utf-8"), min_size=1))
@settings(deadline=None, max_examples=examples(50))
def test_no_text_breaks_out_of_the_page(text: str) -> None:
    def page(of: str) -> Page:
        declaration = Organisation.model_validate({"controller": {"name": of}, "retention": f"r{of}"})
        parts = RopaExporter().export(report_with_text(of), Preferences("html", organisation=declaration))
        return Page(b"".join(parts).decode())

    assert page(text).shape == page("x").shape


@pytest.mark.parametrize(
    ("text", "declaration"),
    [
        ("", "is empty"),
        ("controller: Shop", "waivern-organisation.yaml:1: controller"),
        ("retention: x\ncontroler: {name: Shop}", "waivern-organisation.yaml:2: controler is not known"),
        ("activities:\n  - purposes: [a]\n", "waivern-organisation.yaml:2: activities[0].name is required"),
        (
            "activities:\n  - name: a\n    transfers: [{recipient: b}]\n",
            "activities[0].transfers[0].country is required",
        ),
        ("a: [", "waivern-organisation.yaml:"),
        ("controller: {name: a}\nretention: 5\nx: 1", "2 problems"),
    ],
)
def test_problems_of_the_organisation_file_have_lines(tmp_path: Path, text: str, declaration: str) -> None:
    with pytest.raises(ExportError) as raised:
        organisation(tmp_path, text)
    assert declaration in str(raised.value)


def test_the_organisation_file_shown_is_valid(tmp_path: Path) -> None:
    (shown,) = blocks_of("docs/exports.md", "yml")
    declaration = organisation(tmp_path, shown)
    assert str(declaration.controller) == "Shop Ltd, 1 High Street, privacy@shop.example"
    assert {name for name in Organisation.model_fields if f"{name}:" not in shown} == set()
    (orders,) = declaration.activities_of("Nightly scan")
    assert {name for name in type(orders).model_fields if f"{name}:" not in shown} == set()


def test_without_openpyxl_a_workbook_is_refused_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(ExportError, match=r"pip install 'waivern\[documents\]'"):
        RopaExporter().export(report(), Preferences("xlsx"))
