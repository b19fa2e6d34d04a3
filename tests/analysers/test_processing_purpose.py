"""Detection of purposes in files, in the names of tables and columns, and in code."""

import random

import pytest

from tests.builders.detecting import (
    analyse,
    cell_entry,
    code_message,
    file_entry,
    only_finding,
    rules_found,
    text_message,
)
from waivern.analysers.indicators.factory import ProcessingPurposeAnalyserFactory

SHOP = """<?php
function checkout($order) {
    $invoice = create_invoice($order, $order->billing_address);
    PaymentGateway::charge($invoice);
    // Subscribe to the newsletter
    if ($_POST['marketing_consent']) { $list->add($order->email); }
    send_email($order->email, 'Thanks');
}
"""


def find_purposes(messages, **properties):
    return analyse(ProcessingPurposeAnalyserFactory(), messages, **properties)


def in_text(text):
    return rules_found(find_purposes([text_message([file_entry(text)])]))


def test_purposes_in_code_are_found_with_their_lines():
    content = find_purposes([code_message({"shop.php": SHOP})])
    lines = {finding["rule"]: finding["location"]["lines"] for finding in content["findings"]}
    assert lines == {
        "payment": [3, 4],
        "direct_marketing": [5],
        "consent_management": [6],
        "communication": [7],
    }
    assert content["summary"]["by_category"]["payment"] == 1


def test_purposes_are_found_in_the_names_of_tables_and_columns():
    message = text_message([cell_entry("x", "invoices", "id"), cell_entry("x", "t", "newsletter_signup")])
    locations = {finding["rule"]: finding["location"] for finding in find_purposes([message])["findings"]}
    assert locations == {
        "payment": {"table": "invoices"},
        "direct_marketing": {"table": "t", "column": "newsletter_signup"},
    }


@pytest.mark.parametrize(
    "text",
    [
        "Access-Control-Allow-Origin: *",
        "git checkout main",
        "HTTP 402 Payment Required",
        "cpu profiling of the event loop",
        "import logging; log.info('recommended')",
        "out of order processing of packets",
        "Python 3.12 support",
    ],
)
def test_technical_terms_are_not_purposes(text):
    assert in_text(text) == set()


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("Daten zur Lohnabrechnung", "hr_administration"),
        ("la lutte contre la fraude", "fraud_prevention"),
        ("publicidad personalizada", "advertising"),
        ("finalità di profilazione", "profiling"),
        ("cameratoezicht bij de ingang", "surveillance"),
        ("No decision is based on automated decision-making.", "automated_decision"),
        ("We may share data with our partners.", "data_sharing"),
    ],
)
def test_privacy_notices_in_several_languages_are_understood(text, rule):
    assert rule in in_text(text)


def test_evidence_shows_the_keyword_and_masks_the_rest_of_the_line():
    content = find_purposes([text_message([file_entry("payment by ann.miller@example.org of 12.50")])])
    (evidence,) = only_finding(content, "payment")["evidence"]
    assert evidence["content"].startswith("payment by ***.******@*******.")
    assert "12" not in evidence["content"]


def test_the_order_of_items_makes_no_difference():
    entries = [file_entry(SHOP, path=f"{number}.php") for number in range(4)]
    entries += [cell_entry("loyalty card", "t", f"payment_{number}", row=str(number)) for number in range(20)]
    expected = find_purposes([text_message(entries)])
    assert expected["findings"]
    for seed in range(5):
        shuffled = entries.copy()
        random.Random(seed).shuffle(shuffled)
        assert find_purposes([text_message(shuffled)]) == expected
