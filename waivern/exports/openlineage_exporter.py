"""OpenLineage: the run and each artifact as a run of a job, with input and output datasets."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from waivern import __version__
from waivern.exports.encoding.json_encoding import (
    drop_empty,
    in_chunks,
    iso_milliseconds,
    json_lines,
    stable_uuid,
)
from waivern.exports.exporter import Exporter, Preferences
from waivern.exports.model.report import PROJECT, Report
from waivern.history.run_records import ArtifactRecord
from waivern.runs.run import ArtifactStatus, RunStatus

_NAMESPACE = "waivern"
_PRODUCER = f"{PROJECT}/tree/v{__version__}"
_EVENT = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
_FACETS = "https://openlineage.io/spec/facets"
_OWN = f"{PROJECT}/blob/main/docs/exports.md#openlineage"
_ENDED = {
    RunStatus.SUCCEEDED: "COMPLETE",
    RunStatus.FAILED: "FAIL",
    RunStatus.TIMED_OUT: "ABORT",
    RunStatus.CANCELLED: "ABORT",
    RunStatus.INTERRUPTED: "ABORT",
}


class OpenLineageExporter(Exporter):
    """Findings appear only as counts; the other formats contain the findings."""

    extensions = ("jsonl", "ndjson", "json")

    @classmethod
    def get_name(cls) -> str:
        return "openlineage"

    @classmethod
    def get_media_type(cls) -> str:
        return "application/x-ndjson"

    def export(self, report: Report, preferences: Preferences) -> Iterator[bytes]:
        return in_chunks(json_lines(_events(report)))


def _events(report: Report) -> Iterator[Mapping[str, Any]]:
    """Yield the events in order of time."""
    run = report.run
    started, ended = run.started_at or run.created_at, run.ended_at or run.created_at
    by_id = {artifact.artifact_id: artifact for artifact in report.artifacts}
    artifact_events = [
        event
        for artifact in report.artifacts
        if artifact.started_at
        for event in _artifact_events(report, artifact, by_id)
    ]
    yield _run_event(report, "START", started)
    yield from sorted(artifact_events, key=lambda event: str(event["eventTime"]))
    yield _run_event(report, _ENDED.get(run.status, "OTHER"), ended)


def _run_event(report: Report, kind: str, at: datetime) -> Mapping[str, Any]:
    facets: dict[str, Any] = {}
    if kind == "START":
        facets["nominalTime"] = _nominal(report)
    elif report.incomplete_reason is not None:
        facets["errorMessage"] = _error(report.incomplete_reason)
    if kind != "START":
        facets["waivern_coverage"] = _coverage(report)
        facets["waivern_findings"] = _findings(report)
    job_facets = {"jobType": _job_type("BATCH", "RUNBOOK")}
    if report.description:
        job_facets["documentation"] = _facet("1-0-1/DocumentationJobFacet", description=report.description)
    return _event(kind, at, str(report.run.id), report.run.runbook, facets, job_facets, [], [])


def _artifact_events(
    report: Report, artifact: ArtifactRecord, by_id: Mapping[str, ArtifactRecord]
) -> Iterator[Mapping[str, Any]]:
    run_id = str(stable_uuid("run", report.run.id, artifact.artifact_id))
    parent = _facet(
        "1-0-1/ParentRunFacet",
        run={"runId": report.run.id},
        job={"namespace": _NAMESPACE, "name": report.run.runbook},
    )
    name = f"{report.run.runbook}.{artifact.artifact_id}"
    job = {"jobType": _job_type("BATCH", artifact.kind.upper())}
    inputs = [_dataset(report, by_id[name]) for name in artifact.inputs if name in by_id]
    if artifact.started_at is not None:
        yield _event("START", artifact.started_at, run_id, name, {"parent": parent}, job, inputs, [])
    if artifact.ended_at is None:
        return
    succeeded = artifact.status is ArtifactStatus.SUCCEEDED
    facets = {"parent": parent, **({"errorMessage": _error(artifact.error)} if artifact.error else {})}
    outputs = [_output(report, artifact)] if succeeded else []
    yield _event("COMPLETE" if succeeded else "FAIL", artifact.ended_at, run_id, name, facets, job, inputs, outputs)


def _event(
    kind: str,
    at: datetime,
    run_id: str,
    job: str,
    run_facets: Mapping[str, Any],
    job_facets: Mapping[str, Any],
    inputs: Sequence[Mapping[str, Any]],
    outputs: Sequence[Mapping[str, Any]],
) -> Mapping[str, Any]:
    return {
        "eventType": kind,
        "eventTime": iso_milliseconds(at),
        "run": {"runId": run_id, "facets": run_facets},
        "job": {"namespace": _NAMESPACE, "name": job, "facets": job_facets},
        "inputs": inputs,
        "outputs": outputs,
        "producer": _PRODUCER,
        "schemaURL": _EVENT,
    }


def _dataset(report: Report, artifact: ArtifactRecord) -> dict[str, Any]:
    return {"namespace": _NAMESPACE, "name": f"{report.run.runbook}/{artifact.artifact_id}"}


def _output(report: Report, artifact: ArtifactRecord) -> Mapping[str, Any]:
    facets: dict[str, Any] = {}
    if artifact.digest is not None:
        facets["version"] = _facet("1-0-1/DatasetVersionDatasetFacet", datasetVersion=artifact.digest)
    if artifact.schema is not None:
        facets["datasetType"] = _facet("1-0-0/DatasetTypeDatasetFacet", datasetType=artifact.schema)
    rows = None if artifact.overview is None else artifact.overview.items
    sizes = drop_empty(rowCount=rows, size=artifact.size)
    statistics = _facet("1-0-2/OutputStatisticsOutputDatasetFacet", **sizes)
    return {**_dataset(report, artifact), "facets": facets, "outputFacets": {"outputStatistics": statistics}}


def _findings(report: Report) -> Mapping[str, Any]:
    by_severity = Counter(reported.finding.severity for reported in report.findings)
    changes = {} if report.comparison is None else report.comparison.counts()
    return _own_facet(bySeverity=by_severity, changes=changes, total=by_severity.total())


def _coverage(report: Report) -> Mapping[str, Any]:
    return _own_facet(
        notScanned=[
            {"artifact": gap.artifact_id, "name": gap.name, "reason": gap.reason} for gap in report.not_scanned
        ],
        partiallyScanned=[
            {"artifact": gap.artifact_id, "name": gap.name, "read": gap.read, "total": gap.total}
            for gap in report.partially_scanned
        ],
        notProduced=[artifact.artifact_id for artifact in report.not_produced],
    )


def _nominal(report: Report) -> Mapping[str, Any]:
    at = report.run.due_at or report.run.created_at
    return _facet("1-0-1/NominalTimeRunFacet", nominalStartTime=iso_milliseconds(at))


def _error(message: str) -> Mapping[str, Any]:
    return _facet("1-0-1/ErrorMessageRunFacet", message=message, programmingLanguage="python")


def _job_type(processing: str, job_type: str) -> Mapping[str, Any]:
    facet = "2-0-3/JobTypeJobFacet"
    return _facet(facet, processingType=processing, integration="WAIVERN", jobType=job_type)


def _facet(version_and_name: str, **fields: Any) -> dict[str, Any]:
    version, name = version_and_name.split("/")
    return {"_producer": _PRODUCER, "_schemaURL": f"{_FACETS}/{version}/{name}.json#/$defs/{name}", **fields}


def _own_facet(**fields: Any) -> dict[str, Any]:
    return {"_producer": _PRODUCER, "_schemaURL": _OWN, **fields}
