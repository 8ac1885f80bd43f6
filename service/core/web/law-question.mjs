// The question as a bundle has it: of the vocabulary, and in its only form, which leaves out what is not known.

import { require } from "./bytes.mjs";

const SENDER_KINDS_ASKED = ["business", "charity", "social_enterprise", "newspaper_magazine_publisher", "club"];
const KINDS = "commercial ideal charitable service consent_request doi_confirmation optout_confirmation".split(" ");
const name = (value) => typeof value === "string" && /^[a-z0-9][a-z0-9._-]{0,63}$/.test(value);
const label = (value) => typeof value === "string" && [...value].length >= 1 && [...value].length <= 200;
const told = (value) => typeof value === "boolean";
const among = (...values) => (value) => values.includes(value);

const QUESTION_FIELDS = {
  sender: name,
  category: name,
  channel: among("email", "sms", "phone_live", "robocall", "fax", "inbox_ad"),
  kind: among(...KINDS),
  product_category: name,
  promotional_content: among("none", "minor", "substantial"),
  contains_consent_request: among(true),
  promotes: name,
  sent_by: among("affiliate"),
  sender_type: among(...SENDER_KINDS_ASKED),
  sender_registered: told,
  person: label,
  relates_to_role: told,
  relates_to_contract: told,
  in_reply: told,
  automated: told,
  discloses_referrer: told,
  one_to_one: told,
  product_for: among("legal_person", "consumer"),
  phone_type: among("mobile", "fixed"),
  local_time: (value) => typeof value === "string" && /^(?:[01]\d|2[0-3]):[0-5]\d$/.test(value),
  sequence: among("first", "second"),
  stricter_state_rule: among("none", "stricter", "unknown"),
  minutes_after_withdrawal: (value) => typeof value === "number" && value >= 0 && value <= 10_000_000,
  style: among("editorial", "press_release"),
};
const RECIPIENT = {
  country: (value) => typeof value === "string" && /^[A-Z]{2}$/.test(value),
  kind: among("consumer", "child", "sole_trader", "legal_person"),
};
const MESSAGE = { optout: told, identity: told, postal_address: told, labelled_as_advertising: told };

function filledIn(value, fields) {
  require(value !== null && typeof value === "object" && !Array.isArray(value), "question-invalid");
  for (const [each, item] of Object.entries(value)) {
    require(Object.hasOwn(fields, each) && fields[each](item), "question-invalid");
  }
  const unknown = Object.keys(fields).map((each) => [each, null]);
  return { ...Object.fromEntries(unknown), ...value };
}

/** The question with every field; what is not known is null. */
export function readQuestion(body) {
  const { message = {}, recipient = {}, ...own } = body;
  for (const each of ["sender", "category", "channel", "kind"]) require(Object.hasOwn(own, each), "question-invalid");
  const question = filledIn(own, QUESTION_FIELDS);
  const asks = question.contains_consent_request === true;
  const parts = { message: filledIn(message, MESSAGE), recipient: filledIn(recipient, RECIPIENT) };
  return { ...question, contains_consent_request: asks, ...parts };
}
