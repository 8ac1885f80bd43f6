"""The campaign in an export: its event is in the log, and its answers are those the event was signed over."""

import hashlib
from collections.abc import Iterator

from service.core.errors import LedgerError
from service.core.events import recorded_from_body
from service.core.events.configuration import CampaignChecked
from service.core.export import contents as at
from service.core.export.checking import Opened
from service.core.export.findings import Inspection
from service.core.merkle import HASH_SIZE, TILE_WIDTH, Frontier
from service.core.records import parse_record
from service.core.tiles import Tile, tile_path


class ShownCampaign:
    """One campaign, read from an export."""

    def __init__(self, opened: Opened, found: Inspection) -> None:
        self._opened = opened
        self._found = found
        self._line: at.RecordLine | None = None
        try:
            self._line = at.read_records(opened.read(at.CAMPAIGN_EVENT))[0]
        except (LedgerError, IndexError) as error:
            found.find("campaign_unreadable", f"{at.CAMPAIGN_EVENT}: {error}")

    def event_between(self, start: int, stop: int) -> dict[int, at.RecordLine]:
        """The campaign's event if its entry is one of these: the replay then opens it as any other."""
        line = self._line
        return {line.index: line} if line is not None and start <= line.index < stop else {}

    def check(self, size: int) -> None:
        """Everything the event says of the campaign's answers."""
        line, before = self._line, len(self._found.findings)
        if line is None:
            return
        try:
            event = recorded_from_body(parse_record((line.record or "").encode()).event).event
            if not isinstance(event, CampaignChecked) or line.index >= size:
                self._found.find("campaign_differs", f"{at.CAMPAIGN_EVENT} is not the event of a campaign")
                return
            self._compare(event)
        except LedgerError as error:
            self._found.find("campaign_unreadable", f"campaign: {error}")
        self._found.settle("campaign", before, "All its answers are those that its event was signed over.")

    def _compare(self, event: CampaignChecked) -> None:
        find = self._found.find
        runs: at.CampaignRuns = at.read_body(self._opened.read(at.CAMPAIGN_RUNS), at.CampaignRuns)
        question = hashlib.sha256(self._opened.read(at.CAMPAIGN_QUESTION)).hexdigest()
        if event.campaign != self._opened.body.campaign:
            find("campaign_differs", "the event is of another campaign than was asked for")
        if question != event.question:
            find("campaign_differs", f"{at.CAMPAIGN_QUESTION} is not what was asked")
        lines = [run[0] for run in runs.runs]
        if runs.count != event.count or any(line > event.count for line in lines) or lines != sorted(lines):
            find("campaign_differs", f"{at.CAMPAIGN_RUNS} is not of this campaign")
        tree = Frontier()
        for leaves in self._leaves(event.count):
            tree.extend(leaves)
        if tree.size != event.count or tree.root().hex() != event.root:
            find("campaign_differs", "the answers are not those that were signed over")

    def _leaves(self, count: int) -> Iterator[list[bytes]]:
        for first in range(0, count, TILE_WIDTH):
            tile = Tile(0, first // TILE_WIDTH, min(TILE_WIDTH, count - first))
            raw = self._opened.read(at.CAMPAIGN + tile_path(tile))
            yield [raw[place : place + HASH_SIZE] for place in range(0, len(raw), HASH_SIZE)]
