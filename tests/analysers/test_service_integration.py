"""Which third parties code talks to."""

import pytest

from tests.builders.detecting import code_of, indicated, only, rules_found
from waivern.analysers.indicators.factory import ServiceIntegrationAnalyserFactory


def analysed(files, **properties):
    return indicated(ServiceIntegrationAnalyserFactory(), [code_of(files)], **properties)


def test_services_imported_in_one_line_are_each_found():
    assert rules_found(analysed({"pay.py": "import os, stripe, boto3 as aws\n"})) == {"stripe", "aws"}


def test_a_finding_says_which_company_offers_the_service_and_where_it_is_seated():
    finding = only(analysed({"pay.py": "import stripe\n"}), "stripe")
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
def test_a_service_is_known_in_each_language(path, code, rule):
    assert rules_found(analysed({path: f"\n{code}\n"})) == {rule}


@pytest.mark.parametrize(
    "code", ["a stripe on the shirt", "stripe = Stripe()", "import striped", "# see https://docs.x.org"]
)
def test_words_are_no_services(code):
    assert analysed({"a.py": code})["findings"] == []
