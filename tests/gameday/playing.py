"""Plays an incident beside a Prometheus: what fires, what names it, and when it is over."""

from __future__ import annotations

import json
import threading
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
from typer.testing import CliRunner

from cli.__main__ import app
from tests.gameday import runbook
from tests.gameday.incidents import ImpossibleError, Incident, Scene
from tests.support.merchant.api import Merchant

BOUND_SECONDS = 90.0
"""Within which the right alert fires: the slowest looks for a minute, and needs two scrapes more."""
PATIENCE_SECONDS = 105.0
CALM_SECONDS = 240.0
PAUSE_SECONDS = 0.25
CLIENTS = 2
LOOKS = 3
UNAVAILABLE = frozenset({"AvailabilityBurning", "ObjectiveBurning", "RequestsFailing"})
"""What fires as well wherever requests fail or wait: the objectives are of what customers see."""


@dataclass
class Seen:
    """What was seen of an incident."""

    incident: Incident
    impossible: str = ""
    fired_after: float | None = None
    others: set[str] = field(default_factory=set)
    status_named: bool = False
    unusable: list[str] = field(default_factory=list)
    """What the alert's runbook says and a shell does not take."""
    gone_after: float | None = None

    @property
    def passed(self) -> bool:
        """Whether it went as it should, or could not be tried here."""
        in_time = self.fired_after is not None and self.fired_after <= BOUND_SECONDS
        named = (in_time and self.status_named) or not self.incident.alert
        calm = not self.others and self.gone_after is not None
        return bool(self.impossible) or (named and calm and not self.unusable)


class Load:
    """Payments, all the time; what fails is tried again by the next one."""

    def __init__(self, merchant: Merchant) -> None:
        self._merchant = merchant
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._pay, daemon=True) for _ in range(CLIENTS)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()

    def _pay(self) -> None:
        while not self._ended.wait(PAUSE_SECONDS):
            with suppress(httpx.HTTPError, AssertionError):
                self._merchant.charge(self._merchant.new_order()["order_id"])


def firing(url: str) -> dict[str, dict[str, str]]:
    """Return the alerts that fire by their names, with the labels of one of each; not the one that always does."""
    alerts = httpx.get(f"{url}/api/v1/alerts", timeout=10).raise_for_status().json()["data"]["alerts"]
    return {one["labels"]["alertname"]: one["labels"] for one in alerts if _matters(one)}


def _matters(alert: dict[str, Any]) -> bool:
    return bool(alert["state"] == "firing" and alert["labels"]["severity"] != "none")


def named_by_status(scene: Scene, *options: str) -> set[str]:
    """Return the alerts that `fusionxpay status` names now."""
    ready = scene.folder / "ready.json"
    ready.write_text(scene.stack.ready.to_json())
    said = CliRunner().invoke(app, ["status", "--json", *options, "--ready-file", str(ready)])
    return {one["alert"] for one in json.loads(said.stdout)["problems"]}


def play(scene: Scene, url: str, incident: Incident) -> Seen:
    """Break something, watch, heal, and watch again."""
    seen = Seen(incident)
    try:
        with ExitStack() as broken:
            began = time.monotonic()
            broken.enter_context(incident.breaking(scene))
            _watch(scene, url, seen, began)
    except ImpossibleError as error:
        seen.impossible = str(error)
        return seen
    healed = time.monotonic()
    while time.monotonic() < healed + CALM_SECONDS:
        alerts = firing(url)
        seen.others |= others(alerts, incident)
        if incident.alert not in alerts and not others(alerts, incident):
            seen.gone_after = time.monotonic() - healed
            break
        time.sleep(1)
    return seen


def _watch(scene: Scene, url: str, seen: Seen, began: float) -> None:
    alert = seen.incident.alert
    while time.monotonic() < began + (PATIENCE_SECONDS if alert else BOUND_SECONDS):
        alerts = firing(url)
        seen.others |= others(alerts, seen.incident)
        if alert in alerts:
            seen.fired_after = time.monotonic() - began
            seen.status_named = any(alert in named_by_status(scene) for _ in range(LOOKS))
            component = alerts[alert].get("component", "")
            seen.unusable = runbook.unusable(scene.stack.ready, scene.folder, runbook.commands(alert), component)
            break
        time.sleep(1)


def others(alerts: dict[str, dict[str, str]], incident: Incident) -> set[str]:
    """Return the pages that fire beside the one that is meant."""
    pages = {name for name, labels in alerts.items() if labels["severity"] == "page"}
    return pages - {incident.alert} - incident.also - UNAVAILABLE
