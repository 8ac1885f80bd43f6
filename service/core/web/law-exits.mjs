// Messages that are no marketing, or that a statute takes out. schemas/decision.md, "Exits".

import { NO, holding, isAfter, latestOf, tried } from "./law-context.mjs";

const MINUTE_MS = 60_000;
const NEUTRAL = ["service", "doi_confirmation", "optout_confirmation"];
const CLOSED = tried(NO, "", "none", null);

const promotional = ({ promotional_content: content }) => content === "minor" || content === "substantial";
const unsaid = ({ promotional_content: content }) => (content === null ? ["promotional_content"] : []);

/** The code for a message that is marketing whatever its label says, or "". */
export function mislabelled(context) {
  const { question } = context;
  if (NEUTRAL.includes(question.kind) && promotional(question)) return "SERVICE_MESSAGE_IS_MARKETING";
  if (question.kind === "consent_request" || question.contains_consent_request) return "CONSENT_REQUEST_IS_MARKETING";
  const asks = question.kind === "doi_confirmation" && pendingGrants(context).length === 0;
  return asks ? "CONSENT_REQUEST_IS_MARKETING" : "";
}

function pendingGrants(context) {
  return context.standing.grants.filter(
    (grant) => grant.pending && context.namesUs(grant.senders) && context.hasHappened(grant.ms),
  );
}

/** A message that only serves a contract. */
export function pureService({ contains_consent_request: asks, kind, promotional_content: content }) {
  return kind === "service" && content === "none" && !asks;
}

function serviceExit(context, { ref, rule }) {
  const { question } = context;
  const { automated, channel } = question;
  if (question.kind !== "service" || mislabelled(context) !== "") return CLOSED;
  const missing = [];
  if (rule.automated_only === false) {
    if (channel === "robocall" || automated === true) return CLOSED;
    if (automated === null && channel === "sms") missing.push("automated");
  }
  return holding("SERVICE_MESSAGE", "service", ref, [...missing, ...unsaid(question)]);
}

/** A direct answer to the person's own request, for the first time. */
function solicitedExit(context, { ref }) {
  const { question, standing } = context;
  if (question.in_reply !== true || mislabelled(context) !== "" || question.sequence === "second") return CLOSED;
  const requests = standing.relations.filter(
    ({ kind, ms, party }) => ["info", "quote"].includes(kind) && context.entity.has(party) && context.hasHappened(ms),
  );
  const contacts = standing.contacts.filter(({ ms, sender }) => context.ours(sender) && context.hasHappened(ms));
  const asked = [...requests, ...contacts];
  if (asked.length === 0) return CLOSED;
  const { index, ms } = latestOf(asked);
  if (context.mailedSince(ms, index)) return CLOSED;
  const missing = NEUTRAL.includes(question.kind) ? unsaid(question) : [];
  return holding("SOLICITED_REPLY", "solicited", ref, missing, { events: [index] });
}

const placeOfNo = ({ index, lastMs }) => [lastMs, index];

/** The one neutral message that asks to confirm a pending consent. */
function doubleOptInExit(context, { ref }) {
  const { question, standing } = context;
  if (question.kind !== "doi_confirmation" || mislabelled(context) !== "") return CLOSED;
  const { index, ms } = latestOf(pendingGrants(context));
  if (context.mailedSince(ms, index, question.category)) return CLOSED;
  if (standing.nos.some((no) => isAfter(placeOfNo(no), [ms, index]) && context.ours(no.sender))) return CLOSED;
  return holding("DOI_CONFIRMATION", "service", ref, unsaid(question), { events: [index] });
}

/** The one neutral confirmation of an opt-out, in time where there is a limit. */
function optoutConfirmationExit(context, { ref, rule }) {
  const { question, standing } = context;
  if (question.kind !== "optout_confirmation" || mislabelled(context) !== "") return CLOSED;
  const nos = standing.nos.filter((no) => context.ours(no.sender) && context.hasHappened(no.firstMs));
  if (nos.length === 0) return CLOSED;
  const { index, lastMs } = latestOf(nos, placeOfNo);
  if (context.mailedSince(lastMs, index, question.category)) return CLOSED;
  if (rule.minutes !== null && !inTime(context, lastMs, rule.minutes)) return CLOSED;
  return holding("OPTOUT_CONFIRMATION", "service", ref, unsaid(question), { events: [index] });
}

function inTime(context, ms, limit) {
  const passed = context.question.minutes_after_withdrawal;
  if (passed !== null) return passed <= limit;
  const deadline = ms + limit * MINUTE_MS + 1;
  if (context.at >= deadline) return false;
  context.note(deadline);
  return true;
}

/** A message of its own by a sender whom a statute exempts. */
function exemptExit(context, { ref, rule }) {
  const { question, senderRegistered } = context;
  if (!rule.sender_types.includes(context.senderType) || context.promotesOthers()) return CLOSED;
  if (mislabelled(context) !== "" || !["commercial", "ideal", "charitable"].includes(question.kind)) return CLOSED;
  const missing = [];
  if (rule.registered) {
    if (senderRegistered === false) return CLOSED;
    if (senderRegistered === null) missing.push("sender_registered");
  }
  if (question.kind === "charitable") {
    if (promotional(question)) return CLOSED;
    missing.push(...unsaid(question));
  }
  return holding("EXEMPT_MESSAGE", "exempt_message", ref, missing);
}

export const EXITS = {
  exit_double_opt_in: doubleOptInExit,
  exit_optout_confirmation: optoutConfirmationExit,
  exit_solicited: solicitedExit,
  exit_service: serviceExit,
  exit_exempt: exemptExit,
};
