"""The classifier: findings of indicators in, the same findings with what the GDPR says of them out."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from waivern.components.analyser import Analyser
from waivern.components.outputs import check_makes
from waivern.messages.message import Message
from waivern.messages.packed import PackedItems, PackedMessage
from waivern.messages.schema import Schema
from waivern.rulesets.loading.classification import Classification, ClassificationRule, load_classification

if TYPE_CHECKING:
    from waivern.analysers.gdpr.properties import ClassifierProperties

UNCLASSIFIED = "unclassified"
NOT_KNOWN = "not_known"
_NO_COUNTRY = "the finding does not say in which country the company is seated"
_UNKNOWN = "the classification has no rule for this category"


@dataclass(frozen=True)
class Kind:
    """A kind of classifier: what runbooks call it, what it reads, what it makes, and its own rules."""

    name: str
    indicator: Schema
    classified: Schema
    ruleset: str


def kind_of(subject: str) -> Kind:
    """Return the kind that classifies the indicators of "personal_data", "data_subject" and so on."""
    return Kind(
        f"gdpr_{subject}_classifier",
        Schema(f"{subject}_indicator", "1.0.0"),
        Schema(f"gdpr_{subject}", "1.0.0"),
        f"local/gdpr_{subject}_classification/1.0.0",
    )


class GdprClassifier(Analyser):
    """Adds to each finding what its category means under the GDPR; none is dropped, and fingerprints stay.

    What no rule knows is `unclassified` and left to a person's review.
    """

    kind: ClassVar[Kind]

    def __init__(self, properties: "ClassifierProperties") -> None:
        self._classification = load_classification(properties.ruleset or self.kind.ruleset)
        self.version = f"1/{self._classification.rules_version}"

    @classmethod
    def get_name(cls) -> str:
        return cls.kind.name

    @classmethod
    def get_input_requirements(cls) -> list[list[Schema]]:
        return [[cls.kind.indicator]]

    @classmethod
    def get_supported_output_schemas(cls) -> list[Schema]:
        return [cls.kind.classified]

    def process(self, inputs: Sequence[Message], output_schema: Schema) -> Message:
        kind = self.kind
        check_makes(self, output_schema)
        found = (finding for message in inputs for finding in message.items_of("findings") or ())
        tally = _Tally()
        findings = PackedItems(map(tally.counted, map(self._classified, found)))
        around = {
            "summary": tally.summary(),
            "analysis_metadata": {
                "ruleset": self._classification.uri,
                "rules_version": self._classification.rules_version,
                "text": self._classification.text,
                "indicator_rules": _indicator_rules(inputs),
                "scanned": sum(_said(message).get("scanned", 0) for message in inputs),
                "not_scanned": [each for message in inputs for each in _said(message).get("not_scanned", ())],
                "sampled": [each for message in inputs for each in _said(message).get("sampled", ())],
            },
        }
        return PackedMessage(kind.name, around, "findings", findings, kind.classified)

    def _classified(self, finding: Mapping[str, Any]) -> dict[str, Any]:
        category = str(finding.get("category", ""))
        rule = self._classification.of(category, str(finding.get("rule", "")))
        said = dict(_UNKNOWN_SAID) if rule is None else self._said_by(rule)
        if self._classification.transfers:
            said = _with_transfer(said, self._classification, _facts_of(finding))
        said["require_review"] = "review_reason" in said
        return {**finding, "indicator_type": category, **said}

    def _said_by(self, rule: ClassificationRule) -> dict[str, Any]:
        criteria = self._classification.criteria
        said: dict[str, Any] = {
            "privacy_category": rule.name,
            "special_category": rule.special_category,
            "criminal_data": rule.criminal_data,
            "article_references": list(rule.article_references),
            "legal_source": rule.source,
            "dpia_triggers": [{"criterion": key, "reference": criteria[key]} for key in rule.dpia_triggers],
            "notes": list(rule.notes),
        }
        return {**said, "review_reason": rule.review_reason} if rule.require_review else said


def _with_transfer(said: dict[str, Any], classification: Classification, facts: Mapping[str, str]) -> dict[str, Any]:
    """Add what the country of the company means; without a country, that this has to be found out."""
    country = facts.get("country")
    transfer = classification.transfer_to(country) if country else None
    if transfer is None:
        status: dict[str, Any] = {"status": NOT_KNOWN}
        reasons = [said.get("review_reason"), _NO_COUNTRY]
        references: tuple[str, ...] = ()
    else:
        status = {"country": country, "status": transfer.status, "legal_source": transfer.source, "note": transfer.note}
        reasons = [said.get("review_reason"), transfer.review_reason]
        references = transfer.article_references
    if "company" in facts:
        status["company"] = facts["company"]
    reason = "; ".join(filter(None, reasons))
    return {
        **said,
        "article_references": list(dict.fromkeys((*said["article_references"], *references))),
        "transfer": status,
        **({"review_reason": reason} if reason else {}),
    }


def _facts_of(finding: Mapping[str, Any]) -> Mapping[str, str]:
    facts = finding.get("metadata", {}).get("facts")
    return facts if isinstance(facts, Mapping) else {}


_UNKNOWN_SAID: Mapping[str, Any] = {
    "privacy_category": UNCLASSIFIED,
    "special_category": False,
    "criminal_data": False,
    "article_references": [],
    "dpia_triggers": [],
    "notes": [],
    "review_reason": _UNKNOWN,
}


class _Tally:
    """Counts findings by what they mean."""

    def __init__(self) -> None:
        self._total = 0
        self._by_category: Counter[str] = Counter()
        self._triggers: Counter[str] = Counter()
        self._transfers: Counter[str] = Counter()
        self._marked = dict.fromkeys(_COUNTED, 0)

    def counted(self, finding: dict[str, Any]) -> dict[str, Any]:
        self._total += 1
        self._by_category[finding["privacy_category"]] += 1
        self._triggers.update(trigger["criterion"] for trigger in finding["dpia_triggers"])
        if "transfer" in finding:
            self._transfers[finding["transfer"]["status"]] += 1
        for key in _COUNTED:
            self._marked[key] += finding[key]
        return finding

    def summary(self) -> dict[str, Any]:
        return {
            "total_findings": self._total,
            "by_privacy_category": dict(sorted(self._by_category.items())),
            **self._marked,
            "dpia_triggers": dict(sorted(self._triggers.items())),
            **({"transfers": dict(sorted(self._transfers.items()))} if self._transfers else {}),
        }


_COUNTED = ("special_category", "criminal_data", "require_review")


def _said(message: Message) -> Mapping[str, Any]:
    said: Mapping[str, Any] = message.content_around("findings").get("analysis_metadata", {})
    return said


def _indicator_rules(inputs: Sequence[Message]) -> list[str]:
    """By which rules the indicators were found, each once."""
    rules = (f"{_said(message).get('ruleset')} {_said(message).get('rules_version')}" for message in inputs)
    return list(dict.fromkeys(rules))
