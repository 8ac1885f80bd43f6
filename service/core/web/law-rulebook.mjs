// The rulebook: which packs are in force, and what the house has settled itself. schemas/decision.md, "Rulebook".

import { require } from "./bytes.mjs";
import { readCanonical } from "./canonical.mjs";
import { DAY_MS, FIRST_DAY, LAST_DAY, dayOf, lastOfYear, readDay, writeDay } from "./law-calendar.mjs";
import { FIGURES, readPack } from "./law-packs.mjs";
import { checkShape, withDefaults } from "./shapes.mjs";

const EVERYWHERE = ["stop.grace_business_days", "consent.max_idle_months", "consent.refresh_months"];

const sound = (condition) => require(condition, "rulebook-invalid");

function day(text) {
  const read = readDay(text);
  sound(read !== null);
  return read;
}

/** A figure has one home, a country one pack, and a rule's figures stand in its pack or the common one. */
function checkTogether(packs) {
  const homes = new Map();
  const common = new Set(packs.get("common").parameter.map((parameter) => parameter.name));
  sound(EVERYWHERE.every((name) => common.has(name)));
  for (const [name, pack] of packs) {
    for (const what of [...pack.countries, ...pack.parameter.map((parameter) => parameter.name)]) {
      sound((homes.get(what) ?? name) === name && (!packs.has(what) || what === name));
      homes.set(what, name);
    }
    for (const rule of pack.rule) {
      const figures = FIGURES.map((field) => rule[field]).filter((each) => each !== null && each !== "");
      sound(figures.every((each) => homes.get(each) === name || common.has(each)));
    }
  }
}

function spanOf(given) {
  const from = given.valid_from === null ? FIRST_DAY : day(given.valid_from);
  const to = given.valid_to === null ? LAST_DAY : day(given.valid_to);
  sound(from <= to);
  return { from, to, value: given.value };
}

/** Of each figure the values with the days (inside) between which they hold, the default last. */
function figuresOf(document, packs, hidden) {
  const known = new Map([...packs.values()].flatMap((pack) => pack.parameter).map((each) => [each.name, each]));
  const figures = new Map([...known.keys()].map((name) => [name, []]));
  for (const given of document.parameters) {
    const span = spanOf(given);
    const parameter = known.get(given.name);
    if (parameter === undefined) {
      sound(hidden.size > 0);
      figures.set(given.name, [...(figures.get(given.name) ?? []), span]);
      continue;
    }
    sound(parameter.nature !== "statute");
    sound(parameter.minimum <= given.value && given.value <= parameter.maximum);
    sound(!figures.get(given.name).some((other) => other.from <= span.to && span.from <= other.to));
    figures.get(given.name).push(span);
  }
  for (const [name, { default: value }] of known) figures.get(name).push({ from: FIRST_DAY, to: LAST_DAY, value });
  return figures;
}

/** Of each category the line of it and what it lies below. */
function linesOf(categories) {
  const lines = new Map();
  for (const name of Object.keys(categories)) {
    const line = new Set();
    for (let each = name; each !== null; each = categories[each].parent) {
      sound(!line.has(each) && Object.hasOwn(categories, each));
      line.add(each);
    }
    lines.set(name, line);
  }
  return lines;
}

function checkNamed({ categories, products, senders, similar_products: similar }) {
  const all = Object.values(categories);
  sound(all.every((category) => category.senders.every((sender) => Object.hasOwn(senders, sender))));
  const named = all.map((category) => category.product).filter((product) => product !== null);
  sound(products.length === 0 || named.every((product) => products.includes(product)));
  const known = new Set([...products, ...named]);
  sound(similar.flat().every((product) => known.has(product)));
}

const EXITS_IN_ORDER = [
  "exit_double_opt_in",
  "exit_optout_confirmation",
  "exit_solicited",
  "exit_service",
  "exit_exempt",
];
const EXIT_KINDS = {
  exit_double_opt_in: ["doi_confirmation"],
  exit_optout_confirmation: ["optout_confirmation"],
  exit_service: ["service"],
  exit_exempt: ["commercial", "ideal", "charitable"],
};
const BASES_IN_ORDER = `presumed_consent charity customer relationship ongoing_relation running_contract
  designated_address impersonal_address role_related address_relevance outside_area referral exempt_sender
  opt_out`.split(/\s+/);
const AS_MARKETING = ["service", "consent_request", "doi_confirmation", "optout_confirmation"];

function refOf(rule) {
  const { citation, id, nature, verified } = rule;
  const [from, to] = [rule.valid_from, rule.valid_to].map((each) => (each === null ? null : writeDay(each)));
  return { citation, id, nature, valid_from: from, valid_to: to, verified };
}

/** One jurisdiction: its rules, with the common ones that it does not restate. */
class Law {
  constructor(pack, common, house) {
    const own = new Set(pack.rule.map((rule) => rule.id));
    const holidays = house.holidays.get(pack.jurisdiction) ?? pack.holidays;
    this.jurisdiction = pack.jurisdiction;
    this.pack = pack;
    this.house = house;
    this.rules = [...pack.rule, ...common.rule.filter((rule) => !own.has(rule.id))];
    this.holidays = new Set(holidays);
    this.calendarEnds = holidays.length > 0 ? lastOfYear(Math.max(...holidays)) : LAST_DAY;
    this.changes = this.changingDays();
  }

  changingDays() {
    const spans = this.rules.map((rule) => ({ from: rule.valid_from ?? FIRST_DAY, to: rule.valid_to ?? LAST_DAY }));
    const days = [...spans, ...[...this.house.figures.values()].flat()].flatMap(({ from, to }) => [
      ...(from > FIRST_DAY ? [from] : []),
      ...(to < LAST_DAY ? [to + 1] : []),
    ]);
    return days.sort((one, two) => one - two);
  }

  figure(name, day) {
    return name === null || name === "" ? 0 : this.house.value(name, day);
  }

  planned(rule, day) {
    return {
      rule,
      ref: refOf(rule),
      months: this.figure(rule.months_parameter, day),
      inquiryMonths: this.figure(rule.inquiry_parameter, day),
      indirectMonths: this.figure(rule.indirect_parameter, day),
      retentionMonths: this.figure(rule.retention_parameter, day),
      donationIsSale: rule.relations.includes("donation") || this.figure(rule.donation_parameter, day) > 0,
    };
  }

  /** The rules for a question of this shape asked at this time. */
  plan(ms, { channel, kind }, recipient) {
    const today = Math.min(dayOf(ms), LAST_DAY);
    const marketing = AS_MARKETING.includes(kind) ? "commercial" : kind;
    const planned = this.rules
      .filter((rule) => applies(rule, today, channel, recipient, marketing))
      .map((rule) => this.planned(rule, today));
    const doing = (move) => planned.filter((each) => each.rule.does === move);
    const first = (move) => doing(move)[0]?.ref ?? null;
    const change = this.changes.find((each) => each > dayOf(ms));
    const grace = this.house.value("stop.grace_business_days", today);
    return {
      jurisdiction: this.jurisdiction,
      exits: EXITS_IN_ORDER.filter((move) => (EXIT_KINDS[move] ?? [kind]).includes(kind)).flatMap(doing),
      scope: doing("out_of_scope"),
      consent: doing("consent")[0] ?? null,
      bases: BASES_IN_ORDER.flatMap(doing),
      forms: doing("message_form"),
      hours: doing("hours"),
      revokeAll: doing("revoke_all").length > 0,
      saidNo: first("person_said_no"),
      suppression: first("suppression"),
      current: first("address_current"),
      needsHuman: this.pack.needs_human,
      idleMonths: this.house.value("consent.max_idle_months", today),
      refreshMonths: this.house.value("consent.refresh_months", today),
      graceDays: Math.min(grace, this.pack.stop_ceiling_business_days),
      holidays: this.holidays,
      calendarEnds: this.calendarEnds,
      nextChange: change === undefined ? null : change * DAY_MS,
    };
  }
}

function applies(rule, day, channel, recipient, kind) {
  const { channels, excluded_channels: excluded, kinds, recipients } = rule;
  return (
    (rule.valid_from === null || rule.valid_from <= day) &&
    (rule.valid_to === null || day <= rule.valid_to) &&
    (channels.length === 0 || channels.includes(channel) || excluded.includes(channel)) &&
    (recipients.length === 0 || recipients.includes(recipient)) &&
    (kinds.length === 0 || kinds.includes(kind))
  );
}

class Rulebook {
  constructor(document, packs, hidden) {
    const pairs = document.similar_products.flatMap(([one, two]) => [`${one} ${two}`, `${two} ${one}`]);
    const holidays = Object.entries(document.holidays).map(([name, days]) => [name, days.map(day)]);
    const figures = figuresOf(document, packs, hidden);
    this.hidden = hidden;
    this.lines = linesOf(document.categories);
    this.categories = document.categories;
    this.senders = document.senders;
    this.similar = new Set(pairs);
    this.defaultJurisdiction = document.default_jurisdiction;
    const value = (name, at) => figures.get(name).find(({ from, to }) => from <= at && at <= to).value;
    const house = { figures, value, holidays: new Map(holidays) };
    const own = [...packs].filter(([name]) => name !== "common");
    this.laws = new Map(own.map(([name, pack]) => [name, new Law(pack, packs.get("common"), house)]));
    this.countries = new Map(own.flatMap(([name, pack]) => [...pack.countries, name].map((each) => [each, name])));
  }

  law(jurisdiction) {
    const law = this.laws.get(jurisdiction);
    require(law !== undefined, "pack-left-out", { place: jurisdiction });
    return law;
  }

  /** The law of a country, or null where no pack covers it; one that was left out may. */
  lawOf(country) {
    if (country === null) return null;
    const law = this.laws.get(this.countries.get(country)) ?? null;
    require(law !== null || this.hidden.size === 0, "pack-left-out", { place: country });
    return law;
  }
}

/**
 * A rulebook with those of its packs that are among `texts` (by hash).
 *
 * Refuses one that no ledger would publish; throws `Unknown` where it, or a pack, is in another language than this.
 */
export function readRulebook(text, texts, schema) {
  const given = readCanonical(text);
  require(checkedAs(given, schema), "rulebook-invalid");
  const document = withDefaults(given, schema, schema);
  const packs = new Map();
  for (const name of Object.keys(document.packs).sort()) {
    const source = texts.get(document.packs[name]);
    if (source === undefined) continue;
    packs.set(name, readPack(source));
    sound(packs.get(name).jurisdiction === name);
  }
  sound(packs.has("common") && Object.hasOwn(document.packs, document.default_jurisdiction));
  checkTogether(packs);
  checkNamed(document);
  const hidden = new Set(Object.keys(document.packs).filter((name) => !packs.has(name)));
  return new Rulebook(document, packs, hidden);
}

function checkedAs(value, schema) {
  try {
    checkShape(value, schema, schema);
    return true;
  } catch {
    return false;
  }
}
