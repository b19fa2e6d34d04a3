"""Cancel a run."""

from waivern.caller import Caller
from waivern.history.run_records import RunRecord
from waivern.operations.application import Application


def cancel_run(application: Application, run: str, *, caller: Caller) -> RunRecord:
    """Cancel a queued or running run, regardless of its worker; return its record.

    From this moment its worker can write nothing more. A service ends the worker's process within a second; a run at a
    terminal ends itself within a third of the lease.

    Args:
        application: The application.
        run: The run: its id, an unambiguous prefix of it, or "latest".
        caller: Who cancels it.

    Raises:
        RunError: no run matches, more than one does, or it has already ended.
    """
    storage = application.storage
    record = storage.history.find(run)
    storage.runs.cancel(record.id, caller=caller)
    return storage.history.find(record.id)
