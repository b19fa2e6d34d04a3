"""Detection of third-party services in code."""

import pytest

from tests.builders.detecting import analyse, code_message, only_finding, rules_found
from waivern.analysers.indicators.factory import ServiceIntegrationAnalyserFactory


def analyse_code(files, **properties):
    return analyse(ServiceIntegrationAnalyserFactory(), [code_message(files)], **properties)


def test_all_services_imported_in_one_line_are_found():
    assert rules_found(analyse_code({"pay.py": "import os, stripe, boto3 as aws\n"})) == {"stripe", "aws"}


def test_a_finding_has_the_company_of_the_service_and_its_country():
    finding = only_finding(analyse_code({"pay.py": "import stripe\n"}), "stripe")
    assert finding["metadata"] == {"source": "src", "facts": {"company": "Stripe, Inc.", "country": "United States"}}


@pytest.mark.parametrize(
    ("path", "code", "rule"),
    [
        ("app.js", "import Stripe from 'stripe';", "stripe"),
        ("composer.json", '"require": {"stripe/stripe-php": "^10.0"}', "stripe"),
        ("Pay.java", "import com.stripe.model.Charge;", "stripe"),
        ("pay.go", 'import "github.com/stripe/stripe-go/v76"', "stripe"),
        ("Gemfile", "gem 'stripe'", "stripe"),
        ("Pay.cs", "using Stripe;", "stripe"),
        (".env", "STRIPE_SECRET_KEY=", "stripe"),
        ("app.py", "URL = 'https://bucket.s3.eu-central-1.amazonaws.com/x'", "aws"),
    ],
)
def test_a_service_is_found_in_each_language(path, code, rule):
    assert rules_found(analyse_code({path: f"\n{code}\n"})) == {rule}


@pytest.mark.parametrize(
    "code", ["a stripe on the shirt", "stripe = Stripe()", "import striped", "# see https://docs.x.org"]
)
def test_ordinary_words_are_not_services(code):
    assert analyse_code({"a.py": code})["findings"] == []
