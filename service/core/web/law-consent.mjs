// A consent that is valid, and that reaches this message. schemas/decision.md, "Consent".

import { DAY_MS, afterNextYear, dayOf, readDay, windowEnd } from "./law-calendar.mjs";
import { GROUP, failing, holding, isAfter } from "./law-context.mjs";
import { worstFirst } from "./law-grants.mjs";

const REACH = ["CONSENT_SENDER_NOT_NAMED", "CONSENT_SCOPE_CHANNEL", "CONSENT_SCOPE_CATEGORY"];
const [AT_REACH, AT_TIME, WHOLE] = [50, 60, 99];

/** Every grant that exists by now: its reach, what is wrong with it, and whether it is a positive act. */
export function weighGrants(context, planned) {
  return context.standing.grants
    .filter((grant) => context.hasHappened(grant.ms))
    .map((grant) => weighed(context, planned, grant));
}

function weighed(context, { rule }, grant) {
  const { channel } = context.question;
  const named = context.namesUs(grant.senders) || (rule.unnamed_senders && grant.unnamed !== "none");
  const channelFits = grant.channels.includes(channel);
  const categoryFits = context.coversCategory(grant.categories) && !strays(context, grant);
  const missing = [...grant.unknown];
  if (rule.requires_complete_request && grant.complete === null) missing.push("request_contents_complete");
  const reach = [named, channelFits, categoryFits].indexOf(false);
  const code = invalid(context, rule, grant) || (reach < 0 ? "" : REACH[reach]);
  const relevance = [Number(named), Number(channelFits) + Number(categoryFits)];
  return { grant, relevance, code, missing, acts: code === "" && missing.length === 0 };
}

/** An ideal or charitable message that advertises a third party the person did not agree to. */
function strays(context, grant) {
  const { kind, promotes, promotional_content: promotional } = context.question;
  return (
    ["ideal", "charitable"].includes(kind) &&
    ["minor", "substantial"].includes(promotional) &&
    context.promotesOthers() &&
    !grant.senders.includes(promotes)
  );
}

/** The worst defect, those included that depend on the jurisdiction and on later events. */
function invalid(context, rule, grant) {
  const { person } = context.question;
  if (minorAlone(context, rule, grant)) return "MINOR_NO_PARENTAL_CONSENT";
  const found = [...grant.defects];
  if (person !== null && grant.person !== null && grant.person !== person) found.push("CONSENT_NOT_BY_ADDRESSEE");
  if (undocumented(context, rule, grant)) found.push("CONSENT_UNPROVEN");
  if (grant.endsWithService && serviceEnded(context, grant)) found.push("CONSENT_NOT_INFORMED");
  if (rule.requires_complete_request && grant.complete === false) found.push("CONSENT_NOT_INFORMED");
  if (grant.pending) found.push("CONSENT_UNCONFIRMED");
  return worstFirst(found)[0] ?? "";
}

function minorAlone(context, { minor_age: limit }, grant) {
  if (limit === null || grant.parental === true) return false;
  return grant.age === null ? context.recipient === "child" : grant.age < limit;
}

function undocumented(context, rule, grant) {
  const { channel, kind } = context.question;
  if (!grant.channels.includes(channel)) return false;
  const items = rule.evidence_items;
  const unkept =
    items.length > 0 &&
    rule.evidence_items_channels.includes(channel) &&
    ["consumer", "child"].includes(context.recipient) &&
    rule.evidence_items_since !== null &&
    dayOf(grant.ms) >= rule.evidence_items_since &&
    !items.some((item) => grant.evidenceItems.includes(item));
  const unwritten =
    rule.written_when_automated &&
    kind !== "service" &&
    ["verbal", "unknown"].includes(grant.method) &&
    mayBeAutomated(context.question);
  return unkept || unwritten;
}

function mayBeAutomated({ automated, channel }) {
  if (channel === "robocall") return true;
  return channel === "sms" ? automated !== false : automated === true;
}

/** When the service that the consent was given for ended, or null. */
function endingAfter(context, grant) {
  const marks = context.standing.endings.filter(
    ({ ms, sender }) => (sender === null || grant.senders.includes(sender)) && ms >= grant.ms,
  );
  return marks.length > 0 ? Math.max(...marks.map(({ ms }) => ms)) : null;
}

function serviceEnded(context, grant) {
  const ending = endingAfter(context, grant);
  return ending !== null && context.hasHappened(ending);
}

/** Why a valid consent no longer holds, or "". */
function over(context, planned, grant) {
  const { plan } = context;
  if (grant.expires !== "none" && expired(context, grant)) return "CONSENT_EXPIRED";
  if (planned.retentionMonths !== 0 && !context.hasOpenRelation()) {
    const contact = Math.max(context.lastContact(), grant.ms);
    if (!context.within(contact, planned.retentionMonths)) return "RETENTION_EXPIRED";
  }
  if (grant.indirect && planned.indirectMonths !== 0 && !usedInTime(context, grant, planned.indirectMonths)) {
    return "CONSENT_STALE";
  }
  if (plan.refreshMonths !== 0 && !context.within(grant.ms, plan.refreshMonths)) return "CONSENT_STALE";
  return context.within(lastUse(context, grant), plan.idleMonths) ? "" : "CONSENT_STALE";
}

function expired(context, grant) {
  const day = readDay(grant.expires);
  const ending = day === null ? endingAfter(context, grant) : null;
  if (day === null && ending === null) return grant.expires !== "end_of_calendar_year_following_contract_end";
  const end = day === null ? afterNextYear(dayOf(ending)) : day + 1;
  if (context.day >= end) return true;
  context.note(end * DAY_MS);
  return false;
}

function lastUse(context, grant) {
  return Math.max(grant.ms, ...context.uses(grant).map(({ lastMs }) => lastMs));
}

/** Whether a consent given through somebody else was first used in time. */
function usedInTime(context, grant, months) {
  const first = Math.min(context.at, ...context.uses(grant).map(({ runStartMs }) => runStartMs));
  const end = windowEnd(dayOf(grant.ms), months);
  if (first < context.at && dayOf(Math.max(first, grant.ms)) < end) return true;
  return context.within(grant.ms, months);
}

/** The grant that came closest to this very message, and what stopped it. */
function closest(context, planned, all) {
  let best = null;
  for (const item of all) {
    const { grant, missing, relevance } = item;
    const code = item.code || over(context, planned, grant);
    let progress = REACH.includes(item.code) ? AT_REACH : 0;
    if (item.code === "") progress = code === "" ? WHOLE - missing.length : AT_TIME;
    const rank = [...relevance, progress, grant.ms, grant.index];
    if (best === null || isAfter(rank, best.rank)) best = { item, code, rank };
  }
  return best;
}

/** How the consents came out, or null where there is none. */
export function concludeConsent(context, planned, all) {
  if (planned === null) return null;
  if (all.length === 0) {
    const last = context.unmoved.at(-1);
    return last === undefined ? null : failing("CONSENT_UNCONFIRMED", planned.ref, [last.index], GROUP.consent);
  }
  const { code, item } = closest(context, planned, all);
  const { confirmedIndex, index, senders } = item.grant;
  const events = confirmedIndex === null ? [index] : [index, confirmedIndex];
  if (code !== "") {
    const sold = code === "CONSENT_SENDER_NOT_NAMED" && context.namesBought(senders);
    return failing(code, planned.ref, events, GROUP.consent, sold);
  }
  return holding("CONSENT", "consent", planned.ref, item.missing, { events, group: GROUP.consent });
}
