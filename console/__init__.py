"""The console: people look at payments and act on them, as clients of the public API and of the operators' RPCs."""

import mesh as mesh  # before any stub: it says how gRPC runs
