"""A draft record of processing activities (GDPR Art. 30(1)), put together of what was found and what is declared."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from waivern.errors import RulesetError
from waivern.exports.encoding.formatting import count, words
from waivern.exports.model.organisation import Activity, Organisation
from waivern.exports.model.report import Report
from waivern.exports.ropa.found import (
    CATEGORIES,
    MEASURES,
    MOST_LINKS,
    PURPOSES,
    RECIPIENTS,
    SUBJECTS,
    TRANSFERS,
    Found,
    found_in,
    term_declared,
)
from waivern.rulesets.loading.classification import load_classification

FOUND, DECLARED, BOTH, PROPOSED, MISSING = "found", "declared", "declared and found", "proposed", "missing"
_TRANSFERS = "local/gdpr_service_integration_classification/1.0.0"
_UNION = {"within_the_eea"}

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
    """One line of the record: of which activity, under which letter, what, by whose word, with links to evidence.

    `dpv` is the IRI of the value in the Data Privacy Vocabulary; "" where it has no term for just that.
    """

    activity: str
    article: str
    what: str
    value: str
    status: str
    findings: int = 0
    places: Sequence[str] = ()
    fingerprints: Sequence[str] = ()
    remark: str = ""
    dpv: str = ""


@dataclass(frozen=True)
class Record:
    """The draft: entries by activity, then what was declared and not found, and what was found and not declared."""

    report: Report
    entries: Sequence[Entry]
    not_found: Sequence[Entry]
    not_declared: Sequence[Entry]


def record_of(report: Report, organisation: Organisation | None) -> Record:
    """Draft the record; suppressed findings are none. Where no activity is declared, what is found makes up one."""
    found = found_in(report)
    said = organisation or Organisation()
    declared = said.activities_of(report.run.runbook)
    activities = declared or [Activity(name=report.run.runbook)]
    entries = list(_of_the_organisation(said, report))
    matched: set[tuple[str, str]] = set()
    for activity in activities:
        for entry, keys in _of_activity(activity, said, found, is_declared=bool(declared)):
            entries.append(entry)
            matched.update(keys)
    not_declared = [_of_found(each, "", FOUND) for each in found if declared and (each.kind, each.name) not in matched]
    gap = _gap(report)
    not_found = [
        _with_gap(each, gap)
        for each in entries
        if each.status == DECLARED and each.what in (SUBJECTS, CATEGORIES, PURPOSES, RECIPIENTS)
    ]
    return Record(report, entries, not_found, not_declared)


def _of_the_organisation(said: Organisation, report: Report) -> Iterator[Entry]:
    """Art. 30(1)(a): the same for all activities."""
    parties = [
        ("controller", said.controller, "name and contact of the controller"),
        ("representative", said.representative, ""),
        ("data protection officer", said.data_protection_officer, ""),
    ]
    for what, party, needed in parties:
        if party is not None:
            yield Entry("", "Art. 30(1)(a)", what, str(party), DECLARED)
        elif what == "data protection officer" and report.contact:
            yield Entry("", "Art. 30(1)(a)", "contact", report.contact, PROPOSED, remark="the contact of the runbook")
        elif needed:
            yield Entry(
                "", "Art. 30(1)(a)", what, "", MISSING, remark=f"the organisation file does not say the {needed}"
            )
    for joint in said.joint_controllers:
        yield Entry("", "Art. 30(1)(a)", "joint controller", str(joint), DECLARED)


_Keyed = tuple[Entry, list[tuple[str, str]]]
"""An entry, with the keys of what was found that it stands for."""


def _of_activity(
    activity: Activity, said: Organisation, found: Sequence[Found], *, is_declared: bool
) -> Iterator[_Keyed]:
    yield from _named(activity, found)
    if not is_declared:
        yield from _drafted(activity, found)
    if activity.legal_basis:
        yield Entry(activity.name, "Art. 6", "legal basis", activity.legal_basis, DECLARED), []
    for transfer in activity.transfers:
        yield Entry(activity.name, _ARTICLES[TRANSFERS], TRANSFERS, str(transfer), DECLARED), []
    for proposed in _proposed_transfers(activity, found, is_declared=is_declared):
        yield proposed, []
    yield _retention(activity, said), []
    for measure in (*said.security, *activity.security):
        yield Entry(activity.name, _ARTICLES[MEASURES], MEASURES, measure, DECLARED), []
    for each in found:
        if each.kind == MEASURES:
            yield _measure(each, activity.name), [(each.kind, each.name)]


def _named(activity: Activity, found: Sequence[Found]) -> Iterator[_Keyed]:
    """What the organisation names, with the findings that bear it out."""
    declared = {
        PURPOSES: activity.purposes,
        SUBJECTS: activity.data_subjects,
        CATEGORIES: activity.data_categories,
        RECIPIENTS: activity.recipients,
    }
    for kind, names in declared.items():
        for name in names:
            yield _declared(
                activity.name, kind, name, [each for each in found if each.kind == kind and each.goes_by(name)]
            )


def _drafted(activity: Activity, found: Sequence[Found]) -> Iterator[_Keyed]:
    """What was found, where nobody has declared anything yet; what follows from code alone is only proposed."""
    for kind in (PURPOSES, SUBJECTS, CATEGORIES, RECIPIENTS):
        for each in found:
            if each.kind == kind:
                status = FOUND if kind in (SUBJECTS, CATEGORIES) else PROPOSED
                yield _of_found(each, activity.name, status), [(each.kind, each.name)]


def _retention(activity: Activity, said: Organisation) -> Entry:
    time_limit = activity.retention or said.retention
    if time_limit:
        return Entry(activity.name, _ARTICLES["retention"], "retention", time_limit, DECLARED)
    remark = "the organisation file does not say the envisaged time limits for erasure"
    return Entry(activity.name, _ARTICLES["retention"], "retention", "", MISSING, remark=remark)


def _declared(activity: str, kind: str, name: str, found: Sequence[Found]) -> _Keyed:
    if not found:
        return Entry(activity, _ARTICLES[kind], kind, name, DECLARED, dpv=term_declared(kind, name)), []
    entry = Entry(
        activity,
        _ARTICLES[kind],
        kind,
        name,
        BOTH,
        sum(each.number for each in found),
        [place for each in found for place in each.places][:MOST_LINKS],
        [fingerprint for each in found for fingerprint in each.fingerprints][:MOST_LINKS],
        _special(any(each.special for each in found)),
        found[0].dpv if len(found) == 1 else "",
    )
    return entry, [(each.kind, each.name) for each in found]


def _of_found(found: Found, activity: str, status: str) -> Entry:
    company, country = found.facts.get("company", ""), found.facts.get("country", "")
    value = (
        f"{company or found.name} ({found.name}, {country or 'country unknown'})"
        if found.kind == RECIPIENTS
        else found.name
    )
    article = _ARTICLES[found.kind]
    remark = _special(found.special)
    evidence = (found.number, found.places, found.fingerprints)
    return Entry(activity, article, found.kind, value, status, *evidence, remark, found.dpv)


def _special(special: object) -> str:
    return "special category (Art. 9 GDPR)" if special else ""


def _proposed_transfers(activity: Activity, found: Sequence[Found], *, is_declared: bool) -> Iterator[Entry]:
    """Where the company of a recipient is seated outside the EEA; where data goes is for the contract to say."""
    for each in found:
        country = each.facts.get("country", "")
        if each.kind != RECIPIENTS or (is_declared and not any(each.goes_by(name) for name in activity.recipients)):
            continue
        status, note = _basis(country) if country else ("unknown", "find out where the company is seated")
        if status not in _UNION:
            value = f"{each.facts.get('company') or each.name} ({country or 'country unknown'})"
            remark = f"{words(status)}: {note}"
            yield Entry(
                activity.name,
                _ARTICLES[TRANSFERS],
                TRANSFERS,
                value,
                PROPOSED,
                each.number,
                each.places,
                each.fingerprints,
                remark,
            )


def _basis(country: str) -> tuple[str, str]:
    try:
        transfer = load_classification(_TRANSFERS).transfer_to(country)
    except RulesetError:
        transfer = None
    return ("unknown", "find out what it may rest on") if transfer is None else (transfer.status, transfer.note)


def _measure(found: Found, activity: str) -> Entry:
    value = f"remove {found.name} from code and files" if found.name in _SECRETS else f"mend: {found.name}"
    remark = f"found {count(found.number, 'time')}; Art. 32 asks for measures that fit the risk"
    return Entry(
        activity, _ARTICLES[MEASURES], MEASURES, value, PROPOSED, found.number, found.places, found.fingerprints, remark
    )


_SECRETS = {"api token", "cloud credential", "connection string", "password", "private key", "session token"}


def _gap(report: Report) -> str:
    """Why something that is declared may be there although it was not found."""
    if not report.is_complete:
        return "the run is incomplete: it may be there all the same"
    if report.left_out or report.in_part or report.not_made:
        return "not everything was looked at: it may be there all the same"
    return "everything that the runbook names was looked at"


def _with_gap(entry: Entry, gap: str) -> Entry:
    return Entry(entry.activity, entry.article, entry.what, entry.value, entry.status, remark=gap)
