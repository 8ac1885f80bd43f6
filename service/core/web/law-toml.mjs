// As much of TOML 1.0 as packs are written in; whatever else it may hold is not guessed at but said not to be read.

import { FIRST_DAY, readDay } from "./law-calendar.mjs";

/** A text in a language, or of a version, that this page does not know: no fault of the bundle. */
export class Unknown extends Error {}

function known(condition, message) {
  if (!condition) throw new Unknown(message);
}

const ESCAPED = { '"': '"', "\\": "\\", b: "\b", t: "\t", n: "\n", f: "\f", r: "\r" };
const TOKEN =
  /(?<space>[ \t]+|#[^\n\u0000-\u0008\u000b-\u001f\u007f]*)|(?<line>\r?\n)|(?<text>"(?:[^"\\\u0000-\u0008\u000a-\u001f\u007f]|\\.)*"(?!")|'[^'\u0000-\u0008\u000a-\u001f\u007f]*'(?!'))|(?<mark>\[\[|\]\]|[[\]{},=])|(?<word>[A-Za-z0-9_-]+)/uy;

function tokensOf(text) {
  const tokens = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const { groups } = TOKEN.exec(text) ?? {};
    known(groups !== undefined, "character");
    if (groups.space !== undefined) continue;
    const [kind, value] = Object.entries(groups).find(([, each]) => each !== undefined);
    tokens.push({ kind, value });
  }
  tokens.push({ kind: "line", value: "\n" }, { kind: "end" });
  return tokens;
}

function unescaped(quoted) {
  const inside = quoted.slice(1, -1);
  if (quoted[0] === "'") return inside;
  return inside.replace(/\\(?:u([0-9A-Fa-f]{4})|(.))/gu, (_, code, character) => {
    if (code !== undefined) {
      known(!/^[dD][89a-fA-F]/.test(code), "escape");
      return String.fromCharCode(Number.parseInt(code, 16));
    }
    known(Object.hasOwn(ESCAPED, character), "escape");
    return ESCAPED[character];
  });
}

/** A date becomes { day }; the rest is what JSON has. */
function wordValue(word) {
  if (word === "true" || word === "false") return word === "true";
  if (/^(?:0|-?[1-9]\d{0,14})$/.test(word)) return Number(word);
  const day = readDay(word);
  known(day !== null && day >= FIRST_DAY, "value");
  return { day };
}

class Reader {
  constructor(text) {
    this.tokens = tokensOf(text);
    this.place = 0;
  }

  get next() {
    return this.tokens[this.place];
  }

  take(kind, value) {
    const token = this.next;
    known(token.kind === kind && (value === undefined || token.value === value), "syntax");
    this.place += 1;
    return token.value;
  }

  takes(kind, value) {
    const found = this.next.kind === kind && (value === undefined || this.next.value === value);
    if (found) this.place += 1;
    return found;
  }

  lines() {
    while (this.takes("line"));
  }

  value() {
    if (this.next.kind === "text") return unescaped(this.take("text"));
    if (this.next.kind === "word") return wordValue(this.take("word"));
    if (this.takes("mark", "{")) return this.inline();
    this.take("mark", "[");
    return this.list();
  }

  list() {
    const items = [];
    this.lines();
    while (!this.takes("mark", "]")) {
      items.push(this.value());
      this.lines();
      if (!this.takes("mark", ",")) {
        this.take("mark", "]");
        break;
      }
      this.lines();
    }
    return items;
  }

  inline() {
    const table = {};
    if (this.takes("mark", "}")) return table;
    do this.pair(table);
    while (this.takes("mark", ","));
    this.take("mark", "}");
    return table;
  }

  pair(table) {
    const name = this.take("word");
    known(!Object.hasOwn(table, name) && name !== "__proto__", "twice");
    this.take("mark", "=");
    table[name] = this.value();
  }

  document() {
    const whole = {};
    let table = whole;
    for (this.lines(); this.next.kind !== "end"; this.lines()) {
      if (this.takes("mark", "[[")) {
        const name = this.take("word");
        this.take("mark", "]]");
        table = {};
        if (!Object.hasOwn(whole, name)) whole[name] = { rows: [] };
        known(whole[name].rows !== undefined, "twice");
        whole[name].rows.push(table);
      } else {
        this.pair(table);
      }
      this.take("line");
    }
    return Object.fromEntries(Object.entries(whole).map(([name, value]) => [name, value?.rows ?? value]));
  }
}

/** The value of a document. Throws `Unknown`. */
export function readToml(text) {
  return new Reader(text).document();
}
