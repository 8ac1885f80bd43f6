// What every rule looks at while one question is answered at one instant. schemas/decision.md, "Whose facts", "Time".

import { DAY_MS, dayOf, windowEnd } from "./law-calendar.mjs";
import { noOfErasure } from "./law-keeping.mjs";

export const [NO, YES, UNKNOWN] = ["no", "yes", "unknown"];

/** Which failing attempt reports: the smallest. */
export const GROUP = { exit: -1, register: 0, consent: 1, relation: 2, address: 3, source: 4, other: 9 };
const HOPS_MAX = 64;

/** How one rule came out. `human`: the point is open in law. */
export function tried(status, code, basis, ref, { events = [], missing = [], group = GROUP.other, human = false } = {}) {
  return { status, code, basis, ref, events, missing, group, human };
}

/** Yes, or unknown where facts are missing. */
export function holding(code, basis, ref, missing, given = {}) {
  return tried(missing.length > 0 ? UNKNOWN : YES, code, basis, ref, { ...given, missing });
}

export function failing(code, ref, events = [], group = GROUP.other, human = false) {
  return tried(NO, code, "none", ref, { events, group, human });
}

/** Whether what happened at `one` (time, index) is after `two`. */
export function isAfter(one, two) {
  for (const [place, value] of one.entries()) if (value !== two[place]) return value > two[place];
  return false;
}

/** The last of some facts in time, and in the log where they tie: of equals the first. */
export function latestOf(facts, placeOf = ({ index, ms }) => [ms, index]) {
  return facts.reduce((best, fact) => (isAfter(placeOf(fact), placeOf(best)) ? fact : best));
}

/** The ids of the same legal entity, and of those whose business it bought. */
function succession(senders, sender, at) {
  const [entity, bought] = [new Set([sender]), new Set()];
  const waiting = (senders.get(sender)?.successions ?? []).length > 0 ? [[sender, true]] : [];
  while (waiting.length > 0 && entity.size + bought.size < HOPS_MAX) {
    const [name, own] = waiting.pop();
    for (const step of senders.get(name)?.successions ?? []) {
      const seen = entity.has(step.predecessor) || bought.has(step.predecessor);
      if (step.ms > at || step.successor !== name || seen) continue;
      const stays = own && step.sameEntity;
      (stays ? entity : bought).add(step.predecessor);
      waiting.push([step.predecessor, stays]);
    }
  }
  return { entity, bought };
}

const FOLLOWING = ["grants", "relations", "mailings", "contacts", "endings"];

/** The standing with that of former addresses: a no always follows, what is positive only where the move is verified. */
function moved({ address, linked }, at) {
  let [joined, unmoved] = [address, []];
  const seen = new Set();
  const waiting = address.origins.map((move) => [move, true]);
  while (waiting.length > 0 && seen.size < HOPS_MAX) {
    const [move, verified] = waiting.pop();
    const old = linked.get(move.other);
    if (move.by === "broker" || move.ms > at || old === undefined || seen.has(move.other)) continue;
    seen.add(move.other);
    const follows = verified && move.verified;
    waiting.push(...old.origins.map((earlier) => [earlier, follows]));
    const nos = [...joined.nos, ...old.nos];
    if (joined.erased !== null && old.erased !== null) nos.push(noOfErasure(old.erased));
    joined = { ...joined, nos, erased: joined.erased ?? old.erased };
    if (follows) {
      for (const name of FOLLOWING) joined = { ...joined, [name]: [...joined[name], ...old[name]] };
    } else {
      unmoved = [...unmoved, ...old.grants];
    }
  }
  return { joined, unmoved };
}

export class Context {
  constructor(rulebook, standings, question, plan, recipient, at) {
    Object.assign(this, { rulebook, question, plan, recipient, at });
    this.day = dayOf(at);
    this.flips = plan.nextChange === null ? [] : [plan.nextChange];
    this.floor = [-1, -1];
    const { joined, unmoved } = moved(standings, at);
    [this.standing, this.unmoved] = [joined, unmoved];
    const { bought, entity } = succession(standings.senders, question.sender, at);
    [this.entity, this.bought] = [entity, bought];
    const house = Object.hasOwn(rulebook.senders, question.sender) ? rulebook.senders[question.sender] : null;
    const said = standings.senders.get(question.sender)?.registration ?? null;
    this.senderType = house?.kind ?? said?.kind ?? question.sender_type ?? "business";
    this.senderRegistered = house?.registered ?? question.sender_registered;
  }

  /** The answer may change then. */
  note(ms) {
    this.flips.push(ms);
  }

  /** Whether the day of `ms` lies in the window of so many months before now. */
  within(ms, months) {
    const end = windowEnd(dayOf(ms), months);
    if (this.day >= end) return false;
    this.note(end * DAY_MS);
    return true;
  }

  hasHappened(ms) {
    if (ms <= this.at) return true;
    this.note(ms);
    return false;
  }

  coversCategory(names, category = this.question.category) {
    const line = this.rulebook.lines.get(category) ?? new Set([category]);
    return names.includes(category) || names.some((name) => line.has(name));
  }

  /** What the message is about: the question's product, else its category's. */
  product() {
    const { category, product_category: product } = this.question;
    const { categories } = this.rulebook;
    return product ?? (Object.hasOwn(categories, category) ? categories[category].product : null);
  }

  /** Our mailings that rested on a consent: what it covers, and not before it. */
  uses({ categories, channels, ms }) {
    return this.standing.mailings.filter(
      ({ category, channel, lastMs, sender }) =>
        ms <= lastMs &&
        lastMs <= this.at &&
        this.ours(sender) &&
        channels.includes(channel) &&
        this.coversCategory(categories, category),
    );
  }

  /** Whether a fact about `party` is about the asking sender; null is about every sender. */
  ours(party) {
    return party === null || this.entity.has(party);
  }

  namesUs(senders) {
    return senders.some((sender) => this.entity.has(sender));
  }

  namesBought(senders) {
    return senders.some((sender) => this.bought.has(sender));
  }

  promotesOthers() {
    const { promotes } = this.question;
    return promotes !== null && !this.entity.has(promotes);
  }

  /** Whether a relation has begun, and not before a no that a later consent lifted. */
  usable({ index, ms }) {
    return this.hasHappened(ms) && isAfter([ms, index], this.floor);
  }

  mailedSince(ms, index, category = null) {
    return this.standing.mailings.some(
      (mailing) =>
        this.ours(mailing.sender) &&
        (category === null || category === mailing.category) &&
        isAfter([mailing.lastMs, mailing.index], [ms, index]) &&
        mailing.lastMs <= this.at,
    );
  }

  lastContact() {
    const { contacts, grants, relations } = this.standing;
    const times = [
      ...contacts.filter(({ sender }) => this.ours(sender)).map(({ ms }) => ms),
      ...relations.filter(({ party }) => this.entity.has(party)).map(({ endedMs, ms }) => Math.max(ms, endedMs ?? 0)),
      ...grants.filter(({ senders }) => this.namesUs(senders)).map(({ ms }) => ms),
    ];
    return Math.max(-1, ...times.filter((ms) => ms <= this.at));
  }

  hasOpenRelation() {
    return this.standing.relations.some(
      (relation) =>
        (relation.kind === "contract" || relation.kind === "membership") &&
        this.entity.has(relation.party) &&
        this.isOpen(relation),
    );
  }

  isOpen({ endedMs, ms, oneOff }) {
    if (oneOff === true || !this.hasHappened(ms)) return false;
    return endedMs === null || !this.hasHappened(endedMs);
  }
}
