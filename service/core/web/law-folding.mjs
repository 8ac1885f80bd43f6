// A subject's events folded one by one into its standing. schemas/decision.md, "Folding".

import { dayOf, windowEnd } from "./law-calendar.mjs";
import { FLAW_CODES, confirmed, withGrant, worstFirst } from "./law-grants.mjs";
import { EMPTY_STANDING, asAlive, kept, laterFact, latestMark, mark } from "./law-keeping.mjs";
import { noOfErasure, noToAll, refusedEverything, withNo } from "./law-keeping.mjs";

const MAILING_GAP_MONTHS = 12;
const ROUTES = {
  unsubscribe_link: ["email"],
  reply_email: ["email"],
  reply_stop: ["sms"],
  phone: ["phone_live", "robocall"],
};
const RELATION_KINDS = {
  purchase: "purchase",
  contract_started: "contract",
  account_created: "account",
  membership_started: "membership",
  info_requested: "info",
  quote_requested: "quote",
  donation: "donation",
};

function refused(standing, event, { index, ms }) {
  let { scope, channels } = event;
  if (event.type === "consent_refused" && event.categories.length > 0) scope = "category";
  if (scope === "channel" && channels.length === 0) {
    channels = ROUTES[event.via] ?? [];
    scope = channels.length > 0 ? "channel" : "all_marketing";
  }
  const answered = event.in_reply_to === null ? [] : [event.in_reply_to];
  return withNo(standing, {
    kind: event.type === "consent_withdrawn" ? "withdrawal" : "objection",
    scope,
    categories: scope === "category" ? event.categories : answered,
    channels: scope === "channel" || scope === "category" ? channels : [],
    sender: event.sender,
    person: event.person,
    firstMs: ms,
    lastMs: ms,
    index,
  });
}

function granted(standing, event, entry) {
  const next = { ...standing, grants: withGrant(standing.grants, event, entry) };
  return event.given_by === "recipient" ? asAlive(next, entry) : next;
}

function confirmedBy(standing, event, entry) {
  return asAlive({ ...standing, grants: confirmed(standing.grants, event.sender, entry) }, entry);
}

/** How the address was taken: a form speaks for itself, and one that is unknown for nothing. */
function collectedBy(event, by, { forms }) {
  const told = event.form === null ? event : forms.get(event.form);
  if (told === undefined) return { informed: null, refusable: null, by };
  return {
    informed: told.notice_given === null ? null : told.notice_given && told.notice_means === "on_form",
    refusable: told.optout_offered === null ? null : told.optout_offered && told.optout_means === "on_form",
    by,
  };
}

function laterRelation(known, next) {
  return { ...laterFact(known, next), firstMs: Math.min(known.firstMs, next.firstMs) };
}

function related(standing, event, entry) {
  const kind = RELATION_KINDS[event.type];
  const party = event.seller ?? event.to ?? event.sender ?? "";
  const relation = {
    index: entry.index,
    firstMs: entry.ms,
    ms: entry.ms,
    kind,
    party,
    product: event.product_category,
    collected: collectedBy(event, event.collected_by ?? (kind === "donation" ? null : party), entry),
    oneOff: event.one_off ?? null,
    ongoing: event.ongoing ?? null,
    written: event.written ?? null,
    free: event.free ?? null,
    paidTier: event.paid_tier_exists ?? null,
    negotiation: event.negotiation ?? false,
    optinLeft: event.optin_box === "left_unticked",
    endedMs: null,
    endIndex: null,
    forReceipt: event.collected_for === "e_receipt",
  };
  const relations = kept(standing.relations, relation, laterRelation);
  const next = asAlive({ ...standing, relations }, entry);
  return event.optout_used ? refusedEverything(next, party || null, entry) : next;
}

function ended(standing, event, entry) {
  const { index, ms } = entry;
  const party = event.seller ?? event.sender;
  const kinds = event.type === "membership_ended" ? ["membership"] : ["contract", "account", "purchase"];
  const closes = (relation) =>
    relation.endedMs === null &&
    relation.ms <= ms &&
    kinds.includes(relation.kind) &&
    (relation.kind !== "purchase" || relation.ongoing === true) &&
    (party === null || party === relation.party);
  const relations = standing.relations.map((each) => (closes(each) ? { ...each, endedMs: ms, endIndex: index } : each));
  return { ...standing, relations, endings: latestMark(standing.endings, mark(entry, party)) };
}

const UNTOLD = { informed: null, refusable: null, by: null };

function withSource(standing, { index, ms }, kind, party, given = {}) {
  const source = {
    index,
    ms,
    kind,
    origin: given.origin ?? "",
    claim: given.claim ?? "not_claimed",
    defects: worstFirst((given.flaws ?? []).map((flaw) => FLAW_CODES[flaw])),
    party,
    by: given.by ?? null,
    designatedFor: given.designatedFor ?? [],
    impersonal: given.impersonal ?? null,
    refusesOffers: given.refusesOffers ?? null,
    collected: given.collected ?? UNTOLD,
  };
  return { ...standing, sources: kept(standing.sources, source) };
}

function collected(standing, event, entry) {
  const next = withSource(standing, entry, "collected", event.sender, {
    origin: event.context,
    claim: event.consent_evidence,
    flaws: event.request_flaws,
    collected: collectedBy(event, event.collected_by ?? event.sender, entry),
  });
  return event.optout_used ? refusedEverything(next, event.sender, entry) : next;
}

function importedFrom(standing, event, entry) {
  const { consent_evidence: claim, origin, request_flaws: flaws } = event;
  const next = withSource(standing, entry, "imported", event.sender, { origin, claim, flaws });
  return { ...next, country: event.recipient_country ?? standing.country };
}

function madeKnown(standing, event, entry) {
  const disclosed = event.type === "address_disclosed";
  const party = disclosed ? event.to ?? event.sender : event.sender;
  const { by, designated_for: designatedFor, impersonal, no_cem_statement: refusesOffers } = event;
  const given = { by, designatedFor, impersonal, refusesOffers };
  return withSource(standing, entry, disclosed ? "disclosed" : "published", party, given);
}

function changed(standing, event, { counterpart, index, ms, role }) {
  if (event.by === "broker" && role === "old") return standing;
  const move = { index, ms, other: counterpart ?? "", by: event.by, verified: event.verified };
  if (role !== "old") return { ...standing, origins: kept(standing.origins, move) };
  return { ...standing, replaced: standing.replaced === null ? move : laterFact(standing.replaced, move) };
}

/** The fact under `name` is another, unless what is known of it happened later. */
function latest(standing, name, fact) {
  return standing[name] !== null && standing[name].ms > fact.ms ? standing : { ...standing, [name]: fact };
}

function bounced(standing, event, { index, ms }) {
  return event.hard ? latest(standing, "bounced", { index, ms }) : standing;
}

/** Of two erasures the later stays; the other is still the no that it was, as it may be another sender's. */
function erasedBy(standing, event, { index, ms }) {
  if (!event.suppression_hash_kept) return standing;
  const [known, next] = [standing.erased, { index, ms, sender: event.sender }];
  if (known === null) return { ...standing, erased: next };
  const [stays, other] = known.ms > ms ? [known, next] : [next, known];
  return withNo({ ...standing, erased: stays }, noOfErasure(other));
}

function registered(standing, event, entry) {
  const listed = event.type === "register_listed" || event.listed;
  return { ...standing, registers: latestMark(standing.registers, mark(entry, null, event.register, listed)) };
}

function referred(standing, event, { index, ms }) {
  const { relationship_to_recipient: toRecipient, relationship_to_sender: toSender, sender } = event;
  return { ...standing, introductions: kept(standing.introductions, { index, ms, sender, toSender, toRecipient }) };
}

/** A mailing continues the run before it, or begins another after a gap. */
function continued(known, next) {
  const [earlier, later] = next.lastMs >= known.lastMs ? [known, next] : [next, known];
  const unbroken = dayOf(later.runStartMs) < windowEnd(dayOf(earlier.lastMs), MAILING_GAP_MONTHS);
  return { ...later, runStartMs: unbroken ? Math.min(earlier.runStartMs, later.runStartMs) : later.runStartMs };
}

function mailed(standing, { category, channel, sender }, { index, ms }) {
  const mailing = { sender, category, channel, runStartMs: ms, lastMs: ms, index };
  return { ...standing, mailings: kept(standing.mailings, mailing, continued) };
}

function flagged(standing, event, entry) {
  return event.new_value === "opted_out" ? refusedEverything(standing, event.sender, entry) : standing;
}

function assessed(standing, event, entry) {
  const next = mark(entry, event.sender, event.subject, event.outcome === "present");
  return { ...standing, assessments: latestMark(standing.assessments, next) };
}

function contacted(standing, event, entry) {
  return asAlive({ ...standing, contacts: latestMark(standing.contacts, mark(entry, event.sender)) }, entry);
}

const CORRECTED_LISTS = ["relations", "sources", "mailings", "contacts", "assessments", "introductions", "origins"];
const CORRECTED_FACTS = ["replaced", "bounced", "alive", "registration"];

/** What one entry said is taken back, unless it was a no; a register's listing is one. */
function corrected(standing, { corrects }) {
  const without = (name) => standing[name].filter((fact) => fact.index !== corrects);
  return {
    ...standing,
    ...Object.fromEntries(CORRECTED_LISTS.map((name) => [name, without(name)])),
    ...Object.fromEntries(CORRECTED_FACTS.map((name) => [name, standing[name]?.index === corrects ? null : standing[name]])),
    grants: standing.grants.filter((grant) => grant.index !== corrects && grant.confirmedIndex !== corrects),
    registers: standing.registers.filter((each) => each.value || each.index !== corrects),
  };
}

function succeeded(standing, event, { index, ms }) {
  const sameEntity = event.type === "business_transferred" ? event.deal === "share_deal" : event.same_legal_entity;
  const step = { index, ms, predecessor: event.from, successor: event.to, sameEntity };
  const first = (known, next) => (known.ms <= next.ms ? known : next);
  return { ...standing, successions: kept(standing.successions, step, first) };
}

function senderRegistered(standing, { country, kind }, { index, ms }) {
  return latest(standing, "registration", { index, ms, country, kind });
}

const FOLDS = {
  consent_granted: granted,
  consent_confirmed: confirmedBy,
  consent_refused: refused,
  consent_withdrawn: refused,
  objection: refused,
  objection_attempted: refused,
  ...Object.fromEntries(Object.keys(RELATION_KINDS).map((type) => [type, related])),
  contract_ended: ended,
  membership_ended: ended,
  address_collected: collected,
  address_imported: importedFrom,
  address_published: madeKnown,
  address_disclosed: madeKnown,
  address_changed: changed,
  address_bounced: bounced,
  erasure_requested: (standing, event, entry) => refusedEverything(standing, event.sender, entry),
  erasure_executed: erasedBy,
  register_listed: registered,
  register_checked: registered,
  referral: referred,
  message_sent: mailed,
  preference_flag_changed: flagged,
  human_assessment: assessed,
  contact_by_recipient: contacted,
  correction: corrected,
  business_transferred: succeeded,
  sender_renamed: succeeded,
  sender_registered: senderRegistered,
};

/** A history without what was recorded after `known` and what is said to have happened after `at` (null: all). */
function counted(events, at, known) {
  return events.filter(
    ({ event, ms, recorded }) =>
      (known === null || recorded <= known) && (at === null || event.type === "correction" || ms <= at),
  );
}

/** The standing of a subject; `erased` (index, ms) is the newest notice that its older events were destroyed. */
export function standingOf({ erased, events }, forms, at, known) {
  let standing = EMPTY_STANDING;
  if (erased !== null) {
    const { index, ms } = erased;
    standing = { ...standing, nos: [noToAll(null, ms, index)], erased: { index, ms, sender: null }, events: 1 };
  }
  for (const read of counted(events, at, known)) {
    const fold = FOLDS[read.event.type];
    if (fold !== undefined) standing = fold(standing, read.event, { ...read, forms });
    standing = { ...standing, events: standing.events + 1 };
  }
  return standing;
}
