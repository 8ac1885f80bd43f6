"""The proof of one line of a campaign: its question answered again from the state the campaign saw."""

from collections.abc import Mapping
from typing import Any

import msgspec

from service.core.campaign import CAMPAIGN_SOURCE, campaign_event_id
from service.core.errors import ForkError, NotFoundError
from service.core.events.configuration import CampaignChecked
from service.core.history import logged_event
from service.core.law.question import parse_question
from service.core.merkle import HashRange, plan_inclusion, prove_inclusion
from service.core.records import dedup_key
from service.ledger.addresses import CanonicalAddress
from service.ledger.answering.checks import Asked
from service.ledger.campaigns.lines import merged
from service.ledger.campaigns.ports import CampaignStore
from service.ledger.keys import LedgerKeys
from service.ledger.opening import OpenedEvent, Opener
from service.ledger.ports import Snapshot, Store
from service.ledger.proving.proofs import CampaignLine, Documents, Proofs


class CampaignProofs:
    """Proves single lines. The addresses of a campaign are not kept, so the asker has to bring the line's."""

    def __init__(
        self, store: Store, campaigns: CampaignStore, keys: LedgerKeys, opener: Opener, proofs: Proofs
    ) -> None:
        self._store = store
        self._campaigns = campaigns
        self._keys = keys
        self._opener = opener
        self._proofs = proofs

    async def bundle(  # noqa: PLR0913 - what can be wished of a bundle
        self,
        campaign: str,
        line: int,
        address: CanonicalAddress,
        overrides: Mapping[str, Any],
        *,
        disclose: bool,
        documents: Documents = "shown",
        held_size: int | None = None,
        snapshot: Snapshot | None = None,
    ) -> bytes:
        """The signed bundle for line `line` (counted from 1), which asked about `address`.

        `overrides` is what the line said otherwise than the campaign's defaults. `snapshot`: the state to
        read, the newest if None. Raises `NotFoundError` for a
        campaign or line that is not in the log, and `QuestionError` when the line asked something else, or
        what it was answered from was erased since.
        """
        name = bytes.fromhex(campaign)
        opened, checked = await self.event(campaign)
        body = await self._campaigns.question(name)
        if body is None:
            raise NotFoundError("no such campaign was recorded in this ledger")
        run = await self._campaigns.run_of(name, line)
        if line > checked.count or run is None:
            raise NotFoundError(f"the campaign has {checked.count} lines")
        leaf, proof = await self._path(name, line - 1, checked.count)
        question = parse_question(merged(msgspec.json.decode(body), overrides))
        asked = Asked(question=question, address=address, at_ms=run.at_ms, with_token=False)
        shown = CampaignLine(
            event=opened,
            line=line,
            position=run.position,
            leaf=leaf,
            proof=proof,
        )
        return await self._proofs.bundle(
            asked,
            disclose=disclose,
            campaign=shown,
            documents=documents,
            held_size=held_size,
            snapshot=snapshot,
        )

    async def event(self, campaign: str) -> tuple[OpenedEvent, CampaignChecked]:
        """The event of a campaign. Raises `NotFoundError`."""
        index = await self._campaigns.event_index(
            dedup_key(self._keys.subject_key_secret, CAMPAIGN_SOURCE, campaign_event_id(campaign))
        )
        if index is None:
            raise NotFoundError("no such campaign was recorded in this ledger")
        return await self._event(index)

    async def _path(self, campaign: bytes, place: int, size: int) -> tuple[bytes, list[bytes]]:
        """The leaf hash at a place, and its audit path."""
        # A tree of one leaf has no path to plan, so the leaf is asked for by itself.
        own = HashRange(0, place, place + 1)
        hashes = await self._campaigns.hashes(campaign, [own, *plan_inclusion(place, size)])
        if not hashes[own]:
            raise ForkError("the leaf of a campaign's line is missing from the database")
        return hashes[own][0], prove_inclusion(place, size, hashes)

    async def _event(self, index: int) -> tuple[OpenedEvent, CampaignChecked]:
        async with self._store.snapshot() as snapshot:
            rows = await snapshot.records(index, index + 1)
            secrets = await snapshot.secrets([row.subject_key for row in rows])
        for row in rows:
            for opened in self._opener.events(row.subject_key, secrets.get(row.subject_key), [row]):
                event = logged_event(index, 0, opened.record).recorded.event
                if isinstance(event, CampaignChecked):
                    return opened, event
        raise ForkError(f"entry {index} should be the event of a campaign")
