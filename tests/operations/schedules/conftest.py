"""What tests of schedules may ask for."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from waivern.bootstrap import build_application
from waivern.operations.application import Application
from waivern.settings import Settings


@pytest.fixture
def application(database_url: str, engine: sa.Engine) -> Iterator[Application]:
    built = build_application(Settings(database_url=database_url), environment={})
    yield built
    built.close()
