"""Terms of the Data Privacy Vocabulary: of categories that there are, and none where no term says just that."""

import re

import pytest

from waivern.exports.encoding.formatting import humanize
from waivern.exports.model.dpv import TERMS, dpv_term
from waivern.rulesets.loading.ruleset_loader import load_ruleset


@pytest.mark.parametrize("ruleset", TERMS)
def test_every_term_belongs_to_a_category_of_the_ruleset(ruleset: str) -> None:
    categories = {humanize(rule.category) for rule in load_ruleset(f"local/{ruleset}/1.0.0").rules}
    assert TERMS[ruleset].keys() <= categories


def test_terms_are_unique_iris_of_the_vocabulary() -> None:
    iris = [iri for terms in TERMS.values() for iri in terms.values()]
    assert all(re.fullmatch(r"https://w3id\.org/dpv(/pd)?#[A-Z][A-Za-z]+", iri) for iri in iris)
    assert len(set(iris)) == len(iris)


@pytest.mark.parametrize(
    ("ruleset", "category", "iri"),
    [
        ("personal_data_indicator", "email", "https://w3id.org/dpv/pd#EmailAddress"),
        ("personal_data_indicator", "Payment Card", "https://w3id.org/dpv/pd#PaymentCard"),
        ("processing_purposes", "payment", "https://w3id.org/dpv#PaymentManagement"),
        ("data_subject_indicator", "job_applicant", "https://w3id.org/dpv#JobApplicant"),
        ("data_subject_indicator", "former_employee", None),
        ("service_integrations", "payment", None),
        ("somebody's own", "email", None),
    ],
)
def test_a_category_has_its_term_or_none(ruleset: str, category: str, iri: str | None) -> None:
    assert dpv_term(ruleset, category) == iri
