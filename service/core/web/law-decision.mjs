// The answer: which laws apply, what they say, and until when. schemas/decision.md, "The answer".

import { require } from "./bytes.mjs";
import { writeInstant } from "./law-calendar.mjs";
import { NO } from "./law-context.mjs";
import { evaluate } from "./law-evaluator.mjs";
import { standingOf } from "./law-folding.mjs";

const RECIPIENTS_IN_ORDER = ["consumer", "child", "sole_trader", "legal_person"];
const FLIPS_MAX = 256;

/** Under the recipient's law; where country or kind is unknown, under all that may apply. */
function answer(rulebook, standings, question, at) {
  const { country, kind } = question.recipient;
  const law = rulebook.lawOf(country);
  if (law !== null && kind !== null) return evaluate(rulebook, standings, question, [law.jurisdiction, kind], at);
  const kinds = kind === null ? RECIPIENTS_IN_ORDER : [kind];
  const laws = law === null ? candidates(rulebook, standings, question) : [law.jurisdiction];
  const places = laws.flatMap((name) => kinds.map((each) => [name, each]));
  const verdicts = places.map((place) => evaluate(rulebook, standings, question, place, at));
  const joined = { flips: verdicts.flatMap(({ flips }) => flips), certain: false };
  const denied = verdicts.filter(({ allow }) => !allow);
  if (denied.length === 0) return { ...verdicts[0], ...joined };
  if (denied.length === verdicts.length) return { ...denied[0], ...joined };
  const unknown = [...(law === null ? ["recipient.country"] : []), ...(kind === null ? ["recipient.kind"] : [])];
  const missing = [...unknown, ...denied[0].missing];
  return { ...denied[0], ...joined, code: "FACT_MISSING", missing, needsHuman: true };
}

/** The laws of the address's country, of the sender's, and of the house's default. */
function candidates(rulebook, standings, { sender }) {
  const countries = [
    standings.address.country,
    Object.hasOwn(rulebook.senders, sender) ? rulebook.senders[sender].country : null,
    standings.senders.get(sender)?.registration?.country ?? null,
  ];
  const laws = countries.map((country) => rulebook.lawOf(country)).filter((law) => law !== null);
  return [...new Set([...laws.map(({ jurisdiction }) => jurisdiction), rulebook.defaultJurisdiction])];
}

/** The other codes that speak for a deny, in the order in which the steps found them. */
function furtherCodes({ code, decided, outcomes }) {
  const found = [decided, ...outcomes.flat()].filter((each) => each.status === NO && each.code !== "");
  return [...new Set(found.map((each) => each.code))].filter((each) => each !== code);
}

/** Asked again at each instant at which something ends: the first that changes the answer, or null. */
function expiryOf(rulebook, standings, question, at, verdict) {
  if (verdict.certain && verdict.flips[0] > at) return verdict.flips[0];
  const waiting = new Set(verdict.flips.filter((flip) => flip > at));
  for (let asked = 0; waiting.size > 0 && asked < FLIPS_MAX; asked += 1) {
    const next = Math.min(...waiting);
    const then = answer(rulebook, standings, question, next);
    if (then.code !== verdict.code || then.allow !== verdict.allow) return next;
    waiting.delete(next);
    for (const flip of then.flips) if (flip > next) waiting.add(flip);
  }
  // Asked too often without a change: the answer is only vouched for as far as it was looked at.
  return waiting.size > 0 ? Math.min(...waiting) : null;
}

/** The decision document. `standings`: of the address, of addresses linked by key, of senders by id. */
export function decide(rulebook, standings, question, at) {
  require(rulebook.lines.size === 0 || rulebook.lines.has(question.category), "category-unknown");
  const verdict = answer(rulebook, standings, question, at);
  const expires = expiryOf(rulebook, standings, question, at, verdict);
  const { allow, code, decided, jurisdiction, missing, needsHuman } = verdict;
  return {
    decision: allow ? "allow" : "deny",
    reason_code: code,
    further_codes: furtherCodes(verdict),
    basis: allow ? decided.basis : "none",
    rule: decided.ref,
    events: decided.events,
    missing_facts: missing,
    needs_human: needsHuman,
    jurisdiction,
    evaluated_at: writeInstant(at),
    expires_at: expires === null ? null : writeInstant(expires),
  };
}

/** What a decision is made from. `parts`: each subject's role, key, name, events and whether there is anything of it. */
export function standingsOf(parts, forms, at, known) {
  const folded = parts.map((part) => ({ ...part, standing: standingOf(part, forms, at, known) }));
  const linked = folded.filter(({ exists, role }) => role === "linked" && exists);
  const senders = folded.filter(({ role }) => role === "sender");
  return {
    address: folded.find(({ role }) => role === "address").standing,
    linked: new Map(linked.map(({ key, standing }) => [key, standing])),
    senders: new Map(senders.map(({ name, standing }) => [name, standing])),
  };
}
