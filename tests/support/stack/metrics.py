"""What a service tells Prometheus."""

from __future__ import annotations

from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families

from stack.stack import Stack
from tests.support.waiting import PATIENCE


def metric(stack: Stack, service: str, name: str, **labels: str) -> float | None:
    """Return the value of a series of a service; None when there is no such series yet."""
    with urlopen(f"http://{stack.address(f'{service}_metrics')}/metrics", timeout=PATIENCE) as answer:
        families = list(text_string_to_metric_families(answer.read().decode()))
    samples = [sample for family in families for sample in family.samples]
    return next((one.value for one in samples if one.name == name and labels.items() <= one.labels.items()), None)
