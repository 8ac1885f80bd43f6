"""Answering a person: every event in words, forms as shown, the ground of each message, and 27560's terms."""

import re
from html.parser import HTMLParser
from inspect import getsource
from pathlib import Path
from typing import Any, get_args

import pytest

from service.core.events import SubmittedEvent
from service.core.events import configuration as c
from service.core.law.explanation import Language
from service.ledger.campaigns.proofs import CampaignProofs
from service.ledger.campaigns.search import CampaignSearch
from service.ledger.person import iso27560
from service.ledger.person.dutch import DUTCH
from service.ledger.person.english import ENGLISH
from service.ledger.person.file import Lookup, PersonFile, Recipient
from service.ledger.person.iso27560 import consent_records
from service.ledger.person.letter import letter, sentences
from tests.support.memory_campaigns import MemoryCampaigns
from tests.support.small_ledger import GRANT, SmallLedger, a_small_ledger, email

JANE, LEFT, NOBODY = "jane@example.org", "left@example.org", "nobody@example.org"
HOME = Recipient("NL", "consumer")
DPV_TERMS = Path(__file__).parents[1] / "support" / "dpv_terms.txt"
LANGUAGES: list[Language] = ["en", "nl"]
MANDATORY = {
    *("dct:conformsTo", "dct:identifier", "dpv:hasDataSubject", "dpv:hasPurpose", "dpv:hasPersonalData"),
    *("dpv:hasDataController", "dpv:hasStorageCondition", "dpv:hasConsentControl", "dpv:hasConsentStatus"),
}


async def file_of(ledger: SmallLedger, address: str = JANE) -> PersonFile:
    catalogue = ledger.checks._catalogue  # noqa: SLF001 - the same
    campaigns = MemoryCampaigns(ledger.store)
    lines = CampaignProofs(ledger.store, campaigns, ledger.keys, ledger.opener, ledger.proofs)
    search = CampaignSearch(campaigns, lines, ledger.admission, ledger.opener, catalogue)
    lookup = Lookup(ledger.store, ledger.admission, ledger.opener, catalogue, ledger.checks, search=search)
    return await lookup.look(ledger.address(address), HOME)


async def mailed() -> SmallLedger:
    """Jane agreed, was mailed, and her consent at another sender was recorded by mistake."""
    ledger = await a_small_ledger()
    sent = {"sender": "acme", "category": "newsletter", "channel": "email"}
    await ledger.record("message_sent", JANE, **sent)
    wrong = await ledger.record("consent_granted", JANE, **GRANT | {"sender": "beta", "senders": ["beta"]})
    mistake = {"corrects": wrong.index, "reason": "It was somebody else."}
    await ledger.record("correction", JANE, sender="beta", **mistake)
    return ledger


def test_every_event_that_can_concern_a_person_has_a_sentence_in_every_language() -> None:
    configuring = {kind for kind in vars(c).values() if isinstance(kind, type)}
    kinds = {str(kind.__struct_config__.tag) for kind in get_args(SubmittedEvent) if kind not in configuring}
    for words in (ENGLISH, DUTCH):
        assert kinds <= words.sentences.keys()
    for name, sentence in ENGLISH.sentences.items():
        parts = re.findall(r"\{(\w+)\}", sentence)
        assert sorted(parts) == sorted(re.findall(r"\{(\w+)\}", DUTCH.sentences[name])), name


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_letter_says_what_happened_what_was_shown_and_on_what_ground(language: Language) -> None:
    ledger = await mailed()
    written = letter(await file_of(ledger), language)
    wanted = {
        "en": [
            "You gave Acme BV consent to “newsletter” by e-mail, on the form “Newsletter”, by “Send me the",
            "newsletter”, a box that was empty before you came.",
            "Acme BV last sent you “newsletter” on 18 November 2026. Was that allowed? Yes",
            "This entry was taken back by entry",
            "You bought something from Acme BV.",
        ],
        "nl": [
            "U gaf Acme BV toestemming voor “newsletter” per e-mail, op het formulier “Newsletter”, met",
            "“Send me the newsletter”, een vakje dat leeg was voordat u kwam.",
            "Acme BV stuurde u “newsletter” het laatst op 18 november 2026. Mocht dat? Ja",
            "Dit is teruggenomen door nummer",
            "U heeft iets gekocht bij Acme BV.",
        ],
    }
    for sentence in wanted[language]:
        assert sentence in written.text
        assert sentence in written.html
    assert "Yes, send me the Acme newsletter by e-mail. I can leave at any time." in written.text
    assert "192.0.2.1" in written.text


async def test_who_is_unknown_and_who_was_erased_are_told_just_that() -> None:
    ledger = await mailed()
    unknown = letter(await file_of(ledger, NOBODY), "en").text
    assert "held nothing about this address" in unknown
    await ledger.erase_for_good(JANE)
    file = await file_of(ledger)
    assert file.erased is not None
    assert file.erased.events == 6
    assert [held.recorded.type for held in file.events] == ["erasure_executed"]
    told = letter(file, "nl").text
    assert "(6 nummers) vernietigd" in told
    assert "192.0.2.1" not in told
    assert "Newsletter" not in told


async def test_both_addresses_of_a_person_are_in_one_file() -> None:
    ledger = await a_small_ledger()
    change: dict[str, Any] = {"by": "recipient", "verified": True, "from": email(JANE), "to": email(NOBODY)}
    await ledger.record("address_changed", None, **change)
    for asked, other in ((NOBODY, JANE), (JANE, NOBODY)):
        file = await file_of(ledger, asked)
        assert [one.value for one in file.linked] == [other]
        assert {held.address.value for held in file.events if held.address is not None} == {other}
        assert "consent_granted" in {held.recorded.type for held in file.events}


class Page(HTMLParser):
    """Reads a page, and notes what it is made of."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note it."""
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}


async def test_the_page_loads_nothing_and_escapes_everything() -> None:
    ledger = await SmallLedger().begin("acme")
    hostile = "<script>alert(1)</script><img src=x onerror=alert(2)>"
    form = await ledger.publish_form(title=hostile, text=hostile)
    tick = {"sender": "acme", "form": form, "box": "newsletter", "method": "ticked"}
    await ledger.record("consent_granted", JANE, **tick, evidence={"note": hostile})
    written = letter(await file_of(ledger), "en")
    page = Page()
    page.feed(written.html)
    assert page.tags.isdisjoint({"script", "img", "link", "iframe", "object", "form"})
    assert page.attributes <= {"lang", "charset", "name", "content", "class"}
    assert "url(" not in written.html
    assert hostile in written.text


def controller_and_purpose(record: dict[str, Any]) -> tuple[str, str]:
    return record["dpv:hasDataController"]["dct:identifier"], record["dpv:hasPurpose"]["dct:identifier"]


async def test_a_person_may_take_every_event_away_in_the_terms_of_27560() -> None:
    file = await file_of(await mailed())
    document = consent_records(file)
    graph = document["@graph"]
    records = [node for node in graph if node["@type"] == "dpv:ConsentRecord"]
    assert sorted(controller_and_purpose(record) for record in records) == [
        ("acme", "newsletter"),
        ("beta", "newsletter"),
    ]
    for record in records:
        assert record.keys() >= MANDATORY
        fields = {"dpv:hasNotice", "dct:language", "dpv:hasJurisdiction", "dpv:hasRecipient"}
        assert set(record["cl:notStated"]) == fields - record.keys()
        for status in record["dpv:hasConsentStatus"]:
            assert "dpv:isIndicatedBy" in status
    beta = next(record for record in records if controller_and_purpose(record)[0] == "beta")
    given, invalidated = beta["dpv:hasConsentStatus"]
    assert given["@type"] == ["dpv:ConsentGiven", "dpv:ExpressedConsent"]
    assert (invalidated["@type"], invalidated["cl:corrects"]) == ("dpv:ConsentInvalidated", given["cl:index"])
    told = [node["cl:index"] for node in graph if node["@type"] == "cl:Event"]
    assert told == [held.index for held in file.events]


async def test_a_withdrawal_of_everything_is_the_status_of_every_purpose() -> None:
    ledger = await a_small_ledger()
    graph = consent_records(await file_of(ledger, LEFT))["@graph"]
    (record,) = [node for node in graph if node["@type"] == "dpv:ConsentRecord"]
    types = [status["@type"] for status in record["dpv:hasConsentStatus"]]
    assert types == [["dpv:ConsentGiven", "dpv:ExpressedConsent"], "dpv:ConsentWithdrawn"]
    (right,) = [node for node in graph if node["@type"] == "dpv:RightExerciseActivity"]
    assert right["dpv:hasRight"] == "eu-gdpr:A7-3"


async def test_every_term_of_the_vocabularies_exists_in_them() -> None:
    """The list was taken from the published files of DPV 2.3 (w3c/dpv); what is used must stand in it."""
    known = {line for line in DPV_TERMS.read_text().splitlines() if line and not line.startswith("#")}
    ledger = await mailed()
    form = await ledger.publish_form(title="Terms", privacy_notice_url="https://acme.example/privacy")
    offered = {"sender": "acme", "form": form}
    await ledger.record("consent_requested", JANE, **offered)
    others = {"expires": "2027-01-01", "given_by": "third_party"}
    await ledger.record("consent_granted", JANE, **GRANT | others)
    for kind in ("consent_refused", "consent_withdrawn", "objection", "objection_attempted"):
        await ledger.record(kind, JANE, sender="acme", scope="all_marketing")
    await ledger.record("consent_confirmed", JANE, sender="acme")
    await ledger.record("erasure_requested", JANE)
    used = terms(consent_records(await file_of(ledger)))
    assert used
    assert used <= known
    assert set(re.findall(r'"((?:dpv|eu-gdpr|pd|dct):[A-Za-z0-9-]+)"', getsource(iso27560))) <= known


def terms(node: object) -> set[str]:
    """Every compact name in keys and values, but for those of the ledger's own vocabulary."""
    if isinstance(node, dict):
        return {term for key, value in node.items() if key != "@value" for term in terms(value) | terms(key)}
    if isinstance(node, list):
        return {term for item in node for term in terms(item)}
    found = re.fullmatch(r"(?:dpv|eu-gdpr|pd|dct):[A-Za-z0-9-]+", node) if isinstance(node, str) else None
    return {found[0]} if found else set()


async def test_every_event_is_told_in_whole_sentences() -> None:
    file = await file_of(await mailed())
    for language in LANGUAGES:
        for sentence in sentences(file, language).values():
            assert sentence[0].isupper()
            assert sentence.endswith((".", "”", ")"))
            assert "{" not in sentence
            assert "  " not in sentence
