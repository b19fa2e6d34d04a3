"""Detection by the names of fields and columns, for each category and spelling."""

import pytest

from tests.builders.detecting import RULES, cell_entry, find_personal_data
from waivern.rulesets.detection.detector import detect

STRONG_NAMES = {
    "name": [
        "first_name",
        "last_name",
        "full_name",
        "maiden_name",
        "customer_name",
        "contact_person",
        "passenger_name",
    ],
    "email": ["email", "email_address", "work_email", "recovery_email"],
    "phone": ["phone_number", "home_phone", "contact_number", "mobile_phone", "fax_number"],
    "address": ["home_address", "street_address", "billing_address", "delivery_address", "house_number"],
    "date_of_birth": ["date_of_birth", "birth_date", "dob", "user_dob", "geburtsdatum"],
    "government_id": ["ssn", "customer_ssn", "passport_number", "drivers_license", "national_id", "tax_id", "voter_id"],
    "payment_card": ["card_number", "credit_card_number", "card_cvv", "cvv"],
    "bank_account": ["iban", "iban_number", "bank_account_number", "sort_code"],
    "ip_address": ["ip_address", "client_ip", "last_login_ip"],
    "device": ["device_id", "imei", "mac_address", "advertising_id", "push_token"],
    "cookie": ["cookie_id", "visitor_id", "device_fingerprint"],
    "location": ["gps_location", "last_location", "home_location"],
    "health": ["blood_type", "diagnosis", "medical_history", "mental_health", "disability_status", "sick_leave"],
    "political": ["political_opinion", "political_party", "party_affiliation", "voting_preference"],
    "ethnicity": ["ethnicity", "ethnic_origin", "racial_origin"],
    "religion": ["religion", "religious_belief", "church_tax"],
    "genetic": ["genetic_data", "dna_profile", "genotype"],
    "biometric": ["biometric_template", "face_template", "iris_scan", "voiceprint", "facial_image"],
    "sexual_orientation": ["sexual_orientation", "sex_life"],
    "trade_union": ["trade_union", "union_membership"],
    "criminal": ["criminal_record", "criminal_convictions", "police_record"],
    "demographic": ["gender", "nationality", "marital_status", "mother_tongue"],
    "account": ["screen_name", "twitter_handle", "linkedin_url"],
    "employment": ["salary", "hire_date", "payroll_number", "personnel_number"],
    "financial": ["credit_score", "annual_income", "net_worth"],
    "education": ["student_number", "exam_result"],
    "family": ["spouse_name", "next_of_kin", "emergency_contact"],
    "vehicle": ["license_plate", "vehicle_registration"],
    "image": ["profile_picture", "voice_recording"],
}
WEAK_NAMES = {
    "name": ["name", "fname"],
    "phone": ["tel", "mobile"],
    "address": ["address", "city", "zip_code", "postcode", "country"],
    "location": ["latitude", "lng"],
    "account": ["username", "login"],
    "credential": ["password", "passwd", "pin"],
    "health": ["weight", "medication", "therapy", "disease"],
    "ethnicity": ["race", "tribe"],
    "religion": ["denomination", "faith"],
    "biometric": ["fingerprint"],
    "genetic": ["dna"],
    "criminal": ["conviction"],
    "family": ["children", "partner"],
    "employment": ["position", "department", "occupation"],
    "education": ["grade", "school"],
    "trade_union": ["union_member"],
    "image": ["photo", "avatar", "signature"],
}
IMPERSONAL_TABLES = {
    "films": ["title", "name", "state", "city", "country", "director", "rating", "length", "cast", "race", "photo"],
    "products": ["name", "brand", "weight", "height", "state", "city", "serial_number", "picture", "phone_model"],
    "categories": ["name", "title", "description", "picture"],
    "cities": ["name", "state", "country", "latitude", "longitude", "zip"],
    "events": ["title", "name", "location", "city", "state", "venue"],
    "books": ["title", "name", "language", "publisher"],
    "servers": ["name", "status", "region", "fingerprint", "user_agent"],
    "coins": ["name", "denomination", "country", "grade"],
    "genes": ["name", "dna", "genome", "position"],
    "medicines": ["name", "medication", "insulin", "symptoms"],
    "settings": ["name", "value", "pin", "password"],
}


def camel_case(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)


def categories_in(text: str) -> set[str]:
    return {span.category for span in detect(text, RULES) if span.confidence >= 0.5}


def categories_of_column(table: str, column: str) -> set[str]:
    return {finding["category"] for finding in find_personal_data([cell_entry("x1", table, column)])["findings"]}


@pytest.mark.parametrize(
    ("category", "name"), [(category, name) for category, names in STRONG_NAMES.items() for name in names]
)
def test_a_strong_name_is_found_in_any_spelling(category, name):
    assert category in categories_in(f"{name} = value")
    assert category in categories_in(f"user.{camel_case(name)} = value;")
    assert category in categories_in('{"' + name.replace("_", "-") + '": null}')
    assert category in categories_of_column("t1", name)
    assert category in categories_of_column("t1", camel_case(name))


@pytest.mark.parametrize(
    ("category", "name"), [(category, name) for category, names in WEAK_NAMES.items() for name in names]
)
def test_a_weak_name_counts_only_in_a_table_about_people(category, name):
    assert category in categories_of_column("customers", name)
    assert not categories_of_column("articles", name)


@pytest.mark.parametrize("table", IMPERSONAL_TABLES)
def test_tables_about_things_have_no_personal_data(table):
    assert (
        find_personal_data([cell_entry("x1", table, column) for column in IMPERSONAL_TABLES[table]])["findings"] == []
    )


@pytest.mark.parametrize(
    "text",
    [
        "const { children, title, name, city, state } = props;",
        "position: absolute; orientation: landscape;",
        "def signature(self): return self.race",
        '{"title": "Alien", "country": "US", "state": "released", "name": "x"}',
        "title,state,city,name\n",
        "icd = vk.createInstance()",
        "handle = open(path)",
        "fingerprint = sha256(key)",
    ],
)
def test_code_about_things_has_no_personal_data(text):
    assert categories_in(text) == set()


def test_the_name_of_a_hotel_is_not_personal_data():
    columns = ["name", "city", "phone_number"]
    found = find_personal_data([cell_entry("x1", "hotels", column) for column in columns])["findings"]
    assert {finding["location"]["column"] for finding in found} == {"phone_number"}


def test_every_category_has_field_names():
    unnamed = {rule.category for rule in RULES.for_scans().rules} - set(STRONG_NAMES) - set(WEAK_NAMES)
    assert unnamed == set()
