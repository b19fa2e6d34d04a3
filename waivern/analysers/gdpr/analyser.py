"""The GDPR classifier: it adds to each finding what its category means under the GDPR."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from waivern.components.analyser import Analyser
from waivern.components.outputs import check_output_schema
from waivern.messages.compressed_items import CompressedItems
from waivern.messages.compressed_message import CompressedMessage
from waivern.messages.message import Message
from waivern.messages.schema import Schema
from waivern.rulesets.loading.classification import Classification, ClassificationRule, load_classification

if TYPE_CHECKING:
    from waivern.analysers.gdpr.properties import ClassifierProperties

UNCLASSIFIED = "unclassified"
UNKNOWN_TRANSFER = "unknown"
_COUNTED_FLAGS = ("special_category", "criminal_data", "require_review")
_NO_COUNTRY = "the country of the company is unknown"
_NO_RULE = "the classification has no rule for this category"

_UNCLASSIFIED_RESULT: Mapping[str, Any] = {
    "privacy_category": UNCLASSIFIED,
    "special_category": False,
    "criminal_data": False,
    "article_references": [],
    "dpia_triggers": [],
    "notes": [],
    "review_reason": _NO_RULE,
}


@dataclass(frozen=True)
class ClassifierKind:
    """A kind of classifier: its name in runbooks, input schema, output schema and default classification."""

    name: str
    input_schema: Schema
    output_schema: Schema
    ruleset: str


def classifier_kind(subject: str) -> ClassifierKind:
    """Return the kind that classifies the findings about "personal_data", "data_subject" and so on."""
    return ClassifierKind(
        f"gdpr_{subject}_classifier",
        Schema(f"{subject}_indicator", "1.0.0"),
        Schema(f"gdpr_{subject}", "1.0.0"),
        f"local/gdpr_{subject}_classification/1.0.0",
    )


class GdprClassifier(Analyser):
    """Adds the meaning of its category under the GDPR to each finding. All findings and fingerprints are kept.

    A finding without a matching rule is `unclassified` and needs a person's review.
    """

    kind: ClassVar[ClassifierKind]

    def __init__(self, properties: "ClassifierProperties") -> None:
        self._classification = load_classification(properties.ruleset or self.kind.ruleset)
        self.version = f"1/{self._classification.rules_version}"

    @classmethod
    def get_name(cls) -> str:
        return cls.kind.name

    @classmethod
    def get_input_requirements(cls) -> list[list[Schema]]:
        return [[cls.kind.input_schema]]

    @classmethod
    def get_supported_output_schemas(cls) -> list[Schema]:
        return [cls.kind.output_schema]

    def process(self, inputs: Sequence[Message], output_schema: Schema) -> Message:
        check_output_schema(self, output_schema)
        findings = (finding for message in inputs for finding in message.items_of("findings") or ())
        summary = _Summary()
        classified = CompressedItems(map(summary.count, map(self._classify, findings)))
        analyses = [_analysis_metadata(message) for message in inputs]
        envelope = {
            "summary": summary.as_content(),
            "analysis_metadata": {
                "ruleset": self._classification.uri,
                "rules_version": self._classification.rules_version,
                "law": self._classification.law,
                "indicator_rulesets": _indicator_rulesets(analyses),
                "scanned": sum(analysis.get("scanned", 0) for analysis in analyses),
                "not_scanned": [entry for analysis in analyses for entry in analysis.get("not_scanned", ())],
                "sampled": [entry for analysis in analyses for entry in analysis.get("sampled", ())],
            },
        }
        return CompressedMessage(self.kind.name, envelope, "findings", classified, self.kind.output_schema)

    def _classify(self, finding: Mapping[str, Any]) -> dict[str, Any]:
        category = str(finding.get("category", ""))
        rule = self._classification.classify(category, str(finding.get("rule", "")))
        result = dict(_UNCLASSIFIED_RESULT) if rule is None else self._rule_result(rule)
        if self._classification.transfers:
            result = _with_transfer(result, self._classification, _facts_of(finding))
        result["require_review"] = "review_reason" in result
        return {**finding, "indicator_type": category, **result}

    def _rule_result(self, rule: ClassificationRule) -> dict[str, Any]:
        criteria = self._classification.criteria
        result: dict[str, Any] = {
            "privacy_category": rule.name,
            "special_category": rule.special_category,
            "criminal_data": rule.criminal_data,
            "article_references": list(rule.article_references),
            "legal_source": rule.source,
            "dpia_triggers": [{"criterion": key, "reference": criteria[key]} for key in rule.dpia_triggers],
            "notes": list(rule.notes),
        }
        return {**result, "review_reason": rule.review_reason} if rule.require_review else result


def _with_transfer(result: dict[str, Any], classification: Classification, facts: Mapping[str, str]) -> dict[str, Any]:
    """Add the transfer rule for the country of the company, or a review if the country is unknown."""
    country = facts.get("country")
    rule = classification.transfer_to(country) if country else None
    if rule is None:
        transfer: dict[str, Any] = {"status": UNKNOWN_TRANSFER}
        reasons = [result.get("review_reason"), _NO_COUNTRY]
        references: tuple[str, ...] = ()
    else:
        transfer = {"country": country, "status": rule.status, "legal_source": rule.source, "note": rule.note}
        reasons = [result.get("review_reason"), rule.review_reason]
        references = rule.article_references
    if "company" in facts:
        transfer["company"] = facts["company"]
    review_reason = "; ".join(filter(None, reasons))
    return {
        **result,
        "article_references": list(dict.fromkeys((*result["article_references"], *references))),
        "transfer": transfer,
        **({"review_reason": review_reason} if review_reason else {}),
    }


def _facts_of(finding: Mapping[str, Any]) -> Mapping[str, str]:
    facts = finding.get("metadata", {}).get("facts")
    return facts if isinstance(facts, Mapping) else {}


class _Summary:
    """Counts findings by their classification."""

    def __init__(self) -> None:
        self._total = 0
        self._categories: Counter[str] = Counter()
        self._triggers: Counter[str] = Counter()
        self._transfers: Counter[str] = Counter()
        self._flags = dict.fromkeys(_COUNTED_FLAGS, 0)

    def count(self, finding: dict[str, Any]) -> dict[str, Any]:
        """Count a finding and return it."""
        self._total += 1
        self._categories[finding["privacy_category"]] += 1
        self._triggers.update(trigger["criterion"] for trigger in finding["dpia_triggers"])
        if "transfer" in finding:
            self._transfers[finding["transfer"]["status"]] += 1
        for flag in _COUNTED_FLAGS:
            self._flags[flag] += finding[flag]
        return finding

    def as_content(self) -> dict[str, Any]:
        return {
            "total_findings": self._total,
            "by_privacy_category": dict(sorted(self._categories.items())),
            **self._flags,
            "dpia_triggers": dict(sorted(self._triggers.items())),
            **({"transfers": dict(sorted(self._transfers.items()))} if self._transfers else {}),
        }


def _analysis_metadata(message: Message) -> Mapping[str, Any]:
    metadata: Mapping[str, Any] = message.envelope_without("findings").get("analysis_metadata", {})
    return metadata


def _indicator_rulesets(analyses: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the distinct rulesets of the classified findings, each with its version."""
    rulesets = (f"{analysis.get('ruleset')} {analysis.get('rules_version')}" for analysis in analyses)
    return list(dict.fromkeys(rulesets))
