"""Set-up of a worker's run processes: the same settings, logging and plug-ins as the service."""

from waivern.bootstrap import build_application
from waivern.cli.shell.logs import log_to_standard_error, log_uncaught_exceptions
from waivern.operations.application import Application
from waivern.runbooks.variables.watched_environment import WatchedEnvironment
from waivern.settings import Settings
from waivern.user_cache import use_cache_folder


def set_up(settings: Settings) -> Application:
    """Return the application of a run process. Called once, in that process."""
    environment = WatchedEnvironment()
    log_to_standard_error(
        settings.log_level, log_format=settings.log_format, redact=environment.redact, has_progress=False
    )
    log_uncaught_exceptions()
    use_cache_folder(settings.cache_folder())
    return build_application(settings, environment=environment)
