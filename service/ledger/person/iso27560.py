"""What is held of a person as JSON-LD, in the terms of ISO/IEC TS 27560:2023 and the W3C DPV (version 2.3).

One `dpv:ConsentRecord` for each sender and purpose, as the DPV guide to 27560 lays it out, with every change
of status; rights that the person exercised as `dpv:RightExerciseActivity`; and every event in the ledger's
own words (prefix `cl`), because 27560 has none for purchases, sources, messages or decisions. What 27560 asks
for and nobody recorded is named under `cl:notStated`, never invented. Times are UTC (ISO 8601).
"""

import uuid
from collections.abc import Iterable, Iterator
from typing import Any, Final

from service.core.events import vocabulary as v
from service.core.law.decision import decision_body
from service.ledger.delivering.cloud_events import time_of
from service.ledger.person.file import Answered, HeldEvent, PersonFile

Node = dict[str, Any]
Kind = tuple[str, str]
"""A sender and a purpose."""

MEDIA_TYPE: Final = "application/ld+json"
PROFILE: Final = "https://w3id.org/dpv/schema/dpv-27560#record"
CONTEXT: Final[Node] = {
    "@version": 1.1,
    "dpv": "https://w3id.org/dpv#",
    "eu-gdpr": "https://w3id.org/dpv/legal/eu/gdpr#",
    "pd": "https://w3id.org/dpv/pd#",
    "dct": "http://purl.org/dc/terms/",
    "cl": "urn:consent-ledger:terms:",
}
_NAMESPACE: Final = uuid.uuid5(uuid.NAMESPACE_URL, "urn:consent-ledger:27560")
_STATUS: Final[dict[type, str]] = {
    v.ConsentRequested: "dpv:ConsentRequested",
    v.ConsentGranted: "dpv:ConsentGiven",
    v.ConsentConfirmed: "dpv:ConsentGiven",
    v.ConsentRefused: "dpv:ConsentRefused",
    v.ConsentWithdrawn: "dpv:ConsentWithdrawn",
}
_RIGHTS: Final[dict[type, str]] = {
    v.ConsentWithdrawn: "eu-gdpr:A7-3",
    v.Objection: "eu-gdpr:A21",
    v.ObjectionAttempted: "eu-gdpr:A21",
    v.ErasureRequested: "eu-gdpr:A17",
}
_PERSONAL_DATA: Final = {"email": "pd:EmailAddress", "phone": "pd:TelephoneNumber"}
_UNNAMED: Final = "unspecified"


def consent_records(file: PersonFile) -> Node:
    """The whole file as one JSON-LD document."""
    subject_id = f"urn:consent-ledger:subject:{file.subject_key.hex()}"
    subject: Node = {
        "@id": subject_id,
        "@type": "dpv:DataSubject",
        "dct:identifier": file.subject_key.hex(),
        "dpv:hasPersonalData": {
            "@type": _PERSONAL_DATA[file.address.kind],
            "dct:identifier": file.address.value,
        },
    }
    document: Node = {
        "@context": CONTEXT,
        "@id": f"urn:consent-ledger:log:{file.origin}#{file.position}",
        "dct:created": time_of(file.as_of_ms),
        "dpv:hasDataSubject": subject,
        "@graph": [
            *_records(file, subject_id),
            *_exercised(file, subject_id),
            *(_event(held) for held in file.events),
            *(_answer(file, each) for each in file.answers),
        ],
    }
    if file.erased is not None:
        document["cl:erased"] = {"cl:events": file.erased.events, "dct:date": time_of(file.erased.at_ms)}
    return document


def _records(file: PersonFile, subject: str) -> Iterator[Node]:
    """A record for each sender and purpose; what names none of either concerns all of them."""
    events = [held for held in file.events if type(held.recorded.event) in _STATUS]
    concerned = {held.index: _kinds(file, held) for held in events}
    kinds = sorted({kind for named in concerned.values() for kind in named})
    special = [kind for kind in kinds if not any(_covers(kind, other) for other in kinds if other != kind)]
    for kind in special:
        every = [held for held in events if any(_covers(named, kind) for named in concerned[held.index])]
        yield _record(file, subject, kind, every)


def _covers(general: Kind, kind: Kind) -> bool:
    """Whether what is said of one kind of message is said of the other, too."""
    return all(one in (_UNNAMED, other) for one, other in zip(general, kind, strict=True))


def _kinds(file: PersonFile, held: HeldEvent) -> list[Kind]:
    event: Any = held.recorded.event
    form = file.forms.get(getattr(event, "form", None) or "")
    box = form.box(event.box) if form is not None and getattr(event, "box", None) else None
    senders = getattr(event, "senders", ()) or (box.senders if box is not None else ())
    categories = getattr(event, "categories", ()) or (box.categories if box is not None else ())
    every = senders or (event.sender or _UNNAMED,)
    return [(sender, category) for sender in every for category in categories or (_UNNAMED,)]


def _record(file: PersonFile, subject: str, kind: Kind, events: list[HeldEvent]) -> Node:
    sender, purpose = kind
    name = f"{file.origin}/{file.subject_key.hex()}/{sender}/{purpose}"
    identifier = str(uuid.uuid5(_NAMESPACE, name))
    record: Node = {
        "@id": f"urn:uuid:{identifier}",
        "@type": "dpv:ConsentRecord",
        "dct:conformsTo": PROFILE,
        "dct:identifier": identifier,
        "dpv:hasDataSubject": subject,
        "dpv:hasPurpose": {"@type": "dpv:DirectMarketing", "dct:identifier": purpose},
        "dpv:hasLegalBasis": "eu-gdpr:A6-1-a",
        "dpv:hasPersonalData": _PERSONAL_DATA[file.address.kind],
        "dpv:hasDataController": _controller(file, sender),
        "dpv:hasProcessing": ["dpv:Collect", "dpv:Store", "dpv:Use"],
        "dpv:hasStorageCondition": {
            "@type": "dpv:StorageCondition",
            "dpv:hasLocation": f"urn:consent-ledger:log:{file.origin}",
            "dpv:hasDuration": {"@type": "dpv:UntilEventDuration", "dct:description": "until erasure"},
        },
        "dpv:hasConsentControl": {"@type": "dpv:WithdrawConsent"},
        "dpv:hasRight": ["eu-gdpr:A7-3", *(f"eu-gdpr:A{number}" for number in (15, 16, 17, 20, 21))],
        "dpv:hasConsentStatus": [status for held in events for status in _statuses(held)],
    }
    record |= _notices(file, events)
    record["cl:notStated"] = _not_stated(record)
    return record


def _controller(file: PersonFile, sender: str) -> Node:
    known = file.senders.get(sender)
    controller: Node = {"@type": "dpv:DataController", "dct:identifier": sender}
    if known is not None:
        controller |= {"dpv:hasName": known.legal_name, "dpv:hasLocation": known.country}
    return controller


def _notices(file: PersonFile, events: Iterable[HeldEvent]) -> Node:
    ids = dict.fromkeys(getattr(held.recorded.event, "form", None) for held in events)
    forms = [(form_id, file.forms[form_id]) for form_id in ids if form_id is not None]
    if not forms:
        return {}
    return {
        "dpv:hasNotice": [
            {
                "@type": "dpv:ConsentNotice",
                "dct:identifier": form_id,
                "dct:title": form.title,
                "dct:language": form.language,
                "dct:description": form.text,
                **({"dct:source": form.privacy_notice_url} if form.privacy_notice_url else {}),
            }
            for form_id, form in forms
        ],
        "dct:language": sorted({form.language for _, form in forms}),
    }


def _not_stated(record: Node) -> list[str]:
    """The fields that 27560 makes mandatory and nobody recorded."""
    mandatory = ("dpv:hasNotice", "dct:language", "dpv:hasJurisdiction", "dpv:hasRecipient")
    return [field for field in mandatory if field not in record]


def _statuses(held: HeldEvent) -> Iterator[Node]:
    event: Any = held.recorded.event
    status: Node = {
        "@type": _STATUS[type(event)],
        "dpv:isIndicatedAtTime": time_of(held.recorded.occurred_ms),
        "dpv:isIndicatedBy": "dpv:DataController"
        if isinstance(event, v.ConsentRequested)
        else "dpv:ThirdParty"
        if getattr(event, "given_by", "") == "third_party"
        else "dpv:DataSubject",
        "dct:created": time_of(held.recorded_at_ms),
        "cl:index": held.index,
    }
    if method := getattr(event, "method", None) or getattr(event, "via", None):
        status["dpv:hasIndicationMethod"] = method
    if isinstance(event, v.ConsentGranted):
        status["@type"] = [status["@type"], "dpv:ExpressedConsent"]
        status["dpv:hasDuration"] = _duration(event.expires)
    yield status
    if held.corrected_by is not None:
        yield {
            "@type": "dpv:ConsentInvalidated",
            "dpv:isIndicatedBy": "dpv:DataController",
            "cl:index": held.corrected_by,
            "cl:corrects": held.index,
        }


def _duration(expires: str) -> Node:
    if expires[:1].isdigit():
        return {"@type": "dpv:UntilTimeDuration", "dct:date": expires}
    return {
        "@type": "dpv:UntilEventDuration",
        "dct:description": "until withdrawn" if expires == "none" else expires,
    }


def _exercised(file: PersonFile, subject: str) -> Iterator[Node]:
    for held in file.events:
        right = _RIGHTS.get(type(held.recorded.event))
        if right is not None:
            yield {
                "@type": "dpv:RightExerciseActivity",
                "dpv:hasRight": right,
                "dpv:hasDataSubject": subject,
                "dct:date": time_of(held.recorded.occurred_ms),
                "dct:created": time_of(held.recorded_at_ms),
                "cl:index": held.index,
            }


def _event(held: HeldEvent) -> Node:
    node: Node = {
        "@type": "cl:Event",
        "cl:index": held.index,
        "cl:type": held.recorded.type,
        "dct:date": time_of(held.recorded.occurred_ms),
        "dct:created": time_of(held.recorded_at_ms),
        "cl:record": {"@type": "@json", "@value": held.body},
    }
    if held.address is not None:
        node["cl:address"] = held.address.value
    if held.evidence is not None:
        node["cl:evidence"] = {"@type": "@json", "@value": held.evidence}
    if held.corrected_by is not None:
        node["cl:correctedBy"] = held.corrected_by
    return node


def _answer(file: PersonFile, each: Answered) -> Node:
    node: Node = {
        "@type": "cl:Decision",
        "dpv:hasDataController": _controller(file, each.sender),
        "dpv:hasPurpose": {"@type": "dpv:DirectMarketing", "dct:identifier": each.category},
        "cl:channel": each.channel,
        "cl:now": {"@type": "@json", "@value": decision_body(each.now)},
    }
    if each.then is not None and each.sent_at_ms is not None:
        node["cl:lastSent"] = time_of(each.sent_at_ms)
        node["cl:then"] = {"@type": "@json", "@value": decision_body(each.then)}
    return node


def _index(held: HeldEvent) -> int:
    return held.index
