// What the person refused, whether the address is still theirs; form and hours. schemas/decision.md, "Stops", "Gates".

import { DAY_MS, businessDaysAfter, dayOf, isBusinessDay } from "./law-calendar.mjs";
import { NO, UNKNOWN, YES, failing, isAfter, tried } from "./law-context.mjs";
import { pureService } from "./law-exits.mjs";

export const OPEN = tried(YES, "", "none", null);

function covers(context, no, service) {
  const { bought, entity, question } = context;
  if (no.sender !== null && !entity.has(no.sender) && !bought.has(no.sender)) return false;
  const onChannel = no.channels.includes(question.channel);
  if (no.scope === "category") return context.coversCategory(no.categories) && (no.channels.length === 0 || onChannel);
  if (no.scope === "channel") return onChannel;
  // A no to marketing does not extend to a message that only serves, unless it answered such a message.
  return !service || context.plan.revokeAll || context.coversCategory(no.categories);
}

/** A no is in force at once, unless the house uses a period for carrying it out. */
function binds(context, { firstMs }) {
  if (!context.hasHappened(firstMs)) return false;
  const { graceDays, holidays } = context.plan;
  if (graceDays === 0) return true;
  return context.hasHappened((businessDaysAfter(dayOf(firstMs), graceDays, holidays) + 1) * DAY_MS);
}

/** Whether the person said yes to this sender by name later, in time and in the log, and by themselves. */
function lifted(context, [ms, index], person, all) {
  return all.some(
    ({ acts, grant }) =>
      acts &&
      !grant.imported &&
      context.namesUs(grant.senders) &&
      grant.ms >= ms &&
      Math.max(grant.index, grant.confirmedIndex ?? 0) >= index &&
      (person === null || grant.person === person),
  );
}

/** The latest no that covers the message and that no later act of the person lifted. */
export function refusalStop(context, all) {
  const service = pureService(context.question);
  let [floor, standing] = [[-1, -1], null];
  for (const no of context.standing.nos) {
    const place = [no.lastMs, no.index];
    if (!covers(context, no, service) || !binds(context, no)) continue;
    if (lifted(context, place, no.person, all)) floor = isAfter(place, floor) ? place : floor;
    else if (standing === null || isAfter(place, [standing.lastMs, standing.index])) standing = no;
  }
  context.floor = floor;
  if (standing === null) return OPEN;
  return failing(standing.kind === "withdrawal" ? "WITHDRAWN" : "OBJECTED", context.plan.saidNo, [standing.index]);
}

/** Whether the person was erased, and has not come back since. */
export function suppressionStop(context, all) {
  const { erased } = context.standing;
  if (erased === null || !context.ours(erased.sender) || !context.hasHappened(erased.ms)) return OPEN;
  if (lifted(context, [erased.ms, erased.index], null, all)) return OPEN;
  return failing("SUPPRESSED_AFTER_ERASURE", context.plan.suppression, [erased.index]);
}

/** Whether the address is still the person's: not replaced, not bounced. */
export function currentStop(context) {
  const { alive, bounced: back, grants, origins, replaced } = context.standing;
  const gone = (index) => failing("ADDRESS_REPLACED", context.plan.current, [index]);
  if (replaced !== null && context.hasHappened(replaced.ms)) {
    const returns = [
      ...grants.filter((grant) => grant.byAddressee && grant.defects.length === 0 && !grant.pending && !grant.imported),
      ...origins.filter((move) => move.by !== "broker"),
    ];
    if (!returns.some(({ index, ms }) => ms >= replaced.ms && index > replaced.index)) return gone(replaced.index);
  }
  if (back !== null && context.hasHappened(back.ms)) {
    if (alive === null || alive.ms < back.ms || alive.index < back.index) return gone(back.index);
  }
  return OPEN;
}

/** Whether the message shows the `fields` of one rule. */
export function shows({ question }, { ref, rule }) {
  const missing = [];
  for (const name of rule.fields) {
    const shown = question.message[name];
    if (shown === false) return failing("MESSAGE_FORM_INCOMPLETE", ref);
    if (shown === null) missing.push(name);
  }
  return missing.length > 0 ? tried(UNKNOWN, "", "none", ref, { missing }) : OPEN;
}

/** Whether the message shows what it must. */
export function formGate(context) {
  const missing = [];
  let ref = null;
  for (const planned of context.plan.forms) {
    const shape = shows(context, planned);
    if (shape.status === NO) return shape;
    if (shape.missing.length > 0) ref = planned.ref;
    missing.push(...shape.missing);
  }
  return missing.length > 0 ? tried(UNKNOWN, "", "none", ref, { missing }) : OPEN;
}

/** Whether the recipient's clock and calendar permit it. */
export function hoursGate(context) {
  const clock = context.question.local_time;
  for (const { ref, rule } of context.plan.hours) {
    const inside = (span) => span.slice(0, 5) <= clock && clock <= span.slice(6);
    if (clock !== null && !rule.hours.some(inside)) return failing("OUTSIDE_PERMITTED_HOURS", ref);
    if (rule.business_days_only && !onBusinessDay(context)) return failing("OUTSIDE_PERMITTED_HOURS", ref);
    if (clock === null) return tried(UNKNOWN, "", "none", ref, { missing: ["local_time"] });
  }
  return OPEN;
}

/** Whether today is a business day. After the last year whose holidays are known no day counts as one. */
function onBusinessDay(context) {
  const { calendarEnds, holidays } = context.plan;
  if (context.day > calendarEnds) return false;
  const today = isBusinessDay(context.day, holidays);
  let day = context.day + 1;
  while (day <= calendarEnds && isBusinessDay(day, holidays) === today) day += 1;
  context.note(day * DAY_MS);
  return today;
}
