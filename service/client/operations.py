"""The operations of the contract that this client speaks, under the ids that the contract gives them."""

from typing import Final, NamedTuple


class Operation(NamedTuple):
    """One operation: how it is asked, and how long its answer may take.

    `repeatable`: doing it twice is the same as once, by its nature or by an id that is in it. What is not
    carries an `Idempotency-Key`, the same in every attempt.
    """

    id: str
    method: str
    path: str
    seconds: float = 10.0
    repeatable: bool = True


CHECK: Final = Operation("checkOne", "POST", "/v1/checks", 2.0)
CAMPAIGN: Final = Operation("checkCampaign", "POST", "/v1/checks/batch", 60.0)
PROVE: Final = Operation("prove", "POST", "/v1/proofs", 30.0)
RECORD: Final = Operation("recordEvent", "POST", "/v1/events")
RECORD_MANY: Final = Operation("recordEvents", "POST", "/v1/events/batch", 60.0)
EVENTS: Final = Operation("listEvents", "GET", "/v1/events")
LINK: Final = Operation("makeUnsubscribeLink", "POST", "/v1/unsubscribe-links")
FORM: Final = Operation("publishForm", "POST", "/v1/forms", repeatable=False)
SENDER: Final = Operation("registerSender", "POST", "/v1/senders", repeatable=False)
KEYS: Final = Operation("readKeys", "GET", "/.well-known/jwks.json")
READY: Final = Operation("isReady", "GET", "/readyz")

OPERATIONS: Final = (
    CHECK,
    CAMPAIGN,
    PROVE,
    RECORD,
    RECORD_MANY,
    EVENTS,
    LINK,
    FORM,
    SENDER,
    KEYS,
    READY,
)
