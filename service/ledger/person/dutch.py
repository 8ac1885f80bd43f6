"""How a person is told of each event, in Dutch."""

from typing import Final

from service.ledger.person.phrases import Words
from service.ledger.wording.dutch import DUTCH as DUTCH_TERMS

DUTCH: Final = Words(
    terms=DUTCH_TERMS,
    joined="en",
    anyone="een afzender die niet is genoemd",
    all_senders="alle afzenders",
    everything="alle berichten",
    sentences={
        "consent_requested": "{sender} heeft u om toestemming gevraagd voor {what}{how}.",
        "consent_granted": "{giver} gaf {senders} toestemming voor {what}{how}{by_form}.{remark}",
        "consent_confirmed": "U heeft uw toestemming aan {sender} in een tweede stap bevestigd.",
        "consent_refused": "{sender} vroeg u om toestemming voor {what}{how}, en u heeft nee gezegd.",
        "consent_withdrawn": "U heeft uw toestemming aan {sender} ingetrokken, voor {what}{how}{via}.",
        "objection": "U heeft bezwaar gemaakt tegen {what} van {sender}{how}{via}.",
        "objection_attempted": (
            "U probeerde bezwaar te maken tegen {what} van {sender}{via}, en dat lukte niet. Het telt mee."
        ),
        "purchase": "U heeft iets gekocht bij {party}{product}.{told}",
        "contract_started": "Een overeenkomst met {party} is begonnen{product}.{told}",
        "contract_ended": "Uw overeenkomst met {party} is geëindigd.",
        "account_created": "U heeft een account geopend bij {party}.{told}",
        "membership_started": "U bent lid geworden van {party}.{told}",
        "membership_ended": "Uw lidmaatschap van {party} is geëindigd.",
        "donation": "U heeft iets gegeven aan {party}{product}.{told}",
        "info_requested": "U heeft {party} om informatie gevraagd{product}{via}.{told}",
        "quote_requested": "U heeft {party} om een offerte gevraagd{product}{via}.{told}",
        "contact_by_recipient": "U heeft contact opgenomen met {sender}.",
        "address_collected": "{party} heeft uw adres opgeschreven.{told}",
        "address_published": "Uw adres is openbaar gevonden{by}.",
        "address_disclosed": "Uw adres is aan {party} gegeven{by}.",
        "address_imported": "{sender} kreeg uw adres van elders: {origin}.",
        "address_changed": "Uw adres is veranderd: {move}.",
        "address_bounced": "Een bericht aan uw adres kwam terug.",
        "erasure_requested": "U heeft gevraagd uw gegevens te wissen. Sindsdien mag u niets krijgen.",
        "erasure_executed": "Uw gegevens zijn gewist. Bewaard is alleen wat nodig is om u met rust te laten.",
        "register_listed": "Uw nummer staat in het bel-me-niet-register {register}.",
        "register_checked": "Het bel-me-niet-register {register} is naar uw nummer gevraagd: {listed}.",
        "referral": "Iemand heeft u bij {sender} aanbevolen, of {sender} bij u.",
        "message_sent": "{sender} heeft u een bericht gestuurd: {what}{how}.",
        "preference_flag_changed": (
            "Een instelling is door {by_whom} op “{flag}” gezet. Dat is nog geen toestemming."
        ),
        "human_assessment": (
            "Een medewerker heeft een vraag bekeken die geen regel beslist, en de uitkomst vastgelegd."
        ),
        "correction": "Nummer {corrects} was onjuist en is teruggenomen.{reason}",
    },
    unknown="Er is iets vastgelegd ({type}).",
    how=" per {channels}",
    you="U",
    other_person="Iemand anders, niet u,",
    form=", op het formulier “{title}”",
    box=", met “{label}”, een vakje dat {default} voordat u kwam",
    defaults={"ticked": "al was aangevinkt", "unticked": "leeg was"},
    by_a_box="via een vakje dat",
    product=" ({product})",
    told_yes=" U is verteld dat u bezwaar kon maken{offered}.",
    told_offered=", en dat kon daar meteen",
    by_recipient=", door uzelf",
    by_third=", door iemand anders",
    old="dit adres maakte plaats voor een ander adres van u",
    new="dit adres kwam in de plaats van een eerder adres van u",
    listed={True: "het staat erin", False: "het staat er niet in"},
    yourself="uzelf",
    imported=" Dit is overgenomen uit een oudere lijst; wij waren er niet bij.",
    corrected=" Dit is teruggenomen door nummer {index}.",
    elsewhere=" (bij {address})",
    until=" Het zou gelden tot {day}.",
)
