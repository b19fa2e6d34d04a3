"""What data is processed for, in files, in the names of tables and columns, and in code."""

import random

import pytest

from tests.builders.detecting import cell_entry, code_of, file_entry, indicated, message_of, only, rules_found
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


def analysed(messages, **properties):
    return indicated(ProcessingPurposeAnalyserFactory(), messages, **properties)


def in_text(text):
    return rules_found(analysed([message_of([file_entry(text)])]))


def test_the_purposes_of_code_are_found_with_their_lines():
    content = analysed([code_of({"shop.php": SHOP})])
    lines = {finding["rule"]: finding["location"]["lines"] for finding in content["findings"]}
    assert lines == {
        "payment": [3, 4],
        "direct_marketing": [5],
        "consent_management": [6],
        "communication": [7],
    }
    assert content["summary"]["by_category"]["payment"] == 1


def test_names_of_tables_and_columns_say_purposes_too():
    message = message_of([cell_entry("x", "invoices", "id"), cell_entry("x", "t", "newsletter_signup")])
    places = {finding["rule"]: finding["location"] for finding in analysed([message])["findings"]}
    assert places == {
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
def test_words_of_software_are_no_purposes(text):
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
def test_notices_in_several_languages_are_read(text, rule):
    assert rule in in_text(text)


def test_evidence_shows_the_word_and_masks_what_stands_beside_it():
    content = analysed([message_of([file_entry("payment by ann.miller@example.org of 12.50")])])
    (evidence,) = only(content, "payment")["evidence"]
    assert evidence["content"].startswith("payment by ***.******@*******.")
    assert "12" not in evidence["content"]


def test_order_of_items_makes_no_difference():
    entries = [file_entry(SHOP, path=f"{number}.php") for number in range(4)]
    entries += [cell_entry("loyalty card", "t", f"payment_{number}", row=str(number)) for number in range(20)]
    expected = analysed([message_of(entries)])
    assert expected["findings"]
    for seed in range(5):
        shuffled = entries.copy()
        random.Random(seed).shuffle(shuffled)
        assert analysed([message_of(shuffled)]) == expected
