"""End a run before it is done."""

from waivern.caller import Caller
from waivern.history.run_records import RunRecord
from waivern.operations.application import Application


def cancel_run(application: Application, run: str, *, caller: Caller) -> RunRecord:
    """Cancel a queued or running run, whoever makes it; return it as it is then.

    Its worker writes nothing more from this moment on. It is ended by its service within a second; of a run by hand it
    ends itself within a third of the lease.

    Args:
        application: What is installed.
        run: Its id, an unambiguous prefix of it, or "latest".
        caller: Who cancels it.

    Raises:
        RunError: there is no such run, more than one, or it has ended.
    """
    storage = application.storage
    found = storage.history.find(run)
    storage.runs.cancel(found.id, caller=caller)
    return storage.history.find(found.id)
