"""What the dashboards show: each panel a title, a unit of Grafana's, and its query."""

from __future__ import annotations

from dataclasses import dataclass

from mesh.metrics import Series
from tools.metrics_catalogue import MODULES, series

RATE = "$__rate_interval"
COUNT, SECONDS, PER_SECOND, PART, BYTES, TIME = "short", "s", "cps", "percentunit", "bytes", "dateTimeFromNow"


@dataclass(frozen=True, slots=True)
class Panel:
    """A graph; `legend` names what tells its lines apart."""

    title: str
    unit: str
    query: str
    legend: str = "{{component}}"


@dataclass(frozen=True, slots=True)
class Board:
    """A dashboard: rows of panels, each under its title."""

    uid: str
    title: str
    rows: dict[str, tuple[Panel, ...]]


def rate(name: str, *by: str, where: str = "") -> str:
    """Return how often a second a counter grows."""
    return f"sum by ({', '.join(by)}) (rate({name}{where}[{RATE}]))"


def quantile(part: float, name: str, *by: str) -> str:
    """Return a quantile of a histogram."""
    return f"histogram_quantile({part}, sum by ({', '.join(('le', *by))}) (rate({name}_bucket[{RATE}])))"


def most(name: str, *by: str) -> str:
    """Return the value of what each replica says alike."""
    return f"max by ({', '.join(by)}) ({name})" if by else f"max({name})"


_FAILED = '{code=~"UNKNOWN|DEADLINE_EXCEEDED|UNIMPLEMENTED|INTERNAL|UNAVAILABLE|DATA_LOSS"}'
_SERVED = "fusionxpay_rpc_server_total"

OVERVIEW = Board(
    "fusionxpay-overview",
    "FusionXPay: overview",
    {
        "What callers see": (
            Panel("Calls", PER_SECOND, rate(_SERVED, "component")),
            Panel(
                "Part that failed", PART, f"{rate(_SERVED, 'component', where=_FAILED)} / {rate(_SERVED, 'component')}"
            ),
            Panel("Slowest in a hundred", SECONDS, quantile(0.99, "fusionxpay_rpc_server_seconds", "component")),
            Panel("Keys looked at", PER_SECOND, rate("fusionxpay_authorizations_total", "outcome"), "{{outcome}}"),
        ),
        "Money": (
            Panel(
                "Payments open",
                COUNT,
                most("fusionxpay_payments_open", "provider", "status"),
                "{{provider}} {{status}}",
            ),
            Panel(
                "Without an answer",
                COUNT,
                most("fusionxpay_operations_unknown", "provider", "kind", "accounts"),
                "{{provider}} {{kind}}",
            ),
            Panel("Reviews", COUNT, most("fusionxpay_reviews_open", "kind"), "{{kind}}"),
            Panel(
                "Books that differ", COUNT, most("fusionxpay_reconciliation_differences", "provider"), "{{provider}}"
            ),
        ),
        "What waits": (
            Panel("Oldest event not in the stream", SECONDS, most("fusionxpay_outbox_oldest_seconds", "component")),
            Panel(
                "Oldest delivery that is due",
                SECONDS,
                most("fusionxpay_deliveries_due_oldest_seconds", "kind"),
                "{{kind}}",
            ),
            Panel("Dead letters", COUNT, most("fusionxpay_dead_letters_open", "consumer"), "{{consumer}}"),
            Panel(
                "Audit not yet in its table", BYTES, most("fusionxpay_audit_backlog_bytes", "instance"), "{{instance}}"
            ),
        ),
        "Processes": (
            Panel("Up", COUNT, "up", "{{component}} {{instance}}"),
            Panel("Database answers", COUNT, "fusionxpay_database_up", "{{component}} {{instance}}"),
            Panel("Event loop late", SECONDS, most("fusionxpay_event_loop_lag_seconds", "component")),
            Panel("Certificates end", TIME, "fusionxpay_certificate_expiry_time * 1000", "{{component}} {{instance}}"),
        ),
    },
)

PAYMENTS = Board(
    "fusionxpay-payments",
    "FusionXPay: payments and providers",
    {
        "Providers": (
            Panel(
                "Calls by outcome",
                PER_SECOND,
                rate("fusionxpay_provider_calls_total", "provider", "outcome"),
                "{{provider}} {{outcome}}",
            ),
            Panel(
                "Half of the calls",
                SECONDS,
                quantile(0.5, "fusionxpay_provider_call_seconds", "provider", "operation"),
                "{{provider}} {{operation}}",
            ),
            Panel(
                "Slowest in a hundred",
                SECONDS,
                quantile(0.99, "fusionxpay_provider_call_seconds", "provider", "operation"),
                "{{provider}} {{operation}}",
            ),
            Panel(
                "Circuits (2: open)",
                COUNT,
                most("fusionxpay_provider_circuit_state", "provider", "operation"),
                "{{provider}} {{operation}}",
            ),
        ),
        "Certainty": (
            Panel(
                "Operations without an answer",
                COUNT,
                most("fusionxpay_operations_unknown", "provider", "kind", "accounts"),
                "{{provider}} {{kind}}",
            ),
            Panel(
                "The oldest of them",
                SECONDS,
                most("fusionxpay_operations_unknown_oldest_seconds", "provider", "kind", "accounts"),
                "{{provider}} {{kind}}",
            ),
            Panel(
                "Payments open",
                COUNT,
                most("fusionxpay_payments_open", "provider", "status"),
                "{{provider}} {{status}}",
            ),
            Panel(
                "Refunds that are not settled", COUNT, most("fusionxpay_refunds_pending", "provider"), "{{provider}}"
            ),
        ),
        "Providers' webhooks": (
            Panel(
                "Waiting",
                COUNT,
                most("fusionxpay_provider_events_pending", "provider", "accounts"),
                "{{provider}} {{accounts}}",
            ),
            Panel(
                "The oldest of them",
                SECONDS,
                most("fusionxpay_provider_events_oldest_seconds", "provider", "accounts"),
                "{{provider}} {{accounts}}",
            ),
        ),
    },
)

EVENTS = Board(
    "fusionxpay-events",
    "FusionXPay: events and webhooks",
    {
        "Stream": (
            Panel("Published", PER_SECOND, rate("fusionxpay_events_published_total", "component")),
            Panel(
                "Applied",
                PER_SECOND,
                rate("fusionxpay_events_consumed_total", "consumer", "outcome"),
                "{{consumer}} {{outcome}}",
            ),
            Panel(
                "From commit to applied, slowest in a hundred",
                SECONDS,
                quantile(0.99, "fusionxpay_event_seconds", "consumer"),
                "{{consumer}}",
            ),
            Panel("Not published", COUNT, most("fusionxpay_outbox_unpublished", "component")),
            Panel(
                "Not delivered to a consumer", COUNT, most("fusionxpay_consumer_waiting", "consumer"), "{{consumer}}"
            ),
            Panel("Dead letters", COUNT, most("fusionxpay_dead_letters_open", "consumer"), "{{consumer}}"),
        ),
        "Merchants' endpoints": (
            Panel("With deliveries that wait", COUNT, most("fusionxpay_endpoints_waiting", "kind"), "{{kind}}"),
            Panel("That fail", COUNT, most("fusionxpay_endpoints_failing", "kind"), "{{kind}}"),
            Panel(
                "Oldest delivery that is due",
                SECONDS,
                most("fusionxpay_deliveries_due_oldest_seconds", "kind"),
                "{{kind}}",
            ),
        ),
    },
)

STORES = Board(
    "fusionxpay-stores",
    "FusionXPay: PostgreSQL, NATS and Redis, as services see them",
    {
        "PostgreSQL": (
            Panel("Answers", COUNT, "fusionxpay_database_up", "{{component}} {{instance}}"),
            Panel("Connections in use", COUNT, 'sum by (component) (fusionxpay_database_connections{state="used"})'),
            Panel("Requests that wait for one", COUNT, most("fusionxpay_database_waiting", "component")),
            Panel(
                "Sessions that ended",
                PER_SECOND,
                rate("fusionxpay_database_failures_total", "component", "reason"),
                "{{component}} {{reason}}",
            ),
            Panel("Clocks ahead of it", SECONDS, "fusionxpay_clock_ahead_seconds", "{{component}} {{instance}}"),
        ),
        "NATS and Redis": (
            Panel("Connected to NATS", COUNT, "fusionxpay_nats_up", "{{component}} {{instance}}"),
            Panel(
                "Sent and not acknowledged",
                COUNT,
                most("fusionxpay_consumer_unacknowledged", "consumer"),
                "{{consumer}}",
            ),
            Panel("Locks in Redis", PER_SECOND, rate("fusionxpay_locks_total", "outcome"), "{{outcome}}"),
            Panel(
                "Loops that fail",
                PER_SECOND,
                rate("fusionxpay_worker_failures_total", "component", "worker"),
                "{{component}} {{worker}}",
            ),
        ),
    },
)


_PUBLIC = '{envoy_http_conn_manager_prefix="public"}'

ENVOY = Board(
    "fusionxpay-envoy",
    "FusionXPay: Envoy",
    {
        "Clients": (
            Panel(
                "Answers",
                PER_SECOND,
                rate("envoy_http_downstream_rq_xx", "envoy_response_code_class", where=_PUBLIC),
                "{{envoy_response_code_class}}xx",
            ),
            Panel(
                "Connections", COUNT, f"sum by (instance) (envoy_http_downstream_cx_active{_PUBLIC})", "{{instance}}"
            ),
            Panel(
                "Requests under way",
                COUNT,
                f"sum by (instance) (envoy_http_downstream_rq_active{_PUBLIC})",
                "{{instance}}",
            ),
        ),
        "Services behind it": (
            Panel(
                "Answers",
                PER_SECOND,
                rate("envoy_cluster_upstream_rq_xx", "envoy_cluster_name", "envoy_response_code_class"),
                "{{envoy_cluster_name}} {{envoy_response_code_class}}xx",
            ),
            Panel(
                "Healthy replicas",
                COUNT,
                "max by (envoy_cluster_name) (envoy_cluster_membership_healthy)",
                "{{envoy_cluster_name}}",
            ),
            Panel(
                "Slowest in a hundred, ms",
                "ms",
                quantile(0.99, "envoy_cluster_upstream_rq_time", "envoy_cluster_name"),
                "{{envoy_cluster_name}}",
            ),
        ),
        "Envoy itself": (
            Panel("Memory", BYTES, "sum by (instance) (envoy_server_memory_allocated)", "{{instance}}"),
            Panel("Time since it started", SECONDS, "min by (instance) (envoy_server_uptime)", "{{instance}}"),
        ),
    },
)


def of_service(package: str) -> Board:
    """Return the dashboard of a service: the calls that it answers and makes, and every series of its own."""
    chosen = f'{{component="{package}"}}'
    calls = (
        Panel("Calls", PER_SECOND, rate(_SERVED, "method", where=chosen), "{{method}}"),
        Panel("Answers", PER_SECOND, rate(_SERVED, "code", where=chosen), "{{code}}"),
        Panel(
            "Calls to others",
            PER_SECOND,
            rate("fusionxpay_rpc_client_total", "method", "code", where=chosen),
            "{{method}} {{code}}",
        ),
        Panel(
            "Loops that fail",
            PER_SECOND,
            rate("fusionxpay_worker_failures_total", "worker", where=chosen),
            "{{worker}}",
        ),
    )
    return Board(
        f"fusionxpay-{package.replace('_', '-')}",
        f"FusionXPay: {package}",
        {"Calls": calls, "Its own": tuple(map(_panel, series()[package]))},
    )


def _panel(one: Series) -> Panel:
    by = tuple(one.labels) or ("component",)
    legend = " ".join(f"{{{{{label}}}}}" for label in by)
    match one.kind:
        case "counter":
            return Panel(one.meaning, PER_SECOND, rate(one.name, *by), legend)
        case "histogram":
            return Panel(f"{one.meaning}: slowest in a hundred", SECONDS, quantile(0.99, one.name, *by), legend)
        case _:
            unit = SECONDS if one.name.endswith("_seconds") else BYTES if one.name.endswith("_bytes") else COUNT
            return Panel(one.meaning, unit, most(one.name, *by), legend)


def boards() -> list[Board]:
    """Return all dashboards."""
    return [
        OVERVIEW,
        PAYMENTS,
        EVENTS,
        STORES,
        ENVOY,
        *(of_service(package) for package in MODULES if package != "mesh"),
    ]
