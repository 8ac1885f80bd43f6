"""The consent ledger as a program asks it, without waiting in line."""

import math
import os
import time
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import aclosing
from typing import Any, Final, Self, TypedDict, Unpack

from service.client import operations as op
from service.client.answers import Answer, Link, Outcome, Page, Published, Receipt
from service.client.errors import NoAnswerError
from service.client.retrying import Retries
from service.client.streams import Campaign, Items, record_groups
from service.client.transport import Clock, Sent, Transport
from service.client.trust import Keys, Trust

CHECK_PATIENCE: Final = 3.0
PATIENCE: Final = 30.0
WAIT_SECONDS: Final = 30
_ROUND_TRIP_SECONDS: Final = 10


class Wanted(TypedDict, total=False):
    """Which events: what does not surely concern something else. `address`: with the address, in clear."""

    types: Iterable[str]
    senders: Iterable[str]
    categories: Iterable[str]
    channels: Iterable[str]
    address: bool


class AsyncLedger:
    """One consent ledger, as one key may use it. Keep one for the whole program: it reuses connections.

    Every method raises `NoAnswerError` where there is no good answer. `patience`: for how many seconds a call
    is repeated when its failure may pass; 0 is once.
    """

    def __init__(  # noqa: PLR0913 - options
        self,
        url: str | None = None,
        key: str | None = None,
        *,
        verify: bool = True,
        keys: Keys | None = None,
        origin: str | None = None,
        retries: Retries | None = None,
        clock: Clock = time.time,  # noqa: TID251 - a client is a composition root of its own
    ) -> None:
        """`url` and `key` come from CONSENT_LEDGER_URL and CONSENT_LEDGER_KEY where they are not given.

        `verify`: believe only answers that the ledger signed. `keys`: believe these alone; without them the
        service's own are read, and kept. `origin`: believe only the log of this origin.
        """
        url = url or os.environ.get("CONSENT_LEDGER_URL", "http://127.0.0.1:8000")
        key = key or os.environ.get("CONSENT_LEDGER_KEY", "")
        if not key:
            raise ValueError("an API key is needed: give it, or set CONSENT_LEDGER_KEY")
        self._transport = Transport(url, key, retries=retries or Retries(), clock=clock)
        self._trust: Trust | None = None
        if verify:
            fetch = None if keys is not None else self.read_keys
            self._trust = Trust(fetch, keys or {}, origin, clock)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()

    async def check(
        self, question: Mapping[str, Any], *, patience: float = CHECK_PATIENCE, seconds: float | None = None
    ) -> Answer:
        """May this message be sent? Each attempt has `seconds` (2 unless said otherwise).

        The answer is verified; a deny is an answer.
        """
        asked = {**question, "proof": "token"} if self._trust is not None else dict(question)
        answer = await self._transport.call(op.CHECK, Answer, Sent(asked), patience=patience, seconds=seconds)
        if self._trust is not None:
            await self._trust.check(asked, answer)
        return answer

    async def is_allowed(self, question: Mapping[str, Any], *, patience: float = CHECK_PATIENCE) -> bool:
        """Whether the message may be sent: no, whatever goes wrong. It raises nothing."""
        try:
            return (await self.check(question, patience=patience)).allowed
        except NoAnswerError:
            return False

    def campaign(self, defaults: Mapping[str, Any], checks: Items) -> Campaign:
        """Check many, in constant memory: `async for line in ledger.campaign(…)`.

        `defaults` is what all checks have in common; a check says what is its own.
        """
        return Campaign(self._transport, self._trust, defaults, checks)

    async def record(self, event: Mapping[str, Any], *, patience: float = PATIENCE) -> Receipt:
        """Record an event; it is durable when this returns. `math.inf` waits for ever.

        On `NoAnswerError` keep the event, and send it again under the same `source_event_id`.
        """
        return await self._transport.call(op.RECORD, Receipt, Sent(dict(event)), patience=patience)

    async def record_many(
        self, events: Items, *, patience: float = PATIENCE
    ) -> AsyncGenerator[Outcome, None]:
        """Record events without end, in constant memory: an outcome for each, in order.

        `patience`: for how long nothing may go well.
        """
        async with aclosing(self.record_groups(events, patience=patience)) as groups:
            async for outcomes in groups:
                for outcome in outcomes:
                    yield outcome

    def record_groups(
        self, events: Items, *, patience: float = PATIENCE
    ) -> AsyncGenerator[list[Outcome], None]:
        """As `record_many`, with as many outcomes at a time as have come."""
        return record_groups(self._transport, events, patience)

    async def prove(self, question: Mapping[str, Any], *, patience: float = PATIENCE) -> bytes:
        """The bundle for a question, a line of a campaign, or an address alone: keep it as it is.

        `consent-ledger verify` verifies it without this service.
        """
        return await self._transport.raw(op.PROVE, Sent(dict(question)), patience=patience)

    async def unsubscribe_link(self, link: Mapping[str, Any], *, patience: float = PATIENCE) -> Link:
        """A way out for one address from one category of one sender."""
        return await self._transport.call(op.LINK, Link, Sent(dict(link)), patience=patience)

    async def events(
        self,
        after: int = 0,
        *,
        wait: int = 0,
        limit: int = 1_000,
        patience: float = PATIENCE,
        **wanted: Unpack[Wanted],
    ) -> Page:
        """Events above a position; `wait`: seconds (at most 30) to hold the request until there is one."""
        params = {"after": str(after), "wait": str(wait), "limit": str(limit)}
        params |= {name: _listed(given) for name, given in wanted.items()}
        seconds = wait + _ROUND_TRIP_SECONDS
        return await self._transport.call(
            op.EVENTS, Page, Sent(params=params), patience=patience, seconds=seconds
        )

    async def follow(
        self, after: int = 0, *, patience: float = math.inf, **wanted: Unpack[Wanted]
    ) -> AsyncGenerator[dict[str, Any], None]:
        """Every event above a position, for ever. Keep `event["data"]["position"]` to go on from there."""
        while True:
            page = await self.events(after, wait=WAIT_SECONDS, patience=patience, **wanted)
            for event in page.items:
                yield event
            after = page.next

    async def publish_form(self, form: Mapping[str, Any], *, patience: float = PATIENCE) -> Published:
        """Publish a form; the same form has the same id."""
        return await self._transport.call(op.FORM, Published, Sent(dict(form)), patience=patience)

    async def register_sender(self, sender: Mapping[str, Any], *, patience: float = PATIENCE) -> Published:
        """Register a legal entity that mails."""
        return await self._transport.call(op.SENDER, Published, Sent(dict(sender)), patience=patience)

    async def read_keys(self) -> bytes:
        """The service's public keys, as a JWK set."""
        return await self._transport.raw(op.KEYS, Sent(), patience=CHECK_PATIENCE)

    async def is_ready(self) -> bool:
        """Whether the service takes requests. It raises nothing."""
        try:
            await self._transport.raw(op.READY, Sent(), patience=0)
        except NoAnswerError:
            return False
        return True


def _listed(given: object) -> str:
    if isinstance(given, bool):
        return "true" if given else "false"
    if isinstance(given, Iterable) and not isinstance(given, str):
        return ",".join(str(one) for one in given)
    return str(given)
