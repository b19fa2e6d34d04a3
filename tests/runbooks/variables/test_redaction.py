import json
from base64 import b64encode
from urllib.parse import quote, quote_plus

import pytest

from tests.builders.counting import steps_of
from waivern.messages.message import Message
from waivern.messages.schema import Schema
from waivern.runbooks.variables.redaction import Redactor

SCHEMA = Schema("any", "1.0.0")
URL = "postgresql://shop:p%40ss+w@db.example/shop?sslmode=require&sslpassword=hush&x=1"


def test_a_value_in_a_text_is_replaced_by_its_name():
    redactor = Redactor({"SHOP_DB_URL": URL, "USER_NAME": "anna", "ID": "abc"})
    assert redactor.text(f"cannot open {URL} as anna, abc") == "cannot open ${SHOP_DB_URL} as ${USER_NAME}, abc"


def test_the_secret_parts_of_a_url_are_replaced_raw_and_decoded():
    redactor = Redactor({"U": URL})
    text = redactor.text("tried p%40ss+w, p@ss+w, p@ss w and hush at db.example with sslmode=require")
    assert text == "tried ${U}, ${U}, ${U} and ${U} at db.example with sslmode=require"


def test_an_unencoded_password_in_a_url_is_replaced():
    redactor = Redactor({"U": "mysql://u:pa#s/w@rd@host/db", "REDIS": "redis://:onlypass@host"})
    assert redactor.text("pa#s/w@rd or onlypass") == "${U} or ${REDIS}"


def test_the_password_of_a_connection_string_is_replaced():
    assert Redactor({"DSN": "host=h password='open sesame' user=u"}).text("open sesame, u") == "${DSN}, u"


def test_a_quoted_value_is_replaced():
    secret = 'back\\slash"and\nline'
    assert Redactor({"S": secret}).text(f"bad value: {secret!r}") == "bad value: '${S}'"


def test_the_longest_value_is_replaced_first():
    redactor = Redactor({"SHORT": "secret", "LONG": "secret-and-more"})
    assert redactor.text("secret-and-more secret") == "${LONG} ${SHORT}"


def test_a_message_without_a_value_is_returned_unchanged():
    message = Message("m", {"data": [{"content": "nothing here"}]}, SCHEMA, {"host": "db"})
    assert Redactor({"SECRET": "hunter2hunter2"}).message(message) is message
    assert Redactor({}).message(message) is message


def test_a_value_is_replaced_in_content_keys_context_and_id_of_a_message():
    redactor = Redactor({"S": 'quoted"secret\\'})
    secret = 'quoted"secret\\'
    message = Message(f"id {secret}", {secret: [{"a": f"x{secret}y", "b": 5}]}, SCHEMA, {"url": secret})
    assert redactor.message(message) == Message("id ${S}", {"${S}": [{"a": "x${S}y", "b": 5}]}, SCHEMA, {"url": "${S}"})


def test_a_value_in_the_context_alone_is_found():
    message = Message("", {"a": 1}, SCHEMA, {"url": "hunter2hunter2"})
    assert Redactor({"S": "hunter2hunter2"}).message(message).context == {"url": "${S}"}


def test_a_short_value_stays_in_messages_unless_it_is_a_secret_part():
    redactor = Redactor({"CITY": "London", "U": "pg://u:hush@h/d"})
    message = Message("", {"a": "London hush"}, SCHEMA)
    assert redactor.message(message).content == {"a": "London ${U}"}
    assert redactor.text("London hush") == "${CITY} ${U}"


def test_a_number_in_a_message_stays_a_number():
    message = Message("", {"row": 1234567890, "text": "1234567890"}, SCHEMA)
    assert Redactor({"PIN": "1234567890"}).message(message).content == {"row": 1234567890, "text": "${PIN}"}


def test_a_default_in_the_runbook_is_not_redacted():
    redactor = Redactor.for_variables({"SET", "UNSET"}, {"SET": "very-secret", "OTHER": "unrelated"})
    assert redactor.text("very-secret unrelated ${UNSET}") == "${SET} unrelated ${UNSET}"


def test_a_large_message_without_a_value_is_searched_quickly():
    message = Message("", {"data": [{"content": "x" * 1000} for _ in range(10_000)]}, SCHEMA)
    redactor = Redactor({"U": URL})
    assert redactor.message(message) is message
    assert steps_of(lambda: redactor.message(message)) < 25 * 10_000  # steps a value, however long it is


PASSWORD = 'p/s s+"w\\é'


@pytest.mark.parametrize(
    "encode",
    [
        lambda secret: quote(secret, safe=""),
        lambda secret: quote(secret, safe="/"),
        lambda secret: quote(secret, safe=" +"),
        quote_plus,
        lambda secret: json.dumps(secret)[1:-1],
        lambda secret: json.dumps(secret, ensure_ascii=False)[1:-1],
        lambda secret: b64encode(secret.encode()).decode(),
    ],
    ids=["percent", "percent but /", "as SQLAlchemy", "form", "JSON in ASCII", "JSON", "base64"],
)
@pytest.mark.parametrize("values", [{"S": PASSWORD}, {"S": f"pg://anna:{quote(PASSWORD, safe='')}@h/d"}])
def test_values_and_passwords_are_found_in_every_encoding(encode, values):
    redactor, encoded = Redactor(values), encode(PASSWORD)
    assert redactor.text(f"GET /?p={encoded}&q=1") == "GET /?p=${S}&q=1"
    message = Message("", {"a": f"GET /?p={encoded}&q=1"}, SCHEMA)
    assert redactor.message(message).content == {"a": "GET /?p=${S}&q=1"}


def test_an_encoded_url_is_found():
    redactor = Redactor({"U": URL})
    assert redactor.text(f"next={quote(URL, safe='')} {b64encode(URL.encode()).decode()}") == "next=${U} ${U}"


@pytest.mark.parametrize("url", ["https://an%40na:p%40ss+w@h/", "https://an@na:p@ss+w@h/"])
def test_basic_authentication_of_a_url_is_found(url):
    sent = b64encode(b"an@na:p@ss+w").decode()
    assert Redactor({"U": url}).text(f"Authorization: Basic {sent}") == "Authorization: Basic ${U}"


def test_a_value_at_the_start_of_base64_is_found_if_its_length_is_a_multiple_of_three():
    encoded = b64encode(b"secret\n").decode()
    assert Redactor({"S": "secret"}).text(f"data:{encoded}") == "data:${S}Cg=="


def test_a_value_that_is_not_unicode_is_replaced_in_texts():
    assert Redactor({"S": "abcd\udce9efg"}).text("at abcd\udce9efg") == "at ${S}"
    message = Message("", {"a": "b"}, SCHEMA)
    assert Redactor({"S": "abcd\udce9efg"}).message(message) is message
