// A recorded consent: what it covers, and its defects, worst first. schemas/decision.md, "Consent".

import { kept } from "./law-keeping.mjs";

export const FLAW_CODES = {
  commercial_purpose_unclear: "CONSENT_NOT_INFORMED",
  duration_not_stated: "CONSENT_NOT_INFORMED",
  burdensome_selection: "CONSENT_NOT_SPECIFIC",
  deceptive_design: "CONSENT_NOT_FREE",
  tied_to_service: "CONSENT_NOT_FREE",
};
const WORST_FIRST = [
  "MINOR_NO_PARENTAL_CONSENT",
  "CONSENT_NOT_BY_ADDRESSEE",
  "CONSENT_UNPROVEN",
  "CONSENT_IN_TERMS",
  "CONSENT_NOT_INFORMED",
  "CONSENT_NOT_ACTIVE",
  "CONSENT_NOT_SPECIFIC",
  "CONSENT_NOT_GRANULAR",
  "CONSENT_NOT_FREE",
  "CONSENT_UNCONFIRMED",
];

export function worstFirst(codes) {
  const found = new Set(codes);
  return WORST_FIRST.filter((code) => found.has(code));
}

function narrowed(declared, shown) {
  return declared.length > 0 ? declared.filter((name) => shown.includes(name)) : shown;
}

/** What the person saw: read from the form where one is named, else as declared. */
function shownTo(event, forms) {
  const { categories, channels, sender, senders } = event;
  const declared = senders.length > 0 ? senders : sender === null ? [] : [sender];
  const told = { categories, channels, senders: declared, unnamed: event.unnamed_senders, missing: false };
  const asked = { byDefault: event.checkbox_default, bundled: event.bundled_purposes, flaws: event.request_flaws };
  if (event.form === null) return { ...told, ...asked, inTerms: false, complete: event.request_contents_complete };
  const form = forms.get(event.form);
  const box = event.box === null ? null : form?.boxes.find((each) => each.name === event.box);
  if (form === undefined || box === undefined) {
    const unseen = { byDefault: null, bundled: [], flaws: [], inTerms: false, complete: null };
    return { ...told, ...unseen, unnamed: "none", missing: true };
  }
  const collector = form.collector === null ? [] : [form.collector];
  const flaws = [...event.request_flaws, ...(form.tied_to_service ? ["tied_to_service"] : [])];
  const text = { inTerms: form.consent_in_terms, complete: form.request_contents_complete };
  if (box === null) return { ...told, ...asked, ...text, flaws, senders: senders.length > 0 ? senders : collector };
  return {
    ...told,
    ...text,
    categories: narrowed(categories, box.categories),
    channels: narrowed(channels, box.channels),
    senders: narrowed(senders, box.senders.length > 0 ? box.senders : collector),
    unnamed: box.unnamed_senders,
    byDefault: box.default,
    bundled: box.bundled_purposes,
    flaws: [...flaws, ...box.flaws],
  };
}

function defectsOf(event, shown) {
  // A term left open hurts only once the service has ended.
  const codes = shown.flaws.filter((flaw) => flaw !== "duration_not_stated").map((flaw) => FLAW_CODES[flaw]);
  const found = (condition, code) => condition && codes.push(code);
  found(event.given_by === "third_party", "CONSENT_NOT_BY_ADDRESSEE");
  found(event.evidence_grade !== "documented" || event.method === "unknown" || shown.missing, "CONSENT_UNPROVEN");
  found(event.method === "terms_clause" || shown.inTerms, "CONSENT_IN_TERMS");
  const passive = event.filled_by === "sales_agent" || event.method === "participation";
  found(shown.byDefault === "ticked" || passive, "CONSENT_NOT_ACTIVE");
  found(new Set(shown.bundled).size > 1, "CONSENT_NOT_GRANULAR");
  return worstFirst(codes);
}

export function withGrant(grants, event, { forms, imported, index, ms }) {
  const shown = shownTo(event, forms);
  const grant = {
    index,
    ms,
    categories: shown.categories,
    channels: shown.channels,
    senders: shown.senders,
    unnamed: shown.unnamed,
    defects: defectsOf(event, shown),
    unknown: event.method === "checkbox" && shown.byDefault === null ? ["checkbox_default"] : [],
    pending: event.double_opt_in === "pending",
    byAddressee: event.given_by === "recipient",
    age: event.age,
    parental: event.parental_consent,
    person: event.person,
    indirect: event.indirect,
    expires: event.expires,
    endsWithService: shown.flaws.includes("duration_not_stated"),
    complete: shown.complete,
    method: event.method,
    evidenceItems: event.evidence_items,
    imported,
    confirmedIndex: null,
  };
  return kept(grants, grant);
}

/** The pending grants that name the sender (all of them where none is named) are confirmed. */
export function confirmed(grants, sender, { imported, index, ms }) {
  return grants.map((grant) =>
    grant.pending && grant.ms <= ms && (sender === null || grant.senders.includes(sender))
      ? { ...grant, pending: false, ms, confirmedIndex: index, imported: grant.imported || imported }
      : grant,
  );
}
