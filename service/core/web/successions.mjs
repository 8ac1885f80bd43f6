// The keys of a log, one after the other: who trusts one of the row trusts each for its own stretch of the log.

import { concat, require, same, unbase64, unsigned, utf8 } from "./bytes.mjs";
import { readCanonical, readText } from "./canonical.mjs";
import { readEntry } from "./entries.mjs";
import { checkSignature } from "./hashing.mjs";
import { ED25519, readKey } from "./notes.mjs";

const FIELDS = ["new", "new_signature", "old", "old_signature"];

function sameKey(one, two) {
  return one.vkey === two.vkey;
}

async function readSuccession({ index, entry: shown }) {
  const entry = readEntry(unbase64(shown));
  require(entry.type === "succession" && entry.kind === "signing-key", "not-a-succession");
  const said = readCanonical(readText(entry.payload));
  require(said !== null && typeof said === "object" && Object.keys(said).sort().join() === FIELDS.join(), "not-a-succession");
  require(Object.values(said).every((value) => typeof value === "string"), "not-a-succession");
  const [old, next] = [await readKey(said.old), await readKey(said.new)];
  require(old.kind === ED25519 && next.kind === ED25519 && old.name === next.name, "not-a-succession");
  require(!sameKey(old, next), "not-a-succession");
  const named = [said.old, said.new].map(utf8).flatMap((vkey) => [unsigned(vkey.length, 2), vkey]);
  const message = concat(utf8("clv1/succession"), entry.link, unsigned(index, 8), ...named);
  await checkSignature(old.publicKey, unbase64(said.old_signature), message, "succession-signature");
  await checkSignature(next.publicKey, unbase64(said.new_signature), message, "succession-signature");
  return { index, old, next };
}

/** Every key of the log in its order, and which of them signs what is said of so many entries. */
export async function readRow(genesis, successions) {
  require(genesis.type === "genesis", "no-genesis");
  const first = await readKey(genesis.vkey);
  require(first.kind === ED25519 && first.name === genesis.origin, "keys-of-other-logs");
  const keys = [first];
  const places = [];
  for (const shown of successions) {
    const { index, old, next } = await readSuccession(shown);
    require(sameKey(old, keys.at(-1)) && !keys.some((key) => sameKey(key, next)), "succession-out-of-row");
    require(places.length === 0 || index > places.at(-1), "out-of-order");
    keys.push(next);
    places.push(index);
  }
  return { keys, at: (size) => [keys[places.filter((place) => BigInt(place) < size).length]] };
}

/** Whether one of these keys is among those that are trusted. */
export function anyTrusted(keys, trusted) {
  return keys.some((key) => trusted.some((each) => sameKey(each, key) && same(each.id, key.id)));
}
