"""Taking events in: what may be refused is refused here, before anything waits for the log."""

from collections.abc import Awaitable, Sequence
from typing import cast

from service.core.errors import EventError, InputError, LedgerError, NotFoundError
from service.core.events import LEDGER_SUBJECT, Form, SubmittedEvent, milliseconds
from service.core.events.parsing import CONFIGURING
from service.ledger.appending.admission import Admission, Admitted
from service.ledger.appending.appender import Appender
from service.ledger.appending.epoch import Receipt
from service.ledger.catalogue import Catalogue
from service.ledger.ports import Clock


class Intake:
    """Admits events of callers. Configuration has its own ways in, which publish the text with the event."""

    def __init__(self, admission: Admission, catalogue: Catalogue, appender: Appender, clock: Clock) -> None:
        self._admission = admission
        self._catalogue = catalogue
        self._appender = appender
        self._clock = clock

    @property
    def overloaded(self) -> bool:
        """Whether new work should be refused early; a no should not."""
        return self._appender.overloaded

    def now_ms(self) -> int:
        """The time, in milliseconds since 1970: nothing that is declared may lie after it."""
        return self._clock()

    def turn_away(self, events: int) -> None:
        """Note that so many were refused because too many wait."""
        self._appender.meter.turned_away(events)

    async def record(self, event: SubmittedEvent) -> Receipt:
        """Record one event; returns when it is durable.

        Raises `InputError` when it is refused, `ConflictError` for a used id and `UnavailableError` when the
        caller should try again.
        """
        return await self._appender.append(await self._admit(event))

    async def record_all(self, events: Sequence[SubmittedEvent | InputError]) -> list[Receipt | LedgerError]:
        """Record many, each on its own; what could not even be read is passed through in its place."""
        return await (await self.submit_all(events))

    async def submit_all(
        self, events: Sequence[SubmittedEvent | InputError]
    ) -> Awaitable[list[Receipt | LedgerError]]:
        """Give many their place in the queue, in this order, and return what waits for their answers.

        A sender of a stream can so have many under way without losing their order.
        """
        admitted = [await self._admit_or_refuse(event) for event in events]
        answers = self._appender.append_all([event for event in admitted if isinstance(event, Admitted)])
        return _in_place(admitted, answers)

    async def _admit_or_refuse(self, event: SubmittedEvent | InputError) -> Admitted | InputError:
        if isinstance(event, InputError):
            return event
        try:
            return await self._admit(event)
        except InputError as refusal:
            return refusal

    async def _admit(self, event: SubmittedEvent) -> Admitted:
        if isinstance(event, CONFIGURING) and event.__struct_config__.tag not in _OPEN_CONFIGURING:
            raise EventError(
                "this type is recorded by publishing (forms, senders, rulebook)", pointer="/type", code="type"
            )
        if event.sender == LEDGER_SUBJECT:
            raise EventError("this id is reserved", pointer="/sender", code="reserved")
        await self._catalogue.require_senders(event)
        form_id = cast("str | None", getattr(event, "form", None))
        try:
            forms = await self._catalogue.forms([form_id]) if form_id else {}
        except NotFoundError as error:
            raise EventError("no such form was published", pointer="/form", code="unknown_form") from error
        _require_box(event, forms.get(form_id or ""))
        return self._admission.admit(event, await self._now_ms(event), forms=forms)

    async def _now_ms(self, event: SubmittedEvent) -> int:
        """The clock; or where that was set back the ledger's time: nothing recorded lies in the future."""
        now_ms = self._clock()
        if milliseconds(event.occurred_at) <= now_ms:
            return now_ms
        return max(now_ms, await self._catalogue.recorded_at_ms())


async def _in_place(
    admitted: list[Admitted | InputError], answers: Awaitable[list[Receipt | LedgerError]]
) -> list[Receipt | LedgerError]:
    outcomes = iter(await answers)
    return [next(outcomes) if isinstance(event, Admitted) else event for event in admitted]


# A renaming or a sale of a business happens outside: whoever keeps the records reports it.
_OPEN_CONFIGURING = ("business_transferred", "sender_renamed")


def _require_box(event: SubmittedEvent, form: Form | None) -> None:
    box = getattr(event, "box", None)
    if box is not None and form is not None and form.box(box) is None:
        raise EventError("the form has no such box", pointer="/box", code="unknown_box")
