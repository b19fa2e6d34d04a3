import contextlib
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.builders.thoroughness import examples
from tests.runbooks.example import DESIGN_EXAMPLE
from waivern.errors import PlanError, WaivernError
from waivern.messages.canonical import canonical_bytes
from waivern.messages.message import Message
from waivern.messages.schema import Schema
from waivern.runbooks.reading.runbook_loader import load_runbook, runbook_from_data
from waivern.runbooks.reading.yaml_parser import parse_yaml
from waivern.runbooks.variables.redaction import Redactor
from waivern.runbooks.variables.substitution import Variable, find_variables, resolve

NAMES = st.from_regex(r"[A-Z][A-Z0-9_]{0,8}", fullmatch=True)
PLAIN = st.text(st.characters(codec="utf-8", exclude_characters="${}"), max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(codec="utf-8"), max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@given(st.text(st.characters(codec="utf-8")))
def test_an_escaped_text_resolves_to_itself(text):
    escaped = text.replace("${", "$${")
    assert resolve(escaped, {}) == text
    assert find_variables(escaped) == []


@given(st.lists(st.tuples(PLAIN, NAMES, st.none() | PLAIN), max_size=5), st.dictionaries(NAMES, st.text(), max_size=5))
def test_find_variables_returns_exactly_what_resolve_reads(pieces, environment):
    written = [f"{before}${{{name}{'' if default is None else ':-' + default}}}" for before, name, default in pieces]
    variables = find_variables({"a": written})
    assert variables == list(dict.fromkeys(Variable(name, default) for _, name, default in pieces))
    unset = [variable for variable in variables if variable.value_in(environment) is None]
    if unset:
        with pytest.raises(WaivernError):
            resolve(written, environment)
    else:
        expected = [before + str(Variable(name, default).value_in(environment)) for before, name, default in pieces]
        assert resolve(written, environment) == expected


SECRETS = st.text(st.characters(codec="utf-8", exclude_characters="${}SECRT"), min_size=8, max_size=20)


@given(SECRETS, st.lists(st.text(st.characters(codec="utf-8"), max_size=10), max_size=4))
def test_a_redacted_text_never_contains_the_value(secret, around):
    redactor = Redactor({"SECRET": secret})
    assert secret not in redactor.text(secret.join(["", *around, ""]))


@given(SECRETS, JSON, st.lists(st.text(st.characters(codec="utf-8"), max_size=10), max_size=4))
def test_a_redacted_message_never_contains_the_value_and_keeps_the_rest(secret, content, around):
    redactor = Redactor({"SECRET": secret})
    schema = Schema("any", "1.0.0")
    message = Message("", {"data": [content, {secret: secret.join(["", *around, ""])}]}, schema, {"at": secret})
    redacted = redactor.message(message)
    assert not _holds(redacted.content, secret)
    assert redacted.context == {"at": "${SECRET}"}
    untouched = Message("", {"data": content}, schema)
    if not _holds({"data": content}, secret.strip() or secret):
        assert redactor.message(untouched) is untouched


def _holds(value: object, secret: str) -> bool:
    if isinstance(value, str):
        return secret in value
    if isinstance(value, dict):
        return any(_holds(key, secret) or _holds(entry, secret) for key, entry in value.items())
    return isinstance(value, list) and any(_holds(entry, secret) for entry in value)


YAML_PIECES = st.sampled_from(
    [
        *"[]{}&*!|>'\"%@`,:-?#~ \t\n\\",
        "<<",
        ": ",
        "- ",
        "\n  ",
        "&a ",
        "*a",
        "name",
        "artifacts",
        "!!str ",
        "1",
        "on",
        "---",
    ]
)


@settings(max_examples=examples(300), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(YAML_PIECES, max_size=30).map("".join) | st.text(max_size=40))
def test_loading_any_text_gives_a_runbook_or_a_waivern_error(tmp_path: Path, text):
    path = tmp_path / "any.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with contextlib.suppress(WaivernError):
        load_runbook(path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60))
def test_loading_any_bytes_gives_a_runbook_or_a_waivern_error(tmp_path: Path, content):
    path = tmp_path / "any.yaml"
    path.write_bytes(content)
    with contextlib.suppress(WaivernError):
        load_runbook(path)


@given(st.data())
def test_the_example_with_any_value_replaced_gives_a_runbook_or_a_waivern_error(data):
    written = yaml.safe_load(DESIGN_EXAMPLE)
    place = written
    while isinstance(place, dict | list) and place:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(place[key], dict | list) or not place[key] or data.draw(st.booleans()):
            place[key] = data.draw(JSON)
            break
        place = place[key]
    with contextlib.suppress(PlanError):
        runbook_from_data(written)


@given(JSON)
def test_json_written_as_yaml_is_read_unchanged(content):
    text = canonical_bytes({"": content}).decode()
    if any(ord(character) > 0x7E or ord(character) < 0x20 for character in text) or r"\u0000" in text:
        return  # YAML allows fewer characters than JSON does, and a runbook no NUL
    root, problems_found = parse_yaml(text)
    assert root is not None
    assert root.data == {"": content}
    assert problems_found == []
