"""Settings of the order service."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field

from mesh.settings import ConsumerSettings


class OrderSettings(ConsumerSettings):
    """What the order service needs beside what all services do."""

    order_lifetime: timedelta = Field(
        timedelta(hours=24), description="how long an order is payable when none is asked"
    )
    expiry_interval_seconds: float = Field(5.0, gt=0, description="how often it is looked for orders to expire")
    public_url: str = Field(
        "",
        pattern=r"^(https?://.+)?$",
        description="where customers reach the gateway: payment links begin with it; empty: there are none",
    )
    order_max_lifetime: timedelta = Field(timedelta(days=30), description="the longest expire_time that is taken")
