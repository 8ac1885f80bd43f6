"""A form: what a person was shown when an address or a consent was taken, named by its hash."""

import hashlib
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from service.core.canonical import canonical_json
from service.core.errors import FormError
from service.core.events.refusals import refused
from service.core.events.values import (
    BundledPurposes,
    Channels,
    Digest,
    Label,
    Name,
    Names,
    NoticeMeans,
    OptoutMeans,
    RequestFlaws,
    SenderId,
    SenderIds,
    Text,
    UnnamedSenders,
)


class Box(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One box of a form: its label, how it stood before the person came, and what ticking it would mean.

    `bundled_purposes` lists what one tick covers besides each other; `flaws` are the defects of the request
    that a
    person found in it (LAW 4.7).
    """

    name: Name
    label: Text
    default: Literal["unticked", "ticked"]
    categories: Names = ()
    channels: Channels = ()
    senders: SenderIds = ()
    unnamed_senders: UnnamedSenders = "none"
    bundled_purposes: BundledPurposes = ()
    flaws: RequestFlaws = ()


class Form(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The exact text shown, in one language, with its boxes and the notice of the right to refuse.

    `consent_in_terms` says that agreement is a clause of the general terms. `collector` is who took the data.
    """

    language: Annotated[str, Meta(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*(?!\n)$")]
    title: Label
    text: Annotated[str, Meta(min_length=1, max_length=100_000)]
    kind: Literal["web_form", "checkout", "contract", "paper", "script", "account", "donation"] = "web_form"
    boxes: Annotated[tuple[Box, ...], Meta(max_length=100)] = ()
    collector: SenderId | None = None
    privacy_notice_url: Annotated[str, Meta(min_length=8, max_length=2000)] | None = None
    consent_in_terms: bool = False
    tied_to_service: bool = False
    request_contents_complete: bool | None = None
    notice_given: bool | None = None
    notice_means: NoticeMeans = "on_form"
    optout_offered: bool | None = None
    optout_means: OptoutMeans = "on_form"
    screenshot_sha256: Digest | None = None
    html_sha256: Digest | None = None

    def box(self, name: str) -> Box | None:
        """Return the box of that name, or None."""
        return next((box for box in self.boxes if box.name == name), None)


def parse_form(obj: object) -> Form:
    """Read a form from parsed JSON.

    Raises FormError with the pointer of the field that is missing, unknown or of the wrong kind.
    """
    try:
        form = msgspec.convert(obj, Form)
    except msgspec.ValidationError as error:
        raise refused(error, FormError) from None
    names = [box.name for box in form.boxes]
    if len(set(names)) != len(names):
        raise FormError("two boxes have the same name", pointer="/boxes", code="duplicate")
    return form


def form_bytes(form: Form) -> bytes:
    """Return the canonical JSON (RFC 8785) by which the form is named."""
    return canonical_json(msgspec.to_builtins(form))


def form_id(form: Form) -> str:
    """Return the SHA-256 of the form's canonical bytes, in hex."""
    return hashlib.sha256(form_bytes(form)).hexdigest()
