// Derives decisions in Node. The first line in: {"schemas", "documents"} at hand. Then a case of a vector on each line
// in, its decision on a line out, or {"refused": why}.

import { createInterface } from "node:readline";
import { deriveCase } from "./derive.mjs";

const modules = ["law-decision", "law-events", "law-question", "law-rulebook", "canonical"];
const read = await Promise.all(modules.map((name) => import(`${process.argv[2]}/${name}.mjs`)));
const law = Object.assign({}, ...read);
let given = null;

for await (const line of createInterface({ input: process.stdin })) {
  const said = JSON.parse(line);
  if (given === null) {
    given = { ...said, documents: new Map(Object.entries(said.documents)) };
    continue;
  }
  let answer;
  try {
    answer = deriveCase(law, given.schemas, given.documents, said);
  } catch (error) {
    answer = JSON.stringify({ refused: error.code ?? String(error.stack) });
  }
  process.stdout.write(`${answer}\n`);
}
