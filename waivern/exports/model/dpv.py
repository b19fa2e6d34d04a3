"""Terms of the W3C Data Privacy Vocabulary (DPV 2.3) for categories, so that other tools understand them.

Only terms with exactly the meaning of the category are listed, no wider or narrower ones.
Sources: https://w3id.org/dpv (purposes and data subjects), https://w3id.org/dpv/pd (personal data).
"""

from collections.abc import Mapping

from waivern.exports.encoding.formatting import humanize

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


def _iris(namespace: str, terms: Mapping[str, str]) -> dict[str, str]:
    return {humanize(category): f"{namespace}{term}" for category, term in terms.items()}


TERMS: Mapping[str, Mapping[str, str]] = {
    "personal_data_indicator": _iris(_PD, _PERSONAL_DATA),
    "data_subject_indicator": _iris(_DPV, _DATA_SUBJECTS),
    "processing_purposes": _iris(_DPV, _PURPOSES),
}
"""The IRI of each term, by name of the ruleset and then by category with spaces instead of underscores."""


def dpv_term(ruleset: str, category: str) -> str | None:
    """Return the IRI of the term for a category, or None if there is no exact term.

    Args:
        ruleset: The name of the ruleset that defines the category, such as "personal_data_indicator".
        category: With underscores or spaces, in any case.
    """
    return TERMS.get(ruleset, {}).get(humanize(category).casefold())
