"""The audit: every request at the edge, in a table that only grows and whose rows are chained by their hashes."""

import mesh as mesh  # before any stub: it says how gRPC runs
