// One walk through the rules of one law, in their order. schemas/decision.md, "One law".

import { concludeConsent, weighGrants } from "./law-consent.mjs";
import { Context, GROUP, NO, UNKNOWN, YES, failing, holding } from "./law-context.mjs";
import { EXITS, mislabelled } from "./law-exits.mjs";
import { currentStop, formGate, hoursGate, refusalStop, shows, suppressionStop } from "./law-gates.mjs";
import { RELATION_BASES } from "./law-relations.mjs";
import { SOURCE_BASES, originBasis, outOfScope } from "./law-sources.mjs";

const NO_BASIS = failing("NO_BASIS", null);
const BASES = { ...RELATION_BASES, ...SOURCE_BASES, outside_area: outsideArea };

/** What is said under one law for one kind of recipient, at one instant. */
export function evaluate(rulebook, standings, question, [jurisdiction, recipient], at) {
  const plan = rulebook.law(jurisdiction).plan(at, question, recipient);
  const context = new Context(rulebook, standings, question, plan, recipient, at);
  const { flips } = context;
  const exits = plan.exits.map((planned) => EXITS[planned.rule.does](context, planned));
  if (plan.exits.some(({ rule }) => rule.fields.length > 0)) {
    for (const [place, planned] of plan.exits.entries()) exits[place] = formed(context, planned, exits[place]);
  }
  const afterExits = flips.length;
  const grants = plan.consent !== null && standings.address.events > 0 ? weighGrants(context, plan.consent) : [];
  const stops = [suppressionStop(context, grants), refusalStop(context, grants), currentStop(context)];
  const afterStops = flips.length;
  const { bases, ends } = basesOf(context, grants);
  const afterBases = flips.length;
  const gates = [formGate(context), hoursGate(context)];
  const found = resolve(exits, stops, bases, gates);
  const allow = found.decided.status === YES;
  const label = allow ? "" : mislabelled(context);
  // What comes after the outcome that decides cannot change the answer before that outcome itself changes.
  if (stops.includes(found.decided)) flips.splice(afterStops);
  else if (!allow && !gatesMatter(bases, gates, label)) flips.splice(afterBases);
  else if (allow && exits.includes(found.decided)) flips.splice(afterExits);
  else if (allow) flips.splice(ends[bases.indexOf(found.decided)], afterBases - ends[bases.indexOf(found.decided)]);
  const code = label !== "" && found.code !== "SUPPRESSED_AFTER_ERASURE" ? label : found.code;
  return {
    allow,
    code,
    decided: found.decided,
    outcomes: [exits, stops, bases, gates],
    missing: found.missing,
    flips,
    jurisdiction: plan.jurisdiction,
    needsHuman: !allow && (plan.needsHuman.includes(code) || (label === "" && openPoint(found.decided, question))),
    certain: code === "CONSENT" && flips.length === 1 && grants.length === 1,
  };
}

/** Whether a deny rests on a point that is open in law; news written for the press is one. */
function openPoint(decided, question) {
  return decided.human || (decided.code === "NO_BASIS" && question.style === "press_release");
}

/** An exit that asks for a message form is closed to a message without it. */
function formed(context, planned, exit) {
  if (planned.rule.fields.length === 0 || exit.status === NO) return exit;
  const shape = shows(context, planned);
  if (shape.status === NO) return { ...shape, group: GROUP.exit };
  if (shape.missing.length === 0) return exit;
  return { ...exit, status: UNKNOWN, missing: [...exit.missing, ...shape.missing] };
}

/** Whether the hours, the only gate that time opens and closes, can change a deny. */
function gatesMatter(bases, [shape], label) {
  if (shape.status === NO) return false;
  if (label !== "") return shape.status === YES && bases.some((base) => base.status === YES);
  return bases.some((base) => base.status !== NO);
}

/** Every basis; beside each, how many instants of change had been noted by then. */
function basesOf(context, grants) {
  const { flips, plan, standing } = context;
  const [bases, ends] = [[], []];
  const add = (base) => {
    if (base === null) return;
    bases.push(base);
    ends.push(flips.length);
  };
  for (const planned of plan.scope) add(outOfScope(context, planned));
  add(concludeConsent(context, plan.consent, grants));
  for (const planned of plan.bases) add(BASES[planned.rule.does](context, planned));
  if (standing.sources.length > 0 || standing.origins.length > 0) add(originBasis(context));
  return { bases, ends };
}

/** What decides: the outcome, its code, and the facts that were missing. */
function resolve(exits, stops, bases, gates) {
  const exit = exits.find(({ status }) => status === YES);
  const stop = stops.find(({ status }) => status === NO);
  if (exit !== undefined || stop !== undefined) return deciding(exit ?? stop);
  const place = bases.findIndex(({ status }) => status === YES);
  const held = place < 0 ? null : bases[place];
  const before = place < 0 ? bases : bases.slice(0, place);
  let unsure = before.find(({ status }) => status === UNKNOWN) ?? null;
  const lacking = gates.flatMap(({ missing }) => missing);
  if (held !== null || unsure !== null) {
    const closed = gates.find(({ status }) => status === NO);
    if (closed !== undefined) return deciding(closed);
  }
  if (held !== null) {
    const gate = gates.find(({ missing }) => missing.length > 0);
    return gate === undefined ? deciding(held) : { decided: gate, code: "FACT_MISSING", missing: lacking };
  }
  unsure ??= exits.find(({ status }) => status === UNKNOWN) ?? null;
  if (unsure !== null) return { decided: unsure, code: "FACT_MISSING", missing: [...unsure.missing, ...lacking] };
  const failed = [...exits, ...bases].filter(({ code }) => code !== "");
  return deciding(failed.reduce((worst, each) => (each.group < worst.group ? each : worst), failed[0] ?? NO_BASIS));
}

function deciding(decided) {
  return { decided, code: decided.code, missing: [] };
}

/** Business users established outside an area: allowed where the law of their own country is met. */
function outsideArea(context, { ref, rule }) {
  const { at, plan, question, recipient, rulebook, standing } = context;
  const country = standing.country ?? question.recipient.country;
  if (country === null || rule.area.includes(country)) return null;
  const law = rulebook.lawOf(country);
  if (law === null || law.jurisdiction === plan.jurisdiction) return null;
  // Under that law only the address is looked at: not who followed whom among senders.
  const alone = { address: standing, linked: new Map(), senders: new Map() };
  const local = evaluate(rulebook, alone, question, [law.jurisdiction, recipient], at);
  context.flips.push(...local.flips);
  const { events, ref: localRef } = local.decided;
  if (local.allow || local.missing.length > 0) {
    const given = local.allow ? { events } : {};
    return holding("B2B_OUTSIDE_EEA", "corporate_subscriber", ref, local.allow ? [] : local.missing, given);
  }
  const code = local.code === "MESSAGE_FORM_INCOMPLETE" ? local.code : "";
  return failing(code, localRef, [], GROUP.relation);
}
