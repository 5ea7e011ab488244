"""Events to merchants, by webhook, mail and push; owns the database `notify`."""

import mesh as mesh  # before any stub: it says how gRPC runs
