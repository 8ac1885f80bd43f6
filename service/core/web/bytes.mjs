// Bytes and their spellings. What is spelled in any other way than its one way is refused.

/** What a writer would not have written, or does not prove what it should. `code` names the sentence for people. */
export class Refused extends Error {
  constructor(code, values = {}) {
    super(code);
    this.code = code;
    this.values = values;
  }
}

export function require(condition, code, values) {
  if (!condition) throw new Refused(code, values);
}

const encoder = new TextEncoder();

export const ZERO = new Uint8Array(32);

export function utf8(text) {
  return encoder.encode(text);
}

export function concat(...parts) {
  const joined = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

export function same(one, two) {
  return one.length === two.length && one.every((byte, place) => byte === two[place]);
}

/** An unsigned integer (number or BigInt) of `size` bytes, big-endian. */
export function unsigned(value, size) {
  const bytes = new Uint8Array(size);
  let rest = BigInt(value);
  for (let at = size - 1; at >= 0; at -= 1) {
    bytes[at] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return bytes;
}

export function hex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function unhex(text) {
  require(/^(?:[0-9a-f]{2})*$/.test(text) && !text.endsWith("\n"), "spelling");
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

export function base64(bytes) {
  let binary = "";
  for (let at = 0; at < bytes.length; at += 0x8000) {
    binary += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  }
  return btoa(binary);
}

/** The bytes of base64 (RFC 4648 section 4) in its only spelling. */
export function unbase64(text) {
  require(/^[A-Za-z0-9+/]*={0,2}$/.test(text) && text.length % 4 === 0, "spelling");
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  require(base64(bytes) === text, "spelling");
  return bytes;
}

/** base64url without padding, as tokens have it (RFC 7515 section 2). */
export function base64url(bytes) {
  return base64(bytes).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** The hashes of a proof, which are joined. */
export function hashes(text) {
  const raw = unbase64(text);
  require(raw.length % 32 === 0, "part-of-a-hash");
  return Array.from({ length: raw.length / 32 }, (_, place) => raw.subarray(32 * place, 32 * place + 32));
}
