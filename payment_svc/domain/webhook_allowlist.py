"""Where a provider's webhooks may come from: networks by provider. What really counts is the signature."""

from __future__ import annotations

from mesh.urls.networks import is_within, networks_by_name


class WebhookAllowlist:
    """The networks of the setting; a provider that is not in it may send from anywhere."""

    def __init__(self, setting: str) -> None:
        """Read what `networks_by_name` reads; raises ValueError as that does."""
        self._networks = networks_by_name(setting)

    def allow(self, provider: str, client: str) -> bool:
        """Whether the address of a client, as the edge resolved it, is one that the provider sends from."""
        networks = self._networks.get(provider)
        return networks is None or is_within(client, networks)
