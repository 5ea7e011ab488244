"""Where a provider's webhooks may come from: networks by provider. What really counts is the signature."""

from __future__ import annotations

from ipaddress import ip_network

from mesh.urls.networks import Network, is_within


class WebhookAllowlist:
    """The networks of the setting; a provider that is not in it may send from anywhere."""

    def __init__(self, setting: str) -> None:
        """Read `stripe=3.18.12.63,3.130.192.231;paypal=64.4.240.0/21`.

        Raises ValueError for what is no such list.
        """
        self._networks: dict[str, tuple[Network, ...]] = {}
        for entry in filter(None, (part.strip() for part in setting.split(";"))):
            provider, separator, networks = entry.partition("=")
            if not separator or not networks.strip():
                raise ValueError(f"{entry!r} is not `provider=network,network`")
            self._networks[provider.strip()] = tuple(ip_network(text.strip()) for text in networks.split(","))

    def allow(self, provider: str, client: str) -> bool:
        """Whether the address of a client, as the edge resolved it, is one that the provider sends from."""
        networks = self._networks.get(provider)
        return networks is None or is_within(client, networks)
