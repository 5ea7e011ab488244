"""Whose call it is."""

from __future__ import annotations

from mesh import context
from payment_svc.domain.account import Tenant


def tenant() -> Tenant:
    """Return the merchant of the running call, and the mode of the key."""
    return Tenant(context.merchant(), context.current().mode)
