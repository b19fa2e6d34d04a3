"""Check an export of the quickstart against the official schemas: python -m benchmarks.check_formats FOLDER.

FOLDER contains the schemas as published; the printed table has the names of their files. Exits with 1 if an export is
invalid or a schema is missing.
"""

import csv
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema_rs

from waivern.exports.model.dpv import TERMS

_QUICKSTART = Path(__file__).parents[1] / "examples" / "quickstart"
_MAX_ERRORS_SHOWN = 5


def main() -> int:
    """Export, check, print, and return the exit code."""
    if len(sys.argv) != 2:
        print(__doc__)
        return 2
    folder = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as temporary:
        exports = _export_all(Path(temporary))
    rows = [
        ("sarif", "sarif-2.1.0.schema.json", _against_schema),
        ("openlineage", "openlineage.schema.json", _against_schema),
        ("ocsf", "ocsf-data_security_finding.json", _against_attributes),
    ]
    all_valid = True
    print(f"{'format':<12} {'schema':<34} {'objects':>7}  result")
    for form, name, check in rows:
        objects = _objects(exports[form])
        errors = list(check(folder / name, objects))
        all_valid = all_valid and not errors
        print(f"{form:<12} {name:<34} {len(objects):>7}  {'valid' if not errors else f'{len(errors)} errors'}")
        for error in errors[:_MAX_ERRORS_SHOWN]:
            print(f"    {error}")
    terms = _dpv_terms(json.loads(exports["json"])["rules"])
    errors = list(_against_vocabulary(folder, terms))
    all_valid = all_valid and not errors
    print(f"{'json, ropa':<12} {', '.join(_VOCABULARIES):<34} {len(terms):>7}  {errors or 'valid'}")
    return 0 if all_valid else 1


def _export_all(folder: Path) -> Mapping[str, str]:
    """Run the quickstart twice, so that there are changes, and return the exports of the second run."""
    shop = folder / "shop"
    shutil.copytree(_QUICKSTART, shop)
    _run(shop, "make_shop.py")
    for _ in range(2):
        _run(shop, "-m", "waivern", "run", "runbook.yaml", "--quiet")
        (shop / "files" / "newsletter.csv").write_text("email\nzoe.march@example.org\n", encoding="utf-8")
    forms = ("sarif", "openlineage", "ocsf", "json")
    return {form: _run(shop, "-m", "waivern", "export", "latest", "--format", form) for form in forms}


def _run(folder: Path, *arguments: str) -> str:
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout


def _objects(text: str) -> list[Any]:
    try:
        return [json.loads(text)]
    except ValueError:
        return [json.loads(line) for line in text.splitlines()]


def _against_schema(schema: Path, objects: list[Any]) -> Iterator[str]:
    if not schema.is_file():
        yield f"there is no {schema}"
        return
    validator = jsonschema_rs.validator_for(
        json.loads(schema.read_text(encoding="utf-8")), validate_formats=True, ignore_unknown_formats=True
    )
    for number, item in enumerate(objects, 1):
        for error in validator.iter_errors(item):
            yield f"object {number}: {'/'.join(map(str, error.instance_path))}: {error.message[:200]}"


# Attributes inherited from events/base_event.json and events/findings/finding.json in the same repository, without
# their profiles.
_INHERITED = {
    *("activity_id", "activity_name", "category_name", "category_uid", "class_name", "class_uid", "count", "duration"),
    *("end_time", "enrichments", "message", "metadata", "observables", "raw_data", "severity", "severity_id"),
    *("start_time", "status", "status_code", "status_detail", "status_id", "time", "timezone_offset", "type_name"),
    *("type_uid", "unmapped", "comment", "confidence", "confidence_id", "confidence_score", "finding_info"),
    *("vendor_attributes", "device"),
}
_REQUIRED = {
    *("activity_id", "category_uid", "class_uid", "finding_info", "metadata", "severity_id", "time", "type_uid"),
}


def _against_attributes(schema: Path, objects: list[Any]) -> Iterator[str]:
    """Yield missing required attributes and unknown attributes."""
    if not schema.is_file():
        yield f"there is no {schema}"
        return
    attributes = json.loads(schema.read_text(encoding="utf-8"))["attributes"]
    required = _REQUIRED | {
        name for name, attribute in attributes.items() if attribute.get("requirement") == "required"
    }
    activities = {int(activity) for activity in attributes["activity_id"]["enum"]} | {0, 99}
    for number, item in enumerate(objects, 1):
        for name in sorted(required - item.keys()):
            yield f"object {number}: '{name}' is required"
        for name in sorted(item.keys() - attributes.keys() - _INHERITED):
            yield f"object {number}: '{name}' is not known"
        if item.get("activity_id") not in activities:
            yield f"object {number}: activity_id {item.get('activity_id')} is not known"


_VOCABULARIES = ("dpv-2.3.csv", "dpv-pd-2.3.csv")


def _dpv_terms(rules: list[Any]) -> set[str]:
    """Return the terms of the rules in the export, and all other terms that an export may contain."""
    in_use = {rule["dpv"] for rule in rules if rule["dpv"]}
    return in_use | {iri for terms in TERMS.values() for iri in terms.values()}


def _against_vocabulary(folder: Path, terms: set[str]) -> Iterator[str]:
    """Yield terms that the vocabulary does not have."""
    known: set[str] = set()
    for name in _VOCABULARIES:
        if not (folder / name).is_file():
            yield f"there is no {folder / name}"
            return
        with (folder / name).open(encoding="utf-8", newline="") as file:
            known |= {row["iri"] for row in csv.DictReader(file)}
    yield from (f"{term} is not known" for term in sorted(terms - known))


if __name__ == "__main__":
    sys.exit(main())
