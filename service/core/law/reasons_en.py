"""What each reason code means, in English, said so that it can be read out to the person concerned."""

from typing import Final

REASONS: Final = {
    "ADDRESS_REPLACED": "The address is no longer the person's.",
    "B2B_ADDRESS_NOT_DESIGNATED": "The address was published, but not for messages like this.",
    "B2B_ADDRESS_PERSONAL": "This address belongs to a person at the organisation, and needs consent.",
    "B2B_DESIGNATED_ADDRESS": "The business published this address for exactly this purpose.",
    "B2B_IMPERSONAL_ADDRESS": (
        "This is an impersonal address of an organisation and the offer is meant for organisations."
    ),
    "B2B_NOT_ROLE_RELATED": "The message has nothing to do with the person's job.",
    "B2B_OUTSIDE_EEA": (
        "The business is established outside the EEA and the rules of its own country are met."
    ),
    "B2B_OUT_OF_SCOPE": "The rule that asks for consent does not protect this kind of organisation here.",
    "B2B_ROLE_RELATED": (
        "The message is about the person's job, and they could refuse when the address was taken."
    ),
    "CHARITY_SOFT_OPTIN": (
        "The person supported this charity, gave the charity the address themselves and did not refuse."
    ),
    "COLLECTED_BEFORE_COMMENCEMENT": "The address was taken before this rule came into force.",
    "COLLECTED_BY_THIRD_PARTY": "The address was taken by somebody else.",
    "CONSENT": "The person agreed to this kind of message from this sender, and has not taken it back.",
    "CONSENT_EXPIRED": "The consent was given for a time that is over.",
    "CONSENT_IN_TERMS": "The consent was hidden in terms and conditions.",
    "CONSENT_NOT_ACTIVE": "The person did nothing of their own to agree, such as ticking an empty box.",
    "CONSENT_NOT_BY_ADDRESSEE": "Somebody else agreed, not the person whose address this is.",
    "CONSENT_NOT_FREE": "The person was pushed or had no real choice.",
    "CONSENT_NOT_GRANULAR": "One tick covered several things at once.",
    "CONSENT_NOT_INFORMED": "The person was not told clearly what they agreed to.",
    "CONSENT_NOT_SPECIFIC": "The consent was not given for something specific enough.",
    "CONSENT_REQUEST_IS_MARKETING": "Asking for consent is marketing itself, and there is no ground for it.",
    "CONSENT_SCOPE_CATEGORY": "The person agreed to other kinds of messages, not to this one.",
    "CONSENT_SCOPE_CHANNEL": "The person agreed to another channel, not to this one.",
    "CONSENT_SENDER_NOT_NAMED": "The person agreed to messages from others; this sender was not named.",
    "CONSENT_STALE": "The consent has not been used for too long.",
    "CONSENT_UNCONFIRMED": "The person has not yet confirmed that the address is theirs.",
    "CONSENT_UNPROVEN": "Consent is claimed, but cannot be shown.",
    "CONTRACT_IN_PROGRESS": "The call is about a contract that is running.",
    "CUSTOMER_EXCEPTION_LAPSED": "Too much time has passed since the sale or the last message.",
    "CUSTOMER_EXCEPTION_NOT_FOR_CHANNEL": "Being a customer does not permit messages over this channel.",
    "DOI_CONFIRMATION": "This only asks the person, once, to confirm what they asked for.",
    "ESTABLISHED_BUSINESS_RELATIONSHIP": (
        "There was recent business with this person, which permits the call."
    ),
    "EXEMPT_MESSAGE": "The law exempts this kind of sender or message.",
    "EXEMPT_REFERRAL": "This is the first message after a referral, and it names who made it.",
    "EXISTING_CUSTOMER": (
        "The person is a customer of this sender, could refuse when the address was taken, did not, "
        "and this is about a similar product."
    ),
    "FACT_MISSING": "A fact that decides is not known, and unknown means no.",
    "IMPLIED_CONSENT": (
        "The relation with the person, or the way the address was made known, counts as consent here."
    ),
    "IMPLIED_CONSENT_EXPIRED": "Too much time has passed since the relation or request.",
    "IMPORTED_WITHOUT_PROOF": "The address came from somebody else, without any proof of consent.",
    "MESSAGE_FORM_INCOMPLETE": (
        "The message lacks something it must show, such as who sends it or the way out."
    ),
    "MINOR_NO_PARENTAL_CONSENT": "A child agreed without a parent.",
    "NOT_FOR_LEGAL_PERSON": "The offer is not meant for organisations.",
    "NOT_SIMILAR": "The message is not about something similar to what the person bought or uses.",
    "NO_BASIS": "There is no consent and no other ground for this message.",
    "NO_INFERRED_CONSENT": "There is no ongoing relation from which consent could be inferred.",
    "NO_OPTOUT_AT_COLLECTION": "The person could not refuse easily when the address was taken.",
    "NO_SALE_CONTEXT": "The person asked for something or signed up, but that was no sale.",
    "NO_SUPPORT_CONTEXT": "The address was not taken when the person gave or offered support.",
    "OBJECTED": "The person objected to these messages. That stands until they say yes again themselves.",
    "ON_DO_NOT_CALL_REGISTER": "The number stands on a do-not-call register.",
    "OPTOUT_CONFIRMATION": "This only confirms, once, that the person was unsubscribed.",
    "OPT_OUT_REGIME": "Here the message is allowed unless the person objects, and they did not.",
    "OTHER_LEGAL_ENTITY": "The person is a customer of another company, not of this sender.",
    "OUTSIDE_PERMITTED_HOURS": "It is not a time of day at which this is allowed.",
    "PRESUMED_CONSENT_B2B": (
        "A colleague assessed and recorded that this business presumably agrees to the call."
    ),
    "PRESUMED_CONSENT_UNASSESSED": (
        "Nobody has assessed whether this business presumably agrees to the call."
    ),
    "PURPOSE_NOT_SOLELY_CHARITABLE": "The message serves another purpose than the charitable one too.",
    "RETENTION_EXPIRED": "The last contact by the person was too long ago.",
    "SENDER_NOT_CHARITY": "This rule is for charities only.",
    "SERVICE_MESSAGE": "This only serves a contract or service and promotes nothing.",
    "SERVICE_MESSAGE_IS_MARKETING": (
        "It is called a service message, but it promotes something, so it is marketing."
    ),
    "SOLICITED_REPLY": "The person asked for this answer.",
    "STALE_RELATION": "The relation ended too long ago.",
    "SUPPRESSED_AFTER_ERASURE": "The person asked to be erased; the address stays blocked.",
    "WITHDRAWN": "The person took their consent back. That stands until they say yes again themselves.",
}
