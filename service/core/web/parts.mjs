// Parts of a bundle, looked at by themselves: subjects, the shape of events, the key that the log began with, the
// rulebook in force. schemas/bundle.md, "The steps".

import { require, unbase64 } from "./bytes.mjs";
import { writeJson } from "./canonical.mjs";
import { readKey } from "./notes.mjs";

/** What every canonical address looks like; under another spelling an operator could keep another history. */
const CANONICAL = {
  email: /^[^\u0000- A-Z\u007f@]{1,64}@[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})+$/u,
  phone: /^\+[1-9][0-9]{3,14}$/,
  sender: /^[a-z0-9][a-z0-9._-]{0,63}$/,
};
const UNSEEN = /[\p{Cc}\p{Cf}\p{Co}\p{Z}]/u;

const isCanonical = ({ kind, value }) =>
  CANONICAL[kind].test(value) &&
  value === value.normalize("NFC") &&
  value === value.toLowerCase() &&
  !UNSEEN.test(value);

/** Whose histories are shown, each once and in order, each said as it is. Those that are named. */
export function checkSubjects(subjects) {
  const places = subjects.map(({ role, subject_key: key }) => `${role} ${key}`);
  require(places.every((place, at) => at === 0 || places[at - 1] <= place), "subjects-out-of-order");
  require(subjects.filter((each) => each.role === "address").length === 1, "one-address");
  const named = subjects.filter((each) => each.address !== null);
  require(new Set(subjects.map((each) => each.subject_key)).size === subjects.length, "subject-twice");
  require(new Set(named.map((each) => writeJson(each.address))).size === named.length, "subject-twice");
  for (const { address, role } of subjects) {
    require(address !== null || role === "linked", "not-said-whose");
    require(address === null || (address.kind === "sender") === (role === "sender"), "wrong-part");
    require(address === null || isCanonical(address), "not-canonical-address");
  }
  return named;
}

export function checkHashes(event) {
  for (const name of ["prev_leaf_hash", "opening", "commitment", "evidence_hash"]) {
    require(event[name] === undefined || unbase64(event[name]).length === 32, "shape");
  }
}

export function checkEventShape(event) {
  checkHashes(event);
  const count = (...names) => names.filter((name) => event[name] !== undefined).length;
  const erased = count("commitment") === 1;
  require(count("opening", "event") === (erased ? 0 : 2), "shape");
  require(count("evidence", "evidence_hash") <= (erased ? 0 : 1), "shape");
}

/** The rulebook at the time that the question asks about, by its hash, and what is to be told of how it was found. */
export function rulebookInForce({ campaign, past, question }, read, newest) {
  const epochAt = (index) => {
    const entry = read.get(BigInt(index));
    require(entry.type === "epoch", "not-an-epoch");
    return entry;
  };
  const known = question?.known_at_ms ?? null;
  if (campaign !== undefined) {
    require(past === undefined, "past-not-needed");
    require(question !== null && known === null, "campaign-not-asked");
    const epoch = epochAt(campaign.epoch.index);
    require(BigInt(question.at_ms) >= epoch.time, "campaign-too-early");
    return { link: epoch.rulebook, told: "campaign-state" };
  }
  if (known === null || BigInt(known) >= newest.time) {
    require(past === undefined, "past-not-needed");
    return { link: newest.rulebook, told: null };
  }
  require(past !== undefined, "past-left-out");
  const [then, after] = [epochAt(past.epoch.index), epochAt(past.next.index)];
  require(after.previous === BigInt(past.epoch.index) && after.number === then.number + 1n, "past-not-newest");
  require(then.time <= BigInt(known) && BigInt(known) < after.time, "past-not-newest");
  return { link: then.rulebook, told: "past-state" };
}

/** Of the keys trusted the one that the log began with: no other took over where no succession is shown. */
export function firstOf(trusted, genesis) {
  let first;
  try {
    first = genesis();
  } catch {
    return trusted; // a garbled genesis is for step 4 to find
  }
  if (first.type !== "genesis") return trusted;
  const own = trusted.filter((key) => key.vkey === first.vkey);
  require(own.length > 0, "began-with-another-key");
  return own;
}

export function keyOf(genesis) {
  require(genesis.type === "genesis", "no-genesis");
  return readKey(genesis.vkey);
}
