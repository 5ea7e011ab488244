"""Merchants that order, pay and look, one request after the other, while something happens."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import httpx

from tests.support.waiting import PATIENCE, POLL_SECONDS, eventually

OK = "200"


class Traffic:
    """What became of the requests so far."""

    def __init__(self, url: str, key: str, *, pause: float = 0.02, repeat: bool = False) -> None:
        """Send to the gateway at `url`; with `repeat`, what has failed is sent again with its key, as clients do."""
        self.answers: Counter[str] = Counter()
        """By their status, or by what went wrong; of the repeated, the last answer."""
        self.slowest = 0.0
        """How many seconds an answer has taken at the most, with all repetitions."""
        self.orders: list[str] = []
        self.payments: list[str] = []
        """Those that were acknowledged."""
        self._url = url
        self._key = key
        self._pause = pause
        self._repeat = repeat
        self._over = threading.Event()

    def more(self, count: int = 60) -> None:
        """Wait for further answers."""
        enough = self.answers.total() + count
        eventually(lambda: self.answers.total() >= enough, "further answers")

    @property
    def failed(self) -> dict[str, int]:
        """The answers that are none."""
        return {what: count for what, count in self.answers.items() if not what.endswith(OK)}

    @contextmanager
    def flowing(self, clients: int = 3) -> Iterator[Traffic]:
        """Send while the block runs."""
        with ThreadPoolExecutor(clients) as pool:
            running = [pool.submit(self._buy) for _ in range(clients)]
            try:
                yield self
            finally:
                self._over.set()
        for client in running:
            client.result()

    def _buy(self) -> None:
        with httpx.Client(base_url=self._url, headers={"authorization": f"Bearer {self._key}"}, timeout=30) as http:
            while not self._over.wait(self._pause):
                order = self._send(http, "POST", "/v1/orders", {"amount": {"value": "1.00", "currency": "EUR"}})
                if order is None:
                    continue
                self.orders.append(order["order_id"])
                charge = {"order_id": order["order_id"], "provider": "stripe", "payment_method": "pm_card_visa"}
                if payment := self._send(http, "POST", "/v1/payments", charge):
                    self.payments.append(payment["payment_id"])
                self._send(http, "GET", f"/v1/orders/{order['order_id']}")

    def _send(self, http: httpx.Client, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        headers = {"idempotency-key": str(uuid4())} if method == "POST" else {}
        # a key whose first request went down with its server is free again after a while
        begun = time.monotonic()
        deadline = begun + (PATIENCE if self._repeat else 0)
        while True:
            try:
                answer = http.request(method, path, json=body, headers=headers)
                said = str(answer.status_code)
            except httpx.HTTPError as error:
                answer, said = None, repr(error)
            if said == OK or time.monotonic() >= deadline:
                break
            time.sleep(POLL_SECONDS)
        self.slowest = max(self.slowest, time.monotonic() - begun)
        detail = "" if said == OK or answer is None else f" {json.dumps(answer.text)}"
        self.answers[f"{method} {path.split('/')[2]}: {said}{detail}" if said != OK else OK] += 1
        return answer.json() if answer is not None and said == OK else None
