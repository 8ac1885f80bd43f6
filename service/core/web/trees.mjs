// The log's tree (RFC 6962, RFC 9162) and the map (the hashing of IETF keytrans). Positions are BigInts.

import { Refused, ZERO, require, same } from "./bytes.mjs";
import { leafHash, nodeHash, sha256 } from "./hashing.mjs";

function split(start, stop) {
  let width = 1n;
  while (2n * width < stop - start) width *= 2n;
  return start + width;
}

/** That all entries (bytes and link by index) are in the tree, by the one proof that there is for them. */
export async function checkEntries(entries, size, proof, root) {
  const indices = [...entries.keys()].sort((one, two) => (one < two ? -1 : 1));
  require(indices.length > 0 && indices[0] >= 0n && indices.at(-1) < size, "beyond-the-log");
  const leaves = new Map();
  for (const [index, entry] of entries) leaves.set(index, await leafHash(entry.raw));
  for (const index of indices) {
    const before = leaves.get(index - 1n);
    require(before === undefined || same(before, entries.get(index).link), "does-not-follow");
  }
  const waiting = [...proof].reverse();
  const reach = async (start, stop, shown) => {
    if (shown.length === 0) {
      if (stop - start === 1n && entries.has(stop)) return entries.get(stop).link;
      if (waiting.length === 0) throw new Refused("proof-too-short");
      return waiting.pop();
    }
    if (stop - start === 1n) return leaves.get(start);
    const middle = split(start, stop);
    const left = await reach(start, middle, shown.filter((index) => index < middle));
    return nodeHash(left, await reach(middle, stop, shown.filter((index) => index >= middle)));
  };
  const reached = await reach(0n, size, indices);
  require(waiting.length === 0, "proof-too-long");
  require(same(reached, root), "not-in-the-log");
}

/** That a leaf hash stands at an index of a tree, by its audit path, which is given from the leaf upwards. */
export async function checkInclusion(leaf, index, size, proof, root, code) {
  require(index >= 0n && index < size, code);
  const path = [...proof];
  const reach = async (start, stop) => {
    if (stop - start === 1n) return leaf;
    require(path.length > 0, code);
    const [middle, sibling] = [split(start, stop), path.pop()];
    if (index < middle) return nodeHash(await reach(start, middle), sibling);
    return nodeHash(sibling, await reach(middle, stop));
  };
  const reached = await reach(0n, size);
  require(path.length === 0 && same(reached, root), code);
}

/** That the tree of `size1` leaves is the beginning of that of `size2` (RFC 9162 section 2.1.4). */
export async function checkConsistency(size1, size2, root1, root2, proof) {
  require(size1 > 0n && size1 <= size2, "not-consistent");
  if (size1 === size2) return require(proof.length === 0 && same(root1, root2), "not-consistent");
  const path = [...proof];
  const take = () => {
    require(path.length > 0, "not-consistent");
    return path.pop();
  };
  const reach = async (old, now, whole) => {
    if (old === now) {
      const node = whole ? root1 : take();
      return [node, node];
    }
    const [middle, sibling] = [split(0n, now), take()];
    if (old <= middle) {
      const [before, after] = await reach(old, middle, whole);
      return [before, await nodeHash(after, sibling)];
    }
    const [before, after] = await reach(old - middle, now - middle, false);
    return [await nodeHash(sibling, before), await nodeHash(sibling, after)];
  };
  const [before, after] = await reach(size1, size2, true);
  return require(path.length === 0 && same(before, root1) && same(after, root2), "not-consistent");
}

const MAP_LEAF = Uint8Array.of(2);
const MAP_PARENT = Uint8Array.of(3);

function bit(key, depth) {
  return (key[depth >> 3] >> (7 - (depth & 7))) & 1;
}

function end(key, value, other, depth) {
  require(value === null || other === null, "map-other-leaf");
  if (value !== null) return sha256(MAP_LEAF, key, value);
  if (other === null) return ZERO;
  require(!same(other.key, key), "map-other-leaf");
  for (let place = 0; place < depth; place += 1) require(bit(key, place) === bit(other.key, place), "map-other-leaf");
  return sha256(MAP_LEAF, other.key, other.value);
}

/** That the map holds this value for the key, or (null) nothing. Siblings are given from the lowest upwards. */
export async function checkMap(key, value, siblings, other, root) {
  const depth = siblings.length;
  require(depth >= 1 && depth <= 256, "map-path");
  require(depth === 1 || !same(siblings[0], ZERO), "map-path");
  let node = await end(key, value, other, depth);
  for (let place = 0; place < depth; place += 1) {
    const right = bit(key, depth - 1 - place) === 1;
    node = await sha256(MAP_PARENT, ...(right ? [siblings[place], node] : [node, siblings[place]]));
  }
  require(same(node, root), "map-differs");
}
