"""The report in Dutch."""

from typing import Final

from service.ledger.exporting.report.words import Words
from service.ledger.wording.dutch import DUTCH as DUTCH_TERMS

DUTCH: Final = Words(
    title="Verslag over toestemming",
    lead=(
        "Wat een register van toestemmingen bevat, zoals het is vastgelegd. Dit verslag is om te lezen; wat"
        " erin staat wordt bewezen door de andere bestanden van deze export, die iedereen kan controleren"
        " zonder de maker te vertrouwen."
    ),
    about="Waar dit over gaat",
    address="Adres",
    addresses="Adressen",
    senders="Verzenders",
    as_of="Stand op",
    log="Register",
    entries="Regels",
    covers="Deze export betreft",
    scopes={
        "ledger": "het hele register",
        "sender": "gebeurtenissen van de verzender {sender}{period}",
        "campaign": "de campagne {campaign}",
        "addresses": "{count} adressen, elk met de hele geschiedenis",
        "address": "één adres, met de hele geschiedenis",
    },
    proved="Wat is bewezen, en wat niet",
    proved_lead="Drie niveaus; bij elk staat wat ervoor nodig is.",
    levels=(
        (
            "L1",
            "Met alleen dit bestand",
            (
                "Wat hier staat, staat in het register, de antwoorden volgen eruit, en wie de sleutel van het"
                " register heeft, is er door zijn handtekening aan gebonden dat dit alles is over dit adres."
            ),
        ),
        (
            "L2",
            "En met een eerder bewaarde stand, of een getuige",
            "Het register is sindsdien alleen gegroeid; niets is gewijzigd of weggenomen.",
        ),
        (
            "L3",
            "En met het hele register, nagespeeld",
            "Er is niets weggelaten, over niemand.",
        ),
    ),
    shown="is aan te tonen met deze export",
    not_shown="is niet aan te tonen met deze export",
    partial={
        "ledger": "Dat er gebeurtenissen waren die niemand heeft vastgelegd, kan geen register tonen.",
        "sender": (
            "Welke andere gebeurtenissen er over deze mensen zijn, of van andere verzenders, zegt dit niet."
        ),
        "campaign": (
            "De adressen van een campagne worden niet bewaard: wie er een noemt, kan het antwoord laten"
            " bewijzen."
        ),
        "addresses": "Over andere adressen wordt niets gezegd.",
    },
    disclosed=(
        (
            "Het geheim dat regels aan adressen koppelt zit niet in deze export; dat deze regels over dit"
            " adres gaan, zegt alleen de verzender."
        ),
        (
            "Het geheim dat regels aan adressen koppelt zit in deze export: dat deze regels over dit adres"
            " gaan, is te controleren. Houd dit bestand geheim."
        ),
    ),
    timeline="Wat er is gebeurd",
    nothing="Van dit adres is niets vastgelegd. Ook dat is bewezen: het staat niet in het register.",
    occurred="Gebeurd",
    recorded="Vastgelegd",
    entry="Regel {index}",
    erased="De inhoud van deze gebeurtenis is gewist. Dat zij er was, en wanneer, is nog aan te tonen.",
    form="Het formulier, zoals het is getoond",
    form_boxes="Vakjes",
    box="“{label}”: {default}",
    used="dit vakje gebruikte de persoon",
    defaults={"unticked": "leeg toen de persoon kwam", "ticked": "al aangevinkt toen de persoon kwam"},
    privacy_notice="Privacyverklaring",
    answer="Mag het worden verzonden? Het antwoord bij deze stand",
    allow="Ja",
    deny="Nee",
    rule="Rechtsregel",
    rests_on="Het berust op",
    asked="Gevraagd door {sender}: {category}, per {channel}",
    asked_at="Gevraagd voor {moment}",
    campaigns="Gevraagd voor verzendingen",
    campaign_line="Regel {line} van {count} van campagne {campaign}",
    no_campaigns="Er is geen verzending gevonden waarvoor naar dit adres is gevraagd.",
    campaigns_found=(
        "Campagnes bewaren geen adressen. Gevonden zijn die waarin over dit adres hetzelfde is gevraagd als"
        " over alle andere, of hetzelfde voor een ander land of soort ontvanger; een regel die iets anders"
        " vroeg, wordt zo niet gevonden, en kan worden bewezen door wie hem stuurde."
    ),
    campaigns_unsearched="De {count} oudste campagnes van dit register zijn niet doorzocht.",
    evidence="Bewaard bewijs",
    linked="Ook bekend onder",
    check="Zelf controleren, zonder ons",
    check_lead="Op elke computer met Python 3.11 of nieuwer; onze dienst en een netwerk zijn niet nodig.",
    steps=(
        "Installeer het controleprogramma: pip install consent-ledger",
        "Controleer bestanden, handtekeningen en bewijzen: consent-ledger verify EXPORT.zip --key SLEUTEL",
        "Speel het register na, als het in deze export zit: consent-ledger audit EXPORT.zip --key SLEUTEL",
        "Haal SLEUTEL van de website van de verzender of een andere plek die u vertrouwt, niet hieruit.",
    ),
    key="De sleutel van het register, om te vergelijken",
    checkpoint="De ondertekende stand",
    glossary="Woorden",
    meanings=(
        ("Register", "een lijst die alleen kan groeien; elke regel bevat de vingerafdruk van de vorige"),
        ("Regel", "één plaats in die lijst. Er staan geen persoonsgegevens in, alleen een vingerafdruk"),
        ("Stand", "een handtekening over het hele register op één moment (checkpoint)"),
        ("Campagne", "veel adressen waarover in één keer is gevraagd, voor een verzending"),
    ),
    footer="Gemaakt uit het register {origin}, {size} regels",
    yes="ja",
    no="nee",
    terms=DUTCH_TERMS,
    events={
        "consent_requested": "Om toestemming gevraagd",
        "consent_granted": "Gaf toestemming",
        "consent_confirmed": "Bevestigde de toestemming (double opt-in)",
        "consent_refused": "Weigerde toestemming",
        "consent_withdrawn": "Trok de toestemming in",
        "objection": "Maakte bezwaar",
        "objection_attempted": "Probeerde bezwaar te maken, en werd tegengehouden",
        "purchase": "Kocht iets",
        "contract_started": "Een overeenkomst begon",
        "account_created": "Opende een account",
        "membership_started": "Werd lid",
        "contract_ended": "Een overeenkomst eindigde",
        "membership_ended": "Een lidmaatschap eindigde",
        "info_requested": "Vroeg om informatie",
        "quote_requested": "Vroeg een offerte",
        "donation": "Deed een gift",
        "address_collected": "Het adres is genoteerd",
        "address_imported": "Het adres is overgenomen",
        "address_published": "Het adres is gepubliceerd",
        "address_disclosed": "Het adres is doorgegeven",
        "address_changed": "Het adres is gewijzigd",
        "address_bounced": "Een bericht kwam terug",
        "erasure_requested": "Vroeg om verwijdering",
        "erasure_executed": "Is verwijderd",
        "register_listed": "Staat in een bel-me-niet-register",
        "register_checked": "Een bel-me-niet-register is geraadpleegd",
        "referral": "Is aanbevolen",
        "message_sent": "Een bericht is verzonden",
        "preference_flag_changed": "Een instelling is gewijzigd",
        "human_assessment": "Een medewerker beoordeelde een vraag",
        "contact_by_recipient": "Nam contact op",
        "correction": "Een eerdere regel is gecorrigeerd",
    },
    forms="Formulieren",
)
