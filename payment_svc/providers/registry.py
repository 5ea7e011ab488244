"""Which providers are on: the one place that knows them all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mesh.errors import ApiError, invalid, unauthenticated
from payment_svc.providers.bank_transfer.adapter import BankTransferProvider
from payment_svc.providers.base import Capabilities, Provider
from payment_svc.providers.guard import Guard, Limits
from payment_svc.providers.paypal.adapter import Access, PaypalProvider
from payment_svc.providers.stripe.adapter import StripeProvider
from payment_svc.settings import PaymentSettings

CAPABILITIES: Mapping[str, Capabilities] = {
    StripeProvider.name: StripeProvider.capabilities,
    PaypalProvider.name: PaypalProvider.capabilities,
    BankTransferProvider.name: BankTransferProvider.capabilities,
}
"""What every provider can do, whether it is on or not."""


class Registry:
    """The providers that are on, by name."""

    def __init__(self, providers: Iterable[Provider], limits: Limits) -> None:
        self._providers = {provider.name: Guard(provider, limits) for provider in providers}

    def all(self) -> list[Guard]:
        """Return the providers that are on, in the order in which the gateway prefers them."""
        return list(self._providers.values())

    def find(self, name: str) -> Guard | None:
        """Return a provider that is on."""
        return self._providers.get(name)

    def get(self, name: str) -> Guard:
        """Return a provider. Raises ApiError INVALID_ARGUMENT, reason PROVIDER_UNKNOWN, naming those that are on."""
        provider = self._providers.get(name)
        if provider is None:
            raise self._unknown(name)
        return provider

    def recognize(self, headers: Mapping[str, str]) -> Guard:
        """Return the provider that signed a webhook. Raises ApiError UNAUTHENTICATED when none of them did."""
        for provider in self._providers.values():
            if provider.recognizes(headers):
                return provider
        raise unauthenticated("WEBHOOK_SIGNATURE_INVALID", "no provider's signature is on this request")

    async def close(self) -> None:
        """Release the connections of all providers."""
        for provider in self._providers.values():
            await provider.close()

    def _unknown(self, name: str) -> ApiError:
        known = ", ".join(sorted(self._providers)) or "none"
        return invalid("provider", f"{name!r} is not a provider here; there are: {known}", "PROVIDER_UNKNOWN")


def build(settings: PaymentSettings) -> Registry:
    """Make the providers that the settings turn on."""
    providers: list[Provider] = []
    if key := settings.stripe_api_key.get_secret_value():
        secrets = settings.stripe_webhook_secret.get_secret_value().split(",")
        providers.append(
            StripeProvider(
                key,
                secrets,
                settings.stripe_api_base,
                timeout=settings.provider_timeout_seconds,
                max_calls=settings.provider_max_calls,
            )
        )
    if settings.paypal_client_id:
        access = Access(
            client_id=settings.paypal_client_id,
            client_secret=settings.paypal_client_secret.get_secret_value(),
            webhook_id=settings.paypal_webhook_id,
            api_base=settings.paypal_api_base.rstrip("/"),
            cert_url_base=settings.paypal_cert_url_base,
            ca_file=settings.paypal_ca_file,
        )
        providers.append(
            PaypalProvider(access, timeout=settings.provider_timeout_seconds, max_calls=settings.provider_max_calls)
        )
    if key := settings.bank_transfer_api_key.get_secret_value():
        providers.append(
            BankTransferProvider(
                key,
                settings.bank_transfer_api_base,
                settings.bank_transfer_webhook_secret.get_secret_value().split(","),
                settings.bank_transfer_token_secret.get_secret_value().split(","),
                timeout=settings.provider_timeout_seconds,
            )
        )
    limits = Limits(settings.circuit_failures, settings.circuit_open_seconds, settings.provider_max_calls)
    return Registry(providers, limits)
