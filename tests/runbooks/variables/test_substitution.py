from datetime import UTC, datetime, timedelta, timezone

import pytest

from waivern.errors import RunbookError
from waivern.runbooks.variables.redaction import Redactor
from waivern.runbooks.variables.substitution import Variable, find_variables, process_environment, resolve, with_due_at


def test_variables_are_resolved_at_any_depth_but_not_in_keys():
    properties = {"url": "pg://${USER}:${PASSWORD}@h", "${USER}": [{"deep": "${USER}"}, 5, None, True]}
    assert resolve(properties, {"USER": "u", "PASSWORD": "p"}) == {
        "url": "pg://u:p@h",
        "${USER}": [{"deep": "u"}, 5, None, True],
    }


@pytest.mark.parametrize(
    ("text", "resolved"),
    [
        ("${UNSET:-default}", "default"),
        ("${EMPTY:-default}", "default"),
        ("${SET:-default}", "value"),
        ("${EMPTY}", ""),
        ("${UNSET:-}", ""),
        ("${UNSET:-a:-b}", "a:-b"),
        ("${UNSET:-two\nlines}", "two\nlines"),
        ("$${SET}", "${SET}"),
        ("$$${SET}", "$${SET}"),
        ("^costs $5$", "^costs $5$"),
        ("pa$$word", "pa$$word"),
        ("${NESTED}", "${SET}"),
    ],
)
def test_variables_in_a_text_are_resolved(text, resolved):
    environment = {"SET": "value", "EMPTY": "", "NESTED": "${SET}"}
    assert resolve(text, environment) == resolved


def test_an_unset_variable_is_an_error_with_a_remedy():
    with pytest.raises(
        RunbookError, match=r"\$\{SHOP\} is not set\. Set the environment variable SHOP, or write a def"
    ):
        resolve({"a": ["${SHOP}"]}, {})


@pytest.mark.parametrize("text", ["${", "${}", "${1}", "${A-b}", "${A:?b}", "${A", "${A:-${B}}", "x${ A }"])
def test_a_malformed_variable_is_refused(text):
    for reading in (find_variables, lambda value: resolve(value, {"A": "1", "B": "2"})):
        with pytest.raises(RunbookError, match="is not a valid variable"):
            reading({"regex": text})


def test_variables_are_listed_once_in_order():
    value = {"a": "${X} ${Y:-1}", "b": ["${X}", "${Y}", "$${Z}"]}
    assert find_variables(value) == [Variable("X", None), Variable("Y", "1"), Variable("Y", None)]


def test_the_default_environment_is_that_of_the_process(monkeypatch):
    monkeypatch.setenv("WAIVERN_SUBSTITUTION_TEST", "here")
    assert resolve("${WAIVERN_SUBSTITUTION_TEST}", process_environment()) == "here"


def test_the_scheduled_time_is_added_to_the_environment():
    due_at = datetime(2026, 11, 24, 2, 30, tzinfo=timezone(timedelta(hours=1)))
    environment = with_due_at({"A": "a", "WAIVERN_DUE_AT": "over"}, due_at)
    assert resolve("${A} ${WAIVERN_DUE_AT}", environment) == "a 2026-11-24T01:30:00Z"
    assert (sorted(environment), len(environment), "B" in environment) == (["A", "WAIVERN_DUE_AT"], 2, False)
    with pytest.raises(RunbookError):
        resolve("${B}", environment)


def test_the_scheduled_time_is_not_redacted():
    environment = with_due_at({"A": "hunter2"}, datetime(2026, 11, 24, tzinfo=UTC))
    redacted = Redactor.for_variables(["A", "WAIVERN_DUE_AT"], environment)
    assert redacted.text("hunter2 at 2026-11-24T00:00:00Z") == "${A} at 2026-11-24T00:00:00Z"
