// Canonical JSON: RFC 8785, restricted as schemas/README.md says. One value has one sequence of bytes.

import { require } from "./bytes.mjs";

const DEEPEST = 32;
const ESCAPES = { '"': '\\"', "\\": "\\\\", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r" };

function writeText(text) {
  const escape = (character) =>
    ESCAPES[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return `"${text.replace(/[\u0000-\u001f"\\]/g, escape)}"`;
}

export function writeJson(value) {
  if (Array.isArray(value)) return `[${value.map(writeJson).join(",")}]`;
  if (value !== null && typeof value === "object") {
    const keys = Object.keys(value).sort();
    return `{${keys.map((key) => `${writeText(key)}:${writeJson(value[key])}`).join(",")}}`;
  }
  return typeof value === "string" ? writeText(value) : String(value);
}

function check(value, levels) {
  if (typeof value === "string") {
    require(!/[\u0000]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.test(value), "not-json");
  } else if (typeof value === "number") {
    require(Number.isSafeInteger(value), "not-json");
  } else if (value !== null && typeof value === "object") {
    require(levels > 0, "not-json");
    for (const key of Object.keys(value)) {
      require(Array.isArray(value) || /^[\u0001-\u007f]*$/.test(key), "not-json");
      check(value[key], levels - 1);
    }
  }
}

/** The value of a text in canonical form. Duplicate keys, other numbers, escapes and white space change the text. */
export function readCanonical(text) {
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    require(false, "not-json");
  }
  check(value, DEEPEST);
  require(writeJson(value) === text, "not-canonical");
  return value;
}

/** The text of UTF-8 bytes, a byte order mark included; anything else is refused. */
export function readText(bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return require(false, "not-json");
  }
}
