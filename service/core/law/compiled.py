"""Packs laid out for deciding: for each day and shape of question the few rules that matter.

A plan is made once and kept; it is a pure function of the rulebook, so keeping it changes no answer.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from msgspec import Struct

from service.core.errors import RulebookError
from service.core.law.calendar import DAY_MS, LAST_DAY, date_of, day_number
from service.core.law.pack import Pack, Rule
from service.core.law.settings import HouseSettings

_EXITS: Final = (
    "exit_double_opt_in",
    "exit_optout_confirmation",
    "exit_solicited",
    "exit_service",
    "exit_exempt",
)
_BASES: Final = (
    "consent",
    "presumed_consent",
    "charity",
    "customer",
    "relationship",
    "ongoing_relation",
    "running_contract",
    "designated_address",
    "impersonal_address",
    "role_related",
    "address_relevance",
    "outside_area",
    "referral",
    "exempt_sender",
    "opt_out",
)
_EXIT_KINDS: Final = {
    "exit_double_opt_in": ("doi_confirmation",),
    "exit_optout_confirmation": ("optout_confirmation",),
    "exit_service": ("service",),
    "exit_exempt": ("commercial", "ideal", "charitable"),
}
"""The kinds of message an exit can be for; what is not here is for any."""

_COMMON: Final = "common"
_AS_MARKETING: Final = frozenset({"service", "consent_request", "doi_confirmation", "optout_confirmation"})


class RuleRef(Struct, frozen=True, gc=False):
    """What an answer says of the rule it rests on. Dates are ISO 8601, None is open."""

    id: str
    citation: str
    nature: str
    verified: bool
    valid_from: str | None
    valid_to: str | None


@dataclass(frozen=True, slots=True)
class PlannedRule:
    """A rule in force, with its figures looked up and its reference ready."""

    rule: Rule
    ref: RuleRef
    months: int
    inquiry_months: int
    indirect_months: int
    retention_months: int
    donation_is_sale: bool
    registers: Mapping[str, str]

    def register(self, recipient: str) -> str | None:
        """Return the do-not-call register that protects this kind of recipient, if any."""
        return self.registers.get(recipient)


@dataclass(frozen=True, slots=True)
class Plan:
    """The rules for one kind of question on one stretch of days."""

    jurisdiction: str
    exits: tuple[PlannedRule, ...]
    exits_ask_form: bool
    scope: tuple[PlannedRule, ...]
    consent: PlannedRule | None
    bases: tuple[PlannedRule, ...]
    forms: tuple[PlannedRule, ...]
    hours: tuple[PlannedRule, ...]
    revoke_all: bool
    said_no: RuleRef | None
    suppression: RuleRef | None
    current: RuleRef | None
    needs_human: frozenset[str]
    idle_months: int
    refresh_months: int
    grace_days: int
    holidays: frozenset[int]
    calendar_ends: int
    next_change_ms: int | None


class Law:
    """One jurisdiction: its rules with the common ones it does not restate, by stretches of days."""

    def __init__(self, pack: Pack, common: Pack, settings: HouseSettings) -> None:
        own = {rule.id for rule in pack.rule}
        self.jurisdiction = pack.jurisdiction
        self._rules = (*pack.rule, *(rule for rule in common.rule if rule.id not in own))
        self._needs_human = frozenset(pack.needs_human)
        self._stop_ceiling = pack.stop_ceiling_business_days
        self._settings = settings
        holidays = settings.holidays.get(pack.jurisdiction, frozenset(pack.holidays))
        self._holidays = frozenset(map(day_number, holidays))
        self._calendar_ends = day_number(date(max(holidays).year, 12, 31)) if holidays else LAST_DAY
        self._changes = sorted(_changes(self._rules, settings))
        self._plans: dict[tuple[int, str, str, str], Plan] = {}

    def plan(self, day: int, channel: str, recipient: str, kind: str) -> Plan:
        """Return the rules for a question of this shape asked on `day`."""
        stretch = bisect_right(self._changes, day)
        key = (stretch, channel, recipient, kind)
        plan = self._plans.get(key)
        if plan is None:
            plan = self._plans[key] = self._make(stretch, day, channel, recipient, kind)
        return plan

    def _make(self, stretch: int, day: int, channel: str, recipient: str, kind: str) -> Plan:
        today = date_of(day)
        marketing = "commercial" if kind in _AS_MARKETING else kind
        rules = [r for r in self._rules if _applies(r, today, channel, recipient, marketing)]
        planned = [self._planned(rule, today) for rule in rules]
        by_move: dict[str, list[PlannedRule]] = {}
        for item in planned:
            by_move.setdefault(item.rule.does, []).append(item)
        consent = by_move.get("consent", [])
        changes = self._changes
        value = self._settings.value
        open_to = [move for move in _EXITS if kind in _EXIT_KINDS.get(move, (kind,))]
        exits = tuple(item for move in open_to for item in by_move.get(move, ()))
        return Plan(
            jurisdiction=self.jurisdiction,
            exits=exits,
            exits_ask_form=any(item.rule.fields for item in exits),
            scope=tuple(by_move.get("out_of_scope", ())),
            consent=consent[0] if consent else None,
            bases=tuple(item for move in _BASES[1:] for item in by_move.get(move, ())),
            forms=tuple(by_move.get("message_form", ())),
            hours=tuple(by_move.get("hours", ())),
            revoke_all=bool(by_move.get("revoke_all")),
            said_no=_ref_of(by_move, "person_said_no"),
            suppression=_ref_of(by_move, "suppression"),
            current=_ref_of(by_move, "address_current"),
            needs_human=self._needs_human,
            idle_months=value("consent.max_idle_months", today),
            refresh_months=value("consent.refresh_months", today),
            grace_days=min(value("stop.grace_business_days", today), self._stop_ceiling),
            holidays=self._holidays,
            calendar_ends=self._calendar_ends,
            next_change_ms=changes[stretch] * DAY_MS if stretch < len(changes) else None,
        )

    def _planned(self, rule: Rule, today: date) -> PlannedRule:
        def figure(name: str | None) -> int:
            return self._settings.value(name, today) if name is not None else 0

        return PlannedRule(
            rule,
            RuleRef(
                rule.id,
                rule.citation,
                rule.nature,
                rule.verified,
                rule.valid_from.isoformat() if rule.valid_from else None,
                rule.valid_to.isoformat() if rule.valid_to else None,
            ),
            months=figure(rule.months_parameter),
            inquiry_months=figure(rule.inquiry_parameter),
            indirect_months=figure(rule.indirect_parameter),
            retention_months=figure(rule.retention_parameter),
            registers={str(kind): str(name) for kind, name in rule.registers.items()},
            donation_is_sale="donation" in rule.relations or figure(rule.donation_parameter) > 0,
        )


class PackNotShownError(RulebookError):
    """The answer needs a pack that was left out: that of `place`, a jurisdiction or a country."""

    def __init__(self, place: str) -> None:
        super().__init__("a pack that the answer needs is left out", pointer="/packs", code="unknown_pack")
        self.place = place


class Compiled:
    """The jurisdictions of a rulebook, by code and by country.

    `hidden` are those whose packs were left out. What could need one of them is refused, never guessed.
    """

    def __init__(
        self,
        laws: Mapping[str, Law],
        countries: Mapping[str, str],
        settings: HouseSettings,
        hidden: frozenset[str],
    ) -> None:
        self.laws = laws
        self.countries = countries
        self.settings = settings
        self.hidden = hidden

    def law(self, jurisdiction: str) -> Law:
        """Return the law of a jurisdiction. Raises PackNotShownError."""
        law = self.laws.get(jurisdiction)
        if law is None:
            raise PackNotShownError(jurisdiction)
        return law

    def law_of(self, country: str | None) -> Law | None:
        """Return the law of a country, or None where no pack covers it.

        Raises PackNotShownError where a pack that was left out may cover it.
        """
        if country is None:
            return None
        law = self.laws.get(self.countries.get(country, ""))
        if law is None and self.hidden:
            raise PackNotShownError(country)
        return law


def compile_rules(
    packs: Mapping[str, Pack], settings: HouseSettings, hidden: frozenset[str] = frozenset()
) -> Compiled:
    """Lay out the rules of every pack; `hidden` are the jurisdictions whose packs were left out."""
    common = packs[_COMMON]
    laws = {name: Law(pack, common, settings) for name, pack in packs.items() if name != _COMMON}
    countries = {country: name for name in laws for country in (*packs[name].countries, name)}
    return Compiled(laws, countries, settings, hidden)


def _applies(rule: Rule, today: date, channel: str, recipient: str, kind: str) -> bool:
    return (
        (rule.valid_from is None or rule.valid_from <= today)
        and (rule.valid_to is None or today <= rule.valid_to)
        and (not rule.channels or channel in rule.channels or channel in rule.excluded_channels)
        and (not rule.recipients or recipient in rule.recipients)
        and (not rule.kinds or kind in rule.kinds)
    )


def _ref_of(by_move: dict[str, list[PlannedRule]], move: str) -> RuleRef | None:
    found = by_move.get(move)
    return found[0].ref if found else None


def _changes(rules: Iterable[Rule], settings: HouseSettings) -> set[int]:
    days: set[int] = set()
    day = timedelta(days=1)
    for rule in rules:
        if rule.valid_from is not None:
            days.add(day_number(rule.valid_from))
        if rule.valid_to is not None:
            days.add(day_number(rule.valid_to + day))
    for values in settings.parameters.values():
        for setting in values:
            if setting.valid_from > date.min:
                days.add(day_number(setting.valid_from))
            if setting.valid_to < date.max:
                days.add(day_number(setting.valid_to + day))
    return days
