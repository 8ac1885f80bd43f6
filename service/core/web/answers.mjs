// Step 9: the answer derived again, and what the log signed of it: a token, a line of a campaign.

import { base64url, hashes, hex, require, unbase64, unhex, unsigned, utf8 } from "./bytes.mjs";
import { writeJson } from "./canonical.mjs";
import { checkSignature, leafHash, sha256 } from "./hashing.mjs";
import { decide, standingsOf } from "./law-decision.mjs";
import { readEvent } from "./law-events.mjs";
import { readQuestion } from "./law-question.mjs";
import { checkInclusion } from "./trees.mjs";

/** Each subject's events, read; `newest`: by its key the notice (index, ms) that its older events were destroyed. */
export function readHistories({ subjects }, newest, schema) {
  return subjects.map(({ address, events, role, subject_key: key }) => ({
    role,
    key,
    name: role === "sender" ? address.value : null,
    exists: events.length > 0,
    erased: newest.get(key) ?? null,
    events: events
      .filter(({ event }) => event !== undefined)
      .map(({ event, index, recorded_at_ms: recorded }) => ({ index, recorded, ...readEvent(event, schema) })),
  }));
}

/** The histories as a campaign saw them. */
function through(parts, position) {
  return parts.map((part) => {
    const events = part.events.filter(({ index }) => index <= position);
    return { ...part, events, exists: events.length > 0 || part.erased !== null };
  });
}

/** The decision document that follows from histories, forms (by hash), rulebook, and the question of a bundle. */
export function deriveAnswer(bundle, parts, forms, rulebook) {
  const { at_ms: at, body, known_at_ms: known } = bundle.question;
  const seen = bundle.campaign === undefined ? parts : through(parts, bundle.campaign.epoch.index);
  return decide(rulebook, standingsOf(seen, forms, at, known), readQuestion(body), at);
}

export function addressOf({ subjects }) {
  return subjects.find((subject) => subject.role === "address").subject_key;
}

/** The log key, which signed the bundle, signed this answer as a token too. */
export async function checkToken(bundle, { root, size }, rulebook, signer) {
  const { decision, origin, question, token } = bundle;
  const claims = { decision, iat: token.iat, iss: origin, question: question.body, root: hex(root) };
  Object.assign(claims, { rulebook, size: Number(size), subject: addressOf(bundle) });
  if (question.known_at_ms !== null) claims.known_at_ms = question.known_at_ms;
  const header = { alg: "EdDSA", kid: bundle.signature.key_id, typ: "clv1-decision+jwt" };
  const message = [header, claims].map((part) => base64url(utf8(writeJson(part)))).join(".");
  await checkSignature(signer.publicKey, unbase64(token.signature), utf8(message), "token-signature");
}

const RECORD = ["event", "origin", "prev", "schema", "seq", "subject"];

/** That a record, shown whole, has the fields of one of this log. */
function checkRecord({ evidence = "0".repeat(64), ...record }, origin) {
  require(Object.keys(record).sort().join() === RECORD.join(), "no-campaign");
  require(record.schema === 1 && record.origin === origin, "no-campaign");
  require(Number.isInteger(record.seq) && record.seq >= 0, "no-campaign");
  const hashed = [evidence, record.prev, record.subject];
  require(hashed.every((hash) => typeof hash === "string" && /^[0-9a-f]{64}$/.test(hash)), "no-campaign");
  require(record.event !== null && typeof record.event === "object" && !Array.isArray(record.event), "no-campaign");
}

/** The answer is that line of the campaign shown; of how many. */
export async function checkCampaignLine(bundle, schema) {
  const { decision, origin, question } = bundle;
  const { epoch, event, line, proof } = bundle.campaign;
  const { record } = event;
  checkRecord(record, origin);
  const { event: said } = readEvent(record.event, schema);
  require(said.type === "campaign_checked", "no-campaign");
  const [from, to] = [said.from_position, said.to_position];
  require(from <= epoch.index && epoch.index <= to && to < event.index, "campaign-other-state");
  const parts = [
    utf8("clv1/campaign-answer"),
    unhex(addressOf(bundle)),
    await sha256(utf8(writeJson(question.body))),
    unsigned(question.at_ms, 8),
    unsigned(epoch.index, 8),
    await sha256(utf8(writeJson(decision))),
  ];
  const leaf = await leafHash(Uint8Array.from(parts.flatMap((part) => [...part])));
  await checkInclusion(leaf, BigInt(line) - 1n, BigInt(said.count), hashes(proof), unhex(said.root), "not-that-line");
  return said.count;
}
