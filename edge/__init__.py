"""The front door: what Envoy asks, merchants and their keys, and the tooling that renders `envoy/`.

Owns the database `identity`.
"""
