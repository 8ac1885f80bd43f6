// A pack: the rules of one jurisdiction as data. Which fields there are: schemas/decision.md, "Packs".

import { FIRST_DAY } from "./law-calendar.mjs";
import { Unknown, readToml } from "./law-toml.mjs";

const CHANNELS = ["email", "sms", "phone_live", "robocall", "fax", "inbox_ad"];
const RECIPIENTS = ["consumer", "child", "sole_trader", "legal_person"];
const SENDER_KINDS = ["business", "charity", "social_enterprise", "newspaper_magazine_publisher", "club"];
const RELATIONS = ["purchase", "contract", "account", "membership", "donation", "info", "quote", "negotiation"];
const NATURES = ["statute", "case_law", "guidance", "self_regulation", "policy"];
const REGISTERS = ["UK_TPS", "UK_CTPS", "BE_DNCM", "FR_BLOCTEL", "US_DNC"];
const MOVES = `exit_solicited exit_service exit_double_opt_in exit_optout_confirmation exit_exempt out_of_scope
  outside_area consent customer charity relationship ongoing_relation address_relevance presumed_consent
  running_contract designated_address impersonal_address role_related referral exempt_sender opt_out message_form
  hours revoke_all person_said_no suppression address_current`.split(/\s+/);

const IDENTIFIER = /^[a-z][a-z0-9_.]{2,63}$/;
const NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/;
const text = (value) => typeof value === "string";
const flag = (value) => typeof value === "boolean";
const whole = (value) => typeof value === "number";
const date = (value) => value !== null && typeof value === "object" && whole(value.day);
const like = (pattern) => (value) => text(value) && pattern.test(value);
const oneOf = (values) => (value) => values.includes(value);
const listOf = (test) => (value) => Array.isArray(value) && value.every(test);
const quoted = (value) => text(value) && [...value].length >= 3 && [...value].length <= 300;
const registers = (value) =>
  !Array.isArray(value) && typeof value === "object" && value !== null && value.day === undefined &&
  Object.entries(value).every(([kind, name]) => RECIPIENTS.includes(kind) && REGISTERS.includes(name));

/** Of each field what it may hold, and its default; without one it must be there. */
const CITED = { citation: [quoted], nature: [oneOf(NATURES)], verified: [flag], note: [text, ""] };
const dates = { valid_from: [date, null], valid_to: [date, null] };
const RULE = {
  id: [like(IDENTIFIER)],
  does: [oneOf(MOVES)],
  ...CITED,
  ...dates,
  channels: [listOf(oneOf(CHANNELS)), []],
  excluded_channels: [listOf(oneOf(CHANNELS)), []],
  recipients: [listOf(oneOf(RECIPIENTS)), []],
  kinds: [listOf(oneOf(["commercial", "ideal", "charitable"])), []],
  sender_types: [listOf(oneOf(SENDER_KINDS)), []],
  relations: [listOf(oneOf(RELATIONS)), []],
  inquiry_parameter: [text, null],
  months_parameter: [text, null],
  indirect_parameter: [text, null],
  retention_parameter: [text, null],
  donation_parameter: [text, null],
  minutes: [whole, null],
  free_accounts: [oneOf(["never", "with_paid_tier", "always"]), "with_paid_tier"],
  rolling: [flag, false],
  commencement: [date, null],
  started_before: [date, null],
  ends_day_before: [flag, false],
  buyer_steps_in: [flag, false],
  registered: [flag, false],
  requires_role: [flag, false],
  requires_impersonal: [flag, false],
  requires_no_state_rule: [flag, false],
  requires_complete_request: [flag, false],
  sources: [listOf(oneOf(["published", "disclosed"])), []],
  deny_code: [text, "NO_BASIS"],
  minor_age: [whole, null],
  unnamed_senders: [flag, false],
  evidence_items: [listOf(text), []],
  evidence_items_channels: [listOf(oneOf(CHANNELS)), []],
  evidence_items_since: [date, null],
  written_when_automated: [flag, false],
  automated_only: [flag, null],
  phone_type: [oneOf(["mobile", "fixed"]), null],
  registers: [registers, {}],
  except_subjects: [listOf(like(NAME)), []],
  area: [listOf(text), []],
  fields: [listOf(oneOf(["identity", "optout", "postal_address", "labelled_as_advertising"])), []],
  hours: [listOf(like(/^\d\d:\d\d-\d\d:\d\d$/)), []],
  business_days_only: [flag, false],
};
const PARAMETER = {
  name: [like(IDENTIFIER)],
  default: [whole],
  ...CITED,
  minimum: [whole, 0],
  maximum: [whole, 600],
};
const PACK = {
  jurisdiction: [like(/^(?:[A-Z]{2}|common)$/)],
  name: [text],
  as_of: [date],
  countries: [listOf(text), []],
  needs_human: [listOf(text), []],
  stop_ceiling_business_days: [(value) => whole(value) && value >= 0 && value <= 31, 0],
  holidays: [listOf(date), []],
  rule: [Array.isArray, []],
  parameter: [Array.isArray, []],
};
export const FIGURES = [
  "months_parameter",
  "inquiry_parameter",
  "indirect_parameter",
  "retention_parameter",
  "donation_parameter",
];

function filled(table, fields) {
  for (const name of Object.keys(table)) if (!Object.hasOwn(fields, name)) throw new Unknown(name);
  const entries = Object.entries(fields).map(([name, [test, ...rest]]) => {
    if (!Object.hasOwn(table, name)) {
      if (rest.length === 0) throw new Unknown(name);
      return [name, rest[0]];
    }
    if (!test(table[name])) throw new Unknown(name);
    return [name, date(table[name]) ? table[name].day : table[name]];
  });
  return Object.fromEntries(entries);
}

/** Versions of a rule share its id, and no two are in force at once. */
function checkVersions(rules) {
  const last = new Map();
  const begins = (rule) => rule.valid_from ?? FIRST_DAY;
  for (const rule of [...rules].sort((one, two) => begins(one) - begins(two))) {
    if (rule.valid_to !== null && rule.valid_to < begins(rule)) throw new Unknown(rule.id);
    const earlier = last.get(rule.id);
    const follows = earlier === undefined || (earlier.valid_to !== null && rule.valid_from > earlier.valid_to);
    if (!follows || (earlier !== undefined && rule.valid_from === null)) throw new Unknown(rule.id);
    last.set(rule.id, rule);
  }
}

const PACKS_READ = new Map();

/** A pack with every field, dates as days; the same text gives the same. Throws `Unknown` for another language. */
export function readPack(source) {
  if (!PACKS_READ.has(source)) PACKS_READ.set(source, packOf(source));
  return PACKS_READ.get(source);
}

function packOf(source) {
  const pack = filled(readToml(source), PACK);
  const read = {
    ...pack,
    holidays: pack.holidays.map((each) => each.day),
    rule: pack.rule.map((rule) => filled(rule, RULE)),
    parameter: pack.parameter.map((parameter) => filled(parameter, PARAMETER)),
  };
  checkVersions(read.rule);
  return read;
}
