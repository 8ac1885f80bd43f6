// Customers, supporters, implied consent, running contracts. schemas/decision.md, "Relations".

import { DAY_MS, dayOf, windowEnd } from "./law-calendar.mjs";
import { GROUP, failing, holding, isAfter } from "./law-context.mjs";

const INQUIRIES = ["info", "quote"];
const DURABLE = ["contract", "membership", "account"];

/** How far one relation came: `null` where it says nothing; a code, or what is missing, where it did not hold. */
const stopped = (progress, code, human = false) => ({ progress, code, missing: [], human });
const passing = (missing = []) => ({ progress: missing.length > 0 ? 90 : 99, code: "", missing, human: false });

/** Every usable relation is judged; the one that came furthest reports, the latest where they tie. */
function bestOf(context, planned, judge, code, basis) {
  let best = null;
  for (const relation of context.standing.relations) {
    const step = context.usable(relation) ? judge(context, planned, relation) : null;
    if (step === null) continue;
    const rank = [step.progress, relation.ms, relation.index];
    if (best === null || isAfter(rank, best.rank)) best = { rank, step, relation };
  }
  if (best === null) return null;
  const { relation, step } = best;
  const events = relation.endIndex === null ? [relation.index] : [relation.index, relation.endIndex];
  if (step.code !== "") return failing(step.code, planned.ref, events, GROUP.relation, step.human);
  return holding(code, basis, planned.ref, step.missing, { events, group: GROUP.relation });
}

function customer(context, planned, relation) {
  const { bought, entity, question, rulebook } = context;
  const { rule } = planned;
  const own = entity.has(relation.party);
  const sale = saleOf(planned, relation);
  if (sale === null) {
    const disputed = (relation.kind === "donation" && rule.donation_parameter !== null) || relation.free === true;
    return own ? stopped(1, "NO_SALE_CONTEXT", disputed) : null;
  }
  if (!own) return stopped(2, "OTHER_LEGAL_ENTITY", bought.has(relation.party));
  const { by } = relation.collected;
  if (by !== null && !entity.has(by)) return stopped(3, "COLLECTED_BY_THIRD_PARTY");
  const otherSender = rule.sender_types.length > 0 && !rule.sender_types.includes(context.senderType);
  if (rule.excluded_channels.includes(question.channel) || otherSender) {
    return stopped(4, "CUSTOMER_EXCEPTION_NOT_FOR_CHANNEL");
  }
  if (!mayRefuse(relation)) return stopped(5, "NO_OPTOUT_AT_COLLECTION", relation.optinLeft);
  const like = similar(context, relation);
  if (like === false) return stopped(6, "NOT_SIMILAR", question.product_category === "none" && rulebook.similar.size === 0);
  const late = lapsed(context, planned, relation);
  if (late !== "") return stopped(7, late);
  return passing([...sale, ...untold(relation), ...(like === null ? ["product_category"] : [])]);
}

/** What is missing for this to be a sale, or null where it is none. */
function saleOf({ donationIsSale, rule }, { free, kind, negotiation, paidTier }) {
  if (INQUIRIES.includes(kind)) return rule.relations.includes("negotiation") && negotiation ? [] : null;
  if (kind === "donation") return donationIsSale ? [] : null;
  if (!rule.relations.includes(kind)) return null;
  if (free === null && kind === "account") return paidTier === true ? [] : ["free"];
  if (free !== true || rule.free_accounts === "always") return [];
  if (rule.free_accounts === "never" || paidTier === false) return null;
  return paidTier === true ? [] : ["paid_tier_exists"];
}

/** Whether refusing was offered and said, as far as known. An unused opt-in box is neither. */
function mayRefuse({ collected, optinLeft }) {
  return !optinLeft && collected.refusable !== false && collected.informed !== false;
}

function untold({ collected: { informed, refusable } }) {
  return [...(refusable === null ? ["optout_offered"] : []), ...(informed === null ? ["notice_given"] : [])];
}

/** Whether the message is about a similar product; null: not known. */
function similar(context, { kind, product: sold }) {
  const { question, rulebook } = context;
  if (kind === "donation" && question.kind === "charitable") return true;
  const product = context.product();
  if (product === null || (sold === null && product !== "none")) return null;
  if (product === "none" || sold === null) return false;
  return product === sold || rulebook.similar.has(`${product} ${sold}`);
}

function lapsed(context, planned, relation) {
  if (planned.rule.rolling) return unbroken(context, planned.months, relation) ? "" : "CUSTOMER_EXCEPTION_LAPSED";
  if (planned.retentionMonths !== 0 && !context.hasOpenRelation()) {
    const contact = Math.max(context.lastContact(), relation.ms);
    if (!context.within(contact, planned.retentionMonths)) return "RETENTION_EXPIRED";
  }
  if (planned.months === 0) return "";
  const end = endOf(context, relation);
  return end === null || context.within(end, planned.months) ? "" : "STALE_RELATION";
}

/** When the relation ended: a single act with itself, an open one not at all. */
function endOf(context, relation) {
  const lasting = DURABLE.includes(relation.kind) || relation.ongoing === true;
  if (!lasting) return relation.ms;
  return context.isOpen(relation) ? null : relation.endedMs || relation.ms;
}

/** Whether sale and mailings follow each other within so many months, up to now. */
function unbroken(context, months, { ms }) {
  if (context.within(ms, months)) return true;
  return context.standing.mailings.some(
    ({ channel, lastMs, runStartMs, sender }) =>
      context.ours(sender) &&
      ms <= lastMs &&
      lastMs <= context.at &&
      channel === "email" &&
      runStartMs < windowEnd(dayOf(ms), months) * DAY_MS &&
      context.within(lastMs, months),
  );
}

function charityRule(context, planned) {
  const best = bestOf(context, planned, charity, "CHARITY_SOFT_OPTIN", "charity_soft_opt_in");
  if (best !== null) return best;
  for (const { index, kind, ms } of context.standing.sources) {
    if (!["imported", "collected"].includes(kind) || !context.hasHappened(ms)) continue;
    const taken = kind === "imported" ? "COLLECTED_BY_THIRD_PARTY" : "NO_SUPPORT_CONTEXT";
    return failing(notForCharity(context) || taken, planned.ref, [index], GROUP.relation);
  }
  return null;
}

function notForCharity(context) {
  if (context.senderType !== "charity") return "SENDER_NOT_CHARITY";
  const advertises = ["minor", "substantial"].includes(context.question.promotional_content);
  return advertises || context.promotesOthers() ? "PURPOSE_NOT_SOLELY_CHARITABLE" : "";
}

function charity(context, { rule }, relation) {
  const { entity, question } = context;
  const code = notForCharity(context);
  if (code !== "") return stopped(code === "SENDER_NOT_CHARITY" ? 1 : 2, code);
  const { by } = relation.collected;
  if (by !== null && !entity.has(by)) return stopped(3, "COLLECTED_BY_THIRD_PARTY");
  if (!rule.relations.includes(relation.kind) || !entity.has(relation.party)) return stopped(4, "NO_SUPPORT_CONTEXT");
  if (rule.commencement !== null && dayOf(relation.ms) < rule.commencement) {
    return stopped(5, "COLLECTED_BEFORE_COMMENCEMENT");
  }
  if (!mayRefuse(relation)) return stopped(6, "NO_OPTOUT_AT_COLLECTION");
  const missing = question.promotional_content === null ? ["promotional_content"] : [];
  return passing([...missing, ...(by === null ? ["collected_by"] : []), ...untold(relation)]);
}

/** Implied consent, or an established business relationship, within its window. */
function relationship(context, planned, relation) {
  const { rule } = planned;
  const theirs = context.entity.has(relation.party) || (rule.buyer_steps_in && context.bought.has(relation.party));
  if (!theirs || !rule.relations.includes(relation.kind)) return null;
  if (rule.sender_types.length > 0 && !rule.sender_types.includes(context.senderType)) return null;
  if (rule.registered && context.senderRegistered === false) return null;
  const missing = rule.registered && context.senderRegistered === null ? ["sender_registered"] : [];
  if (rule.started_before !== null) {
    const early = dayOf(relation.firstMs) < rule.started_before;
    return early && context.mailedSince(-1, -1) ? passing(missing) : null;
  }
  const end = endOf(context, relation);
  if (end === null) return passing(missing);
  if (rule.ends_day_before && dayOf(end) >= context.day) {
    context.note((dayOf(end) + 1) * DAY_MS);
    return null;
  }
  const months = INQUIRIES.includes(relation.kind) ? planned.inquiryMonths : planned.months;
  if (context.within(end, months)) return passing(missing);
  return rule.deny_code === "" ? null : stopped(1, rule.deny_code);
}

function established(context, planned, relation) {
  const step = relationship(context, planned, relation);
  const state = context.question.stricter_state_rule;
  if (step === null || step.code !== "" || state === "none") return step;
  return state === "stricter" ? null : passing([...step.missing, "stricter_state_rule"]);
}

function relationshipRule(context, planned) {
  if (planned.rule.automated_only === false && context.question.automated === true) return null;
  if (!planned.rule.requires_no_state_rule) {
    return bestOf(context, planned, relationship, "IMPLIED_CONSENT", "implied_consent");
  }
  const code = "ESTABLISHED_BUSINESS_RELATIONSHIP";
  return bestOf(context, planned, established, code, "established_business_relationship");
}

/** Inferred consent: a provable ongoing relation and the same line of products. */
function ongoing(context, { rule }, relation) {
  if (!context.entity.has(relation.party)) return null;
  const lasting = relation.ongoing === true || (rule.relations.includes(relation.kind) && relation.ongoing !== false);
  if (!lasting || relation.forReceipt || !context.isOpen(relation)) {
    return rule.deny_code === "" ? null : stopped(1, rule.deny_code);
  }
  const like = similar(context, relation);
  if (like === false) return stopped(2, "NOT_SIMILAR");
  return passing(like === null ? ["product_category"] : []);
}

/** Calls about a contract in progress. */
function running(context, _, relation) {
  const about = context.question.relates_to_contract;
  const lasting = ["contract", "membership"].includes(relation.kind) || relation.ongoing === true;
  if (!context.entity.has(relation.party) || !lasting || !context.isOpen(relation) || about === false) return null;
  return passing(about === null ? ["relates_to_contract"] : []);
}

const judged = (judge, code, basis) => (context, planned) => bestOf(context, planned, judge, code, basis);

export const RELATION_BASES = {
  charity: charityRule,
  customer: judged(customer, "EXISTING_CUSTOMER", "existing_customer"),
  relationship: relationshipRule,
  ongoing_relation: judged(ongoing, "IMPLIED_CONSENT", "implied_consent"),
  running_contract: judged(running, "CONTRACT_IN_PROGRESS", "contract_in_progress"),
};
