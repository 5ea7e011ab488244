"""A simulator of payment providers: the outside world, in one small process.

It imports nothing of the gateway. Shared parts (database, ledger, faults, webhook outbox and
sender) live here; each provider is a package that speaks that provider's own HTTP API.
"""
