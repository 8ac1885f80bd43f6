// A subject's events: put together from what a bundle shows of them, read, and followed to everybody linked.

import { ZERO, hex, require, unbase64 } from "./bytes.mjs";
import { writeJson } from "./canonical.mjs";
import { eventEntry } from "./entries.mjs";
import { chained, commitment, evidenceHash, headValue } from "./hashing.mjs";
import { isOfSenders } from "./law-events.mjs";

export const FACTS_MAX = 64;

async function recordOf(event, origin, subject, seq, head) {
  const record = { event: event.event, origin, prev: hex(head), schema: 1, seq, subject };
  if (event.evidence_hash !== undefined) record.evidence = hex(unbase64(event.evidence_hash));
  if (event.evidence !== undefined) {
    record.evidence = hex(await evidenceHash(unbase64(event.opening), writeJson(event.evidence)));
  }
  return record;
}

/** The entries of a subject's events, and what the map should hold of it (null: nothing). */
export async function putTogether(subject, origin) {
  const entries = [];
  let [head, last] = [ZERO, -1];
  for (const [seq, event] of subject.events.entries()) {
    require(event.index > last, "out-of-order");
    last = event.index;
    let committed;
    if (event.commitment === undefined) {
      const record = await recordOf(event, origin, subject.subject_key, seq, head);
      committed = await commitment(unbase64(event.opening), writeJson(record));
    } else {
      committed = unbase64(event.commitment);
    }
    entries.push([event.index, eventEntry(unbase64(event.prev_leaf_hash), event.recorded_at_ms, committed)]);
    head = await chained(head, event.index, committed);
  }
  return { entries, mapValue: last < 0 ? null : await headValue(subject.events.length, last, head) };
}

/** Of a campaign's event, which is shown with its whole record. */
export async function campaignEntry(event) {
  const committed = await commitment(unbase64(event.opening), writeJson(event.record));
  return eventEntry(unbase64(event.prev_leaf_hash), event.recorded_at_ms, committed);
}

/**
 * The notices of erasure explain what they should, and an erased history has no older part left.
 *
 * `emptied`: how many events have no contents; `newest`: by subject key the newest notice about it (index, ms).
 */
export function checkErasures(bundle, entries) {
  const notices = new Map();
  let last = -1;
  for (const { index } of bundle.erasures ?? []) {
    const entry = entries.get(BigInt(index));
    require(entry.type === "erasure", "not-a-notice");
    require(index > last, "out-of-order");
    last = index;
    notices.set(index, new Set(entry.indices.map(Number)));
  }
  const [used, newest] = [new Set(), new Map()];
  let emptied = 0;
  for (const subject of bundle.subjects) {
    let covered = -1;
    for (const event of subject.events.filter((each) => each.event === undefined)) {
      const found = [...notices.keys()].filter((at) => event.index < at && notices.get(at).has(event.index));
      require(found.length > 0, "no-notice");
      covered = Math.max(covered, ...found);
      emptied += 1;
    }
    for (const event of subject.events) require(event.event === undefined || event.index > covered, "kept-in-part");
    if (covered >= 0) newest.set(subject.subject_key, { index: covered, ms: Number(entries.get(BigInt(covered)).time) });
  }
  const shown = bundle.subjects.flatMap((subject) => subject.events).filter((each) => each.event === undefined);
  for (const [at, indices] of notices) if (shown.some((event) => indices.has(event.index))) used.add(at);
  require(used.size === notices.size, "notice-explains-nothing");
  return { emptied, newest };
}

/** Events of senders stand in histories of senders: they name them in clear, and where they lead the key too. */
export function checkNames({ subjects }) {
  const senders = subjects.filter(({ role }) => role === "sender");
  const keys = new Map(senders.map(({ address, subject_key: key }) => [address.value, key]));
  for (const { address, events, role } of subjects) {
    for (const { event } of events) {
      if (event === undefined) continue;
      require(isOfSenders(event.type) === (role === "sender"), "another-kind-of-history");
      if (role !== "sender") continue;
      const passing = event.type === "sender_renamed" || event.type === "business_transferred";
      const [named, other] = event.role === "from" ? [event.from, event.to] : [event.to, event.from];
      require((passing ? named : event.sender) === address.value, "another-sender");
      require(!passing || !keys.has(other) || keys.get(other) === event.counterpart, "another-sender");
    }
  }
}

/** Recorded times never go back along the log. */
export function checkTimes(entries) {
  const times = [...entries].sort(([one], [two]) => (one < two ? -1 : 1)).map(([, entry]) => entry.time);
  require(times.every((time, place) => place === 0 || times[place - 1] <= time), "time-goes-back");
}

/** What is the same but for its time is one fact, the newest in the list; the 64 newest count. */
function keep(facts, fact, merge) {
  const place = facts.findIndex((known) => known.key === fact.key);
  const kept = place < 0 ? fact : merge(facts[place], fact);
  return [...facts.filter((_, at) => at !== place), kept].slice(-FACTS_MAX);
}

function formerAddresses(events) {
  let moves = [];
  for (const { index, event } of events) {
    if (event.type === "correction") {
      moves = moves.filter((move) => move.index !== event.corrects);
    } else if (event.type === "address_changed" && event.role !== "old") {
      const key = writeJson([event.counterpart ?? "", event.by ?? null, event.verified ?? null]);
      const move = { key, index, other: event.counterpart ?? "", at: Date.parse(event.occurred_at) };
      moves = keep(moves, move, (known, later) => (later.at >= known.at ? later : known));
    }
  }
  return moves.map((move) => move.other);
}

function otherSenders(events, name) {
  let steps = [];
  for (const { event } of events) {
    if (event.type !== "sender_renamed" && event.type !== "business_transferred") continue;
    const same = event.type === "sender_renamed" ? event.same_legal_entity : event.deal === "share_deal";
    const key = writeJson([event.from, event.to, same ?? null]);
    const step = { key, from: event.from, to: event.to, at: Date.parse(event.occurred_at) };
    steps = keep(steps, step, (known, later) => (known.at <= later.at ? known : later));
  }
  return steps.map((step) => (step.to === name ? step.from : step.to));
}

function checkReach(start, links, code) {
  const waiting = [...start];
  const reached = new Set();
  while (waiting.length > 0) {
    const name = waiting.pop();
    if (reached.has(name)) continue;
    require(links.has(name), `${code}-left-out`);
    reached.add(name);
    waiting.push(...links.get(name));
  }
  require(reached.size === links.size, `${code}-too-many`);
}

/** Everybody whose history a decision needs is shown, and nobody else. */
export function checkClosed(bundle) {
  const { at_ms: at = null, known_at_ms: known = null } = bundle.question ?? {};
  const through = bundle.campaign?.epoch.index ?? Infinity;
  const [addresses, senders] = [new Map(), new Map()];
  let start;
  for (const subject of bundle.subjects) {
    const events = subject.events.filter(
      ({ event, index, recorded_at_ms: recorded }) =>
        event !== undefined &&
        index <= through &&
        (known === null || recorded <= known) &&
        (at === null || event.type === "correction" || Date.parse(event.occurred_at) <= at),
    );
    if (subject.role === "sender") {
      senders.set(subject.address.value, otherSenders(events, subject.address.value));
    } else {
      addresses.set(subject.subject_key, formerAddresses(events));
      if (subject.role === "address") start = subject.subject_key;
    }
  }
  checkReach([start], addresses, "address");
  const asked = bundle.question?.body.sender;
  checkReach(typeof asked === "string" ? [asked] : [], senders, "sender");
}

/** The forms that events name, of those that count. */
export function namedForms(bundle) {
  const through = bundle.campaign?.epoch.index ?? Infinity;
  const events = bundle.subjects.flatMap((subject) => subject.events);
  return new Set(
    events.filter(({ event, index }) => index <= through && typeof event?.form === "string").map((each) => each.event.form),
  );
}

/** The siblings of a path through the map, the missing ones at their places. */
export function siblingsOf(proof, hashes) {
  require(hashes.every((hash) => hash.some((byte) => byte !== 0)), "map-path");
  const empty = proof.empty ?? [];
  const siblings = [...hashes];
  for (const [at, place] of empty.entries()) {
    require((at === 0 || empty[at - 1] < place) && place <= siblings.length, "map-path");
    siblings.splice(place, 0, ZERO);
  }
  return siblings;
}

