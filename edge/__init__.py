"""The edge service: what Envoy asks of each request, merchants and their keys.

Owns the database `identity`.
"""

import mesh as mesh  # before any stub: it says how gRPC runs
