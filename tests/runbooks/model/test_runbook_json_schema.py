import json

import jsonschema_rs
import pytest
import yaml

from tests.runbooks.example import DESIGN_EXAMPLE
from waivern.errors import PlanError
from waivern.runbooks.model.json_schema import runbook_json_schema
from waivern.runbooks.reading.runbook_loader import runbook_from_data

VALIDATOR = jsonschema_rs.Draft202012Validator(runbook_json_schema())


def with_artifact(artifact: object) -> dict[str, object]:
    return {"name": "n", "description": "d", "artifacts": {"a": artifact}}


def test_the_json_schema_is_valid_and_serializable():
    schema = runbook_json_schema()
    jsonschema_rs.meta.validate(schema)
    assert json.loads(json.dumps(schema)) == schema


def test_the_example_matches_the_schema():
    VALIDATOR.validate(yaml.safe_load(DESIGN_EXAMPLE))


GOOD = [
    {"source": {"type": "x"}},
    {"inputs": "b"},
    {"inputs": ["b", "c"], "transform": {"type": "x", "properties": {"a": [1]}}},
    {"inputs": "b", "process": {"type": "x"}, "output": True},
    {"reuse": {"from_run": "latest", "artifact": "b"}},
    {"child_runbook": {"path": "x.yaml", "output": "y"}},
    {"inputs": "b", "child_runbook": {"path": "x.yaml", "output_mapping": {"y": "z"}, "input_mapping": {"i": "b"}}},
]
BAD = [
    {},
    {"source": {"type": "x"}, "inputs": "b"},
    {"source": {"type": "x"}, "process": {"type": "x"}},
    {"source": {"type": "x"}, "reuse": {"from_run": "latest", "artifact": "b"}},
    {"source": {"typ": "x"}},
    {"inputs": ["b", "b"]},
    {"inputs": 5},
    {"inputs": []},
    {"inputs": "b", "process": {"type": "x"}, "transform": {"type": "x"}},
    {"inputs": "b", "output": "yes"},
    {"inputs": "b", "merge": "zip"},
    {"child_runbook": {"path": "x.yaml"}},
    {"child_runbook": {"path": "x.yaml", "output": "y"}, "process": {"type": "x"}},
    {"sorce": {"type": "x"}},
    5,
]


@pytest.mark.parametrize("artifact", GOOD)
def test_artifacts_that_the_loader_accepts_match_the_schema(artifact):
    runbook_from_data(with_artifact(artifact))
    assert VALIDATOR.is_valid(with_artifact(artifact))


@pytest.mark.parametrize("artifact", BAD)
def test_artifacts_that_the_loader_refuses_do_not_match_the_schema(artifact):
    with pytest.raises(PlanError):
        runbook_from_data(with_artifact(artifact))
    assert not VALIDATOR.is_valid(with_artifact(artifact))


@pytest.mark.parametrize(
    "more",
    [
        {"config": {"timeout": "300"}},
        {"config": {"max_concurrency": 0}},
        {"schedule": {"cron": "0 2 * * *", "every": "1h"}},
        {"schedule": {"every": "often"}},
        {"artifacts": {}},
        {"artifacts": {"a b": {"source": {"type": "x"}}}},
        {"naem": "x"},
    ],
)
def test_other_keys_that_the_loader_refuses_do_not_match_the_schema(more):
    data = {**with_artifact({"source": {"type": "x"}}), **more}
    with pytest.raises(PlanError):
        runbook_from_data(data)
    assert not VALIDATOR.is_valid(data)
