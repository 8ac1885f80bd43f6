"""The examples of the contract. Tests send every one of them to a running service, and check the answers."""

from typing import Any, Final

from service.api.callers.principal import DEFAULT_QUOTA
from service.core.events.vocabulary import ConsentWithdrawn

Json = dict[str, Any]

HASH: Final = "9f2c41d3b7a05e68c1f4d2a7903b5e8846cd1f7a2b90e3d4c5f6a7b8091c2d3e"
ADDRESS: Final = {"kind": "email", "value": "jane@example.org"}
GRANT: Final[Json] = {
    "type": "consent_granted",
    "source_event_id": "crm-8812",
    "occurred_at": "2026-11-23T10:15:00Z",
    "sender": "acme",
    "address": ADDRESS,
    "categories": ["newsletter"],
    "channels": ["email"],
    "method": "checkbox",
    "checkbox_default": "unticked",
    "evidence": {"ip": "192.0.2.7"},
}
WITHDRAWAL: Final[Json] = {
    "type": "consent_withdrawn",
    "source_event_id": "crm-9020",
    "occurred_at": "2026-11-24T08:00:00Z",
    "sender": "acme",
    "address": {"kind": "email", "value": "joe@example.org"},
    "scope": "all_marketing",
}
CHECK: Final[Json] = {
    "sender": "acme",
    "category": "newsletter",
    "channel": "email",
    "kind": "commercial",
    "address": ADDRESS,
    "recipient": {"country": "NL", "kind": "consumer"},
    "message": {"optout": True, "identity": True},
    "proof": "token",
}
DEFAULTS: Final[Json] = {name: CHECK[name] for name in CHECK if name not in ("address", "proof")}
LINE: Final[Json] = {"address": ADDRESS, "id": "crm-7"}
LINK: Final[Json] = {"sender": "acme", "category": "newsletter", "channel": "email", "address": ADDRESS}
FORM: Final[Json] = {
    "language": "en",
    "title": "Newsletter",
    "text": "Acme may send me its newsletter.",
    "boxes": [{"name": "newsletter", "label": "Send me the newsletter", "default": "unticked"}],
}
RULEBOOK: Final[Json] = {"schema": 1, "label": "2026-11"}
SENDER: Final[Json] = {"id": "acme", "legal_name": "Acme B.V.", "country": "NL", "kind": "business"}
NEW_KEY: Final[Json] = {"label": "crm", "scopes": ["check:read", "record:write"], "days": 90}

_NOTE: Final = f"ledger.example/main/1\n1044\n{'Q0xFWEFNUExF' * 3}Q0xFWA==\n\n— ledger.example/main/1 kQ2r…\n"
RECEIPT: Final[Json] = {
    "index": 1042,
    "recorded_at": "2026-11-23T10:15:01.250Z",
    "leaf_hash": HASH,
    "position": 1043,
    "checkpoint": _NOTE,
    "replayed": False,
}
CHECKPOINT: Final = _NOTE
PERSON_FILE: Final[Json] = {
    "address": ADDRESS,
    "subject": HASH,
    "position": 1043,
    "as_of": "2026-11-23T10:15:01.250Z",
    "events": [
        {
            "index": 1042,
            "recorded_at": "2026-11-23T10:15:01.250Z",
            "occurred_at": "2026-11-23T10:15:00.000Z",
            "type": "consent_granted",
            "sentence": "You gave Acme B.V. consent to “newsletter” by e-mail.",
            "event": {"type": "consent_granted", "sender": "acme"},
            "evidence": {"ip": "192.0.2.7"},
        }
    ],
    "answers": [
        {
            "sender": "acme",
            "category": "newsletter",
            "channel": "email",
            "decision": "allow",
            "reason_code": "CONSENT",
            "explanation": "Yes, this message may be sent.",
        }
    ],
    "campaigns": [
        {
            "campaign": "0f" * 16,
            "line": 301,
            "sender": "acme",
            "category": "newsletter",
            "channel": "email",
            "asked_at": "2026-11-23T12:00:00.000Z",
            "decision": "allow",
            "reason_code": "CONSENT",
            "explanation": "Yes, this message may be sent.",
        }
    ],
    "forms": {},
    "senders": {},
    "linked_addresses": [],
    "letter": {"language": "en", "text": "What we hold about …", "html": "<!doctype html>…"},
}
ERASED: Final[Json] = {"erased_events": 3, "notice": RECEIPT, "linked_addresses": 0}
HEADERS: Final = {
    "List-Unsubscribe": "<https://consent.example/u/1a2b3c>",
    "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
}
ANSWER: Final[Json] = {
    "decision": "allow",
    "reason_code": "CONSENT",
    "basis": "consent",
    "needs_human": False,
    "rule": None,
    "events": [1042],
    "missing_facts": [],
    "jurisdiction": "NL",
    "evaluated_at": "2026-11-23T10:16:00.000Z",
    "expires_at": None,
    "position": 1043,
    "token": "eyJhbGciOiJFZERTQSJ9.eyJpc3MiOiJsZWRnZXIuZXhhbXBsZSJ9.c2ln",
    "unsubscribe": HEADERS,
}
_REFUSED: Final[Json] = {
    "type": "urn:consent-ledger:problem:address",
    "title": "The address cannot be used",
    "status": 422,
    "detail": "the domain is missing",
    "errors": [{"pointer": "/address/value", "code": "invalid", "message": "the domain is missing"}],
}
EVENTS_ANSWER: Final[Json] = {
    "items": [{"status": 201, "receipt": RECEIPT}, {"status": 422, "problem": _REFUSED}]
}
CAMPAIGN_ANSWER: Final[Json] = {
    "items": [
        {"line": 1, "status": 200, "id": "crm-7", "decision": "allow", "reason_code": "CONSENT"},
        {"line": 2, "status": 422, "problem": _REFUSED},
    ],
    "summary": {
        "campaign": HASH[:32],
        "count": 1,
        "allowed": 1,
        "denied": 0,
        "refused": 1,
        "complete": True,
        "root": HASH,
        "from_position": 1043,
        "to_position": 1043,
        "receipt": RECEIPT,
        "token": "eyJhbGciOiJFZERTQSJ9.eyJjb3VudCI6MX0.c2ln",
    },
}
CLOUD_EVENT: Final[Json] = {
    "specversion": "1.0",
    "id": f"evt_{HASH}",
    "source": "urn:consent-ledger:log:ledger.example/main/1",
    "type": ConsentWithdrawn.__struct_config__.tag,
    "subject": HASH,
    "time": "2026-11-24T08:00:01.120Z",
    "datacontenttype": "application/json",
    "sequence": f"{1044:020d}",
    "partitionkey": HASH,
    "data": {
        "position": 1044,
        "subject": HASH,
        "leaf_hash": HASH,
        "occurred_at": "2026-11-24T08:00:00.000Z",
        "sender": "acme",
        "scope": "all_marketing",
    },
}
EVENT_PAGE: Final[Json] = {"items": [CLOUD_EVENT], "next": 1045, "caught_up": True}
BUNDLE: Final[Json] = {
    "checkpoint": _NOTE,
    "decision": None,
    "documents": {},
    "epoch": "AQIDBA==",
    "format": "consent-ledger/bundle/1",
    "genesis": "AQIDBA==",
    "log_proof": "",
    "origin": "ledger.example/main/1",
    "question": None,
    "signature": {"key_id": HASH[:8], "value": "c2lnbmF0dXJl" * 7 + "c2k="},
    "subject_key_secret": None,
    "subjects": [
        {
            "role": "address",
            "subject_key": HASH,
            "address": ADDRESS,
            "map_proof": {"siblings": ""},
            "events": [],
        }
    ],
    "token": None,
}
PUBLISHED: Final[Json] = {"id": HASH, "receipt": RECEIPT}
DRY_RUN: Final[Json] = {
    "rulebook_in_force": HASH,
    "rulebook_tried": HASH,
    "evaluated_at": "2026-11-23T10:16:00.000Z",
    "subjects": 1200,
    "subjects_looked_at": 1200,
    "complete": True,
    "questions": 1198,
    "changed": 0,
    "changes": [],
}
RULEBOOKS: Final[Json] = {
    "items": [
        {
            "id": HASH,
            "label": "2026-11",
            "index": 7,
            "published_at": "2026-11-01T08:00:00.000Z",
            "in_force": True,
        }
    ]
}
KEY: Final[Json] = {
    "id": "k2m8x1q0v7ab",
    "label": "crm",
    "scopes": ["check:read", "record:write"],
    "created_at": "2026-11-23T10:00:00.000Z",
    "expires_at": "2027-02-21T10:00:00.000Z",
    "revoked_at": None,
    "last_used_at": None,
    "requests_per_minute": DEFAULT_QUOTA.requests_per_minute,
    "addresses_per_day": DEFAULT_QUOTA.addresses_per_day,
}
ISSUED_KEY: Final[Json] = {"key": "clk_k2m8x1q0v7ab_…", "details": KEY}
WAY_OUT: Final[Json] = {"sender": "Acme B.V.", "category": "newsletter", "stopped": ["category"]}
LINK_ANSWER: Final[Json] = {"url": "https://consent.example/u/1a2b3c", "headers": HEADERS}
JWKS: Final[Json] = {
    "keys": [
        {"kty": "OKP", "crv": "Ed25519", "kid": HASH[:8], "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
    ]
}
