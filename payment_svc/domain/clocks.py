"""How far the times that two machines tell may be apart."""

from __future__ import annotations

from datetime import timedelta

CLOCK_SKEW = timedelta(minutes=5)
"""How far apart two clocks may be: of two replicas, of a replica and a database, of a provider and us.

Nothing is concluded from the order of two times within it, and what is looked for by its time is looked for from so
much earlier on. Providers allow as much for the time of a signature. Ours are off by far less: more than two seconds
is an alert.
"""
