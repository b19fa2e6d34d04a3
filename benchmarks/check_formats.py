"""Check an export of the quickstart against the official schemas: python -m benchmarks.check_formats FOLDER.

FOLDER holds the schemas as their makers publish them; the names of the files stand in the table that is printed. Ends
with 1 where an export does not fit, or where a schema is missing.
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
_MOST_FAULTS = 5


def main() -> int:
    """Export, check, print; return the exit code."""
    if len(sys.argv) != 2:
        print(__doc__)
        return 2
    folder = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as place:
        exports = _exported(Path(place))
    rows = [
        ("sarif", "sarif-2.1.0.schema.json", _against_schema),
        ("openlineage", "openlineage.schema.json", _against_schema),
        ("ocsf", "ocsf-data_security_finding.json", _against_attributes),
    ]
    fits = True
    print(f"{'format':<12} {'schema':<34} {'objects':>7}  result")
    for form, name, check in rows:
        objects = _objects(exports[form])
        faults = list(check(folder / name, objects))
        fits = fits and not faults
        print(f"{form:<12} {name:<34} {len(objects):>7}  {'fits' if not faults else f'{len(faults)} faults'}")
        for fault in faults[:_MOST_FAULTS]:
            print(f"    {fault}")
    terms = _terms_of(json.loads(exports["json"])["rules"])
    faults = list(_against_vocabulary(folder, terms))
    fits = fits and not faults
    print(f"{'json, ropa':<12} {', '.join(_VOCABULARIES):<34} {len(terms):>7}  {faults or 'fits'}")
    return 0 if fits else 1


def _exported(place: Path) -> Mapping[str, str]:
    """Two runs of the quickstart, so that there is something to compare, and what is exported of the second."""
    shop = place / "shop"
    shutil.copytree(_QUICKSTART, shop)
    _ask(shop, "make_shop.py")
    for _ in range(2):
        _ask(shop, "-m", "waivern", "run", "runbook.yaml", "--quiet")
        (shop / "files" / "newsletter.csv").write_text("email\nzoe.march@example.org\n", encoding="utf-8")
    forms = ("sarif", "openlineage", "ocsf", "json")
    return {form: _ask(shop, "-m", "waivern", "export", "latest", "--format", form) for form in forms}


def _ask(folder: Path, *arguments: str) -> str:
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
    for number, each in enumerate(objects, 1):
        for error in validator.iter_errors(each):
            yield f"object {number}: {'/'.join(map(str, error.instance_path))}: {error.message[:200]}"


# What the class takes over from those that it extends, in the same repository: events/base_event.json and
# events/findings/finding.json, with their profiles left out.
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


def _against_attributes(described: Path, objects: list[Any]) -> Iterator[str]:
    """Every required attribute is there, and none that the class does not know."""
    if not described.is_file():
        yield f"there is no {described}"
        return
    attributes = json.loads(described.read_text(encoding="utf-8"))["attributes"]
    required = _REQUIRED | {name for name, said in attributes.items() if said.get("requirement") == "required"}
    activities = {int(each) for each in attributes["activity_id"]["enum"]} | {0, 99}
    for number, each in enumerate(objects, 1):
        for name in sorted(required - each.keys()):
            yield f"object {number}: '{name}' is required"
        for name in sorted(each.keys() - attributes.keys() - _INHERITED):
            yield f"object {number}: '{name}' is not known"
        if each.get("activity_id") not in activities:
            yield f"object {number}: activity_id {each.get('activity_id')} is not known"


_VOCABULARIES = ("dpv-2.3.csv", "dpv-pd-2.3.csv")


def _terms_of(rules: list[Any]) -> set[str]:
    """Those of the rules that were in use, and all others that an export may name."""
    in_use = {rule["dpv"] for rule in rules if rule["dpv"]}
    return in_use | {iri for terms in TERMS.values() for iri in terms.values()}


def _against_vocabulary(folder: Path, terms: set[str]) -> Iterator[str]:
    """Every term is one of the vocabulary."""
    known: set[str] = set()
    for name in _VOCABULARIES:
        if not (folder / name).is_file():
            yield f"there is no {folder / name}"
            return
        with (folder / name).open(encoding="utf-8", newline="") as file:
            known |= {row["iri"] for row in csv.DictReader(file)}
    yield from (f"{each} is not known" for each in sorted(terms - known))


if __name__ == "__main__":
    sys.exit(main())
