// A case of schemas/vectors/decision, derived with the page's own functions (`law`): in Node, and in a browser.

export function deriveCase(law, schemas, documents, { at_ms: at, histories, known_at_ms: known, question, rulebook }) {
  const parts = histories.map(({ erased, events, name = null, role, subject }) => ({
    role,
    name,
    key: subject,
    exists: events.length > 0 || erased !== undefined,
    erased: erased === undefined ? null : { index: erased[0], ms: erased[1] },
    events: events.map(([index, recorded, body]) => ({ index, recorded, ...law.readEvent(body, schemas.event) })),
  }));
  const named = parts.flatMap(({ events }) => events.map(({ event }) => event.form ?? null));
  const forms = new Map();
  for (const form of named) if (form !== null) forms.set(form, law.readForm(documents.get(form), schemas.form));
  const book = law.readRulebook(documents.get(rulebook), documents, schemas.rulebook);
  return law.writeJson(law.decide(book, law.standingsOf(parts, forms, at, known), law.readQuestion(question), at));
}
