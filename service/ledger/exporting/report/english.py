"""The report in English."""

from typing import Final

from service.ledger.exporting.report.words import Words
from service.ledger.wording.english import ENGLISH as ENGLISH_TERMS

ENGLISH: Final = Words(
    title="Report on consent",
    lead=(
        "What a ledger of consents holds, as it was recorded. This report is for reading; what it says is"
        " proved by the other files of this export, which anybody can check without trusting whoever made it."
    ),
    about="What this is about",
    address="Address",
    addresses="Addresses",
    senders="Senders",
    as_of="As of",
    log="Ledger",
    entries="Entries",
    covers="This export covers",
    scopes={
        "ledger": "the whole ledger",
        "sender": "events of the sender {sender}{period}",
        "campaign": "the campaign {campaign}",
        "addresses": "{count} addresses, each with its whole history",
        "address": "one address, with its whole history",
    },
    proved="What is proved, and what is not",
    proved_lead="Three levels; each says what it takes.",
    levels=(
        (
            "L1",
            "With this file alone",
            (
                "What is shown here is in the ledger, the answers follow from it, and whoever holds the"
                " ledger's key is bound by signature to its being everything about this address."
            ),
        ),
        (
            "L2",
            "And with a checkpoint you kept from before, or a witness",
            "The ledger has only ever grown since; nothing in it was changed or taken away.",
        ),
        (
            "L3",
            "And with the whole ledger, replayed",
            "Nothing was left out, for anyone.",
        ),
    ),
    shown="can be shown with this export",
    not_shown="cannot be shown with this export",
    partial={
        "ledger": "That events reached the ledger at all which nobody recorded, no ledger can show.",
        "sender": "Which other events there are of these people, and of other senders, is not in here.",
        "campaign": "The addresses of a campaign are not kept: who brings one can have its answer proved.",
        "addresses": "Nothing is said about any other address.",
    },
    disclosed=(
        (
            "The secret that ties entries to addresses is not in this export, so that these entries are about"
            " this address is the operator's word."
        ),
        (
            "The secret that ties entries to addresses is in this export: that these entries are about this"
            " address can be checked. Keep this file secret."
        ),
    ),
    timeline="What happened",
    nothing="Nothing is recorded of this address. That is proved as well: it is not in the ledger.",
    occurred="Happened",
    recorded="Recorded",
    entry="Entry {index}",
    erased="The contents of this event were erased. That it was there, and when, can still be shown.",
    form="The form, as it was shown",
    form_boxes="Boxes",
    box="“{label}”: {default}",
    used="the person used this one",
    defaults={"unticked": "empty when the person came", "ticked": "ticked already when the person came"},
    privacy_notice="Privacy notice",
    answer="May it be sent? The answer as of this export",
    allow="Yes",
    deny="No",
    rule="Rule",
    rests_on="It rests on",
    asked="Asked by {sender}: {category}, by {channel}",
    asked_at="Asked for {moment}",
    campaigns="Asked about before mailings",
    campaign_line="Line {line} of {count} of campaign {campaign}",
    no_campaigns="No mailing was found before which this address was asked about.",
    campaigns_found=(
        "Campaigns keep no addresses. Found are those that asked about this address what they asked about"
        " all, or the same of another country or kind of recipient; a line that asked something else is not"
        " found in this way, and can be proved by whoever sent it."
    ),
    campaigns_unsearched="The {count} oldest campaigns of this ledger were not searched.",
    evidence="Evidence held",
    linked="Also known under",
    check="How to check this without us",
    check_lead="On any computer with Python 3.11 or newer; neither our service nor a network is needed.",
    steps=(
        "Install the checking program: pip install consent-ledger",
        "Check every file, signature and proof: consent-ledger verify EXPORT.zip --key KEY",
        "Replay the ledger, where it is in this export: consent-ledger audit EXPORT.zip --key KEY",
        "Take KEY from the operator's website or from another place that you trust, not from this file.",
    ),
    key="The ledger's key, to compare",
    checkpoint="The signed state",
    glossary="Words",
    meanings=(
        ("Ledger", "a list that can only grow; every entry holds the fingerprint of the one before"),
        ("Entry", "one place in that list. It holds no personal data, only a fingerprint of what happened"),
        ("Checkpoint", "a signature over the whole ledger at one moment"),
        ("Campaign", "many addresses asked about at once, before a mailing"),
    ),
    footer="Made from the ledger {origin}, {size} entries",
    yes="yes",
    no="no",
    terms=ENGLISH_TERMS,
    events={
        "consent_requested": "Asked for consent",
        "consent_granted": "Gave consent",
        "consent_confirmed": "Confirmed the consent (double opt-in)",
        "consent_refused": "Refused consent",
        "consent_withdrawn": "Withdrew consent",
        "objection": "Objected",
        "objection_attempted": "Tried to object, and was stopped",
        "purchase": "Bought something",
        "contract_started": "A contract began",
        "account_created": "Opened an account",
        "membership_started": "Became a member",
        "contract_ended": "A contract ended",
        "membership_ended": "A membership ended",
        "info_requested": "Asked for information",
        "quote_requested": "Asked for a quote",
        "donation": "Made a donation",
        "address_collected": "The address was taken down",
        "address_imported": "The address was imported",
        "address_published": "The address was published",
        "address_disclosed": "The address was given on",
        "address_changed": "The address changed",
        "address_bounced": "A message came back",
        "erasure_requested": "Asked to be erased",
        "erasure_executed": "Was erased",
        "register_listed": "Stands on a do-not-call register",
        "register_checked": "A do-not-call register was asked",
        "referral": "Was recommended",
        "message_sent": "A message was sent",
        "preference_flag_changed": "A setting was changed",
        "human_assessment": "A colleague judged a question",
        "contact_by_recipient": "Got in touch",
        "correction": "An earlier entry was corrected",
    },
    forms="Forms",
)
