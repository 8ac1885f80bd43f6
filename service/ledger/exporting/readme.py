"""`README.txt` of an export: the first thing somebody sees who unpacks it."""

from typing import Final

from service.core.export.contents import ExportBody
from service.ledger.exporting.ports import ExportLanguage

_TEXTS: Final[dict[ExportLanguage, str]] = {
    "en": """\
Export from a consent ledger
============================

Log:         {origin}
State:       {size} entries, as of {recorded_at}
Shows:       {shows}
K_sub:       {disclosed}

Begin with report.html, or report.pdf to print: it says in plain words what happened, and what is proved.

To check this export without trusting whoever made it (any computer with Python 3.11 or newer):

    pip install consent-ledger
    consent-ledger verify EXPORT.zip      every file, signature and bundle
    consent-ledger audit EXPORT.zip       and the whole log, replayed from its first entry

Both need neither the service nor a network. Give the operator's public key, from where you trust it,
with --key, and a checkpoint that you kept from before with --held. Where verifier.html is in here it
checks a file of bundle/ in a browser, with nothing installed, and derives the answer again.

What is in here: report.html (for people), export.json (what was asked for), checkpoint (the signed
state), keys.json, document/ (forms as they were shown, rulebooks, law packs, senders), bundle/ (a
proof for each address asked for), line/ (what was asked about it before mailings, with proof),
consistency/ (that a state kept before is the beginning), log/ (the log as C2SP tiles), record/ (what
happened, with what opens the log's commitments to it), checkpoints/ (every signed state),
manifest.json (the SHA-256 of every file) and manifest.note (signed by the log key). Not all of it is
in every export.

This export holds personal data. Keep it as you would keep the letter it comes with, and destroy it
when it is no longer needed.
""",
    "nl": """\
Export uit een toestemmingsregister
===================================

Register:    {origin}
Stand:       {size} regels, op {recorded_at}
Toont:       {shows}
K_sub:       {disclosed}

Begin met report.html, of report.pdf om af te drukken: in gewone taal wat er is gebeurd en wat er is
bewezen.

Deze export controleren zonder de maker te vertrouwen (elke computer met Python 3.11 of nieuwer):

    pip install consent-ledger
    consent-ledger verify EXPORT.zip      elk bestand, elke handtekening, elk bewijs
    consent-ledger audit EXPORT.zip       en het hele register, nagespeeld vanaf de eerste regel

Daarvoor zijn geen dienst en geen netwerk nodig. Geef met --key de openbare sleutel van de verzender,
zoals u die kent, en met --held een eerder bewaarde stand (checkpoint). Zit verifier.html erbij, dan
controleert die een bestand uit bundle/ in een browser, zonder installatie, en leidt hij het antwoord
opnieuw af.

Wat erin zit: report.html (voor mensen), export.json (wat er is gevraagd), checkpoint (de ondertekende
stand), keys.json, document/ (formulieren zoals getoond, regels, wetten, verzenders), bundle/ (een
bewijs voor elk gevraagd adres), line/ (wat er voor verzendingen over is gevraagd, met bewijs),
consistency/ (dat een eerder bewaarde stand het begin is), log/ (het register als C2SP-tegels), record/
(wat er is gebeurd, met wat de vastlegging ervan opent), checkpoints/ (elke ondertekende stand),
manifest.json (de SHA-256 van elk bestand) en manifest.note (ondertekend met de sleutel van het
register). Niet alles zit in elke export.

Deze export bevat persoonsgegevens. Bewaar hem zoals de brief waar hij bij hoort, en vernietig hem als
hij niet meer nodig is.
""",
}
_SHOWS: Final[dict[ExportLanguage, dict[str, str]]] = {
    "en": {
        "ledger": "the whole ledger",
        "sender": "events of the sender {sender}, and the whole log",
        "campaign": "the campaign {campaign}, and the whole log",
        "addresses": "{addresses} addresses, each with all its events",
        "address": "one address, with all its events",
    },
    "nl": {
        "ledger": "het hele register",
        "sender": "gebeurtenissen van verzender {sender}, en het hele register zonder inhoud",
        "campaign": "de campagne {campaign}, en het hele register zonder inhoud",
        "addresses": "{addresses} adressen, elk met alle gebeurtenissen",
        "address": "één adres, met alle gebeurtenissen",
    },
}
_DISCLOSED: Final[dict[ExportLanguage, tuple[str, str]]] = {
    "en": ("not disclosed: who an entry is about is not checked", "disclosed, in keys.json: keep it secret"),
    "nl": (
        "niet vrijgegeven: over wie een regel gaat is niet te controleren",
        "vrijgegeven, in keys.json: houd het geheim",
    ),
}


def readme(body: ExportBody, language: ExportLanguage) -> str:
    """The text, in English or Dutch."""
    only = body.scope == "addresses" and len(body.subjects) == 1
    shows = _SHOWS[language]["address" if only else body.scope].format(
        sender=body.sender, campaign=body.campaign, addresses=len(body.subjects)
    )
    return _TEXTS[language].format(
        origin=body.origin,
        size=body.size,
        recorded_at=body.recorded_at,
        shows=shows,
        disclosed=_DISCLOSED[language][body.disclosed],
    )
