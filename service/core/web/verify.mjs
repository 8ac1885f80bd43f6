// A bundle, verified step by step as schemas/bundle.md and schemas/decision.md have it. Written from those pages, not
// from the service.

import { checkCampaignLine, checkToken, deriveAnswer, readHistories } from "./answers.mjs";
import { Refused, hashes, hex, require, same, unbase64, unhex, utf8 } from "./bytes.mjs";
import { readCanonical, readText, writeJson } from "./canonical.mjs";
import { readEntry } from "./entries.mjs";
import { checkSignature, sha256, subjectKey } from "./hashing.mjs";
import {
  campaignEntry,
  checkClosed,
  checkErasures,
  checkNames,
  checkTimes,
  namedForms,
  putTogether,
  siblingsOf,
} from "./histories.mjs";
import { readForm } from "./law-events.mjs";
import { readRulebook } from "./law-rulebook.mjs";
import { Unknown } from "./law-toml.mjs";
import { COSIGNATURE, ED25519, bundleMessage, openCheckpoint, readKey, sizeOf, withoutSignature } from "./notes.mjs";
import { checkEventShape, checkHashes, checkSubjects, firstOf, keyOf, rulebookInForce } from "./parts.mjs";
import { checkShape } from "./shapes.mjs";
import { anyTrusted, readRow } from "./successions.mjs";
import { checkConsistency, checkEntries, checkMap } from "./trees.mjs";

const BUNDLE_BYTES_MAX = 64 * 1024 * 1024;

export const STEPS = [
  "format",
  "signatures",
  "consistency",
  "entries",
  "subject-keys",
  "map",
  "events",
  "documents",
  "decision",
];

class Verification {
  constructor(bytes, given) {
    this.bytes = bytes;
    this.schemas = given.schemas;
    this.vkeys = given.vkeys ?? [];
    this.held = given.held ?? null;
    this.beside = given.documents ?? [];
    this.checks = [];
    this.anchored = false;
  }

  note(outcome, code, values = {}) {
    this.checks.push({ step: this.step, outcome, code, values });
  }

  passed(code, values) {
    this.note("passed", code, values);
  }

  notChecked(code, values) {
    this.note("not checked", code, values);
  }

  format() {
    require(this.bytes.length <= BUNDLE_BYTES_MAX, "too-large");
    this.bundle = readCanonical(readText(this.bytes));
    require(this.bundle !== null && this.bundle.format === "consent-ledger/bundle/1", "unknown-version");
    checkShape(this.bundle, this.schemas.bundle, this.schemas.bundle);
    for (const subject of this.bundle.subjects) {
      const { other_leaf: other } = subject.map_proof;
      if (other !== undefined) for (const part of [other.key, other.value]) require(unbase64(part).length === 32, "shape");
      subject.events.forEach(checkEventShape);
    }
    if (this.bundle.campaign !== undefined) checkHashes(this.bundle.campaign.event);
    for (const part of [this.bundle.signature.value, this.bundle.token?.signature]) {
      require(part === undefined || unbase64(part).length === 64, "shape");
    }
    this.passed("format");
  }

  async signatures() {
    const { bundle } = this;
    const known = await Promise.all(this.vkeys.map(readKey));
    const trusted = known.filter((key) => key.kind === ED25519);
    // With a trusted key and no successions nothing is taken from the genesis: it is for step 4 to read.
    const genesis = () => readEntry(unbase64(bundle.genesis));
    const row = bundle.successions === undefined ? null : await readRow(genesis(), bundle.successions);
    if (row !== null) this.passed("keys-in-a-row", { count: bundle.successions.length });
    let own = trusted.filter((key) => key.name === bundle.origin);
    if (trusted.length > 0) {
      require(own.length > 0 && (row === null || anyTrusted(row.keys, own)), "keys-of-other-logs");
      this.passed("key-pinned");
    } else {
      own = [row === null ? await keyOf(genesis()) : row.keys.at(-1)];
      require(own[0].kind === ED25519 && own[0].name === bundle.origin, "keys-of-other-logs");
      this.notChecked("key-not-pinned", { vkey: own[0].vkey });
    }
    if (row === null) own = firstOf(own, genesis);
    this.keysAt = row === null ? () => own : row.at;
    this.witnesses = known.filter((key) => key.kind === COSIGNATURE);
    const unread = known.length - trusted.length - this.witnesses.length;
    if (unread > 0) this.notChecked("keys-not-read", { count: unread });
    this.checkpoint = await this.open(bundle.checkpoint);
    this.passed("checkpoint-signed", { size: this.checkpoint.size });
    this.countWitnesses(this.checkpoint);
    this.keys = this.keysAt(this.checkpoint.size);
    this.signer = this.keys.find((key) => hex(key.id) === bundle.signature.key_id);
    require(this.signer !== undefined, "another-signer");
    const message = await bundleMessage(writeJson(withoutSignature(bundle)));
    await checkSignature(this.signer.publicKey, unbase64(bundle.signature.value), message, "bundle-signature");
    this.passed("bundle-signed");
  }

  /** A checkpoint of this log, signed by the key of its size. */
  open(note) {
    return openCheckpoint(note, this.bundle.origin, [...this.keysAt(sizeOf(note)), ...this.witnesses]);
  }

  countWitnesses({ signers, size }) {
    const seen = signers.filter((key) => key.kind === COSIGNATURE).length;
    if (seen === 0) return;
    this.anchored = true;
    this.witnessed = true;
    this.passed("witnessed", { seen, known: this.witnesses.length, size });
  }

  async consistency() {
    const held = this.held === null ? null : await this.open(this.held);
    await this.consistencyWithHeld(held);
    for (const { checkpoint, proof, timestamp } of this.bundle.anchors ?? []) {
      const anchor = await this.open(checkpoint);
      const { size, root } = this.checkpoint;
      require(anchor.size <= size, "anchor-newer");
      await checkConsistency(anchor.size, size, anchor.root, root, hashes(proof));
      require(held === null || held.size !== anchor.size || same(held.root, anchor.root), "fork");
      if (anchor.size < size || !this.witnessed) this.countWitnesses(anchor);
      if (timestamp !== undefined) this.notChecked("timestamp-not-checked");
    }
    if (this.witnesses.length > 0 && !this.witnessed) this.notChecked("not-witnessed");
  }

  async consistencyWithHeld(held) {
    if (held === null) return this.notChecked("nothing-held");
    const { size, root } = this.checkpoint;
    const shown = this.bundle.consistency;
    if (held.size === size) {
      require(same(held.root, root), "fork");
      this.passed("same-checkpoint");
    } else if (held.size > size) {
      return this.notChecked("held-is-newer");
    } else if (shown === undefined || BigInt(shown.size) !== held.size) {
      return this.notChecked("no-proof-from-held", { size: held.size });
    } else {
      await checkConsistency(held.size, size, held.root, root, hashes(shown.proof));
      this.passed("grown", { size: held.size });
    }
    this.anchored = true;
    return undefined;
  }

  async entries() {
    const { bundle } = this;
    const { size, root } = this.checkpoint;
    const raw = new Map();
    const add = (index, bytes) => {
      const at = BigInt(index);
      require(!raw.has(at) || same(raw.get(at), bytes), "two-for-one-place");
      raw.set(at, bytes);
    };
    add(0n, unbase64(bundle.genesis));
    add(size - 1n, unbase64(bundle.epoch));
    const placed = [...(bundle.erasures ?? []), ...(bundle.successions ?? []), ...Object.values(bundle.past ?? {})];
    if (bundle.campaign !== undefined) {
      add(bundle.campaign.event.index, await campaignEntry(bundle.campaign.event));
      placed.push(bundle.campaign.epoch);
    }
    for (const each of placed) add(each.index, unbase64(each.entry));
    this.mapValues = [];
    for (const subject of bundle.subjects) {
      const { entries, mapValue } = await putTogether(subject, bundle.origin);
      for (const [index, bytes] of entries) add(index, bytes);
      this.mapValues.push(mapValue);
    }
    this.read = new Map([...raw].map(([index, bytes]) => [index, { raw: bytes, ...readEntry(bytes) }]));
    await checkEntries(this.read, size, hashes(bundle.log_proof), root);
    this.genesis = this.read.get(0n);
    this.epoch = this.read.get(size - 1n);
    require(this.epoch.type === "epoch", "last-is-no-epoch");
    require(this.genesis.type === "genesis", "no-genesis");
    require(this.genesis.origin === bundle.origin && this.genesis.link.every((byte) => byte === 0), "another-log");
    this.passed("in-the-log", { count: this.read.size, epoch: this.epoch.number });
  }

  async "subject-keys"() {
    const { subjects, subject_key_secret: disclosed } = this.bundle;
    const named = checkSubjects(subjects);
    if (disclosed === null) return this.notChecked("secret-not-disclosed");
    const secret = unhex(disclosed);
    require(same(await sha256(utf8("clv1/ksub"), secret), this.genesis.secret), "another-secret");
    for (const { address, subject_key: key } of named) {
      require(same(await subjectKey(secret, address.kind, address.value), unhex(key)), "another-subject");
    }
    this.passed("keys-bound");
    if (named.length < subjects.length) this.notChecked("addresses-erased", { count: subjects.length - named.length });
    return undefined;
  }

  async map() {
    for (const [place, subject] of this.bundle.subjects.entries()) {
      const proof = subject.map_proof;
      const siblings = siblingsOf(proof, hashes(proof.siblings));
      const { other_leaf: shown } = proof;
      const other = shown === undefined ? null : { key: unbase64(shown.key), value: unbase64(shown.value) };
      await checkMap(unhex(subject.subject_key), this.mapValues[place], siblings, other, this.epoch.mapRoot);
    }
    const present = this.mapValues.filter((value) => value !== null).length;
    this.passed("in-the-map", { present, absent: this.mapValues.length - present });
  }

  events() {
    const { emptied, newest } = checkErasures(this.bundle, this.read);
    this.parts = readHistories(this.bundle, newest, this.schemas.event);
    checkNames(this.bundle);
    checkTimes(this.read);
    const places = this.bundle.subjects.flatMap((subject) => subject.events.map((event) => event.index));
    require(new Set(places).size === places.length, "in-two-histories");
    const count = places.length;
    this.passed("events-whole", { count });
    if (emptied > 0) this.notChecked("events-erased", { count: emptied });
    checkClosed(this.bundle);
    this.passed("nobody-missing");
  }

  async documents() {
    const { documents: shown, question } = this.bundle;
    for (const [name, text] of Object.entries(shown)) require(hex(await sha256(utf8(text))) === name, "another-text");
    const texts = new Map(Object.entries(shown));
    for (const text of this.beside) texts.set(hex(await sha256(utf8(text))), text);
    const forms = namedForms(this.bundle);
    require([...forms].every((name) => texts.has(name)), "form-left-out");
    this.forms = new Map([...forms].map((name) => [name, readForm(texts.get(name), this.schemas.form)]));
    this.passed("forms", { count: forms.size });
    const { link, told } = rulebookInForce(this.bundle, this.read, this.epoch);
    this.rulebook = hex(link);
    if (told !== null) this.passed(told);
    let allowed = forms;
    if (question === null) {
      this.notChecked("nothing-asked");
    } else {
      require(texts.has(this.rulebook), "rulebook-left-out");
      const { packs } = readCanonical(texts.get(this.rulebook));
      require(texts.has(packs.common), "common-pack-left-out");
      allowed = new Set([...forms, this.rulebook, ...Object.values(packs)]);
    }
    require(Object.keys(shown).every((name) => allowed.has(name)), "document-named-by-nothing");
    this.texts = texts;
    if (question !== null) this.readLaw();
  }

  /** The rulebook and its packs; one in another language than this page's is no fault, but nothing follows from it. */
  readLaw() {
    try {
      this.law = readRulebook(this.texts.get(this.rulebook), this.texts, this.schemas.rulebook);
    } catch (error) {
      if (!(error instanceof Unknown)) throw error;
      return this.notChecked("law-unknown");
    }
    return this.passed("rulebook");
  }

  async decision() {
    const { campaign, decision, question, token } = this.bundle;
    if (question === null) {
      require(decision === null && token === null && campaign === undefined, "answer-to-no-question");
      return this.notChecked("no-answer");
    }
    require(decision !== null, "no-answer-to-question");
    if (this.law === undefined) {
      this.unfinished = true;
      this.notChecked("not-derived");
    } else {
      this.derived = deriveAnswer(this.bundle, this.parts, this.forms, this.law);
      require(writeJson(this.derived) === writeJson(decision), "another-answer");
      this.passed("derived");
    }
    if (campaign !== undefined) {
      const count = await checkCampaignLine(this.bundle, this.schemas.event);
      this.passed("campaign-line", { line: campaign.line, count });
    }
    if (token !== null) {
      await checkToken(this.bundle, this.checkpoint, this.rulebook, this.signer);
      this.passed("token-signed");
    }
    return undefined;
  }
}

/**
 * The verdict on a bundle's bytes.
 *
 * `given`: `schemas` (those of bundle, event, form and rulebook) and optionally `vkeys` that are trusted, a `held` checkpoint, `documents` at
 * hand. Never throws. `failedStep` is the first that fails, or null. `level` is null then; `derived` is the decision
 * that follows; `unfinished` says that none was derived, so nothing is said of the answer beyond its signatures.
 */
export async function verifyBundle(bytes, given) {
  const run = new Verification(bytes, given);
  let failedStep = null;
  for (const [place, name] of STEPS.entries()) {
    run.step = place + 1;
    try {
      await run[name]();
    } catch (error) {
      const refused = error instanceof Refused;
      run.note("failed", refused ? error.code : "could-not-follow", refused ? error.values : {});
      failedStep = run.step;
      break;
    }
  }
  const level = failedStep === null ? (run.anchored ? "L2" : "L1") : null;
  return {
    failedStep,
    level,
    unfinished: failedStep === null && run.unfinished === true,
    checks: run.checks,
    derived: run.derived ?? null,
    bundle: run.bundle ?? null,
    texts: run.texts ?? new Map(),
    checkpoint: run.checkpoint ?? null,
    recordedAt: run.epoch === undefined ? null : Number(run.epoch.time),
  };
}
