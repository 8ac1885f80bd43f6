"""What of an export the log alone does not give again: made once, from one state, when it is pinned."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import msgspec
import structlog

from service.core.bundle import Bundle, parse_bundle
from service.core.checkpoint import Checkpoint, parse_checkpoint
from service.core.entries import recorded_at_ms
from service.core.errors import ForkError, FormatError, NotFoundError, QuestionError
from service.core.export import contents as at
from service.core.law.question import parse_question
from service.core.notes import parse_note, with_signatures
from service.ledger.addresses import CanonicalAddress
from service.ledger.answering.checks import Asked
from service.ledger.appending.configuration import read_form
from service.ledger.campaigns.ports import CampaignStore
from service.ledger.campaigns.search import CampaignSearch
from service.ledger.catalogue import Catalogue, Sender
from service.ledger.delivering.cloud_events import time_of
from service.ledger.exporting.attested import attested_files, proved_sizes
from service.ledger.exporting.files import File, Pinned, documents_below
from service.ledger.exporting.ports import Printer, Scope
from service.ledger.exporting.readme import readme
from service.ledger.exporting.report.page import Subject, report_page
from service.ledger.key_following import follow, read_history
from service.ledger.keys import LedgerKeys
from service.ledger.ports import Snapshot, Store
from service.ledger.proving.proofs import Proofs
from service.ledger.verifier_page import verifier_page

_HOLD_EVERY: Final = 64
_LINES_SHOWN_MAX: Final = 200
"""So many lines of campaigns are proved of each address, of the newest campaigns."""

_log = structlog.get_logger(__name__)

Hold = Callable[[], Awaitable[None]]
"""Tells others that whoever calls is still at it."""


@dataclass(frozen=True, slots=True)
class Frozen:
    """What an export is pinned to, and the files that are kept with it."""

    pinned: Pinned
    files: list[File]


class Freezer:
    """Pins exports of one ledger."""

    def __init__(
        self,
        store: Store,
        keys: LedgerKeys,
        proofs: Proofs,
        campaigns: CampaignStore,
        search: CampaignSearch,
        catalogue: Catalogue,
    ) -> None:
        """`printer` may be set to what makes a PDF of the report."""
        self._store = store
        self._keys = keys
        self._proofs = proofs
        self._campaigns = campaigns
        self._campaign_proofs = search.proofs
        self._search = search
        self.printer: Printer | None = None
        self._catalogue = catalogue

    async def require(self, scope: Scope) -> None:
        """Refuse what cannot be exported as asked.

        Raises `NotFoundError` for a checkpoint or campaign that does not exist, and `QuestionError`.
        """
        _require_sense(scope)
        if scope.question is not None:
            sender: str | None = parse_question(scope.question).sender
        else:
            sender = scope.sender
        if sender is not None and not await self._catalogue.is_sender(sender):
            raise QuestionError("no such sender is registered", pointer="/sender", code="unknown_sender")
        if scope.campaign is not None:
            await self._campaign_proofs.event(scope.campaign)
        async with self._store.snapshot() as snapshot:
            size, _ = await self._checkpoint(snapshot, scope)
        if max(scope.held_sizes, default=0) > size:
            raise QuestionError(
                f"this log has {size} entries: a larger checkpoint is not of it, or it was set back",
                pointer="/held_sizes",
                code="in_future",
            )

    async def freeze(self, scope: Scope, hold: Hold, earlier: Sequence[int] = ()) -> Frozen:
        """Read one state and make what it alone can give; `hold` is called now and then while it takes long.

        `earlier`: sizes of states that others hold, from which growth is proved where the log is not in it.

        Raises `NotFoundError` for a checkpoint or campaign that does not exist, `QuestionError` for a
        question that cannot be decided, and `ForkError`.
        """
        async with self._store.snapshot() as snapshot:
            size, note = await self._checkpoint(snapshot, scope)
            last = (await snapshot.entries_at([size - 1]))[size - 1]
            moment = recorded_at_ms(last.entry)
            documents = await _documents(snapshot, size)
            attested = await attested_files(snapshot, scope, size, note, earlier)
            bundles: list[File] = []
            for address in scope.addresses:
                if len(bundles) % _HOLD_EVERY == 0:
                    await hold()
                bundle = await self._bundle(snapshot, scope, address, moment)
                bundles.append((at.bundle_name(len(bundles) + 1), bundle))
            lines, unsearched = await self._lines(snapshot, scope, size, hold)
        pinned = Pinned(scope, size, documents)
        campaign: list[File] = []
        if scope.campaign is not None:
            count, campaign = await self._campaign(scope.campaign)
            pinned = replace(pinned, campaign_count=count)
        body = self._body(pinned, moment, unsearched, proved_sizes(scope, attested))
        report = await self._report(body, note, [raw for _, raw in bundles], lines)
        files: list[File] = [
            (at.README, readme(body, body.language).encode()),
            (at.REPORT, report.encode()),
            *await self._printed(report),
            *([(at.VERIFIER, verifier_page())] if bundles else []),
            (at.EXPORT, at.body_bytes(body)),
            (at.CHECKPOINT, note),
            *attested,
            *bundles,
            *lines,
            *campaign,
        ]
        return Frozen(pinned, files)

    async def keys(self, scope: Scope) -> File:
        """The keys of the log as they are now; and takes up the newest, which signs for the manifest."""
        async with self._store.snapshot() as snapshot:
            await follow(self._keys, snapshot, await snapshot.head())
            genesis = (await snapshot.entries(0, 1))[0].entry
            rows = await snapshot.successions()
            history = await read_history(snapshot)
        body = at.KeysBody(
            genesis=genesis,
            successions=tuple((row.index, row.entry) for row in rows),
            vkeys=tuple(key.vkey for key in history.keys),
            subject_key_secret=self._keys.subject_key_secret.hex() if scope.disclose else None,
        )
        return at.KEYS, at.body_bytes(body)

    async def pinned(self, scope: Scope, size: int) -> Pinned:
        """What an export is made from that was pinned to this size before."""
        async with self._store.snapshot() as snapshot:
            documents = await _documents(snapshot, size)
        count = 0
        if scope.campaign is not None:
            count = (await self._campaign_proofs.event(scope.campaign))[1].count
        return Pinned(scope, size, documents, count)

    async def _printed(self, page: str) -> list[File]:
        """The report as a PDF, where one can be made."""
        if self.printer is None:
            return []
        try:
            return [(at.REPORT_PDF, await asyncio.to_thread(self.printer, page))]
        except FormatError as error:
            _log.info("report_not_printed", ledger=self._keys.origin, reason=str(error))
            return []

    async def _lines(self, snapshot: Snapshot, scope: Scope, size: int, hold: Hold) -> tuple[list[File], int]:
        """A proof for each line of a campaign that asked about an address; how many were not searched."""
        if not scope.addresses:
            return [], 0
        places = {self._proofs.subject_of(address): place for place, address in enumerate(scope.addresses)}
        found = await self._search.concerning(snapshot, list(places), size, hold=hold)
        files: list[File] = []
        shown: Counter[bytes] = Counter()
        for line in found.lines:
            shown[line.subject_key] += 1
            if shown[line.subject_key] > _LINES_SHOWN_MAX:
                continue
            await hold()
            place = places[line.subject_key]
            raw = await self._campaign_proofs.bundle(
                line.campaign,
                line.line,
                scope.addresses[place],
                line.overrides,
                disclose=scope.disclose,
                snapshot=snapshot,
            )
            files.append((at.line_name(place + 1, shown[line.subject_key]), raw))
        return sorted(files), found.unsearched

    async def _report(self, body: at.ExportBody, note: bytes, bundles: list[bytes], lines: list[File]) -> str:
        """The page for people. It shows the forms, and the senders by their names."""
        asked: dict[int, list[Bundle]] = {}
        for name, raw in lines:
            asked.setdefault(at.place_of_line(name) or 0, []).append(parse_bundle(raw))
        async with self._store.snapshot() as snapshot:
            forms = [row for row in await snapshot.documents_of("form") if row.index < body.size]
            senders = [row for row in await snapshot.documents_of("sender") if row.index < body.size]
        named = [msgspec.json.decode(row.body, type=Sender) for row in senders]
        return report_page(
            Subject(
                body=body,
                vkey=self._keys.history.at(body.size).vkey,
                checkpoint=note.decode(),
                bundles=[parse_bundle(raw) for raw in bundles],
                lines=asked,
                forms={row.digest.hex(): read_form(row.body) for row in forms},
                senders={sender.id: sender.legal_name for sender in named},
            )
        )

    async def _checkpoint(self, snapshot: Snapshot, scope: Scope) -> tuple[int, bytes]:
        size = scope.size if scope.size is not None else (await snapshot.head()).size
        note = await snapshot.checkpoint(size)
        if note is None:
            raise NotFoundError("no checkpoint was signed for this size")
        cosigned, lines = await snapshot.cosignatures(size)
        return size, with_signatures(note, lines if cosigned == size else ())

    async def _bundle(
        self, snapshot: Snapshot, scope: Scope, address: CanonicalAddress, moment: int
    ) -> bytes:
        asked: CanonicalAddress | Asked = address
        if scope.question is not None:
            asked = Asked(parse_question(scope.question), address, at_ms=moment, with_token=False)
        held_size = max(scope.held_sizes, default=None)
        return await self._proofs.bundle(
            asked, disclose=scope.disclose, held_size=held_size, snapshot=snapshot
        )

    def _body(
        self, pinned: Pinned, moment: int, unsearched: int, held_sizes: tuple[int, ...]
    ) -> at.ExportBody:
        scope = pinned.scope
        return at.ExportBody(
            origin=self._keys.origin,
            scope=scope.kind,
            sender=scope.sender,
            since_ms=scope.since_ms,
            until_ms=scope.until_ms,
            campaign=scope.campaign,
            subjects=tuple(self._proofs.subject_of(address).hex() for address in scope.addresses),
            log=pinned.has_log,
            unsearched=unsearched,
            held_sizes=held_sizes,
            disclosed=scope.disclose,
            language=scope.language,
            size=pinned.size,
            recorded_at=time_of(moment),
        )

    async def _campaign(self, campaign: str) -> tuple[int, list[File]]:
        """The event of a campaign, what was asked, and the states its lines were answered from."""
        opened, checked = await self._campaign_proofs.event(campaign)
        name = bytes.fromhex(campaign)
        question = await self._campaigns.question(name)
        if question is None:
            raise ForkError("what a campaign asked is missing from the database")
        line = at.RecordLine(index=opened.index, opening=opened.opening, record=opened.record.decode())
        runs = at.CampaignRuns(checked.count, tuple(await self._campaigns.runs(name)))
        return checked.count, [
            (at.CAMPAIGN_EVENT, at.lines_bytes([line])),
            (at.CAMPAIGN_QUESTION, question),
            (at.CAMPAIGN_RUNS, at.body_bytes(runs)),
        ]


async def _documents(snapshot: Snapshot, size: int) -> int:
    """How many documents were published below this size."""
    return len(await documents_below(snapshot, size))


def checkpoint_of(note: bytes) -> Checkpoint:
    """The checkpoint of a note of ours."""
    return parse_checkpoint(parse_note(note).text)


def scope_bytes(scope: Scope) -> bytes:
    """A scope, to be sealed."""
    return msgspec.json.encode(scope)


def read_scope(raw: bytes) -> Scope:
    """A scope that was sealed."""
    return msgspec.json.decode(raw, type=Scope)


def _require_sense(scope: Scope) -> None:
    """Refuse what cannot be exported as asked. Raises `QuestionError`."""
    if scope.size is not None and scope.kind == "addresses":
        raise QuestionError(
            "what is proved of an address is proved of the newest checkpoint: leave size out",
            pointer="/size",
            code="value",
        )
    since, until = scope.since_ms, scope.until_ms
    if since is not None and until is not None and since >= until:
        raise QuestionError("the period ends before it begins", pointer="/until", code="value")
