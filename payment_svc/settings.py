"""Settings of the payment service."""

from __future__ import annotations

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
    first_check_seconds: float = Field(
        20.0, gt=0, description="when to ask the provider about a payment whose first call never came to an end"
    )

    @model_validator(mode="after")
    def _stripe_is_whole(self) -> PaymentSettings:
        if self.stripe_api_key.get_secret_value() and not self.stripe_webhook_secret.get_secret_value():
            raise ValueError("FUSIONXPAY_STRIPE_WEBHOOK_SECRET must be set when FUSIONXPAY_STRIPE_API_KEY is")
        return self
