"""The edge service: what Envoy asks of each request, merchants and their keys.

Owns the database `identity`.
"""
