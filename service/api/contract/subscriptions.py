"""Subscriptions: what each operation is called, takes and answers, and the schemas of their bodies."""

from collections.abc import Mapping
from typing import Any, Final

from service.api.contract.parameters import query
from service.api.contract.parts import HEARING, Operation, in_json
from service.api.contract.shapes import COUNT, MOMENT, ref
from service.api.deliveries import LANES, LIMIT_DEFAULT, LIMIT_MAX, STATES
from service.core.events.vocabulary import ConsentWithdrawn

Schema = dict[str, Any]

_NEW: Final = {"name": "crm", "url": "https://crm.example.org/consent", "types": ["consent_withdrawn"]}
_SEEN: Final[Schema] = {
    **_NEW,
    "id": "sub_4q7w2k9x1m3p",
    "senders": [],
    "categories": [],
    "channels": [],
    "address": False,
    "source": None,
    "status": "enabled",
    "reason": None,
    "created_at": "2026-11-23T10:15:00.000Z",
    "disabled_at": None,
    "cursor": 1042,
    "backlog": 0,
    "waiting": 0,
    "dead": 0,
    "oldest_undelivered_at": None,
    "last_success_at": "2026-11-24T08:00:01.310Z",
    "last_failure_at": None,
    "consecutive_failures": 0,
    "paused_until": None,
    "replaying": False,
}
_SECRET: Final = "whsec_" + "QUFB" * 10 + "QUE="
_DELIVERY: Final[Schema] = {
    "lane": "live",
    "position": 1042,
    "event_id": "evt_" + "0" * 64,
    "type": ConsentWithdrawn.__struct_config__.tag,
    "state": "done",
    "attempts": 1,
    "recorded_at": "2026-11-24T08:00:01.250Z",
    "next_attempt_at": None,
    "ended_at": "2026-11-24T08:00:01.310Z",
}
_ATTEMPT: Final[Schema] = {
    "attempt": 1,
    "started_at": "2026-11-24T08:00:01.280Z",
    "ended_at": "2026-11-24T08:00:01.310Z",
    "outcome": "delivered",
    "status": 204,
    "answer": "",
}
_ONE: Final = "/v1/subscriptions/{subscription_id}"
_REFUSED: Final = ("not-found", "malformed-request")


def _maybe(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _whole(properties: dict[str, Schema]) -> Schema:
    return {"type": "object", "properties": properties, "required": sorted(properties)}


def subscription_shapes() -> dict[str, Schema]:
    """The schemas of what has no type of its own in the program."""
    text: Schema = {"type": "string"}
    delivery = {
        "lane": {"type": "string", "enum": list(LANES)},
        "position": COUNT,
        "event_id": text,
        "type": text,
        "state": {"type": "string", "enum": list(STATES)},
        "attempts": COUNT,
        "recorded_at": MOMENT,
        "next_attempt_at": _maybe(MOMENT),
        "ended_at": _maybe(MOMENT),
    }
    attempt = {
        "attempt": COUNT,
        "started_at": MOMENT,
        "ended_at": MOMENT,
        "outcome": text,
        "status": _maybe({"type": "integer"}),
        "answer": text | {"description": "The first KiB of it."},
    }
    items = {"type": "array"}
    return {
        "Delivery": _whole(delivery),
        "DeliveryAttempt": _whole(attempt),
        "SubscriptionList": _whole({"items": items | {"items": ref("Subscription")}}),
        "DeliveryPage": _whole({"items": items | {"items": ref("Delivery")}, "next": _maybe(COUNT)}),
        "AttemptList": _whole({"items": items | {"items": ref("DeliveryAttempt")}}),
    }


SUBSCRIPTIONS: Final[Mapping[tuple[str, str], Operation]] = {
    ("post", "/v1/subscriptions"): Operation(
        "createSubscription",
        HEARING,
        "Begin a webhook",
        {201: (in_json("Subscription", {**_SEEN, "status": "pending", "secret": _SECRET}),)},
        (in_json("NewSubscription", _NEW),),
        refusals=("validation", "state"),
        answer_headers=("Location", "Idempotency-Replayed"),
    ),
    ("get", "/v1/subscriptions"): Operation(
        "listSubscriptions",
        HEARING,
        "List the webhooks",
        {200: (in_json("SubscriptionList", {"items": [_SEEN]}),)},
    ),
    ("get", _ONE): Operation(
        "readSubscription",
        HEARING,
        "How far a webhook is behind",
        {200: (in_json("Subscription", _SEEN),)},
        refusals=_REFUSED,
    ),
    ("delete", _ONE): Operation("deleteSubscription", HEARING, "End a webhook", {204: ()}, refusals=_REFUSED),
    ("post", f"{_ONE}/pause"): Operation(
        "pauseSubscription",
        HEARING,
        "Pause a webhook",
        {200: (in_json("Subscription", {**_SEEN, "status": "paused"}),)},
        (in_json("Nothing", {}),),
        refusals=(*_REFUSED, "state"),
        answer_headers=("Idempotency-Replayed",),
    ),
    ("post", f"{_ONE}/enable"): Operation(
        "enableSubscription",
        HEARING,
        "Resume a webhook where it stopped",
        {200: (in_json("Subscription", _SEEN),)},
        (in_json("Nothing", {}),),
        refusals=(*_REFUSED, "state"),
        answer_headers=("Idempotency-Replayed",),
    ),
    ("post", f"{_ONE}/url"): Operation(
        "moveSubscription",
        HEARING,
        "Send a webhook elsewhere",
        {200: (in_json("Subscription", {**_SEEN, "status": "pending"}),)},
        (in_json("NewUrl", {"url": "https://crm.example.org/hooks/consent-2"}),),
        refusals=(*_REFUSED, "validation"),
        answer_headers=("Idempotency-Replayed",),
    ),
    ("post", f"{_ONE}/secret"): Operation(
        "rotateSecret",
        HEARING,
        "Change a webhook's secret",
        {200: (in_json("WebhookSecret", {"secret": _SECRET}),)},
        (in_json("Rotation", {"overlap_seconds": 3600}),),
        refusals=(*_REFUSED, "state", "validation"),
        answer_headers=("Idempotency-Replayed",),
    ),
    ("post", f"{_ONE}/test"): Operation(
        "sendTest",
        HEARING,
        "Send a test event",
        {202: (in_json("TestEvent", {"event_id": "evt_test_1a2b3c"}),)},
        (in_json("Nothing", {}),),
        refusals=(*_REFUSED, "state"),
        answer_headers=("Idempotency-Replayed",),
    ),
    ("post", f"{_ONE}/replays"): Operation(
        "replayRange",
        HEARING,
        "Send a range of positions or times again",
        {202: (in_json("Replay", {"deliveries": None}),)},
        (in_json("NewReplay", {"from_time": "2020-01-01T00:00:00Z"}),),
        refusals=(*_REFUSED, "state", "validation"),
        answer_headers=("Idempotency-Replayed",),
    ),
    ("get", f"{_ONE}/deliveries"): Operation(
        "listDeliveries",
        HEARING,
        "List a webhook's deliveries",
        {200: (in_json("DeliveryPage", {"items": [_DELIVERY], "next": None}),)},
        parameters=(
            query("lane", "Which lane.", {"type": "string", "enum": list(LANES)}, example="live"),
            query(
                "state", "Only those in this state.", {"type": "string", "enum": list(STATES)}, example="dead"
            ),
            query(
                "before", "Only positions below this one.", {"type": "integer", "minimum": 0}, example=1042
            ),
            query(
                "limit",
                "Deliveries at most.",
                {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT_DEFAULT},
                example=50,
            ),
        ),
        refusals=(*_REFUSED, "validation"),
    ),
    ("get", f"{_ONE}/deliveries/{{lane}}/{{position}}/attempts"): Operation(
        "listAttempts",
        HEARING,
        "List the attempts at a delivery",
        {200: (in_json("AttemptList", {"items": [_ATTEMPT]}),)},
        refusals=_REFUSED,
    ),
}
