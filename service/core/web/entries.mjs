// The entries of the log, byte by byte.

import { Refused, concat, require, unsigned } from "./bytes.mjs";

export const EVENT = 1;
const LONGEST = 65_535;

class Fields {
  constructor(raw) {
    this.raw = raw;
    this.at = 0;
  }

  take(size) {
    require(this.at + size <= this.raw.length, "entry-garbled");
    this.at += size;
    return this.raw.subarray(this.at - size, this.at);
  }

  /** An unsigned integer, as BigInt. */
  number(size) {
    return this.take(size).reduce((value, byte) => (value << 8n) | BigInt(byte), 0n);
  }

  prefixed() {
    return this.take(Number(this.number(2)));
  }

  name() {
    const raw = this.prefixed();
    require(raw.length > 0 && raw.every((byte) => byte >= 0x21 && byte <= 0x7e), "entry-garbled");
    return String.fromCharCode(...raw);
  }
}

const READERS = [
  (fields) => {
    require(fields.number(1) === 1n, "entry-garbled");
    fields.number(1);
    const said = { type: "genesis", rulebook: fields.take(32), secret: fields.take(32) };
    return { ...said, origin: fields.name(), vkey: fields.name() };
  },
  (fields) => ({ type: "event", commitment: fields.take(32) }),
  (fields) => ({
    type: "epoch",
    number: fields.number(8),
    previous: fields.number(8),
    subjects: fields.number(8),
    mapRoot: fields.take(32),
    rulebook: fields.take(32),
    anchor: fields.take(32),
  }),
  (fields) => {
    fields.number(1);
    const indices = Array.from({ length: Math.min(Number(fields.number(4)), LONGEST) }, () => fields.number(8));
    require(indices.length > 0, "entry-garbled");
    require(indices.every((index, place) => place === 0 || indices[place - 1] < index), "entry-garbled");
    return { type: "erasure", indices };
  },
  (fields) => {
    const kind = fields.name();
    return { type: "succession", kind, payload: fields.prefixed() };
  },
];

/** What an entry says. Integers are BigInts. */
export function readEntry(raw) {
  require(raw.length <= LONGEST, "entry-garbled");
  const fields = new Fields(raw);
  const kind = Number(fields.number(1));
  if (READERS[kind] === undefined) throw new Refused("entry-garbled");
  const [link, time] = [fields.take(32), fields.number(8)];
  const said = READERS[kind](fields);
  require(fields.at === raw.length, "entry-garbled");
  return { link, time, ...said };
}

export function eventEntry(link, time, committed) {
  return concat(Uint8Array.of(EVENT), link, unsigned(time, 8), committed);
}
