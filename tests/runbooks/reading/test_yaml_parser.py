import pytest

from tests.builders.counting import steps_of
from tests.runbooks.example import HEAD


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", "scan.yaml:3: the key 'a' is repeated; it is first in line 1"),
        ("1: x\n", "scan.yaml:1: YAML reads the key 1 as a number: put it in quotes"),
        ("~: x\n", "scan.yaml:1: YAML reads the key ~ as null: put it in quotes"),
        ("? [a]\n: x\n", "scan.yaml:1: a key must be a text, not a mapping or a list: put it in quotes"),
        (
            "a: !!python/object:os.system {}\n",
            "scan.yaml:1: the tag tag:yaml.org,2002:python/object:os.system is not allowed",
        ),
        ("a: !!binary aGk=\n", "scan.yaml:1: the tag tag:yaml.org,2002:binary is not allowed"),
        ("a: 99999999999999999999\n", "scan.yaml:1: a number of this size cannot be stored exactly: put it in quotes"),
        ("a: 1e999\n", "scan.yaml:1: the number is too large"),
        ("<<: 5\n", "scan.yaml:1: << needs a mapping or a list of mappings"),
    ],
)
def test_yaml_features_that_runbooks_refuse_are_problems(problems, text, message):
    assert message in problems(text)


def test_an_alias_bomb_is_refused(problems):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]" for level in range(1, 30)]
    assert "the aliases of this file expand to more than 200,000 values" in problems("\n".join(lines))[0]
    assert steps_of(lambda: problems("\n".join(lines))) < 2_000_000  # all of them would be 10 ** 30 values


def test_an_alias_bomb_of_long_texts_is_refused(problems):
    long = "x" * 600_000
    text = f"a: &a {long}\nb: [{', '.join(['*a'] * 15_000)}]\n"
    assert problems(text) == ["scan.yaml:2: the aliases of this file expand to more than 10,000,000 characters"]


def test_long_keys_count_towards_the_alias_limit(problems):
    text = f"a: &a {{? {'k' * 100_000}\n: 1}}\nb: [{', '.join(['*a'] * 101)}]\n"
    assert problems(text) == ["scan.yaml:3: the aliases of this file expand to more than 10,000,000 characters"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('name: "a\\0b"\n', "scan.yaml:1: a text contains the NUL character, which cannot be stored: remove it"),
        ('name: x\n"a\\0b": 1\n', "scan.yaml:2: a text contains the NUL character, which cannot be stored: remove it"),
        ('a:\n- !!str "\\x00"\n', "scan.yaml:2: a text contains the NUL character, which cannot be stored: remove it"),
    ],
)
def test_a_nul_in_a_key_or_text_is_refused_with_its_line(problems, text, message):
    assert message in problems(text)


def test_a_merge_key_adds_only_missing_keys(load):
    text = f"""{HEAD}
artifacts:
  a: &a
    source: &source {{type: x, properties: {{path: a}}}}
    optional: true
  b:
    <<: *a
    optional: false
  c:
    source: {{<<: [{{type: y}}, *source], properties: {{}}}}
"""
    artifacts = load(text).runbook.artifacts
    assert artifacts["b"].source == artifacts["a"].source
    assert (artifacts["a"].optional, artifacts["b"].optional) == (True, False)
    assert artifacts["c"].source.type == "y"
    assert artifacts["c"].source.properties == {}


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2024-01-01", "2024-01-01"),
        ("22:30", "22:30"),
        ("0123", "0123"),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("-1.25", -1.25),
        (".", "."),
        ("1.2.3", "1.2.3"),
        ("yes", True),
        ("Off", False),
        ("y", "y"),
        ("0x1F", 31),
        ("1_000", 1000),
        ("-3", -3),
        ("!!str 12", "12"),
        ("!!float 12", 12),
        ("'12'", "12"),
        ("192.168.1.1", "192.168.1.1"),
        ("~", None),
        ("NULL", None),
        (".nan", ".nan"),
    ],
)
def test_unquoted_scalars_become_json_types(load, written, meant):
    loaded = load(f"{HEAD}artifacts: {{a: {{source: {{type: x, properties: {{value: {written} }}}}}}}}")
    value = loaded.runbook.artifacts["a"].source.properties["value"]
    assert value == meant
    assert type(value) is type(meant) or written == "!!float 12"
