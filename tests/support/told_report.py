"""A history as the report is told it: a form, a yes, a no, an answer, and names that try to break out."""

from service.core.bundle import Bundle, parse_bundle
from service.core.events import parse_form
from service.core.export.contents import ExportBody
from service.core.law.question import parse_question
from service.ledger.answering.checks import Asked
from service.ledger.exporting.ports import ExportLanguage
from service.ledger.exporting.report.page import Subject
from tests.support.memory_campaigns import proved_lines
from tests.support.small_ledger import SmallLedger

HOSTILE = "</script><img src=x onerror=alert(1)>&\"'"
FORM = {
    "language": "en",
    "title": f"News {HOSTILE}",
    "text": f"Acme may mail me.\n{HOSTILE}",
    "boxes": [
        {
            "name": "news",
            "label": f"Yes {HOSTILE}",
            "default": "ticked",
            "categories": ["newsletter"],
            "channels": ["email"],
            "senders": ["acme"],
        }
    ],
}
ASKED = {
    "sender": "acme",
    "category": "newsletter",
    "channel": "email",
    "kind": "commercial",
    "recipient": {"country": "NL", "kind": "consumer"},
    "message": {"optout": True, "identity": True},
}


async def _line() -> Bundle:
    """A line of a campaign, of another ledger; for the report it is one of any."""
    _, lines = await proved_lines()
    return parse_bundle(lines[2])


async def told_subject(language: ExportLanguage, address: str = "jane@example.org") -> Subject:
    """A history with a form, a withdrawal and an answer, as the report is handed it."""
    ledger = await SmallLedger().begin("acme")
    _, published = await ledger.configuration.publish_form(FORM)
    tick = {"sender": "acme", "form": published.digest, "box": "news", "method": "ticked"}
    await ledger.record(
        "consent_granted",
        "jane@example.org",
        **tick,
        request_flaws=["deceptive_design"],
        unnamed_senders="third_parties",
        evidence={"user_agent": HOSTILE},
    )
    await ledger.record("consent_withdrawn", "jane@example.org", sender="acme", scope="all_marketing")
    asked = Asked(parse_question(ASKED), ledger.address(address), with_token=False)
    bundle = parse_bundle(await ledger.proofs.bundle(asked, disclose=True))
    return Subject(
        body=ExportBody(
            origin=ledger.keys.origin,
            scope="addresses",
            subjects=("0" * 64,),
            log=False,
            disclosed=True,
            language=language,
            size=11,
            recorded_at="2026-11-25T03:00:00.000Z",
        ),
        vkey=ledger.keys.signer.verifier.vkey,
        checkpoint=bundle.checkpoint,
        bundles=[bundle],
        lines={1: [await _line()]},
        forms={published.digest: parse_form(FORM)},
        senders={"acme": f"Acme B.V. {HOSTILE}"},
    )
