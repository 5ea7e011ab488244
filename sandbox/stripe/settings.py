"""What the simulated Stripe can be told from the environment."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class StripeSettings(BaseSettings):
    """Settings of Stripe; every variable starts with ``SANDBOX_STRIPE_``, but for ``SANDBOX_API_VERSION``."""

    model_config = SettingsConfigDict(env_prefix="SANDBOX_STRIPE_")

    api_key: str = Field("sk_test_sandbox", description="the one secret key that is accepted")
    webhook_url: str = Field("", description="where Stripe events go; empty sends none")
    webhook_secret: str = Field("whsec_sandbox", description="signing secret of that endpoint")
    api_version: str = Field(
        "2026-10-28.endive",
        validation_alias="SANDBOX_API_VERSION",
        description="Stripe API version stamped on events",
    )
