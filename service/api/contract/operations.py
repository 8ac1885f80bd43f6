"""What each operation is called, takes and answers: the table from which the contract is put together."""

from collections.abc import Mapping
from typing import Final

from service.api.bodies import JSON, NDJSON
from service.api.checks import BUNDLE
from service.api.contract import examples as ex
from service.api.contract.parameters import AFTER, FILTERS, LAST_EVENT_ID, PAGE
from service.api.contract.parts import (
    ASKING,
    FORM_DATA,
    HEARING,
    HTML,
    KEYS,
    LEAVING,
    OCTETS,
    PERSON,
    PROVING,
    RECORDING,
    RUNNING,
    SETTING_UP,
    TEXT,
    Content,
    Operation,
    Schema,
    in_json,
    in_lines,
)
from service.api.contract.shapes import ref
from service.api.feed import SSE
from service.ledger.delivering.cloud_events import MEDIA_TYPE as CLOUD_EVENT
from service.ledger.person.iso27560 import MEDIA_TYPE as JSON_LD

_PUBLISHED: Final = {201: (in_json("Published", ex.PUBLISHED),), 200: (in_json("Published", ex.PUBLISHED),)}
_ONE_CLICK: Final[Schema] = {
    "type": "object",
    "description": "One of the two: what a mail provider sends (RFC 8058), or a button of the page.",
    "properties": {
        "List-Unsubscribe": {"type": "string", "enum": ["One-Click"]},
        "stop": {"type": "string", "enum": ["category", "sender"]},
    },
}
_PAGES: Final = (
    Content(HTML, {"type": "string"}, "<!doctype html>…"),
    Content(JSON, ref("WayOut"), ex.WAY_OUT),
)
_BROKEN: Final = (Content(HTML, {"type": "string"}, "<!doctype html>…"),)
_PROOF: Final = {"anyOf": [ref("Check"), ref("LineProofRequest"), ref("HistoryProofRequest")]}

OPERATIONS: Final[Mapping[tuple[str, str], Operation]] = {
    ("post", "/v1/events"): Operation(
        "recordEvent",
        RECORDING,
        "Record an event",
        {201: (in_json("Receipt", ex.RECEIPT),), 200: (in_json("Receipt", ex.RECEIPT | {"replayed": True}),)},
        (in_json("Event", ex.GRANT),),
        refusals=("event", "address", "source-event-id-reused", "overloaded"),
        answer_headers=("Idempotency-Replayed",),
    ),
    ("post", "/v1/events/batch"): Operation(
        "recordEvents",
        RECORDING,
        "Record many events",
        {
            207: (in_json("EventBatchAnswer", ex.EVENTS_ANSWER),),
            200: (
                in_lines(
                    NDJSON,
                    *ex.EVENTS_ANSWER["items"],
                    {"summary": {"recorded": 1, "replayed": 0, "refused": 1}},
                    meaning="An `EventOutcome` for every line, in order; a summary last.",
                ),
            ),
        },
        (
            in_json("EventBatch", {"events": [ex.GRANT, ex.WITHDRAWAL]}),
            in_lines(NDJSON, ex.GRANT, ex.WITHDRAWAL, meaning="An `Event` a line, without end."),
        ),
        refusals=("too-many-items", "overloaded"),
        answer_headers=("Idempotency-Replayed",),
    ),
    ("post", "/v1/checks"): Operation(
        "checkOne",
        ASKING,
        "May this message be sent?",
        {200: (in_json("Answer", ex.ANSWER),)},
        (in_json("Check", ex.CHECK),),
        refusals=("question", "address"),
    ),
    ("post", "/v1/checks/batch"): Operation(
        "checkCampaign",
        ASKING,
        "Check a whole campaign",
        {
            207: (in_json("CampaignAnswer", ex.CAMPAIGN_ANSWER),),
            200: (
                in_lines(
                    NDJSON,
                    *ex.CAMPAIGN_ANSWER["items"],
                    {"summary": ex.CAMPAIGN_ANSWER["summary"]},
                    meaning="A `LineAnswer` for every line, in order; a summary last.",
                ),
            ),
        },
        (
            in_json("Campaign", {"defaults": ex.DEFAULTS, "checks": [ex.LINE]}),
            in_lines(
                NDJSON,
                {"defaults": ex.DEFAULTS},
                ex.LINE,
                meaning="The defaults on a line of their own, then a `CampaignLine` a line, without end.",
            ),
        ),
        refusals=("question", "too-many-items"),
    ),
    ("post", "/v1/proofs"): Operation(
        "prove",
        ASKING,
        "Prove an answer, or a history",
        {200: (Content(BUNDLE, ref("Bundle"), ex.BUNDLE),)},
        (Content(JSON, _PROOF, ex.CHECK),),
        refusals=("question", "address", "not-found"),
    ),
    ("post", "/v1/unsubscribe-links"): Operation(
        "makeUnsubscribeLink",
        LEAVING,
        "Make an unsubscribe link",
        {201: (in_json("Link", ex.LINK_ANSWER),)},
        (in_json("LinkRequest", ex.LINK),),
        refusals=("address", "question"),
    ),
    ("get", "/u/{token}"): Operation(
        "showWayOut", LEAVING, "Show the way out", {200: _PAGES, 404: _BROKEN}, refusals=("unknown-link",)
    ),
    ("post", "/u/{token}"): Operation(
        "useWayOut",
        LEAVING,
        "Stop a category, or everything from a sender",
        {
            200: (*_PAGES, Content(TEXT, {"type": "string"}, "You will get no more of these messages.")),
            **dict.fromkeys((400, 404, 422, 503), _BROKEN),
        },
        tuple(Content(kind, _ONE_CLICK, {"List-Unsubscribe": "One-Click"}) for kind in FORM_DATA),
        refusals=("nothing-chosen", "unknown-link", "request-timeout", "content-too-large"),
    ),
    ("post", "/v1/subjects/lookup"): Operation(
        "lookUpSubject",
        PERSON,
        "Look a person up",
        {
            200: (
                in_json("PersonFile", ex.PERSON_FILE),
                Content(JSON_LD, {"type": "object"}, {"@context": {}, "@graph": []}),
            )
        },
        (in_json("LookupRequest", {"address": ex.ADDRESS, "language": "nl"}),),
        refusals=("address", "validation"),
    ),
    ("post", "/v1/subjects/erase"): Operation(
        "eraseSubject",
        PERSON,
        "Erase a person",
        {200: (in_json("Erased", ex.ERASED),)},
        (in_json("EraseRequest", {"address": {"kind": "email", "value": "left@example.org"}}),),
        refusals=("address", "not-audited"),
        answer_headers=("Idempotency-Replayed",),
    ),
    ("get", "/v1/events"): Operation(
        "listEvents",
        HEARING,
        "Hear of events, page by page",
        {200: (in_json("EventPage", ex.EVENT_PAGE),)},
        parameters=(AFTER, *FILTERS, *PAGE),
        refusals=("validation",),
    ),
    ("get", "/v1/events/stream"): Operation(
        "streamEvents",
        HEARING,
        "Hear of events as they happen",
        {
            200: (
                Content(SSE, {"type": "string"}, "retry: 3000\n\n"),
                in_lines(NDJSON, ex.CLOUD_EVENT, meaning="A `CloudEvent` a line; an empty line shows life."),
            )
        },
        parameters=(AFTER, LAST_EVENT_ID, *FILTERS),
        refusals=("validation", "too-many-streams"),
    ),
    ("post", "/v1/forms"): Operation(
        "publishForm",
        SETTING_UP,
        "Publish a form",
        _PUBLISHED,
        (in_json("Form", ex.FORM),),
        refusals=("form",),
        answer_headers=("Idempotency-Replayed",),
    ),
    ("get", "/v1/forms"): Operation(
        "listForms",
        SETTING_UP,
        "List the forms",
        {200: (in_json("FormList", {"items": [{"id": ex.HASH, "form": ex.FORM}]}),)},
    ),
    ("get", "/v1/forms/{form_id}"): Operation(
        "readForm",
        SETTING_UP,
        "Read a form",
        {200: (in_json("PublishedForm", {"id": ex.HASH, "form": ex.FORM}),)},
        refusals=("not-found", "malformed-request"),
    ),
    ("post", "/v1/senders"): Operation(
        "registerSender",
        SETTING_UP,
        "Register a sender",
        _PUBLISHED,
        (in_json("NewSender", ex.SENDER),),
        refusals=("validation", "event"),
        answer_headers=("Idempotency-Replayed",),
    ),
    ("get", "/v1/senders"): Operation(
        "listSenders", SETTING_UP, "List the senders", {200: (in_json("SenderList", {"items": [ex.SENDER]}),)}
    ),
    ("put", "/v1/rulebook"): Operation(
        "publishRulebook",
        SETTING_UP,
        "Put a rulebook in force",
        _PUBLISHED,
        (in_json("Rulebook", ex.RULEBOOK),),
        refusals=("rulebook",),
        answer_headers=("Idempotency-Replayed",),
    ),
    ("get", "/v1/rulebook"): Operation(
        "readRulebook",
        SETTING_UP,
        "Read the rulebook in force",
        {200: (in_json("PublishedRulebook", {"id": ex.HASH, "rulebook": ex.RULEBOOK}),)},
    ),
    ("get", "/v1/rulebook/{digest}"): Operation(
        "readOldRulebook",
        SETTING_UP,
        "Read a rulebook by its hash",
        {200: (in_json("PublishedRulebook", {"id": ex.HASH, "rulebook": ex.RULEBOOK}),)},
        refusals=("not-found", "malformed-request"),
    ),
    ("get", "/v1/rulebooks"): Operation(
        "listRulebooks", SETTING_UP, "List the rulebooks", {200: (in_json("RulebookList", ex.RULEBOOKS),)}
    ),
    ("post", "/v1/rulebook/dry-run"): Operation(
        "tryRulebook",
        SETTING_UP,
        "Try a rulebook without publishing it",
        {200: (in_json("DryRunResult", ex.DRY_RUN),)},
        (in_json("DryRunRequest", {"rulebook": ex.RULEBOOK}),),
        refusals=("rulebook", "validation", "question", "address"),
    ),
    ("post", "/v1/keys"): Operation(
        "issueKey",
        KEYS,
        "Make an API key",
        {201: (in_json("IssuedKey", ex.ISSUED_KEY),)},
        (in_json("NewKey", ex.NEW_KEY),),
        refusals=("validation", "too-many-keys"),
        answer_headers=("Location", "Idempotency-Replayed"),
    ),
    ("get", "/v1/keys"): Operation(
        "listKeys", KEYS, "List the API keys", {200: (in_json("KeyList", {"items": [ex.KEY]}),)}
    ),
    ("delete", "/v1/keys/{key_id}"): Operation(
        "revokeKey", KEYS, "Revoke an API key", {204: ()}, refusals=("not-found", "malformed-request")
    ),
    ("get", "/log/{ledger}/checkpoint"): Operation(
        "readCheckpoint",
        PROVING,
        "Read the newest checkpoint",
        {200: (Content(TEXT, {"type": "string"}, ex.CHECKPOINT),)},
        refusals=("not-found",),
    ),
    ("get", "/log/{ledger}/tile/{path}"): Operation(
        "readTile",
        PROVING,
        "Read a tile of hashes, or of entries",
        {200: (Content(OCTETS, {"type": "string", "contentMediaType": OCTETS}, "…"),)},
        refusals=("not-found",),
    ),
    ("get", "/.well-known/jwks.json"): Operation(
        "readKeys", PROVING, "Read the public keys", {200: (in_json("Jwks", ex.JWKS),)}
    ),
    ("get", "/livez"): Operation(
        "isAlive", RUNNING, "Whether the process answers", {200: (in_json("Liveness", {"status": "alive"}),)}
    ),
    ("get", "/readyz"): Operation(
        "isReady",
        RUNNING,
        "Whether requests should come here",
        {
            200: (in_json("Readiness", {"status": "ready", "failing": []}),),
            503: (in_json("Readiness", {"status": "not_ready", "failing": ["database"]}),),
        },
    ),
    ("get", "/metrics"): Operation(
        "readMetrics",
        RUNNING,
        "Metrics in Prometheus' text format",
        {200: (Content(TEXT, {"type": "string"}, "# TYPE consent_ledger_requests_total counter\n"),)},
        refusals=("not-found",),
    ),
    ("get", "/openapi.json"): Operation(
        "readContract",
        RUNNING,
        "This document",
        {200: (Content(JSON, {"type": "object"}, {"openapi": "3.1.0"}),)},
    ),
    ("get", "/docs"): Operation(
        "readDocs",
        RUNNING,
        "This document for people",
        {200: (Content(HTML, {"type": "string"}, "<!doctype html>…"),)},
    ),
    ("get", "/verify"): Operation(
        "readVerifier",
        RUNNING,
        "The page that verifies a bundle in the browser; nothing is sent anywhere",
        {200: (Content(HTML, {"type": "string"}, "<!doctype html>…"),)},
    ),
    ("get", "/problems/{slug}"): Operation(
        "readProblem",
        RUNNING,
        "What a type of problem means",
        {200: (Content(HTML, {"type": "string"}, "<!doctype html>…"),)},
        refusals=("not-found",),
    ),
}
WEBHOOK: Final = Content(CLOUD_EVENT, ref("CloudEvent"), ex.CLOUD_EVENT)
