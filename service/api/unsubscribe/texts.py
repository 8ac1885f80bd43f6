"""What the unsubscribe page says, in the four languages it speaks. `{sender}` and `{category}` are names."""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

DEFAULT: Final = "en"

# The house's own law says which language a reader most likely has, where the browser does not say.
_BY_JURISDICTION: Final[Mapping[str, str]] = {"NL": "nl", "DE": "de", "AT": "de", "FR": "fr"}
_LANGUAGES_MAX: Final = 20


class Texts(Struct, frozen=True, kw_only=True):
    """One language. `ask_…`: before, `done_…`: after, `bad_…`: nothing was done, and what to do."""

    name: str
    switch: str
    ask_title: str
    ask_lead: str
    category_button: str
    category_means: str
    sender_button: str
    sender_means: str
    needed: str
    done_title: str
    category_done: str
    sender_done: str
    close: str
    bad_link_title: str
    bad_link: str
    nothing_chosen: str
    try_again: str
    one_click: str


TEXTS: Final[Mapping[str, Texts]] = {
    "en": Texts(
        name="English",
        switch="Language",
        ask_title="Unsubscribe",
        ask_lead="{sender} sends you “{category}”. What would you like to stop?",
        category_button="Stop “{category}”",
        category_means="You get no more messages of this kind from {sender} at this address.",
        sender_button="Stop everything from {sender}",
        sender_means="You get no advertising at all from {sender} at this address, of whatever kind.",
        needed="It takes effect at once. Messages you need, such as an invoice, may still reach you.",
        done_title="You are unsubscribed",
        category_done="“{category}” from {sender} has been stopped for this address.",
        sender_done="All advertising from {sender} has been stopped for this address.",
        close="You can close this page.",
        bad_link_title="This link does not work",
        bad_link="It was probably cut off on its way. Nothing was changed. Open it again from the message,"
        " whole, or answer the message and write that you want to unsubscribe.",
        nothing_chosen="Nothing was changed. Please press one of the buttons.",
        try_again="We could not record this just now, so nothing was changed. Please try again in a minute.",
        one_click="You are unsubscribed.",
    ),
    "nl": Texts(
        name="Nederlands",
        switch="Taal",
        ask_title="Uitschrijven",
        ask_lead="{sender} stuurt u “{category}”. Wat moet er stoppen?",
        category_button="Stop “{category}”",
        category_means="U krijgt op dit adres geen berichten van deze soort meer van {sender}.",
        sender_button="Stop alles van {sender}",
        sender_means="U krijgt op dit adres helemaal geen reclame meer van {sender}, van welke"
        " soort dan ook.",
        needed="Dit geldt meteen. Berichten die u nodig hebt, zoals een factuur, kunnen nog wel komen.",
        done_title="U bent uitgeschreven",
        category_done="“{category}” van {sender} is gestopt voor dit adres.",
        sender_done="Alle reclame van {sender} is gestopt voor dit adres.",
        close="U kunt deze pagina sluiten.",
        bad_link_title="Deze link werkt niet",
        bad_link="Waarschijnlijk is hij onderweg afgebroken. Er is niets veranderd. Open hem opnieuw vanuit"
        " het bericht, in zijn geheel, of beantwoord het bericht en schrijf dat u zich wilt uitschrijven.",
        nothing_chosen="Er is niets veranderd. Druk op een van de knoppen.",
        try_again="We konden dit nu niet vastleggen; er is dus niets veranderd. Probeer het over een minuut"
        " opnieuw.",
        one_click="U bent uitgeschreven.",
    ),
    "de": Texts(
        name="Deutsch",
        switch="Sprache",
        ask_title="Abmelden",
        ask_lead="{sender} schickt Ihnen „{category}“. Was soll aufhören?",
        category_button="„{category}“ beenden",
        category_means="Sie erhalten an diese Adresse keine Nachrichten dieser Art mehr von {sender}.",
        sender_button="Alles von {sender} beenden",
        sender_means="Sie erhalten an diese Adresse überhaupt keine Werbung mehr von {sender}, gleich welcher"
        " Art.",
        needed="Das gilt sofort. Nachrichten, die Sie brauchen, etwa eine Rechnung, können weiterhin kommen.",
        done_title="Sie sind abgemeldet",
        category_done="„{category}“ von {sender} ist für diese Adresse beendet.",
        sender_done="Alle Werbung von {sender} ist für diese Adresse beendet.",
        close="Sie können diese Seite schließen.",
        bad_link_title="Dieser Link funktioniert nicht",
        bad_link="Wahrscheinlich wurde er unterwegs abgeschnitten. Es wurde nichts geändert. Öffnen Sie ihn"
        " noch einmal vollständig aus der Nachricht, oder antworten Sie auf die Nachricht und schreiben Sie,"
        " dass Sie sich abmelden möchten.",
        nothing_chosen="Es wurde nichts geändert. Bitte drücken Sie einen der Knöpfe.",
        try_again="Wir konnten das gerade nicht festhalten; es wurde also nichts geändert. Bitte versuchen"
        " Sie es in einer Minute noch einmal.",
        one_click="Sie sind abgemeldet.",
    ),
    "fr": Texts(
        name="Français",
        switch="Langue",
        ask_title="Se désabonner",
        ask_lead="{sender} vous envoie « {category} ». Que faut-il arrêter ?",
        category_button="Arrêter « {category} »",
        category_means="{sender} ne vous enverra plus de messages de ce type à cette adresse.",
        sender_button="Arrêter tout ce qu’envoie {sender}",
        sender_means="{sender} ne vous enverra plus aucune publicité à cette adresse, de quelque type que ce"
        " soit.",
        needed="L’effet est immédiat. Les messages dont vous avez besoin, comme une facture, peuvent encore"
        " vous parvenir.",
        done_title="Votre désabonnement est enregistré",
        category_done="« {category} », par {sender} : c’est arrêté pour cette adresse.",
        sender_done="Toute publicité envoyée par {sender} est arrêtée pour cette adresse.",
        close="Vous pouvez fermer cette page.",
        bad_link_title="Ce lien ne fonctionne pas",
        bad_link="Il a sans doute été coupé en chemin. Rien n’a été modifié. Ouvrez-le de nouveau en entier"
        " depuis le message, ou répondez au message en écrivant que vous voulez vous désabonner.",
        nothing_chosen="Rien n’a été modifié. Veuillez appuyer sur l’un des boutons.",
        try_again="Nous n’avons pas pu l’enregistrer à l’instant ; rien n’a donc été modifié. Veuillez"
        " réessayer dans une minute.",
        one_click="Votre désabonnement est enregistré.",
    ),
}


def choose_language(asked: str | None, accepted: str, jurisdiction: str | None = None) -> str:
    """The language to speak: the one asked for by name, else the best of an `Accept-Language` header.

    Where neither names one of ours, that of the house's own law (RFC 9110 §12.5.4; never an error).
    """
    if asked in TEXTS:
        return str(asked)
    best, best_quality = "", 0.0
    for part in accepted.split(",")[:_LANGUAGES_MAX]:
        tag, _, parameter = part.partition(";")
        language = tag.strip().lower().partition("-")[0]
        quality = quality_of(parameter)
        if language in TEXTS and quality > best_quality:
            best, best_quality = language, quality
    return best or _BY_JURISDICTION.get(jurisdiction or "", DEFAULT)


def quality_of(parameter: str) -> float:
    """The weight `q=…` of an element of `Accept…` (RFC 9110 §12.4.2): 1 where none is given."""
    name, _, value = parameter.strip().partition("=")
    if name.strip().lower() != "q":
        return 1.0
    try:
        quality = float(value)
    except ValueError:
        return 0.0
    return quality if 0 <= quality <= 1 else 0.0
