"""A jurisdiction pack: the rules of one legal order as data, readable by a lawyer who cannot program.

A pack is one TOML file. Each `[[rule]]` says what it `does` (one of the evaluator's few moves), where it
comes from
(`citation`, `nature`, `verified`), when it is in force (both dates inside) and whom and what it concerns.
Two versions
of a rule share their `id` and may not overlap. Empty lists mean "all".
"""

import tomllib
from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

from service.core.errors import RulebookError
from service.core.events.refusals import refused
from service.core.events.values import Channel, Name, Register, SenderKind

Does = Literal[
    "exit_solicited",
    "exit_service",
    "exit_double_opt_in",
    "exit_optout_confirmation",
    "exit_exempt",
    "out_of_scope",
    "outside_area",
    "consent",
    "customer",
    "charity",
    "relationship",
    "ongoing_relation",
    "address_relevance",
    "presumed_consent",
    "running_contract",
    "designated_address",
    "impersonal_address",
    "role_related",
    "referral",
    "exempt_sender",
    "opt_out",
    "message_form",
    "hours",
    "revoke_all",
    "person_said_no",
    "suppression",
    "address_current",
]
Nature = Literal["statute", "case_law", "guidance", "self_regulation", "policy"]
Recipient = Literal["consumer", "child", "sole_trader", "legal_person"]
MessageKind = Literal["commercial", "ideal", "charitable"]
RelationKind = Literal[
    "purchase", "contract", "account", "membership", "donation", "info", "quote", "negotiation"
]

PACK_BYTES_MAX: Final = 256 * 1024
_PACKS_KEPT: Final = 64


class Rule(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One rule. Which of the optional fields matter is said with the move that reads them."""

    id: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_.]{2,63}$")]
    does: Does
    citation: Annotated[str, Meta(min_length=3, max_length=300)]
    nature: Nature
    verified: bool
    note: str = ""
    valid_from: date | None = None
    valid_to: date | None = None
    channels: tuple[Channel, ...] = ()
    excluded_channels: tuple[Channel, ...] = ()
    recipients: tuple[Recipient, ...] = ()
    kinds: tuple[MessageKind, ...] = ()
    sender_types: tuple[SenderKind, ...] = ()
    relations: tuple[RelationKind, ...] = ()
    inquiry_parameter: str | None = None
    months_parameter: str | None = None
    indirect_parameter: str | None = None
    retention_parameter: str | None = None
    minutes: int | None = None
    free_accounts: Literal["never", "with_paid_tier", "always"] = "with_paid_tier"
    donation_parameter: str | None = None
    rolling: bool = False
    commencement: date | None = None
    started_before: date | None = None
    ends_day_before: bool = False
    buyer_steps_in: bool = False
    registered: bool = False
    requires_role: bool = False
    requires_impersonal: bool = False
    requires_no_state_rule: bool = False
    requires_complete_request: bool = False
    sources: tuple[Literal["published", "disclosed"], ...] = ()
    deny_code: str = "NO_BASIS"
    minor_age: int | None = None
    unnamed_senders: bool = False
    evidence_items: tuple[str, ...] = ()
    evidence_items_channels: tuple[Channel, ...] = ()
    evidence_items_since: date | None = None
    written_when_automated: bool = False
    automated_only: bool | None = None
    phone_type: Literal["mobile", "fixed"] | None = None
    registers: dict[Recipient, Register] = {}
    except_subjects: tuple[Name, ...] = ()
    area: tuple[str, ...] = ()
    fields: tuple[Literal["identity", "optout", "postal_address", "labelled_as_advertising"], ...] = ()
    hours: tuple[str, ...] = ()
    business_days_only: bool = False


class Parameter(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A figure of the law or of the house.

    Statutory ones cannot be edited, the others within `minimum` and `maximum`; 0 switches off.
    """

    name: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_.]{2,63}$")]
    default: int
    nature: Nature
    citation: Annotated[str, Meta(min_length=3, max_length=300)]
    verified: bool
    minimum: int = 0
    maximum: int = 600
    note: str = ""


class Pack(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The rules of one jurisdiction, or those that hold everywhere (`jurisdiction` "common").

    `stop_ceiling_business_days` is how long the law at most gives for carrying out a no; 0 is at
    once. No setting of the house goes beyond it.

    `holidays`: the public holidays of its whole country, for rules that speak of business days; complete up
    to the end of the last one's year, and nothing is known of the days after.
    """

    jurisdiction: Annotated[str, Meta(pattern=r"^([A-Z]{2}|common)$")]
    name: str
    as_of: date
    countries: tuple[str, ...] = ()
    needs_human: tuple[str, ...] = ()
    stop_ceiling_business_days: Annotated[int, Meta(ge=0, le=31)] = 0
    holidays: tuple[date, ...] = ()
    rule: tuple[Rule, ...] = ()
    parameter: tuple[Parameter, ...] = ()


@lru_cache(maxsize=_PACKS_KEPT)
def parse_pack(data: bytes) -> Pack:
    """Read a pack. The same bytes give the same one, so it is kept: TOML takes a millisecond each.

    Raises RulebookError: `toml` where it is no TOML, `overlap` where two versions of a rule are in force at
    once,
    `order` where one ends before it begins, and the codes of every refused field.
    """
    if len(data) > PACK_BYTES_MAX:
        raise RulebookError("a pack is at most 256 KiB", code="too_large")
    try:
        obj: dict[str, Any] = tomllib.loads(data.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        raise RulebookError("this is not TOML", code="toml") from None
    try:
        pack = msgspec.convert(obj, Pack)
    except msgspec.ValidationError as error:
        raise refused(error, RulebookError) from None
    _refuse_overlaps(pack)
    return pack


def check_together(packs: Mapping[str, Pack]) -> None:
    """Refuse packs of one rulebook that cannot be told apart.

    A law is its own pack and the common one: a rule's figures stand in one of the two, a figure in one pack
    only, and one pack answers for a country. The figures that every law reads are the common one's. So an
    answer needs no pack but those of the laws it was found under. Raises RulebookError: unknown_parameter,
    overlap.
    """
    if not _figures_of(packs["common"]) >= _EVERYWHERE:
        raise RulebookError(
            "a figure that every law reads is missing", pointer="/packs/common", code="unknown_parameter"
        )
    homes: dict[str, str] = {}
    for name, pack in packs.items():
        for what in (*pack.countries, *(parameter.name for parameter in pack.parameter)):
            if homes.setdefault(what, name) != name or (what in packs and what != name):
                raise RulebookError(
                    "another pack speaks of this too", pointer=f"/packs/{name}/{what}", code="overlap"
                )
        for rule in pack.rule:
            for figure in filter(None, (getattr(rule, field) for field in _FIGURES)):
                if homes.get(figure) != name and figure not in _figures_of(packs["common"]):
                    raise RulebookError(
                        "no such figure in this pack", pointer=f"/packs/{name}/rule", code="unknown_parameter"
                    )


_EVERYWHERE: Final = frozenset(
    {"stop.grace_business_days", "consent.max_idle_months", "consent.refresh_months"}
)
_FIGURES: Final = (
    "months_parameter",
    "inquiry_parameter",
    "indirect_parameter",
    "retention_parameter",
    "donation_parameter",
)


def _figures_of(pack: Pack) -> frozenset[str]:
    return frozenset(parameter.name for parameter in pack.parameter)


def _refuse_overlaps(pack: Pack) -> None:
    last: dict[str, Rule] = {}
    by_time = sorted(enumerate(pack.rule), key=lambda item: item[1].valid_from or date.min)
    for place, rule in by_time:
        if rule.valid_from and rule.valid_to and rule.valid_to < rule.valid_from:
            raise RulebookError(
                f"{rule.id} ends before it begins", pointer=f"/rule/{place}/valid_to", code="order"
            )
        earlier = last.get(rule.id)
        if earlier is not None and (
            earlier.valid_to is None or rule.valid_from is None or rule.valid_from <= earlier.valid_to
        ):
            raise RulebookError(
                f"two versions of {rule.id} are in force at once",
                pointer=f"/rule/{place}/valid_from",
                code="overlap",
            )
        last[rule.id] = rule
