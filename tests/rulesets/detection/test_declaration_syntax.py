"""Field names in declarations: properties, parameters, destructured objects, SQL."""

import pytest

from tests.builders.detecting import RULES
from waivern.rulesets.detection.detector import detect


def categories_in(text: str) -> set[str]:
    return {span.category for span in detect(text, RULES) if span.confidence >= 0.5}


@pytest.mark.parametrize(
    "text",
    [
        "public string Email { get; set; }",
        "private String email;",
        "void save(String email) {}",
        "Email string",
        '\tEmail *string `json:"x"`\n',
        "email?: string;",
        "char *email;",
        "attr_accessor :email",
        "params[:email]",
        "user?.email",
        "$user->email",
        "ALTER TABLE users ADD COLUMN email text;",
        "SELECT id, email FROM users",
        "select u.id, email from users",
        "def save(self, email, other=None):",
        "function save(email) {}",
        "const { id, email } = req.body;",
        "({ email, id }) => id",
        "const { email: mail } = row",
    ],
)
def test_a_declared_name_is_a_field(text):
    assert categories_in(text) == {"email"}


@pytest.mark.parametrize(
    "text",
    [
        "send an email, then wait",
        "import email",
        "from email import message",
        "class Email(Base):",
        "please select your email from the list",
        "the string email is long",
        "call(email)",
        "if (ready) { email }",
        "Email strings to them",
        "a smile :) email",
        "add email to it",
        "time:email",
    ],
)
def test_a_word_in_prose_or_other_code_is_not_a_field(text):
    assert categories_in(text) == set()


@pytest.mark.parametrize(
    "text", ['<input name="email">', '{"name": "email"}', "{'name': 'email'}", '@Column(name = "email")']
)
def test_an_attribute_that_names_a_field_is_not_the_name_of_a_person(text):
    assert categories_in(text) == {"email"}


def test_an_attribute_name_next_to_an_email_attribute_is_the_name_of_a_person():
    assert categories_in('<user name="Ann" email="ann@example.org"/>') == {"name", "email"}
