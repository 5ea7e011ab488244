"""What the audit measures, and what a person has to look at."""

from __future__ import annotations

from mesh.metrics import Alert, counter, gauge

ENTRIES = counter("fusionxpay_audit_entries_total", "Requests taken over into the audit")
BACKLOG = gauge("fusionxpay_audit_backlog_bytes", "Bytes that Envoy has written and that are not in the audit yet")

AUDIT_LINE_UNREADABLE = Alert("audit_line_unreadable", "a line of Envoy's log cannot be read; it is kept aside")
KEY_UNUSUAL = Alert("key_unusual", "a key is refused a hundred times more than it used to be: it may be stolen")
NOT_ANCHORED = Alert(
    "audit_not_anchored",
    "an anchor of the audit cannot be written: nobody could tell later that the record was changed",
)
AUDIT_BACKLOG = Alert("audit_backlog", "requests wait to be taken over into the audit: its database may be away")
