"""The same client for programs without an event loop: a thread of its own runs it. Any thread may call."""

import asyncio
import itertools
import threading
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Callable,
    Coroutine,
    Generator,
    Iterable,
    Iterator,
    Mapping,
)
from typing import Any, Final, Generic, Self, TypeVar

from service.client.answers import Answer, Line, Link, Outcome, Page, Published, Receipt, Summary
from service.client.asynchronous import CHECK_PATIENCE, PATIENCE, AsyncLedger
from service.client.errors import NoAnswerError
from service.client.streams import GROUP_ITEMS, Item

T = TypeVar("T")
_HANDED_OVER_MAX: Final = 4


class Ledger:
    """`AsyncLedger` for programs that wait for each answer: the same methods, options and exceptions."""

    def __init__(self, url: str | None = None, key: str | None = None, **options: Any) -> None:  # noqa: ANN401 - those of `AsyncLedger`
        self._ledger = AsyncLedger(url, key, **options)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="consent-ledger", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections and end the thread."""
        if self._loop.is_closed():
            return
        self.run(self._ledger.close())
        self.run(self._loop.shutdown_asyncgens())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something with the asynchronous client, in its thread. An interrupt ends it there too."""
        if self._loop.is_closed():
            work.close()
            raise NoAnswerError("this client was closed")
        doing = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return doing.result()
        except BaseException:
            doing.cancel()
            raise

    def check(
        self, question: Mapping[str, Any], *, patience: float = CHECK_PATIENCE, seconds: float | None = None
    ) -> Answer:
        """As `AsyncLedger.check`."""
        return self.run(self._ledger.check(question, patience=patience, seconds=seconds))

    def is_allowed(self, question: Mapping[str, Any], *, patience: float = CHECK_PATIENCE) -> bool:
        """As `AsyncLedger.is_allowed`."""
        return self.run(self._ledger.is_allowed(question, patience=patience))

    def campaign(self, defaults: Mapping[str, Any], checks: Iterable[Item]) -> "SyncCampaign":
        """As `AsyncLedger.campaign`: `for line in ledger.campaign(…)`."""
        return SyncCampaign(self, self._ledger, defaults, checks)

    def record(self, event: Mapping[str, Any], *, patience: float = PATIENCE) -> Receipt:
        """As `AsyncLedger.record`."""
        return self.run(self._ledger.record(event, patience=patience))

    def record_many(self, events: Iterable[Item], *, patience: float = PATIENCE) -> Iterator[Outcome]:
        """As `AsyncLedger.record_many`. `events` are taken in the caller's thread."""
        crossing = _Crossing(events, lambda items: self._ledger.record_groups(items, patience=patience))
        return crossing.over(self)

    def prove(self, question: Mapping[str, Any], *, patience: float = PATIENCE) -> bytes:
        """As `AsyncLedger.prove`."""
        return self.run(self._ledger.prove(question, patience=patience))

    def unsubscribe_link(self, link: Mapping[str, Any], *, patience: float = PATIENCE) -> Link:
        """As `AsyncLedger.unsubscribe_link`."""
        return self.run(self._ledger.unsubscribe_link(link, patience=patience))

    def events(self, after: int = 0, **options: Any) -> Page:  # noqa: ANN401 - those of `AsyncLedger.events`
        """As `AsyncLedger.events`."""
        return self.run(self._ledger.events(after, **options))

    def follow(self, after: int = 0, **options: Any) -> Generator[dict[str, Any], None, None]:  # noqa: ANN401 - as `events`
        """As `AsyncLedger.follow`."""
        following = self._ledger.follow(after, **options)
        try:
            while True:
                yield self.run(anext(following))
        finally:
            self.run(following.aclose())

    def publish_form(self, form: Mapping[str, Any], *, patience: float = PATIENCE) -> Published:
        """As `AsyncLedger.publish_form`."""
        return self.run(self._ledger.publish_form(form, patience=patience))

    def register_sender(self, sender: Mapping[str, Any], *, patience: float = PATIENCE) -> Published:
        """As `AsyncLedger.register_sender`."""
        return self.run(self._ledger.register_sender(sender, patience=patience))

    def read_keys(self) -> bytes:
        """As `AsyncLedger.read_keys`."""
        return self.run(self._ledger.read_keys())

    def is_ready(self) -> bool:
        """As `AsyncLedger.is_ready`."""
        return self.run(self._ledger.is_ready())


class SyncCampaign:
    """A campaign under way: iterate over its lines. `summary` is there when the last one has come."""

    def __init__(
        self, ledger: Ledger, asynchronous: AsyncLedger, defaults: Item, checks: Iterable[Item]
    ) -> None:
        self._ledger = ledger
        self._crossing = _Crossing(checks, self._begin)
        self._asynchronous = asynchronous
        self._defaults = defaults

    def _begin(self, items: AsyncIterator[Item]) -> AsyncGenerator[list[Line], None]:
        self._campaign = self._asynchronous.campaign(self._defaults, items)
        return self._campaign.groups()

    def __iter__(self) -> Iterator[Line]:
        return self._crossing.over(self._ledger)

    @property
    def id(self) -> str:
        """As `Campaign.id`."""
        return self._campaign.id

    @property
    def summary(self) -> Summary:
        """What became of it. Raises `AwayError` while it is not complete."""
        return self._campaign.summary


class _Crossing(Generic[T]):
    """Between a thread that has items and wants answers, and the loop that sends and reads.

    Items are taken in the caller's thread, where its database cursors and files live, and only as fast as
    they are sent.
    """

    def __init__(
        self, items: Iterable[Item], begin: Callable[[AsyncIterator[Item]], AsyncGenerator[list[T], None]]
    ) -> None:
        self._items = iter(items)
        self._begin = begin
        self._handed: asyncio.Queue[list[Item] | None] = asyncio.Queue(_HANDED_OVER_MAX)
        self._coming: asyncio.Task[list[T] | None] | None = None
        self._answers: AsyncGenerator[list[T], None] | None = None

    def over(self, ledger: Ledger) -> Iterator[T]:
        """The answers, while the items are taken."""
        try:
            ended = False
            while not ended:
                group = list(itertools.islice(self._items, GROUP_ITEMS))
                answers, ended = ledger.run(self._exchange(group or None))
                yield from answers
                while not group and not ended:
                    answers, ended = ledger.run(self._receive())
                    yield from answers
        finally:
            ledger.run(self._stop())

    async def _sending(self) -> AsyncGenerator[Item, None]:
        while (group := await self._handed.get()) is not None:
            for item in group:
                yield item

    def _next(self) -> "asyncio.Task[list[T] | None]":
        if self._answers is None:
            self._answers = self._begin(self._sending())
        if self._coming is None:
            self._coming = asyncio.create_task(_anext(self._answers))
        return self._coming

    async def _exchange(self, group: list[Item] | None) -> tuple[list[T], bool]:
        """Hand a group over (None: there are no more); what was answered until it found room."""
        handing = asyncio.create_task(self._handed.put(group))
        try:
            found: list[T] = []
            while not handing.done():
                coming = self._next()
                await asyncio.wait({handing, coming}, return_when=asyncio.FIRST_COMPLETED)
                if coming.done():
                    answers, ended = await self._receive()
                    found += answers
                    if ended:
                        return found, True
            return found, False
        finally:
            handing.cancel()

    async def _receive(self) -> tuple[list[T], bool]:
        """The next answers, and whether they were the last."""
        coming = self._next()
        answers = await asyncio.shield(coming)
        self._coming = None
        return (answers, False) if answers is not None else ([], True)

    async def _stop(self) -> None:
        if self._coming is not None:
            self._coming.cancel()
            await asyncio.wait([self._coming])
        if self._answers is not None:
            await self._answers.aclose()


async def _anext(answers: AsyncGenerator[list[T], None]) -> list[T] | None:
    return await anext(answers, None)
