"""Readiness probes of servers. Each is answered within a second or two, failures by False."""

from __future__ import annotations

import json
import socket
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from urllib.parse import unquote, urlsplit, urlunsplit

import grpc
import psycopg
from grpc_health.v1 import health_pb2, health_pb2_grpc

from mesh.events.bus import BusTls
from mesh.rpc.dial import dial
from mesh.tls import TlsFiles
from stack.authority import NATS_NAME

TIMEOUT = 1.0


def http_text(url: str) -> str:
    """Return what an HTTP server on this machine answers; no proxy is asked.

    Raises:
        OSError: it is not there, or does not answer with success.
    """
    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=TIMEOUT)
    return _answer(connection, "GET", urlunsplit(("", "", parts.path, parts.query, "")))


def admin_text(socket_file: str, target: str, method: str = "GET") -> str:
    """Return what Envoy's administration answers.

    Raises:
        OSError: it is not there, or does not answer with success.
    """
    return _answer(_UnixConnection(socket_file), method, target)


class _UnixConnection(HTTPConnection):
    """HTTP by a socket in the file system."""

    def __init__(self, socket_file: str) -> None:
        super().__init__("localhost", timeout=TIMEOUT)
        self._file = socket_file

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(TIMEOUT)
        self.sock.connect(self._file)


def _answer(connection: HTTPConnection, method: str, target: str) -> str:
    try:
        connection.request(method, target)
        answer = connection.getresponse()
        text = answer.read().decode()
    except HTTPException as error:
        raise OSError(f"no HTTP answer to {target}: {error!r}") from error
    finally:
        connection.close()
    if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
        raise OSError(f"{target} was answered with {answer.status}")
    return text


def http_ok(url: str) -> bool:
    """Tell whether a GET of the URL is answered with success."""
    try:
        http_text(url)
    except OSError:
        return False
    return True


def envoy_serves(admin: str, epoch: int) -> bool:
    """Tell whether the Envoy of an epoch is the one that answers, and takes requests."""
    try:
        about = json.loads(admin_text(admin, "/server_info"))
    except (OSError, ValueError):
        return False
    return bool(about["state"] == "LIVE" and about["command_line_options"]["restart_epoch"] == epoch)


def healthy_replicas(admin: str, cluster: str) -> int:
    """Count the replicas of a cluster that Envoy sends requests to; 0 where it does not answer."""
    try:
        clusters = json.loads(admin_text(admin, "/clusters?format=json"))["cluster_statuses"]
    except (OSError, ValueError):
        return 0
    hosts: list[dict[str, object]] = next(
        (entry.get("host_statuses", []) for entry in clusters if entry["name"] == cluster), []
    )
    return sum(host["health_status"] == {"eds_health_status": "HEALTHY"} for host in hosts)


def postgres_accepts(url: str) -> bool:
    """Tell whether PostgreSQL lets this user in."""
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def redis_answers(url: str, seconds: float = TIMEOUT) -> bool:
    """Tell whether a Redis server accepts the URL's password and answers PING."""
    parts = urlsplit(url)
    address = (parts.hostname or "127.0.0.1", parts.port or 6379)
    try:
        with socket.create_connection(address, seconds) as connection, connection.makefile("rb") as answers:
            connection.sendall(f"AUTH {unquote(parts.password or '')}\r\nPING\r\n".encode())
            return answers.readline().startswith(b"+OK") and answers.readline().startswith(b"+PONG")
    except OSError:
        return False


def nats_answers(address: str, tls: TlsFiles | None, seconds: float = TIMEOUT) -> bool:
    """Tell whether a NATS server at `host:port` says that it has JetStream: it listens once that is recovered."""
    host, port = address.rsplit(":", 1)
    try:
        with socket.create_connection((host, int(port)), seconds) as raw:
            secure = BusTls(tls, NATS_NAME).context().wrap_socket(raw, server_hostname=NATS_NAME) if tls else raw
            with secure, secure.makefile("rb") as answers:
                return b'"jetstream":true' in answers.readline()
    except OSError:
        return False


def grpc_serving(target: str, service: str, tls: TlsFiles | None) -> bool:
    """Tell whether a service at `host:port` reports SERVING by the gRPC health protocol."""
    host, port = target.rsplit(":", 1)
    try:
        # gRPC waits a second after a refused connection; asking TCP first costs nothing and finds out sooner.
        socket.create_connection((host, int(port)), TIMEOUT).close()
    except OSError:
        return False
    with dial(target, service, tls) as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=TIMEOUT)
        except grpc.RpcError:
            return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)
