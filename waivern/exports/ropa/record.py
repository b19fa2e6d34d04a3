"""The draft record of processing activities (GDPR Art. 30(1)), from findings and the organisation file."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from waivern.errors import RulesetError
from waivern.exports.encoding.formatting import count, humanize
from waivern.exports.model.organisation import Activity, Organisation
from waivern.exports.model.report import Report
from waivern.exports.ropa.detected_items import (
    CATEGORIES,
    MAX_LINKS,
    MEASURES,
    PURPOSES,
    RECIPIENTS,
    SUBJECTS,
    TRANSFERS,
    DetectedItem,
    declared_dpv_term,
    group_findings,
)
from waivern.rulesets.loading.classification import load_classification

FOUND, DECLARED, BOTH, PROPOSED, MISSING = "found", "declared", "declared and found", "proposed", "missing"
_TRANSFER_CLASSIFICATION = "local/gdpr_service_integration_classification/1.0.0"
_WITHIN_EEA = "within_the_eea"
_CREDENTIALS = {"api token", "cloud credential", "connection string", "password", "private key", "session token"}

_ORGANISATION_ARTICLE = "Art. 30(1)(a)"
_ARTICLES = {
    PURPOSES: "Art. 30(1)(b)",
    SUBJECTS: "Art. 30(1)(c)",
    CATEGORIES: "Art. 30(1)(c)",
    RECIPIENTS: "Art. 30(1)(d)",
    TRANSFERS: "Art. 30(1)(e)",
    "retention": "Art. 30(1)(f)",
    MEASURES: "Art. 30(1)(g)",
}


@dataclass(frozen=True)
class Entry:
    """One line of the record.

    Args:
        activity: The processing activity; "" for the organisation as a whole.
        article: The article and letter of the GDPR.
        field: What the line is about, such as "purposes" or "recipients".
        value: The value of the field.
        status: Where the value comes from: one of `FOUND`, `DECLARED`, `BOTH`, `PROPOSED`, `MISSING`.
        findings: The number of findings behind it.
        locations: The first of their locations.
        fingerprints: The fingerprints of the findings at these locations.
        note: A remark for the reader.
        dpv_term: The IRI of the value in the Data Privacy Vocabulary, or "" if there is no exact term.
    """

    activity: str
    article: str
    field: str
    value: str
    status: str
    findings: int = 0
    locations: Sequence[str] = ()
    fingerprints: Sequence[str] = ()
    note: str = ""
    dpv_term: str = ""


@dataclass(frozen=True)
class Record:
    """The draft: the entries, those that were declared but not found, and those that were found but not declared."""

    report: Report
    entries: Sequence[Entry]
    not_found: Sequence[Entry]
    not_declared: Sequence[Entry]


def draft_record(report: Report, organisation: Organisation | None) -> Record:
    """Draft the record. Suppressed findings are ignored.

    If the organisation file declares no activity for the runbook, everything found becomes one activity.
    """
    items = group_findings(report)
    declaration = organisation or Organisation()
    declared = declaration.activities_of(report.run.runbook)
    activities = declared or [Activity(name=report.run.runbook)]
    entries = list(_organisation_entries(declaration, report))
    matched: set[tuple[str, str]] = set()
    for activity in activities:
        for entry, matched_items in _activity_entries(activity, declaration, items, is_declared=bool(declared)):
            entries.append(entry)
            matched.update(item.key for item in matched_items)
    not_declared = [_found_entry(item, "", FOUND) for item in items if declared and item.key not in matched]
    note = _not_found_note(report)
    not_found = [
        Entry(entry.activity, entry.article, entry.field, entry.value, entry.status, note=note)
        for entry in entries
        if entry.status == DECLARED and entry.field in (SUBJECTS, CATEGORIES, PURPOSES, RECIPIENTS)
    ]
    return Record(report, entries, not_found, not_declared)


def _organisation_entries(declaration: Organisation, report: Report) -> Iterator[Entry]:
    """Yield the entries of Art. 30(1)(a), which are the same for all activities."""
    parties = [
        ("controller", declaration.controller),
        ("representative", declaration.representative),
        ("data protection officer", declaration.data_protection_officer),
    ]
    for field, party in parties:
        if party is not None:
            yield Entry("", _ORGANISATION_ARTICLE, field, str(party), DECLARED)
        elif field == "data protection officer" and report.contact:
            note = "the contact of the runbook"
            yield Entry("", _ORGANISATION_ARTICLE, "contact", report.contact, PROPOSED, note=note)
        elif field == "controller":
            note = "the organisation file does not give the name and contact of the controller"
            yield Entry("", _ORGANISATION_ARTICLE, field, "", MISSING, note=note)
    for joint in declaration.joint_controllers:
        yield Entry("", _ORGANISATION_ARTICLE, "joint controller", str(joint), DECLARED)


_EntryWithItems = tuple[Entry, Sequence[DetectedItem]]
"""An entry, with the detected items that it covers."""


def _activity_entries(
    activity: Activity, declaration: Organisation, items: Sequence[DetectedItem], *, is_declared: bool
) -> Iterator[_EntryWithItems]:
    yield from _declared_entries(activity, items)
    if not is_declared:
        yield from _undeclared_entries(activity, items)
    if activity.legal_basis:
        yield Entry(activity.name, "Art. 6", "legal basis", activity.legal_basis, DECLARED), []
    for transfer in activity.transfers:
        yield Entry(activity.name, _ARTICLES[TRANSFERS], TRANSFERS, str(transfer), DECLARED), []
    for proposed in _proposed_transfers(activity, items, is_declared=is_declared):
        yield proposed, []
    yield _retention_entry(activity, declaration), []
    for measure in (*declaration.security, *activity.security):
        yield Entry(activity.name, _ARTICLES[MEASURES], MEASURES, measure, DECLARED), []
    for item in items:
        if item.field == MEASURES:
            yield _measure_entry(item, activity.name), [item]


def _declared_entries(activity: Activity, items: Sequence[DetectedItem]) -> Iterator[_EntryWithItems]:
    """Yield what the organisation declares, with the findings that confirm it."""
    declared = {
        PURPOSES: activity.purposes,
        SUBJECTS: activity.data_subjects,
        CATEGORIES: activity.data_categories,
        RECIPIENTS: activity.recipients,
    }
    for field, names in declared.items():
        for name in names:
            matching = [item for item in items if item.field == field and item.matches_name(name)]
            yield _declared_entry(activity.name, field, name, matching), matching


def _undeclared_entries(activity: Activity, items: Sequence[DetectedItem]) -> Iterator[_EntryWithItems]:
    """Yield what was found when no activity is declared. What follows only from code is proposed, not found."""
    for field in (PURPOSES, SUBJECTS, CATEGORIES, RECIPIENTS):
        for item in items:
            if item.field == field:
                status = FOUND if field in (SUBJECTS, CATEGORIES) else PROPOSED
                yield _found_entry(item, activity.name, status), [item]


def _retention_entry(activity: Activity, declaration: Organisation) -> Entry:
    time_limit = activity.retention or declaration.retention
    if time_limit:
        return Entry(activity.name, _ARTICLES["retention"], "retention", time_limit, DECLARED)
    note = "the organisation file does not give the envisaged time limits for erasure"
    return Entry(activity.name, _ARTICLES["retention"], "retention", "", MISSING, note=note)


def _declared_entry(activity: str, field: str, name: str, items: Sequence[DetectedItem]) -> Entry:
    if not items:
        return Entry(activity, _ARTICLES[field], field, name, DECLARED, dpv_term=declared_dpv_term(field, name))
    return Entry(
        activity,
        _ARTICLES[field],
        field,
        name,
        BOTH,
        sum(item.number for item in items),
        [location for item in items for location in item.locations][:MAX_LINKS],
        [fingerprint for item in items for fingerprint in item.fingerprints][:MAX_LINKS],
        _special_category_note(special=any(item.special for item in items)),
        items[0].dpv_term if len(items) == 1 else "",
    )


def _found_entry(item: DetectedItem, activity: str, status: str) -> Entry:
    company, country = item.facts.get("company", ""), item.facts.get("country", "")
    value = item.name
    if item.field == RECIPIENTS:
        value = f"{company or item.name} ({item.name}, {country or 'country unknown'})"
    evidence = (item.number, item.locations, item.fingerprints)
    note = _special_category_note(special=item.special)
    return Entry(activity, _ARTICLES[item.field], item.field, value, status, *evidence, note, item.dpv_term)


def _special_category_note(*, special: bool) -> str:
    return "special category (Art. 9 GDPR)" if special else ""


def _proposed_transfers(activity: Activity, items: Sequence[DetectedItem], *, is_declared: bool) -> Iterator[Entry]:
    """Yield recipients whose company is seated outside the EEA. Only the contract says where data actually goes."""
    for item in items:
        country = item.facts.get("country", "")
        if item.field != RECIPIENTS or (is_declared and not any(map(item.matches_name, activity.recipients))):
            continue
        status, basis = _transfer_basis(country) if country else ("unknown", "find out where the company is seated")
        if status != _WITHIN_EEA:
            value = f"{item.facts.get('company') or item.name} ({country or 'country unknown'})"
            evidence = (item.number, item.locations, item.fingerprints)
            note = f"{humanize(status)}: {basis}"
            yield Entry(activity.name, _ARTICLES[TRANSFERS], TRANSFERS, value, PROPOSED, *evidence, note)


def _transfer_basis(country: str) -> tuple[str, str]:
    try:
        transfer = load_classification(_TRANSFER_CLASSIFICATION).transfer_to(country)
    except RulesetError:
        transfer = None
    return ("unknown", "find out the legal basis") if transfer is None else (transfer.status, transfer.note)


def _measure_entry(item: DetectedItem, activity: str) -> Entry:
    value = f"remove {item.name} from code and files" if item.name in _CREDENTIALS else f"fix: {item.name}"
    note = f"{count(item.number, 'finding')}; Art. 32 requires measures appropriate to the risk"
    evidence = (item.number, item.locations, item.fingerprints)
    return Entry(activity, _ARTICLES[MEASURES], MEASURES, value, PROPOSED, *evidence, note)


def _not_found_note(report: Report) -> str:
    if not report.is_complete:
        return "the run is incomplete: it may exist although it was not found"
    if report.has_coverage_gaps:
        return "not everything was scanned: it may exist although it was not found"
    return "everything in scope was scanned"
