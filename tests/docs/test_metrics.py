"""The documentation describes every metric of a service, and no other."""

import re

from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from tests.docs.pages import text_of
from waivern.runs.run import utc_now
from waivern.runs.service_store import Status
from waivern.service.metrics import ServiceMetrics
from waivern.service.monitoring import Monitor


def test_every_metric_is_documented() -> None:
    metrics = ServiceMetrics()
    status = Status(utc_now(), services=[], queued=0, oldest_queued_at=None, running=[], schedules=0)
    Monitor(read_status=lambda: status, metrics=metrics, find_problems=list)
    families = list(text_string_to_metric_families(generate_latest(metrics.registry).decode()))
    answered = {f"{family.name}_total" if family.type == "counter" else family.name for family in families}
    described = set(re.findall(r"`(waivern_\w+)`", text_of("docs/service.md")))
    assert {name for name in answered if not name.endswith("_created")} == described
