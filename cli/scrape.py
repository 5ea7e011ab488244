"""Asks processes for their metrics."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import httpx
from prometheus_client.parser import text_string_to_metric_families

from mesh.alerts.rules import Process, Sample

SECONDS = 3.0


def scrape(addresses: Mapping[str, str]) -> list[Process]:
    """Ask every process at once, for three seconds at the most."""
    with ThreadPoolExecutor(max_workers=max(len(addresses), 1)) as pool:
        return list(pool.map(_ask, addresses.items()))


def _ask(place: tuple[str, str]) -> Process:
    component, address = place
    try:
        answer = httpx.get(f"http://{address}/metrics", timeout=SECONDS, trust_env=False)
        answer.raise_for_status()
    except httpx.HTTPError:
        return Process(component, address)
    families = text_string_to_metric_families(answer.text)
    samples = [Sample(one.name, one.labels, one.value) for family in families for one in family.samples]
    return Process(component, address, samples)
