"""What categories are called in the W3C Data Privacy Vocabulary (DPV 2.3), so that other tools understand them.

Only where a term says the same as the category: where the vocabulary has a wider, a narrower or several terms, there
is none here. Sources: https://w3id.org/dpv (purposes and data subjects), https://w3id.org/dpv/pd (personal data).
"""

from collections.abc import Mapping

from waivern.exports.encoding.formatting import words

_DPV, _PD = "https://w3id.org/dpv#", "https://w3id.org/dpv/pd#"

_PERSONAL_DATA = {
    "address": "PhysicalAddress",
    "bank_account": "BankAccount",
    "biometric": "Biometric",
    "credential": "Authenticating",
    "criminal": "Criminal",
    "date_of_birth": "BirthDate",
    "demographic": "Demographic",
    "device": "DeviceBased",
    "education": "Education",
    "email": "EmailAddress",
    "ethnicity": "Ethnicity",
    "family": "Family",
    "financial": "Financial",
    "genetic": "Genetic",
    "government_id": "OfficialID",
    "health": "Health",
    "ip_address": "IPAddress",
    "location": "Location",
    "name": "Name",
    "payment_card": "PaymentCard",
    "phone": "TelephoneNumber",
    "political": "PoliticalOpinion",
    "religion": "Religion",
    "trade_union": "TradeUnionMembership",
    "vehicle": "Vehicle",
}
_DATA_SUBJECTS = {
    "asylum_seeker": "AsylumSeeker",
    "child": "Child",
    "citizen": "Citizen",
    "customer": "Customer",
    "employee": "Employee",
    "job_applicant": "JobApplicant",
    "member": "Member",
    "patient": "Patient",
    "student": "Student",
    "subscriber": "Subscriber",
    "user": "User",
}
_PURPOSES = {
    "account_management": "AccountManagement",
    "advertising": "Advertising",
    "analytics": "ServiceUsageAnalytics",
    "authentication": "IdentityAuthentication",
    "communication": "CommunicationManagement",
    "customer_support": "CustomerCare",
    "direct_marketing": "DirectMarketing",
    "employee_monitoring": "PersonnelMonitoring",
    "fraud_prevention": "FraudPreventionAndDetection",
    "hr_administration": "HumanResourceManagement",
    "identity_verification": "IdentityVerification",
    "legal_compliance": "LegalCompliance",
    "payment": "PaymentManagement",
    "personalisation": "Personalisation",
    "recruitment": "RecruitmentManagement",
}


def _named(namespace: str, terms: Mapping[str, str]) -> dict[str, str]:
    return {words(category): f"{namespace}{term}" for category, term in terms.items()}


TERMS: Mapping[str, Mapping[str, str]] = {
    "personal_data_indicator": _named(_PD, _PERSONAL_DATA),
    "data_subject_indicator": _named(_DPV, _DATA_SUBJECTS),
    "processing_purposes": _named(_DPV, _PURPOSES),
}
"""By the name of a ruleset, and by category in words, the IRI of the term."""


def term_of(ruleset: str, category: str) -> str | None:
    """Return the IRI of the term for a category; None where no term says just that.

    Args:
        ruleset: The name of the ruleset that has the category: "personal_data_indicator".
        category: As the ruleset writes it, or in words; upper and lower case do not matter.
    """
    return TERMS.get(ruleset, {}).get(words(category).casefold())
