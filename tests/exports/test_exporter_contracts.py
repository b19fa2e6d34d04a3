"""Every exporter that Waivern has keeps the contract."""

import pytest

from waivern.exports.exporter import Exporter
from waivern.exports.registry import Exporters
from waivern.testing.exporter_contract import ExporterContract

SHIPPED = [each for each in Exporters().values() if each.__module__.startswith("waivern.")]


class TestShippedExporters(ExporterContract):
    @pytest.fixture(params=SHIPPED, ids=[each.get_name() for each in SHIPPED])
    def exporter(self, request: pytest.FixtureRequest) -> type[Exporter]:
        exporter: type[Exporter] = request.param
        return exporter
