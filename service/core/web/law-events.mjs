// Records and forms read back: of the vocabulary, with the defaults of what they leave out.

import { require } from "./bytes.mjs";
import { readCanonical } from "./canonical.mjs";
import { checkShape, withDefaults } from "./shapes.mjs";

const NOT_RECORDED = ["source_event_id", "source", "address", "other_addresses", "evidence", "external_id"];
const PASSING = ["from", "to"];
const ROLES = { address_changed: ["old", "new"], sender_renamed: PASSING, business_transferred: PASSING };
const SENDERS_OWN = [
  "business_transferred",
  "campaign_checked",
  "export_created",
  "export_downloaded",
  "form_published",
  "key_rotated",
  "rulebook_published",
  "sender_registered",
  "sender_renamed",
];

/** Whether an event of this type stands in the history of a sender, and not in that of an address. */
export function isOfSenders(type) {
  return SENDERS_OWN.includes(type);
}

function fitting(value, schema, whole, code) {
  try {
    checkShape(value, schema, whole);
  } catch {
    require(false, code);
  }
  return withDefaults(value, schema, whole);
}

/** When it happened, as declared. */
function occurred(text) {
  const ms = typeof text === "string" ? Date.parse(text) : NaN;
  require(!Number.isNaN(ms) && new Date(ms).toISOString() === text && !text.startsWith("0000"), "event-unknown");
  return ms;
}

/** What a record says of an event: its fields, when it happened, its part, and whether it was taken over. */
export function readEvent(body, whole) {
  const { role = null, counterpart = null, imported = false, ...said } = body;
  require(NOT_RECORDED.every((name) => !Object.hasOwn(body, name)), "event-unknown");
  require((ROLES[said.type] ?? (isOfSenders(said.type) ? [null] : [null, "other"])).includes(role), "event-unknown");
  require(counterpart === null || role !== null, "event-unknown");
  require(typeof imported === "boolean", "event-unknown");
  require(counterpart === null || (typeof counterpart === "string" && /^[0-9a-f]{64}$/.test(counterpart)), "event-unknown");
  const kind = Object.values(whole.$defs).find((each) => each.properties.type?.enum?.[0] === said.type);
  require(kind !== undefined, "event-unknown");
  const moved = said.type === "address_changed" ? ["from", "to"] : [];
  require(moved.every((name) => !Object.hasOwn(said, name)), "event-unknown");
  const needed = kind.required.filter((name) => ![...NOT_RECORDED, ...moved].includes(name));
  const event = fitting(said, { ...kind, required: needed }, whole, "event-unknown");
  return { event, ms: occurred(said.occurred_at), role, counterpart, imported };
}

export function readForm(text, schema) {
  const form = fitting(readCanonical(text), schema, schema, "form-invalid");
  const names = form.boxes.map((box) => box.name);
  require(new Set(names).size === names.length, "form-invalid");
  return form;
}
