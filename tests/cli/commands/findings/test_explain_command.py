"""`waivern explain`."""

import json

import pytest

RUNBOOK = """
name: Files
description: for a test
artifacts:
  files: {source: {type: filesystem, properties: {path: ./files}}}
  found: {inputs: files, process: {type: personal_data}}
"""


@pytest.fixture
def fingerprint(ask, folder) -> str:
    (folder / "files").mkdir()
    (folder / "files" / "notes.txt").write_text("mail: ann@example.org\nIBAN DE89 3704 0044 0532 0130 00\n")
    (folder / "files.yaml").write_text(RUNBOOK)
    assert ask("run", "files.yaml").code == 0
    findings = json.loads(ask("artifacts", "show", "latest", "found").out)["findings"]
    return str(next(finding["fingerprint"] for finding in findings if finding["rule"] == "iban"))


def test_a_finding_is_explained_with_its_rule_its_legal_basis_and_masked_evidence(ask, fingerprint) -> None:
    outcome = ask("explain", fingerprint[:8])
    assert (outcome.code, outcome.err) == (0, "")
    for text in ("bank_account, rule iban", "notes.txt, line 2 in ./files", "ISO 13616-1", "validated by iban"):
        assert text in outcome.out
    assert "the current version" in outcome.out
    assert "3704" not in outcome.out


def test_the_json_is_one_object_with_the_finding_and_its_rule(ask, fingerprint) -> None:
    explained = json.loads(ask("explain", fingerprint, "--run", "latest", "--format", "json").out)
    assert (explained["fingerprint"], explained["artifact_id"], explained["rule"]["name"]) == (
        fingerprint,
        "found",
        "iban",
    )
    assert explained["finding"]["fingerprint"] == fingerprint
    assert explained["rules_version"] == explained["rules_version_today"]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("abc",), "too short"),
        (("abcdefabcdef",), "No run has found 'abcdefabcdef'"),
        (("abcdefabcdef", "--run", "latest"), "No run has found 'abcdefabcdef'"),
        (("abcdefabcdef", "--run", "nowhere"), "There is no run"),
    ],
)
def test_an_unknown_finding_is_refused(ask, fingerprint, arguments, text) -> None:
    outcome = ask("explain", *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert text in outcome.err


CRYPTO_RUNBOOK = """
name: Crypto
description: for a test
artifacts:
  files: {source: {type: filesystem, properties: {path: ./code}}}
  found: {inputs: files, process: {type: crypto_quality}}
"""


def test_text_and_json_list_the_same_context_words(ask, folder) -> None:
    (folder / "code").mkdir()
    (folder / "code" / "hash.py").write_text("password = hashlib.md5(given)\n")
    (folder / "crypto.yaml").write_text(CRYPTO_RUNBOOK)
    assert ask("run", "crypto.yaml").code == 0
    (finding,) = json.loads(ask("artifacts", "show", "latest", "found").out)["findings"]
    rule = json.loads(ask("explain", finding["fingerprint"], "--format", "json").out)["rule"]
    text = " ".join(ask("explain", finding["fingerprint"]).out.split())
    assert rule["context_words"]
    assert rule["negative_context_words"]
    for label, key in {"higher": "context_words", "lower": "negative_context_words"}.items():
        assert f"{label} confidence near: {', '.join(rule[key][:12])}" in text


def test_every_kind_of_field_names_of_a_rule_is_listed(ask, folder) -> None:
    (folder / "code").mkdir()
    (folder / "code" / "hr.csv").write_text("employee_id,hire_date\n1,2024-01-31\n")
    (folder / "hr.yaml").write_text(CRYPTO_RUNBOOK.replace("crypto_quality", "personal_data"))
    assert ask("run", "hr.yaml").code == 0
    findings = json.loads(ask("artifacts", "show", "latest", "found").out)["findings"]
    fingerprint = next(finding["fingerprint"] for finding in findings if finding["rule"] == "employment")
    names = json.loads(ask("explain", fingerprint, "--format", "json").out)["rule"]["field_names"]
    text = " ".join(ask("explain", fingerprint).out.split())
    labels = {
        "strong": "fields named:",
        "weak": "near other fields about a person, named:",
        "weak_columns": "in a table about people, named:",
    }
    assert names.keys() == labels.keys()
    for kind, label in labels.items():
        assert f"{label} {', '.join(names[kind][:12])}" in text
