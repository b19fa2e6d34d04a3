"""Waivern: scheduled compliance scans with a permanent record.

The public names are imported on first use, so that `import waivern` stays cheap. Type checkers read them
from `__init__.pyi`; a test compares it with this table.
"""

import importlib
from typing import Any

__version__ = "0.1.0.dev0"

_HOME_OF = {
    "Analyser": "waivern.components.analyser",
    "ArchiveError": "waivern.errors",
    "AnchorError": "waivern.errors",
    "ArtifactDefinition": "waivern.runbooks.model.artifact_definition",
    "ArtifactNotFoundError": "waivern.errors",
    "ArtifactResult": "waivern.runs.result",
    "ArtifactStore": "waivern.artifacts.store",
    "ArtifactStoreError": "waivern.errors",
    "ComponentError": "waivern.errors",
    "ComponentFactory": "waivern.components.factory",
    "ComponentNotFoundError": "waivern.errors",
    "ComponentRegistry": "waivern.components.registry",
    "Connector": "waivern.components.connector",
    "CorruptArtifactError": "waivern.errors",
    "DAGExecutor": "waivern.runs.executor",
    "DatabaseError": "waivern.errors",
    "DatabaseMissingError": "waivern.errors",
    "DatabaseUnavailableError": "waivern.errors",
    "DecisionError": "waivern.errors",
    "EncryptionError": "waivern.errors",
    "ExecutionDAG": "waivern.plans.dag",
    "ExecutionPlan": "waivern.plans.plan",
    "ExecutionResult": "waivern.runs.result",
    "ExportError": "waivern.errors",
    "Exporter": "waivern.exports.exporter",
    "InMemoryArtifactStore": "waivern.artifacts.memory",
    "InvalidPropertiesError": "waivern.errors",
    "Message": "waivern.messages.message",
    "MessageError": "waivern.errors",
    "PlanError": "waivern.errors",
    "Planner": "waivern.plans.planner",
    "ProcessConfig": "waivern.runbooks.model.artifact_definition",
    "PrunedArtifactError": "waivern.errors",
    "RulesetError": "waivern.errors",
    "RunError": "waivern.errors",
    "RunTakenOverError": "waivern.errors",
    "Runbook": "waivern.runbooks.model.runbook",
    "RunbookConfig": "waivern.runbooks.model.runbook",
    "RunbookError": "waivern.errors",
    "ScheduleError": "waivern.errors",
    "Schema": "waivern.messages.schema",
    "SchemaNotFoundError": "waivern.errors",
    "SchemaOutOfDateError": "waivern.errors",
    "ServiceContainer": "waivern.components.container",
    "ServiceDescriptor": "waivern.components.container",
    "ServiceNotRegisteredError": "waivern.errors",
    "SourceConfig": "waivern.runbooks.model.artifact_definition",
    "SqlArtifactStore": "waivern.database.runs.artifact_store",
    "UsageError": "waivern.errors",
    "WaivernError": "waivern.errors",
}

__all__ = [*sorted(_HOME_OF), "__version__"]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'waivern' has no attribute '{name}'")
    return getattr(importlib.import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return __all__
