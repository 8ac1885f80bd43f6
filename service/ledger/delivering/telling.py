"""What an event says to one subscriber: a pseudonym for all, and what this one may know of the person.

An address is told with leave only. A source's own id for a person (`external_id` of its events) is told to
whom the subscriber's credential says that it speaks for this source; the newest one that it gave stands with
every event from then on, also when an older one is told again. Both are opened with the person's own key: an
erasure reaches them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from service.core.records import source_tag
from service.ledger.delivering.cloud_events import Heard, cloud_event
from service.ledger.keys import LedgerKeys, Sealer, external_id_context
from service.ledger.opening import Opener
from service.ledger.ports import SecretRow, Store

ADDRESS_KINDS: Final = ("email", "phone")


@dataclass(frozen=True, slots=True)
class View:
    """What a subscriber is told of people. `source`: whose own ids for them; None: nobody's."""

    with_address: bool = False
    source: str | None = None

    @property
    def is_pseudonymous(self) -> bool:
        """Whether nothing but the pseudonym is told."""
        return not self.with_address and self.source is None


PSEUDONYMOUS: Final = View()


@dataclass(frozen=True, slots=True)
class Person:
    """What one view shows of a subject, and the key that its private parts are sealed with."""

    cipher: AESGCM
    address: dict[str, str] | None
    external_id: str | None

    @property
    def is_shown(self) -> bool:
        """Whether there is anything to tell but the pseudonym."""
        return self.address is not None or self.external_id is not None


class Telling:
    """Tells one ledger's events."""

    def __init__(self, store: Store, sealer: Sealer, keys: LedgerKeys) -> None:
        self._store = store
        self._sealer = sealer
        self._opener = Opener(sealer)
        self._keys = keys

    async def told(self, events: Sequence[Heard], view: View) -> list[dict[str, Any]]:
        """These events as CloudEvents."""
        people = {} if view.is_pseudonymous else await self.people((one.subject_key for one in events), view)
        return [self.event(heard, people.get(heard.subject_key)) for heard in events]

    def event(self, heard: Heard, person: Person | None = None) -> dict[str, Any]:
        """One event, with what is shown of the person."""
        if person is None:
            return cloud_event(self._keys.origin, heard)
        return cloud_event(self._keys.origin, heard, external_id=person.external_id, address=person.address)

    async def people(self, keys: Iterable[bytes], view: View) -> dict[bytes, Person]:
        """Those of the subjects that were not erased.

        Raises `ForkError` for an address that does not open.
        """
        wanted = list(set(keys))
        if not wanted:
            return {}
        tag = source_tag(self._keys.subject_key_secret, view.source) if view.source is not None else None
        async with self._store.snapshot() as snapshot:
            secrets = await snapshot.secrets(wanted)
            ids = await snapshot.external_ids(wanted, tag) if tag is not None else {}
        return {
            key: self._person(key, secret, view, (tag, ids[key]) if tag is not None and key in ids else None)
            for key, secret in secrets.items()
        }

    def _person(
        self, key: bytes, secret: SecretRow, view: View, sealed_id: tuple[bytes, bytes] | None
    ) -> Person:
        address = self._opener.address(key, secret) if view.with_address else None
        cipher = self._sealer.open_subject(key, secret.wrapped_key)
        return Person(
            cipher,
            {"kind": address.kind, "value": address.value}
            if address is not None and address.kind in ADDRESS_KINDS
            else None,
            self._external_id(cipher, *sealed_id) if sealed_id is not None else None,
        )

    def _external_id(self, cipher: AESGCM, tag: bytes, sealed: bytes) -> str | None:
        try:
            return self._sealer.open(cipher, sealed, external_id_context(tag)).decode()
        except InvalidTag:
            return None  # from before an erasure, whose key is gone
