// Hashes and signatures are the browser's own (WebCrypto); nothing of them is written here.

import { concat, require, same, unsigned, utf8 } from "./bytes.mjs";

/** What computes. A program that hashes millions of times may put something faster in its place. */
export const engine = {
  async sha256(bytes) {
    return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  },
  async hmacSha256(key, bytes) {
    const algorithm = { name: "HMAC", hash: "SHA-256" };
    const imported = await crypto.subtle.importKey("raw", key, algorithm, false, ["sign"]);
    return new Uint8Array(await crypto.subtle.sign("HMAC", imported, bytes));
  },
  async verifyEd25519(publicKey, signature, message) {
    const key = await crypto.subtle.importKey("raw", publicKey, { name: "Ed25519" }, false, ["verify"]);
    return crypto.subtle.verify({ name: "Ed25519" }, key, signature, message);
  },
};

/** Whether this browser can do what is needed, and lets a page do it. */
export async function canVerify() {
  try {
    const key = new Uint8Array(32);
    key[0] = 1; // the neutral element: a point of the curve, which every implementation reads
    await crypto.subtle.importKey("raw", key, { name: "Ed25519" }, false, ["verify"]);
    return true;
  } catch {
    return false;
  }
}

export function sha256(...parts) {
  return engine.sha256(concat(...parts));
}

export async function checkSignature(publicKey, signature, message, code) {
  let holds = false;
  try {
    holds = signature.length === 64 && (await engine.verifyEd25519(publicKey, signature, message));
  } catch {
    // Not a point of the curve: nobody can have signed with it.
  }
  require(holds, code);
}

const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

export function leafHash(entry) {
  return sha256(LEAF, entry);
}

export function nodeHash(left, right) {
  return sha256(NODE, left, right);
}

/** The name of a subject: HMAC-SHA-256 under the ledger's secret. */
export function subjectKey(secret, kind, address) {
  const [name, value] = [utf8(kind), utf8(address)];
  const message = concat(utf8("clv1/subject"), unsigned(name.length, 1), name, unsigned(value.length, 2), value);
  return engine.hmacSha256(secret, message);
}

export function commitment(opening, record) {
  return sha256(utf8("clv1/commit"), opening, utf8(record));
}

export function evidenceHash(opening, evidence) {
  return sha256(utf8("clv1/evidence"), opening, utf8(evidence));
}

export function chained(head, index, committed) {
  return sha256(utf8("clv1/chain"), head, unsigned(index, 8), committed);
}

export function headValue(count, lastIndex, head) {
  return sha256(utf8("clv1/head"), unsigned(count, 8), unsigned(lastIndex, 8), head);
}

export async function hasHash(bytes, expected) {
  return same(await sha256(bytes), expected);
}
