"""Plans of a reanalysis: every source is replaced by what an earlier run read."""

from typing import Any

import pytest

from tests.plans.fake_components import CODE, FINDINGS, TEXT, derived, registry, runbook, source
from waivern.artifacts.store import PastArtifact, PastArtifacts
from waivern.components.container import ExistingService, ServiceDescriptor
from waivern.errors import ArtifactNotFoundError
from waivern.messages.message import Message
from waivern.plans.plan import ExecutionPlan
from waivern.plans.planner import Planner
from waivern.plans.replay_sources import MissingSource, ReplaySources
from waivern.runbooks.model.artifact_definition import ReuseConfig

ARTIFACTS = {
    "files": {**source(), "retry": {"attempts": 2}, "timeout": 60, "output": True},
    "found": derived("files"),
    "logs": {**source("code"), "optional": True},
    "found_in_logs": derived("logs", by="scan_code"),
    "earlier": {"reuse": {"from_run": "latest", "artifact": "customers"}},
}


class EarlierRun(PastArtifacts):
    """The run "r1", which has read "files" and "earlier"."""

    def find_artifact(self, *, from_run: str, artifact_id: str, runbook: str) -> PastArtifact:
        if from_run != "r1" or artifact_id not in ("files", "earlier"):
            raise ArtifactNotFoundError(artifact_id, [])
        return PastArtifact("r1", artifact_id, TEXT)

    def message_of(self, run_id: str, artifact: str) -> Message:
        raise NotImplementedError


@pytest.fixture
def plan() -> ExecutionPlan:
    components: Any = registry()
    components.container.register(ServiceDescriptor(PastArtifacts, ExistingService(EarlierRun())))
    replay = ReplaySources("r1", {"logs": MissingSource(CODE, "the disk was not mounted")})
    return Planner(components, environment={}, replay=replay).plan_from_dict(runbook(ARTIFACTS))


def test_sources_and_reused_artifacts_are_those_of_the_earlier_run(plan):
    artifacts = plan.runbook.artifacts
    reused = {name: artifact.reuse for name, artifact in artifacts.items() if artifact.reuse is not None}
    assert reused == {name: ReuseConfig(from_run="r1", artifact=name) for name in ("files", "logs", "earlier")}
    files = artifacts["files"]
    assert (files.source, files.retry, files.timeout, files.output) == (None, None, None, True)
    assert artifacts["found"].process is not None
    assert artifacts["found"].inputs == ("files",)


def test_a_source_that_the_earlier_run_did_not_read_is_missing_with_its_schema_and_reason(plan):
    assert plan.missing_sources == {"logs": "the disk was not mounted"}
    assert plan.artifact_schemas == {
        "files": (None, TEXT),
        "found": ([TEXT], FINDINGS),
        "logs": (None, CODE),
        "found_in_logs": ([CODE], FINDINGS),
        "earlier": (None, TEXT),
    }
