"""Runbooks written for the framework whose format Waivern's is compatible with plan and run as they are."""

import json
import sqlite3
from pathlib import Path

import pytest

from waivern.rulesets.loading.classification import load_classification
from waivern.rulesets.loading.ruleset_files import is_classification
from waivern.rulesets.loading.ruleset_loader import load_ruleset

CODE = """
name: "Code of the shop"
description: >
  Who is in it, what for, and with whom it is shared.
contact: "Data protection <dpo@example.org>"
config: {timeout: 120, max_concurrency: 4}
artifacts:
  php_files:
    name: "PHP files"
    description: "What the web server runs"
    contact: "Web team <web@example.org>"
    source:
      type: "filesystem"
      properties:
        path: "./shop"
        include_patterns: ["*.php", "*.js"]
        exclude_patterns: ["*.min.js"]
        max_files: 50
        encoding: "utf-8"
        errors: "replace"
        chunk_size: 8192
  php_code:
    inputs: php_files
    process:
      type: "source_code_analyser"
      properties: {language: "php", max_file_size: 10485760}
  all_code:
    inputs: php_files
    process: {type: "source_code_analyser"}
  personal_data_found:
    inputs: php_code
    process:
      type: "personal_data"
      properties:
        pattern_matching:
          ruleset: "local/personal_data_indicator/1.0.0"
          evidence_context_size: "%(size)s"
          maximum_evidence_count: 5
        llm_validation:
          enable_llm_validation: false
          llm_batch_size: 80
          llm_validation_mode: "conservative"
          sampling_size: 3
  subjects_found:
    inputs: php_code
    process:
      type: "data_subject"
      properties:
        pattern_matching: {ruleset: "local/data_subject_indicator/1.0.0", evidence_context_size: "%(size)s"}
        source_code_context_window: "%(size)s"
        llm_validation: {enable_llm_validation: false}
  purposes_found:
    inputs: all_code
    process:
      type: "processing_purpose"
      properties:
        pattern_matching: {ruleset: "local/processing_purposes/1.0.0", evidence_context_size: "%(size)s"}
        source_code_context_window: "%(size)s"
        llm_validation: {enable_llm_validation: false, confidence_threshold: 0.5}
  services_found:
    inputs: all_code
    process:
      type: "service_integration"
      properties:
        pattern_matching: {ruleset: "local/service_integrations/1.0.0", maximum_evidence_count: 3}
        source_code_context_window: "%(size)s"
  collection_found:
    inputs: all_code
    process:
      type: "data_collection"
      properties:
        pattern_matching: {ruleset: "local/data_collection/1.0.0", maximum_evidence_count: 3}
        source_code_context_window: "%(size)s"
  crypto_found:
    inputs: all_code
    process:
      type: "crypto_quality"
      properties: {pattern_matching: {ruleset: "local/crypto_quality_indicator/1.0.0"}}
    output: true
  personal_data:
    inputs: personal_data_found
    process:
      type: "gdpr_personal_data_classifier"
      properties: {ruleset: "local/gdpr_personal_data_classification/1.0.0"}
    output: true
  subjects: {inputs: subjects_found, process: {type: "gdpr_data_subject_classifier"}, output: true}
  purposes: {inputs: purposes_found, process: {type: "gdpr_processing_purpose_classifier"}, output: true}
  services: {inputs: services_found, process: {type: "gdpr_service_integration_classifier"}, output: true}
  collection: {inputs: collection_found, process: {type: "gdpr_data_collection_classifier"}, output: true}
"""

OLDER = """
name: Database and notes
description: With the names and words of earlier versions
artifacts:
  tables:
    source: {type: sqlite, properties: {database_path: ./shop.db, max_rows_per_table: 10}}
  notes:
    source: {type: filesystem_connector, properties: {path: ./notes, max_files: 100}}
    optional: true
  both:
    inputs: [tables, notes]
    merge: concatenate
  found:
    inputs: both
    transform:
      type: personal_data_analyser
      properties:
        pattern_matching: {ruleset: personal_data, evidence_context_size: large, maximum_evidence_count: 3}
        llm_validation: {enable_llm_validation: false, llm_batch_size: 50, llm_validation_mode: standard}
        confidence_threshold: 0.6
    output: true
  subjects:
    inputs: both
    transform:
      type: data_subject_analyser
      properties: {pattern_matching: {ruleset: data_subjects, evidence_context_size: medium}}
    output: true
  purposes:
    inputs: tables
    transform:
      type: processing_purpose_analyser
      properties: {pattern_matching: {ruleset: processing_purposes}}
    output: true
"""

PHP = """<?php
// Newsletter for customers: subscribe, then charge the card.
require 'vendor/autoload.php';
use Stripe\\Charge;
$customer_email = $_POST['email'];
$hash = md5($_POST['password']);
send_newsletter($customer_email);
"""

SHORT_NAMES = {
    "personal_data": "local/personal_data_indicator/1.0.0",
    "personal_data_indicator": "local/personal_data_indicator/1.0.0",
    "local/personal_data/1.0.0": "local/personal_data_indicator/1.0.0",
    "data_subjects": "local/data_subject_indicator/1.0.0",
    "local/data_subjects/1.0.0": "local/data_subject_indicator/1.0.0",
    "processing_purposes": "local/processing_purposes/1.0.0",
    "service_integrations": "local/service_integrations/1.0.0",
    "data_collection": "local/data_collection/1.0.0",
    "crypto_quality_indicator": "local/crypto_quality_indicator/1.0.0",
    "gdpr_personal_data_classification": "local/gdpr_personal_data_classification/1.0.0",
    "gdpr_data_subject_classification": "local/gdpr_data_subject_classification/1.0.0",
    "gdpr_processing_purpose_classification": "local/gdpr_processing_purpose_classification/1.0.0",
    "gdpr_service_integration_classification": "local/gdpr_service_integration_classification/1.0.0",
    "gdpr_data_collection_classification": "local/gdpr_data_collection_classification/1.0.0",
}


@pytest.fixture
def shop(folder: Path) -> Path:
    """Code, a database and notes; a new database of Waivern."""
    (folder / "shop").mkdir()
    (folder / "shop" / "order.php").write_text(PHP)
    (folder / "notes").mkdir()
    (folder / "notes" / "call.txt").write_text("A patient of the clinic asks us to write to ann@example.org.\n")
    with sqlite3.connect(folder / "shop.db") as connection:
        connection.execute("CREATE TABLE customers (id INTEGER, email TEXT, payment_method TEXT)")
        connection.execute("INSERT INTO customers VALUES (1, 'bo@example.org', 'card')")
    connection.close()
    return folder


def run(ask, folder: Path, runbook: str):
    (folder / "runbook.yaml").write_text(runbook)
    assert ask("validate", "runbook.yaml").code == 0
    assert ask("plan", "runbook.yaml").code == 0
    return ask("run", "runbook.yaml", "--format", "json")


def found_in(ask, artifact: str):
    return json.loads(ask("artifacts", "show", "latest", artifact).out)["findings"]


@pytest.mark.parametrize("size", ["small", "full"])
def test_a_runbook_of_all_analysers_and_classifiers_runs(ask, shop, size):
    outcome = run(ask, shop, CODE % {"size": size})
    assert outcome.code == 0, outcome.err
    assert {artifact["status"] for artifact in json.loads(outcome.out)["artifacts"]} == {"succeeded"}
    assert {finding["privacy_category"] for finding in found_in(ask, "services")} == {"payment"}
    assert {finding["privacy_category"] for finding in found_in(ask, "subjects")} == {"customers"}
    assert "direct_marketing" in {finding["privacy_category"] for finding in found_in(ask, "purposes")}
    assert "contact_data" in {finding["privacy_category"] for finding in found_in(ask, "personal_data")}
    assert "collected_from_the_person" in {finding["privacy_category"] for finding in found_in(ask, "collection")}
    assert {finding["rule"] for finding in found_in(ask, "crypto_found")} == {"fast_password_hash"}


def test_older_keys_and_names_are_accepted(ask, shop):
    outcome = run(ask, shop, OLDER)
    assert outcome.code == 0, outcome.err
    places = {json.dumps(finding["location"], sort_keys=True) for finding in found_in(ask, "found")}
    assert any("call.txt" in place for place in places)
    assert any("customers" in place for place in places)
    assert {"customer", "patient"} <= {finding["category"] for finding in found_in(ask, "subjects")}


@pytest.mark.parametrize(("short", "full"), SHORT_NAMES.items())
def test_rulesets_are_found_by_current_and_older_names(short, full):
    load = load_classification if is_classification(full) else load_ruleset
    assert load(short).uri == full
    assert load(short) is load(full)


def test_enabling_validation_by_a_language_model_is_refused(ask, shop):
    (shop / "runbook.yaml").write_text(OLDER.replace("enable_llm_validation: false", "enable_llm_validation: true", 1))
    outcome = ask("run", "runbook.yaml")
    assert outcome.code == 2
    assert "llm_validation.enable_llm_validation" in outcome.err
    assert "not available; set it to false" in outcome.err


def test_relative_paths_may_be_based_on_the_working_directory(ask, shop):
    (shop / "runbooks").mkdir()
    (shop / "runbooks" / "nightly.yaml").write_text(OLDER)
    assert ask("run", "runbooks/nightly.yaml", "--working-dir", ".").code == 0


SOURCES = """
name: sources
description: Servers whose user and password the environment holds
artifacts:
  tables: {source: {type: mysql, properties: {max_rows_per_table: 10}}}
  documents: {source: {type: mongodb, properties: {sample_size: 10}}}
  code:
    source:
      type: github
      properties:
        repository: "example/shop"
        ref: HEAD
        clone_strategy: "minimal"
        clone_timeout: 300
        auth_method: pat
        include_patterns: ["src/*.php"]
        max_files: 50
  found: {inputs: [tables, documents, code], process: {type: personal_data}, output: true}
"""


def test_servers_are_read_from_the_environment(ask, shop, monkeypatch):
    for name, value in {"HOST": "db.example.org", "USER": "reader", "PASSWORD": "x", "DATABASE": "shop"}.items():
        monkeypatch.setenv(f"MYSQL_{name}", value)
    monkeypatch.setenv("MONGODB_URI", "mongodb://db.example.org:27017")
    monkeypatch.setenv("MONGODB_DATABASE", "shop")
    (shop / "runbook.yaml").write_text(SOURCES)
    outcome = ask("validate", "runbook.yaml")
    assert outcome.code == 0, outcome.err
    assert ask("plan", "runbook.yaml").code == 0
