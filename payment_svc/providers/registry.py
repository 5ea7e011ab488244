"""Which providers are on: the one place that knows them all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mesh.errors import ApiError, FieldViolation, invalid, invalid_fields, unauthenticated
from payment_svc.providers.bank_transfer.adapter import BankTransferProvider
from payment_svc.providers.base import Capabilities, Provider
from payment_svc.providers.paypal.adapter import Access, PaypalProvider
from payment_svc.providers.resilience import Limits, ResilientProvider
from payment_svc.providers.stripe.adapter import StripeProvider
from payment_svc.settings import PaymentSettings

CAPABILITIES: Mapping[str, Capabilities] = {
    StripeProvider.name: StripeProvider.capabilities,
    PaypalProvider.name: PaypalProvider.capabilities,
    BankTransferProvider.name: BankTransferProvider.capabilities,
}
"""What every provider can do, whether it is on or not, in the order in which the gateway prefers them."""

CREDENTIALS: Mapping[str, tuple[str, ...]] = {
    StripeProvider.name: ("api_key", "webhook_secret"),
    PaypalProvider.name: ("client_id", "client_secret", "webhook_id"),
    BankTransferProvider.name: ("api_key", "webhook_secret"),
}
"""What an account at each provider consists of."""

PAYPAL_SANDBOX = "https://api-m.sandbox.paypal.com"


class Registry:
    """The platform's own accounts, by the provider's name."""

    def __init__(self, providers: Iterable[Provider], limits: Limits) -> None:
        self._providers = {provider.name: ResilientProvider(provider, limits) for provider in providers}

    def all(self) -> list[ResilientProvider]:
        """Return the providers that are on, in the order in which the gateway prefers them."""
        return list(self._providers.values())

    def find(self, name: str) -> ResilientProvider | None:
        """Return a provider that is on."""
        return self._providers.get(name)

    def get(self, name: str) -> ResilientProvider:
        """Return a provider. Raises ApiError INVALID_ARGUMENT, reason PROVIDER_UNKNOWN, naming those that are on."""
        provider = self._providers.get(name)
        if provider is None:
            raise self._unknown(name)
        return provider

    def recognize(self, headers: Mapping[str, str]) -> ResilientProvider:
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


def make(name: str, credentials: Mapping[str, str], mode: str, settings: PaymentSettings) -> Provider:
    """Make a provider with an account's credentials.

    Raises ApiError INVALID_ARGUMENT that names what is missing, unknown or of the other mode; PROVIDER_UNKNOWN.
    """
    required = CREDENTIALS.get(name)
    if required is None:
        known = ", ".join(CREDENTIALS)
        raise invalid("provider", f"{name!r} is not a provider here; there are: {known}", "PROVIDER_UNKNOWN")
    takes = f"{name} takes {', '.join(required)}"
    missing = [
        FieldViolation(f"credentials.{one}", f"is required: {takes}") for one in required if one not in credentials
    ]
    unknown = [
        FieldViolation(f"credentials.{one}", f"is unknown: {takes}") for one in credentials if one not in required
    ]
    if missing or unknown:
        raise invalid_fields([*missing, *unknown])
    makers = {"stripe": _stripe, "paypal": _paypal, "bank_transfer": _bank_transfer}
    return makers[name](credentials, mode, settings)


def _stripe(credentials: Mapping[str, str], mode: str, settings: PaymentSettings) -> Provider:
    key = credentials["api_key"]
    if mode and (key.startswith(("sk_live_", "rk_live_")) != (mode == "live")):
        raise invalid("credentials.api_key", f"is not a {mode} key", "MODE_DIFFERS")
    return StripeProvider(
        key,
        credentials["webhook_secret"].split(","),
        settings.stripe_api_base,
        timeout=settings.provider_timeout_seconds,
        max_calls=settings.provider_max_calls,
    )


def _paypal(credentials: Mapping[str, str], mode: str, settings: PaymentSettings) -> Provider:
    access = Access(
        client_id=credentials["client_id"],
        client_secret=credentials["client_secret"],
        webhook_id=credentials["webhook_id"],
        # PayPal's credentials do not show their mode, but each of its two addresses knows only its own
        api_base=settings.paypal_api_base.rstrip("/") or (PAYPAL_SANDBOX if mode == "test" else ""),
        cert_url_base=settings.paypal_cert_url_base,
        ca_file=settings.paypal_ca_file,
    )
    return PaypalProvider(access, timeout=settings.provider_timeout_seconds, max_calls=settings.provider_max_calls)


def _bank_transfer(credentials: Mapping[str, str], mode: str, settings: PaymentSettings) -> Provider:
    del mode  # the bank has one address for both, and its key selects the mode
    if not settings.bank_transfer_api_base:
        raise invalid("provider", "bank transfers are not on here", "PROVIDER_UNKNOWN")
    return BankTransferProvider(
        credentials["api_key"],
        settings.bank_transfer_api_base,
        credentials["webhook_secret"].split(","),
        settings.bank_transfer_token_secret.get_secret_value().split(","),
        timeout=settings.provider_timeout_seconds,
    )


def limits_of(settings: PaymentSettings) -> Limits:
    """Return what stands around each account."""
    return Limits(settings.circuit_failures, settings.circuit_open_seconds, settings.provider_max_calls)


def build(settings: PaymentSettings) -> Registry:
    """Make the platform's own accounts, as far as the settings turn them on."""
    accounts = settings.platform_accounts()
    providers = [make(name, credentials, settings.platform_mode, settings) for name, credentials in accounts.items()]
    return Registry(providers, limits_of(settings))
