// How a standing stays small: what differs only in time is one fact. schemas/decision.md, "Keeping".

import { FACTS_MAX } from "./histories.mjs";

const NOS_MAX = 256;

export const EMPTY_STANDING = {
  nos: [],
  grants: [],
  relations: [],
  sources: [],
  mailings: [],
  endings: [],
  contacts: [],
  registers: [],
  assessments: [],
  introductions: [],
  replaced: null,
  origins: [],
  bounced: null,
  alive: null,
  erased: null,
  country: null,
  successions: [],
  registration: null,
  events: 0,
};

/** What makes two facts one: everything but when. Facts of a kind have their fields in one order. */
function sameness(fact) {
  const { index, ms, firstMs, lastMs, runStartMs, endedMs, endIndex, ...rest } = fact;
  return JSON.stringify(rest);
}

export function laterFact(known, next) {
  return next.ms >= known.ms ? next : known;
}

/** `facts` with one more, merged into the one that is the same, at the end; beyond the limit the oldest goes. */
export function kept(facts, fact, merge = laterFact, keyOfFact = sameness, limit = FACTS_MAX) {
  const key = keyOfFact(fact);
  const place = facts.findIndex((known) => keyOfFact(known) === key);
  if (place < 0) return [...facts, fact].slice(-limit);
  return [...facts.slice(0, place), ...facts.slice(place + 1), merge(facts[place], fact)];
}

/** One mark per sender and kind. */
export function latestMark(marks, mark) {
  return kept(marks, mark, laterFact, ({ kind, sender }) => JSON.stringify([sender, kind]));
}

function joined(known, no) {
  return {
    ...no,
    firstMs: Math.min(known.firstMs, no.firstMs),
    lastMs: Math.max(known.lastMs, no.lastMs),
    index: Math.max(known.index, no.index),
  };
}

/** With one more no; too many different ones become one to everything, which is never less. */
export function withNo(standing, no) {
  const nos = kept(standing.nos, no, joined, sameness, NOS_MAX + 1);
  if (nos.length <= NOS_MAX) return { ...standing, nos };
  const { firstMs, index, lastMs } = nos.reduce(joined);
  return { ...standing, nos: [{ ...noToAll(null, firstMs, index), lastMs }] };
}

export function noToAll(sender, ms, index) {
  const scope = { kind: "objection", scope: "all_marketing", categories: [], channels: [] };
  return { ...scope, sender, person: null, firstMs: ms, lastMs: ms, index };
}

/** What is left of an erasure beside another one: the no that it was, to all of its sender. */
export function noOfErasure({ index, ms, sender }) {
  return noToAll(sender, ms, index);
}

export function refusedEverything(standing, sender, { index, ms }) {
  return withNo(standing, noToAll(sender, ms, index));
}

/** The person used this address. */
export function asAlive(standing, { imported, index, ms }) {
  if (imported || (standing.alive !== null && standing.alive.ms > ms)) return standing;
  return { ...standing, alive: { index, ms } };
}

export function mark({ index, ms }, sender, kind = "", value = true) {
  return { index, ms, sender, kind, value };
}
