"""The order lifecycle; owns the database `orders`."""

import mesh as mesh  # before any stub: it says how gRPC runs
