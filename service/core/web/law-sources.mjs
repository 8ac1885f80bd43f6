// Business addresses, assessments, referrals, exempt senders, opt-out regimes. schemas/decision.md, "Addresses".

import { GROUP, failing, holding, latestOf } from "./law-context.mjs";

const LISTS = ["bought_list", "broker_append", "partner", "social_network_scrape", "transfer"];

function knownAddresses(context, kinds = ["published", "disclosed"]) {
  return context.standing.sources.filter(({ kind, ms }) => kinds.includes(kind) && context.hasHappened(ms));
}

/** The facts among these that are not known. */
function unknowns(facts) {
  return Object.keys(facts).filter((name) => facts[name] === null);
}

function onAddress(code, basis, ref, index, missing) {
  return holding(code, basis, ref, missing, { events: [index], group: GROUP.address });
}

/** The recipient's class is not protected here. */
export function outOfScope(context, { ref, rule }) {
  const { automated, relates_to_role: relates } = context.question;
  const missing = [];
  if (rule.requires_role) {
    if (relates === false) return null;
    if (relates === null) missing.push("relates_to_role");
  }
  const events = [];
  if (rule.requires_impersonal) {
    const found = knownAddresses(context).filter((source) => source.impersonal !== false);
    if (found.length === 0) return null;
    const source = found.findLast((each) => each.impersonal === true) ?? found.at(-1);
    if (source.impersonal !== true) missing.push("impersonal");
    events.push(source.index);
  }
  if (rule.automated_only === false && automated === true) return null;
  return holding("B2B_OUT_OF_SCOPE", "corporate_subscriber", ref, missing, { events });
}

/** Presumed consent of a business to a call holds only where a person assessed it. */
function presumedConsent(context, { ref }) {
  const found = context.standing.assessments.filter(
    ({ kind, ms, sender }) => kind === "presumed_consent" && context.ours(sender) && context.hasHappened(ms),
  );
  if (found.length === 0) return failing("PRESUMED_CONSENT_UNASSESSED", ref, [], GROUP.relation);
  const { index, value } = latestOf(found);
  const events = [index];
  if (!value || context.question.relates_to_role === false) return failing("", ref, events, GROUP.relation);
  return holding("PRESUMED_CONSENT_B2B", "presumed_consent", ref, [], { events, group: GROUP.relation });
}

/** A business address published for just this purpose. */
function designatedAddress(context, { ref }) {
  const published = knownAddresses(context, ["published"]);
  if (published.length === 0) return null;
  const fitting = published.filter(
    ({ by, designatedFor }) => by !== "third_party" && context.coversCategory(designatedFor),
  );
  if (fitting.length === 0) {
    return failing("B2B_ADDRESS_NOT_DESIGNATED", ref, [published.at(-1).index], GROUP.address);
  }
  const source = fitting.find(({ by }) => by === "recipient") ?? fitting.at(-1);
  const missing = source.by === "recipient" ? [] : ["by"];
  return onAddress("B2B_DESIGNATED_ADDRESS", "designated_address", ref, source.index, missing);
}

/** An impersonal address of a legal person, and a product meant for legal persons. */
function impersonalAddress(context, { ref }) {
  const known = knownAddresses(context);
  if (known.length === 0) return null;
  const { impersonal, index } = latestOf(known);
  const { product_for: meantFor } = context.question;
  if (impersonal === false) return failing("B2B_ADDRESS_PERSONAL", ref, [index], GROUP.address);
  if (meantFor === "consumer") return failing("NOT_FOR_LEGAL_PERSON", ref, [index], GROUP.address);
  const missing = unknowns({ impersonal, product_for: meantFor });
  return onAddress("B2B_IMPERSONAL_ADDRESS", "impersonal_address", ref, index, missing);
}

/** A professional mailbox: linked to the function, informed and able to object at collection. */
function roleRelated(context, { ref }) {
  const collected = knownAddresses(context, ["collected"]).filter(
    ({ origin, party }) => origin === "professional" && context.ours(party),
  );
  if (collected.length === 0) return null;
  const { collected: told, index } = latestOf(collected);
  const { relates_to_role: relates } = context.question;
  if (relates === false) return failing("B2B_NOT_ROLE_RELATED", ref, [index], GROUP.address);
  if (told.refusable === false || told.informed === false) {
    return failing("NO_OPTOUT_AT_COLLECTION", ref, [index], GROUP.address);
  }
  const missing = unknowns({ relates_to_role: relates, optout_offered: told.refusable, notice_given: told.informed });
  return onAddress("B2B_ROLE_RELATED", "role_related", ref, index, missing);
}

/** An address its holder published or disclosed, without refusing offers, and a message about the role. */
function addressRelevance(context, { ref, rule }) {
  const known = knownAddresses(context, rule.sources).filter(
    ({ kind, party }) => kind === "published" || context.ours(party),
  );
  if (known.length === 0) return null;
  const { by, index, refusesOffers } = latestOf(known);
  const { relates_to_role: relates } = context.question;
  if (by === "third_party" || refusesOffers === true || relates === false) {
    return failing(rule.deny_code === "NO_BASIS" ? "" : rule.deny_code, ref, [index], GROUP.address);
  }
  const missing = unknowns({ by, no_cem_statement: refusesOffers, relates_to_role: relates });
  return onAddress("IMPLIED_CONSENT", "implied_consent", ref, index, missing);
}

/** The first message after a referral that names who made it. */
function referralBasis(context, { ref }) {
  const known = context.standing.introductions.filter(
    ({ ms, sender }) => context.ours(sender) && context.hasHappened(ms),
  );
  if (known.length === 0) return null;
  const { index, ms, toRecipient, toSender } = latestOf(known);
  const { discloses_referrer: discloses, sequence } = context.question;
  if (sequence === "second" || discloses === false || context.mailedSince(ms, index)) return null;
  const told = { relationship_to_sender: toSender, relationship_to_recipient: toRecipient };
  const missing = unknowns({ discloses_referrer: discloses, ...told });
  return onAddress("EXEMPT_REFERRAL", "exempt_message", ref, index, missing);
}

/** A kind of sender the rule does not bind; a no still does. */
function exemptSender(context, { ref, rule }) {
  return rule.sender_types.includes(context.senderType) ? holding("EXEMPT_MESSAGE", "exempt_message", ref, []) : null;
}

/** Allowed unless the person objected or the number stands on a register. */
function optOut(context, { ref, rule }) {
  const { automated, channel, phone_type: phone } = context.question;
  if (context.coversCategory(rule.except_subjects) || rule.except_subjects.includes(context.product())) return null;
  const missing = [];
  if (rule.automated_only === false) {
    if (automated === true) return null;
    if (automated === null && channel === "sms") missing.push("automated");
  }
  if (rule.phone_type !== null) {
    if (phone !== null && phone !== rule.phone_type) return null;
    if (phone === null) missing.push("phone_type");
  }
  const regime = (events, facts) => holding("OPT_OUT_REGIME", "opt_out_regime", ref, facts, { events });
  const register = rule.registers[context.recipient];
  if (register === undefined) return regime([], missing);
  const listing = context.standing.registers.find(({ kind }) => kind === register);
  if (listing === undefined || !context.hasHappened(listing.ms)) return regime([], [...missing, "register"]);
  if (listing.value) return failing("ON_DO_NOT_CALL_REGISTER", ref, [listing.index], GROUP.register);
  return regime([listing.index], missing);
}

/** What speaks against the address's source, when nothing better explains a deny. */
export function originBasis(context) {
  const known = knownAddresses(context, ["imported", "collected"]).filter(
    ({ kind, party }) => kind === "imported" || context.ours(party),
  );
  const newestFirst = known.sort((one, two) => two.ms - one.ms || two.index - one.index);
  for (const source of newestFirst) {
    const code = againstSource(source);
    if (code !== "") return failing(code, null, [source.index], GROUP.source);
  }
  const brought = context.standing.origins.findLast(({ by, ms }) => by === "broker" && ms <= context.at);
  return brought === undefined ? null : failing("IMPORTED_WITHOUT_PROOF", null, [brought.index], GROUP.source);
}

function againstSource({ claim, defects, origin }) {
  if (claim === "source_form" && defects.length > 0) return defects[0];
  if (claim !== "not_claimed") return "CONSENT_UNPROVEN";
  return LISTS.includes(origin) ? "IMPORTED_WITHOUT_PROOF" : "";
}

export const SOURCE_BASES = {
  presumed_consent: presumedConsent,
  designated_address: designatedAddress,
  impersonal_address: impersonalAddress,
  role_related: roleRelated,
  address_relevance: addressRelevance,
  referral: referralBasis,
  exempt_sender: exemptSender,
  opt_out: optOut,
};
