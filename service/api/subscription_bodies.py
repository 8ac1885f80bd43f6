"""What goes in and out of the routes of `/v1/subscriptions`, for the contract."""

from collections.abc import Mapping
from typing import Any, Final

from service.api.subscriptions import (
    NothingBody,
    ReplayBody,
    ReplayView,
    RotationBody,
    SecretView,
    SubscriptionBody,
    SubscriptionView,
    TestView,
)

_PATH = "/v1/subscriptions"
_ONE = _PATH + "/{subscription_id}"
_SUBSCRIPTION = {
    "name": "CRM",
    "url": "https://crm.example.org/hooks/consent",
    "types": ["consent_withdrawn", "objection"],
}

SUBSCRIPTION_BODIES: Final[Mapping[tuple[str, str], tuple[Any, Any, Any]]] = {
    (_PATH, "post"): (SubscriptionBody, _SUBSCRIPTION, SubscriptionView),
    (_ONE, "get"): (None, None, SubscriptionView),
    (_ONE + "/pause", "post"): (NothingBody, {}, SubscriptionView),
    (_ONE + "/enable", "post"): (NothingBody, {}, SubscriptionView),
    (_ONE + "/secret", "post"): (RotationBody, {"overlap_seconds": 3600}, SecretView),
    (_ONE + "/test", "post"): (NothingBody, {}, TestView),
    (_ONE + "/replays", "post"): (
        ReplayBody,
        {"first_position": 100, "last_position": 200},
        ReplayView,
    ),
}
"""Request type, its example and answer type, by path and method."""
