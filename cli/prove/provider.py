"""The simulated providers from outside: the pages where customers pay, the faults that are armed, and the books."""

from __future__ import annotations

from types import TracebackType

import httpx

from cli.prove.log import Json

TIMEOUT_SECONDS = 60.0


class ProviderDesk:
    """The sandbox's control API and its pages (`docs/sandbox.md`); a context manager."""

    def __init__(self, url: str) -> None:
        self._http = httpx.AsyncClient(
            base_url=url, headers={"accept": "application/json"}, timeout=TIMEOUT_SECONDS, trust_env=False
        )

    async def __aenter__(self) -> ProviderDesk:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def act(self, page: str, button: str, form: Json | None = None) -> int:
        """Press a button of a page; return the status of the answer."""
        return (await self._http.post(f"{page}/{button}", data=form or {})).status_code

    async def arm(self, order_id: str, fault: Json) -> str:
        """Arm a fault for an order; return its id."""
        wanted = {"match": {"order_id": order_id}, "count": 1} | fault
        answer = await self._http.post("/_sandbox/faults", json=wanted)
        return str(answer.raise_for_status().json()["id"])

    async def disarm(self, fault_id: str) -> None:
        """Remove a fault, and release the webhooks that it holds."""
        (await self._http.delete(f"/_sandbox/faults/{fault_id}")).raise_for_status()

    async def faults(self) -> list[Json]:
        """Return the faults that are armed or spent, with their hits."""
        found: list[Json] = (await self._http.get("/_sandbox/faults")).raise_for_status().json()["faults"]
        return found

    async def send_what_never_came(self) -> None:
        """Send again each webhook that was lost or given up, as real providers do for days."""
        for status in ("dropped", "failed"):
            answer = await self._http.get("/_sandbox/webhooks", params={"status": status})
            for event_id in {delivery["event_id"] for delivery in answer.raise_for_status().json()["deliveries"]}:
                (await self._http.post("/_sandbox/webhooks/resend", json={"event_id": event_id})).raise_for_status()

    async def books(self) -> list[Json]:
        """Return every line of every provider's ledger."""
        lines: list[Json] = (await self._http.get("/_sandbox/ledger")).raise_for_status().json()["entries"]
        return lines
