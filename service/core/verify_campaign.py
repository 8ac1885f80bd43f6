"""A question that was one line of a campaign: which state it was answered from, and that it is that line."""

from collections.abc import Sequence
from typing import Any

from msgspec import UNSET

from service.core.bundle import Bundle, ShownCampaign, split_hashes
from service.core.campaign import answer_leaf, decision_bytes, question_hash_of
from service.core.canonical import canonical_json
from service.core.entries import EpochEntry
from service.core.errors import ProofError
from service.core.events.configuration import CampaignChecked
from service.core.history import Part, logged_event
from service.core.merkle import verify_inclusion
from service.core.records import parse_record
from service.core.verdict import Report
from service.core.verify_entries import Shown, epoch_at


def as_then(bundle: Bundle, parts: Sequence[Part]) -> list[Part]:
    """The histories as the campaign saw them; as they are where the question was none of a campaign."""
    if bundle.campaign is UNSET:
        return list(parts)
    return [part.through(bundle.campaign.epoch.index) for part in parts]


def campaign_epoch(bundle: Bundle, campaign: ShownCampaign, shown: Shown, report: Report) -> EpochEntry:
    """The epoch that the line was answered from (step 8). Raises `ProofError`."""
    asked = bundle.question
    if asked is None or asked.known_at_ms is not None:
        raise ProofError("A campaign is shown that the question does not belong to.")
    epoch = epoch_at(shown, campaign.epoch.index)
    if asked.at_ms < epoch.recorded_at_ms:
        raise ProofError("The campaign asked about a time before the state it was answered from.")
    report.passed("campaign's state", "The state that the campaign's line was answered from is in the log.")
    return epoch


def check_campaign(bundle: Bundle, address: str, decision: dict[str, Any], report: Report) -> None:
    """Step 9, after the decision was derived again. Raises `ProofError` or `EventError`."""
    campaign, asked = bundle.campaign, bundle.question
    if campaign is UNSET or asked is None:
        return
    checked = _event(campaign, bundle.origin)
    position = campaign.epoch.index
    if not checked.from_position <= position <= checked.to_position < campaign.event.index:
        raise ProofError("The campaign did not answer from the state shown.")
    leaf = answer_leaf(
        bytes.fromhex(address),
        question_hash_of(canonical_json(asked.body)),
        asked.at_ms,
        position,
        decision_bytes(decision),
    )
    proof = split_hashes(campaign.proof)
    root = bytes.fromhex(checked.root)
    verify_inclusion(leaf, proof, index=campaign.line - 1, size=checked.count, root=root)
    report.passed(
        "campaign",
        f"This was answered as line {campaign.line} of the {checked.count} of campaign {checked.campaign},"
        " which the log holds.",
    )


def _event(campaign: ShownCampaign, origin: str) -> CampaignChecked:
    shown = campaign.event
    record = parse_record(canonical_json(shown.record))
    event = logged_event(shown.index, shown.recorded_at_ms, record).recorded.event
    if record.origin != origin or not isinstance(event, CampaignChecked):
        raise ProofError("The event shown is not that of a campaign of this log.")
    return event
