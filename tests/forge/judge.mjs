// Judges bundles on standard input with the page's own modules; hashes by Node's crypto, which is faster.
//
// A line in: {"bundle": base64, …} with what is held beside it. A line out: the failing step; or "-", accepted; or
// "?", no step fails, but the law is in a language that the page does not know.

import { createHash, createHmac, createPublicKey, verify } from "node:crypto";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

const [folder, given] = [process.argv[2], JSON.parse(readFileSync(process.argv[3], "utf8"))];
const { engine } = await import(`${folder}/hashing.mjs`);
const { verifyBundle } = await import(`${folder}/verify.mjs`);

const PREFIX = Buffer.from("302a300506032b6570032100", "hex"); // SubjectPublicKeyInfo of an Ed25519 key
const keys = new Map();

function keyOf(raw) {
  const name = Buffer.from(raw).toString("hex");
  if (!keys.has(name)) {
    keys.set(name, createPublicKey({ key: Buffer.concat([PREFIX, raw]), format: "der", type: "spki" }));
  }
  return keys.get(name);
}

engine.sha256 = (bytes) => createHash("sha256").update(bytes).digest();
engine.hmacSha256 = (key, bytes) => createHmac("sha256", key).update(bytes).digest();
engine.verifyEd25519 = (key, signature, message) => verify(null, message, keyOf(key), signature);

for await (const line of createInterface({ input: process.stdin })) {
  const { bundle, ...held } = JSON.parse(line);
  const bytes = new Uint8Array(Buffer.from(bundle, "base64"));
  const { failedStep, unfinished } = await verifyBundle(bytes, { ...given, ...held });
  process.stdout.write(`${failedStep ?? (unfinished ? "?" : "-")}\n`);
}
