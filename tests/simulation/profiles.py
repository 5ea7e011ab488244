"""What a schedule may go through: each seed takes the next profile in turn."""

from __future__ import annotations

from tests.simulation.world import Profile

PROFILES = (
    Profile("calm", seconds=300, dashboard=True),
    Profile("slow", slow=0.3, delay=90, chances={"answer_lost": 0.15, "slow_refund": 0.3}),
    Profile("very slow", slow=0.6, delay=90, chances={"answer_lost": 0.33, "request_lost": 0.1}),
    Profile(
        "lossy",
        slow=0.1,
        chances={
            "answer_lost": 0.1, "request_lost": 0.1, "refused": 0.1, "breaks": 0.1, "event_never_sent": 0.2,
            "event_twice": 0.3, "event_late": 0.3, "call_lost": 0.05, "call_answer_lost": 0.05,
        },
    ),
    Profile(
        "kills", kills=2.0, slow=0.1,
        chances={"answer_lost": 0.05, "event_late": 0.2, "commit_answer_lost": 0.01, "slow_refund": 0.2},
    ),
    Profile(
        "freezes", freezes=1.5, slow=0.2, delay=60, skew=True, no_redis=True,
        chances={"answer_lost": 0.1, "event_twice": 0.2, "event_late": 0.2},
    ),
    Profile(
        "events", slow=0.05, outages=("nats",),
        chances={
            "publish_lost": 0.1, "publish_ack_lost": 0.1, "ack_lost": 0.1, "small_batch": 0.5,
            "commit_answer_lost": 0.03, "event_twice": 0.3, "event_never_sent": 0.3, "call_answer_lost": 0.05,
        },
    ),
    Profile(
        "outages", outages=("stripe", "paypal", "database:payments", "database:orders", "account"), slow=0.2,
        chances={"answer_lost": 0.1, "breaks": 0.05, "event_never_sent": 0.2},
    ),
    Profile(
        "a day away", seconds=30 * 3600, outages=("stripe", "paypal"), outage_seconds=27 * 3600, slow=0.1,
        chances={"answer_lost": 0.3, "event_never_sent": 0.5, "slow_refund": 0.2},
    ),
    Profile(
        "second thoughts", seconds=1200, slow=0.1,
        chances={
            "relents": 0.7, "reverses": 0.3, "slow_refund": 0.4, "refused": 0.2, "answer_lost": 0.05,
            "comes_back_later": 0.5, "dies_refunding": 0.15, "event_twice": 0.2, "event_late": 0.2,
        },
    ),
    Profile(
        "returns", seconds=600, slow=0.1,
        chances={
            "refunds": 1.0, "answer_lost": 0.3, "refused": 0.3, "event_never_sent": 0.7, "slow_refund": 0.2,
        },
    ),
    Profile(
        "accounts", slow=0.3, delay=90,
        chances={
            "answer_lost": 0.2, "request_lost": 0.05, "breaks": 0.05, "event_never_sent": 0.3, "changes_account": 0.6,
            "slow_refund": 0.2,
        },
    ),
    Profile(
        "everything", dashboard=True, kills=1.0, freezes=0.5, outages=("stripe", "nats"), slow=0.2, skew=True,
        chances={
            "answer_lost": 0.1, "request_lost": 0.05, "refused": 0.05, "breaks": 0.05, "event_never_sent": 0.2,
            "event_twice": 0.2, "event_late": 0.2, "commit_answer_lost": 0.01, "publish_ack_lost": 0.05,
            "ack_lost": 0.05, "call_lost": 0.03, "call_answer_lost": 0.03, "slow_refund": 0.3,
        },
    ),
)  # fmt: skip
