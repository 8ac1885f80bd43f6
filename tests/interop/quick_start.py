"""The quick start with a client that a generator made: record a yes, ask, prove. Prints the decision."""

import os
from datetime import UTC, datetime

from generated import AuthenticatedClient
from generated.api.asking import check_one, prove
from generated.api.recording import record_event
from generated.models import Answer, Bundle, Check, ConsentGranted, Receipt

ADDRESS = {"kind": "email", "value": "jane@example.org"}
ASKED = {
    "sender": "acme",
    "category": "newsletter",
    "channel": "email",
    "kind": "commercial",
    "address": ADDRESS,
    "recipient": {"country": "NL", "kind": "consumer"},
    "message": {"optout": True, "identity": True},
}
GRANT = {
    "type": "consent_granted",
    "source_event_id": "client-1",
    "occurred_at": datetime(2026, 1, 10, tzinfo=UTC).isoformat(),
    "sender": "acme",
    "address": ADDRESS,
    "categories": ["newsletter"],
    "channels": ["email"],
    "method": "checkbox",
    "checkbox_default": "unticked",
    "evidence": {"ip": "192.0.2.7"},
}

client = AuthenticatedClient(base_url=os.environ["LEDGER_URL"], token=os.environ["LEDGER_KEY"])
receipt = record_event.sync(client=client, body=ConsentGranted.from_dict(GRANT))
assert isinstance(receipt, Receipt), receipt
answer = check_one.sync(client=client, body=Check.from_dict({**ASKED, "min_position": receipt.position}))
assert isinstance(answer, Answer), answer
bundle = prove.sync(client=client, body=Check.from_dict(ASKED))
assert isinstance(bundle, Bundle), bundle
print(answer.decision, bundle.origin)  # noqa: T201 - read by the test
