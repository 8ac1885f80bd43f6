"""The frame of the letter to a person, in each language."""

from typing import Final

from msgspec import Struct

from service.core.law.explanation import Language


class Frame(Struct, frozen=True, kw_only=True):
    """What stands around the events."""

    language: Language
    title: str
    answer: str
    opening: str
    nothing: str
    erased: str
    linked: str
    sent: str
    history: str
    entry: str
    forms: str
    forms_lead: str
    ticked: str
    unticked: str
    now: str
    may: str
    mailings: str
    mailing: str
    mailings_found: str
    mailings_unsearched: str
    evidence: str
    evidence_of: str
    rights_title: str
    rights: str
    proof: str


FRAMES: Final[dict[Language, Frame]] = {
    "en": Frame(
        language="en",
        title="What we hold about {address}",
        answer="The answer in short",
        opening="This is everything that our consent ledger held about this address on {day}.",
        nothing="On {day} our consent ledger held nothing about this address.",
        erased=(
            "On {day} everything older about you ({events} entries) was destroyed. Of that time nothing is "
            "left but the fact that you must not be mailed."
        ),
        linked="It also knows these addresses as yours: {addresses}.",
        sent="{sender} last sent you “{what}” on {day}. Was that allowed? {why}",
        history="What happened, in order",
        entry="entry {index}, recorded on {day}",
        forms="What you were shown",
        forms_lead="These are the exact texts. A cross in a box means that it was ticked before you came.",
        ticked="[x]",
        unticked="[ ]",
        now="May we mail you today?",
        may="“{what}” from {sender} by {channel}: {why}",
        mailings="Mailings before which we asked whether you may be written to",
        mailing="{day}: “{what}” from {sender} by {channel}: {why}",
        mailings_found=(
            "Our mailings keep no addresses; these are the ones that asked about you what they asked about "
            "everybody, or the same of another country or kind of recipient."
        ),
        mailings_unsearched="{count} older mailings were not searched.",
        evidence="What was kept as evidence",
        evidence_of="With entry {index}",
        rights_title="Your rights",
        rights=(
            "You may say no to these messages at any time, have what is wrong corrected, receive this "
            "overview in machine-readable form, and have your data erased (GDPR articles 15 to 21). You may "
            "also complain to your data protection authority."
        ),
        proof=(
            "Every entry stands in a log that cannot be changed unseen (state {position}). On request you "
            "receive a proof that you, or anybody, can check without us."
        ),
    ),
    "nl": Frame(
        language="nl",
        title="Wat wij over {address} hebben vastgelegd",
        answer="Het antwoord in het kort",
        opening="Dit is alles wat ons toestemmingenregister op {day} over dit adres bevatte.",
        nothing="Op {day} bevatte ons toestemmingenregister niets over dit adres.",
        erased=(
            "Op {day} is alles wat ouder was over u ({events} nummers) vernietigd. Uit die tijd is niets "
            "over dan dat u geen berichten mag krijgen."
        ),
        linked="Het kent ook deze adressen als die van u: {addresses}.",
        sent="{sender} stuurde u “{what}” het laatst op {day}. Mocht dat? {why}",
        history="Wat er is gebeurd, op volgorde",
        entry="nummer {index}, vastgelegd op {day}",
        forms="Wat u te zien kreeg",
        forms_lead="Dit zijn de precieze teksten. Een kruis in een vakje betekent dat het al was aangevinkt.",
        ticked="[x]",
        unticked="[ ]",
        now="Mogen wij u vandaag berichten sturen?",
        may="“{what}” van {sender} per {channel}: {why}",
        mailings="Verzendingen waarvoor is gevraagd of wij u mogen schrijven",
        mailing="{day}: “{what}” van {sender} per {channel}: {why}",
        mailings_found=(
            "Onze verzendingen bewaren geen adressen; dit zijn die waarin over u hetzelfde is gevraagd als "
            "over iedereen, of hetzelfde voor een ander land of soort ontvanger."
        ),
        mailings_unsearched="{count} oudere verzendingen zijn niet doorzocht.",
        evidence="Wat als bewijs is bewaard",
        evidence_of="Bij nummer {index}",
        rights_title="Uw rechten",
        rights=(
            "U mag op elk moment nee zeggen tegen deze berichten, laten verbeteren wat onjuist is, dit "
            "overzicht in machineleesbare vorm krijgen, en uw gegevens laten wissen (AVG artikelen 15 tot en "
            "met 21). U kunt ook een klacht indienen bij uw toezichthouder."
        ),
        proof=(
            "Elk nummer staat in een register dat niet ongemerkt kan worden veranderd (stand {position}). Op "
            "verzoek krijgt u een bewijs dat u, of wie dan ook, zonder ons kan controleren."
        ),
    ),
}
