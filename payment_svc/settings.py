"""Settings of the payment service."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field, SecretStr, model_validator

from mesh.settings import ServiceSettings


class PaymentSettings(ServiceSettings):
    """What the payment service needs beside what all services do. A provider is on when its key is set."""

    order_target: str = Field(min_length=1, description="host:port, or any gRPC name, of the order service")
    stripe_api_key: SecretStr = Field(SecretStr(""), description="Stripe secret key; empty: Stripe is off")
    stripe_api_base: str = Field("", pattern=r"^(https?://.+)?$", description="Stripe's address; empty: the real one")
    stripe_webhook_secret: SecretStr = Field(
        SecretStr(""), description="comma list of webhook signing secrets (`whsec_…`), more than one while rotating"
    )
    provider_timeout_seconds: float = Field(8.0, gt=0, le=80, description="how long one call to a provider may take")
    provider_max_calls: int = Field(
        400,
        ge=1,
        description="calls in flight at one provider before more are refused",
    )
    circuit_failures: int = Field(5, ge=1, description="failures of a provider in a row that open a circuit")
    circuit_open_seconds: float = Field(10.0, gt=0, description="how long an open circuit refuses calls")
    authorization_hours: float = Field(
        0.0, ge=0, description="void what is not captured after this time; 0: when the provider's own time is over"
    )
    settling_seconds: float = Field(
        120.0, ge=0, description="payments younger than this are left out when books are compared"
    )
    redis_url: str = Field("", pattern=r"^((rediss?|unix)://.+)?$", description="Redis for locks; empty: no locks")
    first_check_seconds: float = Field(
        20.0, gt=0, description="when to ask the provider about a payment whose first call never came to an end"
    )

    @property
    def authorization_lifetime(self) -> timedelta | None:
        """How long authorized money may wait for its capture, where it is shorter than the provider's own time."""
        return timedelta(hours=self.authorization_hours) if self.authorization_hours else None

    @model_validator(mode="after")
    def _stripe_is_whole(self) -> PaymentSettings:
        if self.stripe_api_key.get_secret_value() and not self.stripe_webhook_secret.get_secret_value():
            raise ValueError("FUSIONXPAY_STRIPE_WEBHOOK_SECRET must be set when FUSIONXPAY_STRIPE_API_KEY is")
        return self
