"""Which rulebooks were in force, and from when: read from the ledger's own chain."""

from dataclasses import dataclass

import msgspec

from service.core.events import LEDGER_SUBJECT
from service.core.events.configuration import RulebookPublished
from service.core.law.rulebook import RulebookDocument
from service.ledger.appending.admission import Admission
from service.ledger.opening import Opener
from service.ledger.ports import Store


@dataclass(frozen=True, slots=True)
class Publication:
    """A rulebook came into force at this entry. The same one may have come into force several times."""

    digest: bytes
    label: str
    index: int
    published_at_ms: int
    in_force: bool


class Publications:
    """Reads when each rulebook was published."""

    def __init__(self, store: Store, opener: Opener, admission: Admission) -> None:
        self._store = store
        self._opener = opener
        self._admission = admission

    async def rulebooks(self) -> list[Publication]:
        """Every publication, oldest first; the last one is in force."""
        key = self._admission.subject_of_sender(LEDGER_SUBJECT)
        async with self._store.snapshot() as snapshot:
            history = (await self._opener.histories(snapshot, [key]))[key]
            documents = await snapshot.documents_of("rulebook")
        labels = {
            row.digest.hex(): msgspec.json.decode(row.body, type=RulebookDocument).label for row in documents
        }
        published = [
            (logged.recorded.event.rulebook, logged)
            for logged in history.logged
            if isinstance(logged.recorded.event, RulebookPublished)
        ]
        newest = published[-1][1].index
        return [
            Publication(
                digest=bytes.fromhex(digest),
                label=labels[digest],
                index=logged.index,
                published_at_ms=logged.recorded_at_ms,
                in_force=logged.index == newest,
            )
            for digest, logged in published
        ]
