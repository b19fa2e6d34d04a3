"""The ports of one database; each is created, and its module imported, on first use."""

from functools import cached_property
from typing import TYPE_CHECKING

from waivern.database.connection.engine import Engine
from waivern.database.schema.migration import ensure_usable

if TYPE_CHECKING:
    from waivern.components.partwise import PartResults
    from waivern.history.audit_log import AuditLog
    from waivern.history.current_findings import CurrentFindings
    from waivern.history.decision_log import DecisionLog
    from waivern.history.history import History
    from waivern.history.retention import Retention
    from waivern.runs.run_store import RunStore
    from waivern.runs.service_store import ServiceStore
    from waivern.schedules.schedule_store import ScheduleStore


class SqlStorage:
    """Everything that is stored in one database. A command that reads the history does not import the archive code.

    Args:
        engine: The database; `close` closes it.
        lease_s: The lease of a run: seconds without a heartbeat before another process may take it over.

    Raises:
        DatabaseError: it cannot be reached, or is not at the revision that this version needs; the engine is closed.
    """

    def __init__(self, engine: Engine, *, lease_s: float) -> None:
        self._engine = engine
        self._lease_s = lease_s
        try:
            ensure_usable(engine)
        except BaseException:
            engine.dispose()
            raise

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    @cached_property
    def runs(self) -> "RunStore":
        from waivern.database.runs.run_store import SqlRunStore

        return SqlRunStore(self._engine, lease_s=self._lease_s)

    @cached_property
    def history(self) -> "History":
        from waivern.database.runs.history import SqlHistory

        return SqlHistory(self._engine)

    @cached_property
    def schedules(self) -> "ScheduleStore":
        from waivern.database.schedules.schedule_store import SqlScheduleStore

        return SqlScheduleStore(self._engine)

    @cached_property
    def services(self) -> "ServiceStore":
        from waivern.database.schedules.service_store import SqlServiceStore

        return SqlServiceStore(self._engine)

    @cached_property
    def audit(self) -> "AuditLog":
        from waivern.database.audit_log import SqlAuditLog

        return SqlAuditLog(self._engine)

    @cached_property
    def decisions(self) -> "DecisionLog":
        from waivern.database.decisions.decision_log import SqlDecisionLog

        return SqlDecisionLog(self._engine)

    @cached_property
    def part_results(self) -> "PartResults":
        from waivern.database.blobs.part_results import SqlPartResults

        return SqlPartResults(self._engine)

    @cached_property
    def retention(self) -> "Retention":
        from waivern.database.data.sql_retention import SqlRetention

        return SqlRetention(self._engine)

    @cached_property
    def current_findings(self) -> "CurrentFindings":
        from waivern.database.current.current_findings import SqlCurrentFindings

        return SqlCurrentFindings(self._engine)
