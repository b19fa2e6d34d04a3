"""How the processes that a service makes runs in are set up: the same settings, logs and plug-ins as its own."""

from waivern.bootstrap import build_application
from waivern.cli.shell.logs import log_to_standard_error
from waivern.operations.application import Application
from waivern.runbooks.variables.watched_environment import WatchedEnvironment
from waivern.settings import Settings


def set_up(settings: Settings, actor: str) -> Application:
    """Return the application of such a process, which acts as its service does; called in it, once."""
    environment = WatchedEnvironment()
    log_to_standard_error(settings.log_level, form=settings.log_format, redact=environment.redact, has_progress=False)
    return build_application(settings, environment=environment, actor=actor)
