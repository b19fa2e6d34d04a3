"""Every exporter that Waivern has keeps the contract."""

import pytest

from waivern.exports.exporter import Exporter
from waivern.exports.registry import Exporters
from waivern.testing.exporter_contract import ExporterContract

SHIPPED = [shipped for shipped in Exporters().values() if shipped.__module__.startswith("waivern.")]


class TestShippedExporters(ExporterContract):
    @pytest.fixture(params=SHIPPED, ids=[shipped.get_name() for shipped in SHIPPED])
    def exporter(self, request: pytest.FixtureRequest) -> type[Exporter]:
        exporter: type[Exporter] = request.param
        return exporter
