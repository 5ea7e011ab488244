"""What spans and their attributes are called: the semantic conventions of OpenTelemetry, and our own beside them.

Written out, so that nothing of OpenTelemetry is imported while no spans are made; a test holds them against its
package. Source: OpenTelemetry, "Semantic Conventions", for RPC, messaging, HTTP and errors.
"""

from __future__ import annotations

RPC_SYSTEM = "rpc.system.name"
RPC_METHOD = "rpc.method"
RPC_STATUS = "rpc.response.status_code"
ERROR_TYPE = "error.type"
MESSAGING_SYSTEM = "messaging.system"
MESSAGING_OPERATION = "messaging.operation.type"
MESSAGING_OPERATION_NAME = "messaging.operation.name"
MESSAGING_DESTINATION = "messaging.destination.name"
MESSAGING_GROUP = "messaging.consumer.group.name"
MESSAGING_ID = "messaging.message.id"
MESSAGING_COUNT = "messaging.batch.message_count"
HTTP_METHOD = "http.request.method"
HTTP_STATUS = "http.response.status_code"
HTTP_RESEND = "http.request.resend_count"
SERVER_ADDRESS = "server.address"

OURS = "fusionxpay."
"""The prefix of attributes that no convention names."""
PROVIDER = OURS + "provider"
OPERATION = OURS + "operation"
ORDER = OURS + "order_id"
PAYMENT = OURS + "payment_id"
EVENT_TYPE = OURS + "event_type"
REASON = OURS + "reason"
