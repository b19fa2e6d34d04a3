"""Properties of findings: their locations, and what is found in records with known values."""

import csv
import io
import json

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders.detecting import cell_entry, file_entry, find_personal_data
from tests.builders.thoroughness import examples

ADDRESS = "write to ann@example.org"
SOURCES = ["exports", "exports/exports", "/srv/exports", "db.example:5432/shop"]
NAMES = st.sampled_from(
    ["exports", "srv", "a", "b", "a\\b", "..\\a", ".", "a.txt", "\x1e", "a\x1eb", "\x1d1", "A", "é", "e\u0301"]
)
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join).filter(lambda path: not path.startswith("./"))
FILES = st.tuples(st.sampled_from(SOURCES), PATHS)
COLUMNS = st.tuples(st.sampled_from(SOURCES), NAMES, NAMES)
COLUMNS_OF_FILES = st.tuples(st.sampled_from(SOURCES), PATHS, NAMES, NAMES)

PEOPLE = st.fixed_dictionaries(
    {
        "email": st.from_regex(r"[a-z]{2,9}\.[a-z]{2,9}@[a-z]{3,9}\.example\.org", fullmatch=True),
        "iban": st.sampled_from(["de89370400440532013000", "gb82west12345698765432", "fr1420041010050500013m02606"]),
        "nino": st.sampled_from(["ab123456c", "ce 12 34 56 d"]),
        "passport_number": st.from_regex(r"[a-z]{1,2}[0-9]{7}", fullmatch=True),
        "codice_fiscale": st.sampled_from(["rccmnl83s18d969h"]),
        "first_name": st.sampled_from(["robert", "xavier", "ulrike"]),
        "religion": st.sampled_from(["catholic", "buddhist"]),
    }
)
VALUES = {
    "email": "email_address",
    "iban": "iban",
    "nino": "uk_national_insurance_number",
    "passport_number": "passport_number",
    "codice_fiscale": "italian_tax_code",
}
NAMED = {"first_name": "person_name", "religion": "religion"}


KNOWN_ALONE = {"email_address", "iban", "italian_tax_code"}


def as_csv(people):
    written = io.StringIO()
    rows = csv.DictWriter(written, list(people[0]), lineterminator="\n")
    rows.writeheader()
    rows.writerows(people)
    return written.getvalue()


def as_json(people):
    return json.dumps(people, indent=1)


def as_sql(people):
    rows = ",\n".join(f"({', '.join(repr(value) for value in person.values())})" for person in people)
    return f"INSERT INTO customers ({', '.join(people[0])}) VALUES\n{rows};\n"


def as_yaml(people):
    return "\n".join(f"{key}: {value}" for person in people for key, value in person.items())


KEY_BESIDE_VALUE = (as_json, as_yaml)


@settings(max_examples=examples(150), deadline=None)
@given(st.sets(FILES, max_size=6), st.sets(COLUMNS, max_size=6), st.sets(COLUMNS_OF_FILES, max_size=4))
def test_two_locations_never_share_a_fingerprint(files, columns, columns_of_files):
    entries = [file_entry(ADDRESS, path=path, source=source) for source, path in files]
    entries += [cell_entry(ADDRESS, table, column, source=source) for source, table, column in columns]
    for source, path, table, column in columns_of_files:
        entry = cell_entry(ADDRESS, table, column, source=source)
        entry["metadata"]["file_path"] = path
        entries.append(entry)
    found = [finding for finding in find_personal_data(entries)["findings"] if finding["rule"] == "email_address"]
    assert len(found) == len({finding["fingerprint"] for finding in found}) == len(entries)
    locations = {json.dumps([finding["metadata"]["source"], finding["location"]]) for finding in found}
    assert len(locations) == len(entries)


@settings(max_examples=examples(100), deadline=None)
@given(FILES, st.randoms(use_true_random=False))
def test_a_location_spelled_in_several_ways_has_one_finding(file, chance):
    source, path = file
    below = f"{source}/{path}" if source.startswith("/") else path
    entries = [
        file_entry(ADDRESS, path=spelling, source=root)
        for spelling in (path, f"./{path}", below)
        for root in (source, f"{source}/")
    ]
    expected = find_personal_data(entries)
    (finding,) = expected["findings"]
    assert finding["matched_patterns"] == [{"pattern": "value: address", "match_count": 6}]
    chance.shuffle(entries)
    assert find_personal_data(entries) == expected


@settings(max_examples=examples(100), deadline=None)
@given(st.lists(PEOPLE, min_size=1, max_size=3), st.sampled_from([as_csv, as_json, as_sql, as_yaml]))
def test_known_values_of_a_record_are_found_and_masked(people, written):
    content = find_personal_data([file_entry(written(people))], pattern_matching={"evidence_context_size": "full"})
    matched = {
        (finding["rule"], matched["pattern"].partition(":")[0]): matched["match_count"]
        for finding in content["findings"]
        for matched in finding["matched_patterns"]
    }
    for rule in NAMED.values():
        assert ("field name", rule) in {(kind, name) for name, kind in matched}
    for key, rule in VALUES.items():
        if written in KEY_BESIDE_VALUE or rule in KNOWN_ALONE:
            assert matched.get((rule, "value"), 0) >= len(people), key
    shown = "".join(sample["content"] for finding in content["findings"] for sample in finding["evidence"])
    for person in people:
        assert not [value for value in person.values() if value in shown]


@settings(max_examples=examples(100), deadline=None)
@given(st.lists(PEOPLE, min_size=1, max_size=3))
def test_known_values_of_a_table_are_found_in_their_column_and_masked(people):
    entries = [
        cell_entry(value, "customers", key, row=str(row))
        for row, person in enumerate(people)
        for key, value in person.items()
    ]
    content = find_personal_data(entries, pattern_matching={"evidence_context_size": "full"})
    found = {(finding["location"]["column"], finding["rule"]): finding for finding in content["findings"]}
    for key, rule in {**VALUES, **NAMED}.items():
        assert (key, rule) in found
    for key, rule in VALUES.items():
        matched = {
            pattern["pattern"].partition(":")[0]: pattern["match_count"]
            for pattern in found[key, rule]["matched_patterns"]
        }
        assert matched["value"] == len(people), key
    shown = "".join(sample["content"] for finding in content["findings"] for sample in finding["evidence"])
    for person in people:
        assert not [value for value in person.values() if value in shown]


@given(st.lists(st.sampled_from(["\n", "\r", "\r\n", "x", "x\n"]), max_size=12))
def test_lines_are_counted_for_every_line_ending(before):
    text = "".join(before)
    (finding,) = find_personal_data([file_entry(f"{text}.{ADDRESS}")])["findings"]
    assert finding["location"]["lines"] == [len(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"))]


def _fingerprints(entries):
    return {finding["fingerprint"]: finding for finding in find_personal_data(entries)["findings"]}


@settings(max_examples=examples(60), deadline=None)
@given(st.dictionaries(PATHS, st.lists(PEOPLE, min_size=1, max_size=3).map(as_yaml), min_size=1, max_size=4), st.data())
def test_a_file_has_the_same_findings_alone_and_among_others(files, data):
    entries = {path: file_entry(text, path=path) for path, text in files.items()}
    one = data.draw(st.sampled_from(sorted(entries)))
    alone, among_others = _fingerprints([entries[one]]), _fingerprints(entries.values())
    assert {key: among_others[key]["matched_patterns"] for key in alone} == {
        key: finding["matched_patterns"] for key, finding in alone.items()
    }


@settings(max_examples=examples(60), deadline=None)
@given(st.lists(PEOPLE, min_size=2, max_size=8), st.data())
def test_a_sample_of_a_table_has_only_fingerprints_of_the_whole_table(people, data):
    rows = [
        [cell_entry(value, "customers", column, row=str(number)) for column, value in person.items()]
        for number, person in enumerate(people)
    ]
    kept = data.draw(st.sets(st.sampled_from(range(len(rows))), min_size=1))
    whole = _fingerprints([cell for row in rows for cell in row])
    sampled = _fingerprints([cell for number in kept for cell in rows[number]])
    assert sampled.keys() <= whole.keys()
    named = {key for key, finding in whole.items() if finding["rule"] in {*VALUES.values(), *NAMED.values()}}
    assert named & sampled.keys() == named
