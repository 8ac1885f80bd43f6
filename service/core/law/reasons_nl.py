"""What each reason code means, in Dutch, said so that it can be read out to the person concerned."""

from typing import Final

REASONS: Final = {
    "ADDRESS_REPLACED": "Het adres is niet meer van deze persoon.",
    "B2B_ADDRESS_NOT_DESIGNATED": "Het adres is gepubliceerd, maar niet voor dit soort berichten.",
    "B2B_ADDRESS_PERSONAL": "Dit adres hoort bij een persoon binnen de organisatie en vereist toestemming.",
    "B2B_DESIGNATED_ADDRESS": "Het bedrijf heeft dit adres precies voor dit doel gepubliceerd.",
    "B2B_IMPERSONAL_ADDRESS": (
        "Dit is een onpersoonlijk adres van een organisatie en het aanbod is voor organisaties bedoeld."
    ),
    "B2B_NOT_ROLE_RELATED": "Het bericht heeft niets met de functie van de persoon te maken.",
    "B2B_OUTSIDE_EEA": (
        "Het bedrijf is buiten de EER gevestigd en aan de regels van het eigen land is voldaan."
    ),
    "B2B_OUT_OF_SCOPE": "De regel die toestemming eist, beschermt dit soort organisaties hier niet.",
    "B2B_ROLE_RELATED": (
        "Het bericht gaat over de functie van de persoon, die bij het opgeven van het adres bezwaar "
        "kon maken."
    ),
    "CHARITY_SOFT_OPTIN": (
        "De persoon heeft dit goede doel gesteund, gaf zelf het adres en heeft niet geweigerd."
    ),
    "COLLECTED_BEFORE_COMMENCEMENT": "Het adres is verkregen voordat deze regel gold.",
    "COLLECTED_BY_THIRD_PARTY": "Het adres is door een ander verkregen.",
    "CONSENT": (
        "De persoon heeft voor dit soort berichten van deze afzender toestemming gegeven en die "
        "niet ingetrokken."
    ),
    "CONSENT_EXPIRED": "De toestemming gold voor een periode die voorbij is.",
    "CONSENT_IN_TERMS": "De toestemming zat verstopt in de algemene voorwaarden.",
    "CONSENT_NOT_ACTIVE": (
        "De persoon heeft niet zelf iets gedaan om toe te stemmen, zoals een leeg vakje aanvinken."
    ),
    "CONSENT_NOT_BY_ADDRESSEE": "Iemand anders heeft toegestemd, niet de gebruiker van dit adres.",
    "CONSENT_NOT_FREE": "De persoon werd gedwongen of had geen echte keuze.",
    "CONSENT_NOT_GRANULAR": "Eén vinkje gold voor meerdere zaken tegelijk.",
    "CONSENT_NOT_INFORMED": "Er is niet duidelijk verteld waarvoor toestemming werd gevraagd.",
    "CONSENT_NOT_SPECIFIC": "De toestemming was niet specifiek genoeg.",
    "CONSENT_REQUEST_IS_MARKETING": "Om toestemming vragen is zelf al reclame, en daar is geen grond voor.",
    "CONSENT_SCOPE_CATEGORY": "De persoon gaf toestemming voor andere soorten berichten, niet voor deze.",
    "CONSENT_SCOPE_CHANNEL": "De persoon gaf toestemming voor een ander kanaal, niet voor dit.",
    "CONSENT_SENDER_NOT_NAMED": (
        "De persoon gaf toestemming voor berichten van anderen; deze afzender werd niet genoemd."
    ),
    "CONSENT_STALE": "De toestemming is te lang niet gebruikt.",
    "CONSENT_UNCONFIRMED": "De persoon heeft nog niet bevestigd dat het adres van hem of haar is.",
    "CONSENT_UNPROVEN": "Toestemming wordt beweerd, maar kan niet worden aangetoond.",
    "CONTRACT_IN_PROGRESS": "Het gesprek gaat over een lopend contract.",
    "CUSTOMER_EXCEPTION_LAPSED": "Er is te veel tijd verstreken sinds de verkoop of het laatste bericht.",
    "CUSTOMER_EXCEPTION_NOT_FOR_CHANNEL": "Klant zijn geeft geen recht op berichten via dit kanaal.",
    "DOI_CONFIRMATION": "Dit vraagt de persoon eenmalig om de eigen aanmelding te bevestigen.",
    "ESTABLISHED_BUSINESS_RELATIONSHIP": (
        "Er zijn onlangs zaken gedaan met deze persoon, wat het gesprek toestaat."
    ),
    "EXEMPT_MESSAGE": "De wet zondert dit soort afzender of bericht uit.",
    "EXEMPT_REFERRAL": "Dit is het eerste bericht na een aanbeveling en het noemt wie die deed.",
    "EXISTING_CUSTOMER": (
        "De persoon is klant van deze afzender, kon bij het opgeven van het adres bezwaar maken, "
        "deed dat niet, en dit gaat over een soortgelijk product."
    ),
    "FACT_MISSING": "Een beslissend gegeven is niet bekend, en onbekend betekent nee.",
    "IMPLIED_CONSENT": (
        "De relatie met de persoon, of de manier waarop het adres bekend is gemaakt, geldt hier als "
        "toestemming."
    ),
    "IMPLIED_CONSENT_EXPIRED": "Er is te veel tijd verstreken sinds de relatie of het verzoek.",
    "IMPORTED_WITHOUT_PROOF": "Het adres komt van een ander, zonder enig bewijs van toestemming.",
    "MESSAGE_FORM_INCOMPLETE": (
        "In het bericht ontbreekt iets verplichts, zoals wie het stuurt of hoe men zich afmeldt."
    ),
    "MINOR_NO_PARENTAL_CONSENT": "Een kind heeft toegestemd zonder ouder.",
    "NOT_FOR_LEGAL_PERSON": "Het aanbod is niet voor organisaties bedoeld.",
    "NOT_SIMILAR": "Het bericht gaat niet over iets wat lijkt op wat de persoon kocht of gebruikt.",
    "NO_BASIS": "Er is geen toestemming en geen andere grond voor dit bericht.",
    "NO_INFERRED_CONSENT": "Er is geen lopende relatie waaruit toestemming kan worden afgeleid.",
    "NO_OPTOUT_AT_COLLECTION": "De persoon kon bij het opgeven van het adres niet eenvoudig bezwaar maken.",
    "NO_SALE_CONTEXT": "De persoon heeft iets gevraagd of zich aangemeld, maar dat was geen verkoop.",
    "NO_SUPPORT_CONTEXT": "Het adres is niet verkregen toen de persoon steun gaf of aanbood.",
    "OBJECTED": (
        "De persoon heeft bezwaar gemaakt tegen deze berichten. Dat blijft gelden tot die zelf weer ja zegt."
    ),
    "ON_DO_NOT_CALL_REGISTER": "Het nummer staat in een bel-me-niet-register.",
    "OPTOUT_CONFIRMATION": "Dit bevestigt eenmalig dat de persoon is afgemeld.",
    "OPT_OUT_REGIME": "Hier mag het bericht tenzij de persoon bezwaar maakt, en dat is niet gebeurd.",
    "OTHER_LEGAL_ENTITY": "De persoon is klant van een ander bedrijf, niet van deze afzender.",
    "OUTSIDE_PERMITTED_HOURS": "Op dit tijdstip is dit niet toegestaan.",
    "PRESUMED_CONSENT_B2B": (
        "Een medewerker heeft beoordeeld en vastgelegd dat dit bedrijf vermoedelijk met het gesprek instemt."
    ),
    "PRESUMED_CONSENT_UNASSESSED": (
        "Niemand heeft beoordeeld of dit bedrijf vermoedelijk met het gesprek instemt."
    ),
    "PURPOSE_NOT_SOLELY_CHARITABLE": "Het bericht dient ook een ander doel dan het goede doel.",
    "RETENTION_EXPIRED": "Het laatste contact van de persoon was te lang geleden.",
    "SENDER_NOT_CHARITY": "Deze regel geldt alleen voor goede doelen.",
    "SERVICE_MESSAGE": "Dit bericht dient alleen een overeenkomst of dienst en prijst niets aan.",
    "SERVICE_MESSAGE_IS_MARKETING": (
        "Het heet een servicebericht, maar het prijst iets aan en is dus reclame."
    ),
    "SOLICITED_REPLY": "De persoon heeft zelf om dit antwoord gevraagd.",
    "STALE_RELATION": "De relatie is te lang geleden geëindigd.",
    "SUPPRESSED_AFTER_ERASURE": "De persoon heeft om verwijdering gevraagd; het adres blijft geblokkeerd.",
    "WITHDRAWN": "De persoon heeft de toestemming ingetrokken. Dat blijft gelden tot die zelf weer ja zegt.",
}
