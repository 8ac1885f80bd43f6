// Keys, signed notes and checkpoints (C2SP signed-note, tlog-checkpoint, tlog-cosignature).

import { concat, hex, require, same, unbase64, utf8 } from "./bytes.mjs";
import { checkSignature, sha256 } from "./hashing.mjs";

export const ED25519 = 1;
export const COSIGNATURE = 4;
const SIZES = new Map([
  [ED25519, 32],
  [COSIGNATURE, 32],
  [6, 1312], // ML-DSA-44, by which nothing is checked here
]);

const NOTE_BYTES_MAX = 1_000_000;
const SIGNATURES_MAX = 100;
const SIZE_MAX = 2n ** 63n - 1n;
const VKEY = /^([^\p{White_Space}+\u0000-\u001f\u007f]{1,255})\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/u;
const SIGNATURE_LINE = /^\u2014 ([^\p{White_Space}+\u0000-\u001f\u007f]{1,255}) (\S+)$/u;

export async function readKey(vkey) {
  const found = VKEY.exec(vkey);
  require(found !== null && !vkey.endsWith("\n"), "not-a-key");
  const raw = unbase64(found[3]);
  require(raw.length - 1 === SIZES.get(raw[0]), "not-a-key");
  const id = (await sha256(utf8(found[1]), utf8("\n"), raw)).subarray(0, 4);
  require(hex(id) === found[2], "not-a-key");
  return { name: found[1], kind: raw[0], id, publicKey: raw.subarray(1), vkey };
}

async function checkLine(key, signature, text) {
  if (key.kind === ED25519) return checkSignature(key.publicKey, signature, utf8(text), "note-signature");
  require(signature.length === 72, "note-signature");
  const time = new DataView(signature.buffer, signature.byteOffset).getBigUint64(0);
  require(time < 2n ** 63n, "note-signature");
  const message = utf8(`cosignature/v1\ntime ${time}\n${text}`);
  return checkSignature(key.publicKey, signature.subarray(8), message, "note-signature");
}

/** The text of a note, and those of the known keys that signed it. A wrong signature by a known key condemns it. */
export async function openNote(note, known) {
  require(utf8(note).length <= NOTE_BYTES_MAX, "not-a-note");
  const split = note.lastIndexOf("\n\n");
  require(split >= 0 && note.endsWith("\n") && split + 2 < note.length, "not-a-note");
  const text = note.slice(0, split + 1);
  require(!/[\u0000-\u0009\u000b-\u001f]/.test(text), "not-a-note");
  const lines = note.slice(split + 2, -1).split("\n");
  require(lines.length <= SIGNATURES_MAX, "not-a-note");
  const signers = new Set();
  for (const line of lines) {
    const found = SIGNATURE_LINE.exec(line);
    require(found !== null, "not-a-note");
    const raw = unbase64(found[2]);
    require(raw.length > 4, "not-a-note");
    const key = known.find((each) => each.name === found[1] && same(each.id, raw.subarray(0, 4)));
    if (key !== undefined) {
      await checkLine(key, raw.subarray(4), text);
      signers.add(key);
    }
  }
  require(signers.size > 0, "nobody-known");
  return { text, signers: [...signers] };
}

/** Origin, size (BigInt) and root of a checkpoint of this origin, which the log itself has signed. */
export async function openCheckpoint(note, origin, known) {
  const { text, signers } = await openNote(note, known);
  const lines = text.split("\n");
  require(lines.length === 4 && lines[3] === "", "not-a-checkpoint");
  require(lines[0] !== "" && /^(?:0|[1-9][0-9]*)$/.test(lines[1]) && lines[1].length <= 19, "not-a-checkpoint");
  const size = BigInt(lines[1]);
  const root = unbase64(lines[2]);
  require(size <= SIZE_MAX && root.length === 32, "not-a-checkpoint");
  require(lines[0] === origin, "another-log");
  require(signers.some((key) => key.name === origin && key.kind === ED25519), "not-by-the-log");
  return { origin, size, root, signers };
}

/** The size that a note's text names, before anybody's signature on it is believed. */
export function sizeOf(note) {
  const size = note.split("\n")[1] ?? "";
  require(/^(?:0|[1-9][0-9]{0,18})$/.test(size), "not-a-checkpoint");
  return BigInt(size);
}

export function withoutSignature(bundle) {
  const { signature, ...unsigned } = bundle;
  return unsigned;
}

export async function bundleMessage(canonicalText) {
  return concat(utf8("clv1/bundle"), await sha256(utf8(canonicalText)));
}
