"""`waivern explain`: why a finding is one."""

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
    for said in ("bank_account, rule iban", "notes.txt, line 2 in ./files", "ISO 13616-1", "checked by iban"):
        assert said in outcome.out
    assert "the current version" in outcome.out
    assert "3704" not in outcome.out


def test_the_json_is_one_object_with_the_finding_and_its_rule(ask, fingerprint) -> None:
    told = json.loads(ask("explain", fingerprint, "--run", "latest", "--format", "json").out)
    assert (told["fingerprint"], told["artifact_id"], told["rule"]["name"]) == (fingerprint, "found", "iban")
    assert told["finding"]["fingerprint"] == fingerprint
    assert told["rules_version"] == told["rules_version_today"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("abc",), "too short"),
        (("abcdefabcdef",), "No run has found 'abcdefabcdef'"),
        (("abcdefabcdef", "--run", "latest"), "No run has found 'abcdefabcdef'"),
        (("abcdefabcdef", "--run", "nowhere"), "There is no run"),
    ],
)
def test_an_unknown_finding_is_refused(ask, fingerprint, arguments, said) -> None:
    outcome = ask("explain", *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert said in outcome.err


DOUBTED = """
name: Crypto
description: for a test
artifacts:
  files: {source: {type: filesystem, properties: {path: ./code}}}
  found: {inputs: files, process: {type: crypto_quality}}
"""


def test_text_and_json_tell_the_same_of_a_rule(ask, folder) -> None:
    (folder / "code").mkdir()
    (folder / "code" / "hash.py").write_text("password = hashlib.md5(given)\n")
    (folder / "crypto.yaml").write_text(DOUBTED)
    assert ask("run", "crypto.yaml").code == 0
    (finding,) = json.loads(ask("artifacts", "show", "latest", "found").out)["findings"]
    rule = json.loads(ask("explain", finding["fingerprint"], "--format", "json").out)["rule"]
    told = " ".join(ask("explain", finding["fingerprint"]).out.split())
    assert rule["context_words"]
    assert rule["negative_context_words"]
    for meaning, words in (("surer near", rule["context_words"]), ("less sure near", rule["negative_context_words"])):
        assert f"{meaning} {', '.join(words[:12])}" in told


def test_every_kind_of_a_rules_field_names_is_told(ask, folder) -> None:
    (folder / "code").mkdir()
    (folder / "code" / "hr.csv").write_text("employee_id,hire_date\n1,2024-01-31\n")
    (folder / "hr.yaml").write_text(DOUBTED.replace("crypto_quality", "personal_data"))
    assert ask("run", "hr.yaml").code == 0
    findings = json.loads(ask("artifacts", "show", "latest", "found").out)["findings"]
    fingerprint = next(finding["fingerprint"] for finding in findings if finding["rule"] == "employment")
    names = json.loads(ask("explain", fingerprint, "--format", "json").out)["rule"]["field_names"]
    told = " ".join(ask("explain", fingerprint).out.split())
    meanings = {
        "strong": "fields called",
        "weak": "beside fields of a person, fields called",
        "weak_columns": "in a table of people, columns called",
    }
    assert names.keys() == meanings.keys()
    for kind, meaning in meanings.items():
        assert f"{meaning} {', '.join(names[kind][:12])}" in told
