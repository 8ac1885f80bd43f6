// The page itself: reads what is dropped, and shows what was found. Text is only ever set as text.

import { utf8 } from "./bytes.mjs";
import { writeJson } from "./canonical.mjs";
import { canVerify } from "./hashing.mjs";
import { LANGUAGES, textIn } from "./texts.mjs";
import { STEPS, verifyBundle } from "./verify.mjs";

const MARKS = { passed: "✓", failed: "✗", "not checked": "–", skipped: "·" };
const data = (id) => JSON.parse(document.getElementById(id).textContent);
const schemas = data("schemas");
const packs = data("packs");
const words = data("words");
const [beside, state] = [[], { language: LANGUAGES[0], bytes: null, verdict: null }];

const at = (id) => document.getElementById(id);
const say = (code, values) => textIn(state.language, code, values);

function make(tag, given = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(given)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function time(ms) {
  const moment = new Date(ms);
  return make("time", { datetime: moment.toISOString() }, moment.toISOString().replace("T", " ").replace(/\.\d+Z$/, " UTC"));
}

function speak(language) {
  state.language = language;
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll("[data-text]")) element.textContent = say(element.dataset.text);
  document.title = say("title");
  const other = LANGUAGES.find((each) => each !== language);
  at("language").lang = other;
  if (state.verdict !== null) show(state.verdict);
}

function outcomeOf(checks, reached) {
  if (checks.some((check) => check.outcome === "failed")) return "failed";
  if (!reached) return "skipped";
  return checks.some((check) => check.outcome === "not checked") ? "not checked" : "passed";
}

function shownStep(name, number, verdict) {
  const checks = verdict.checks.filter((check) => check.step === number);
  const outcome = outcomeOf(checks, verdict.failedStep === null || number <= verdict.failedStep);
  const head = make(
    "h3",
    {},
    make("span", { class: "mark", "aria-hidden": "true" }, MARKS[outcome]),
    `${number}. ${say(`step-${name}`)} `,
    make("span", { class: "outcome" }, say(outcome)),
  );
  const lines = checks.map((check) =>
    make("li", { class: check.outcome.replace(" ", "-") }, say(check.code, check.values)),
  );
  return make("li", { class: outcome.replace(" ", "-") }, head, make("ul", {}, ...lines));
}

function verdictText(verdict) {
  if (verdict.failedStep !== null) return ["verdict-failed", { step: verdict.failedStep }, "failed"];
  if (verdict.unfinished) return ["verdict-unfinished", { level: verdict.level }, "not-checked"];
  return [`verdict-${verdict.level}`, {}, "passed"];
}

function definition(name, ...content) {
  return [make("dt", {}, say(name)), make("dd", {}, ...content)];
}

function shownEvent({ event, index, recorded_at_ms: recorded, evidence }, texts) {
  const item = make("li", {}, time(recorded), " ");
  if (event === undefined) {
    item.append(make("strong", {}, say("contents-destroyed")), ` (${index})`);
    return item;
  }
  item.append(make("strong", {}, event.type.replaceAll("_", " ")), ` (${index})`);
  const form = texts.get(event.form);
  if (form !== undefined) item.append(shownForm(JSON.parse(form)));
  const told = evidence === undefined ? { event } : { event, evidence };
  const body = make("pre", { tabindex: "0" }, JSON.stringify(told, null, 1));
  item.append(make("details", {}, make("summary", {}, say("details")), body));
  return item;
}

function shownForm(form) {
  const boxes = (form.boxes ?? []).map((box) => make("li", {}, `${box.label} (${box.default ?? ""})`));
  const quote = make("blockquote", { lang: form.language ?? "" }, make("p", {}, form.text ?? ""), make("ul", {}, ...boxes));
  return make("figure", {}, make("figcaption", {}, say("form")), quote);
}

function shownSubject(subject, texts) {
  const name = subject.address === null ? say("address-erased") : subject.address.value;
  const events = subject.events.map((event) => shownEvent(event, texts));
  const history = events.length > 0 ? make("ol", { class: "history" }, ...events) : make("p", {}, say("no-events"));
  return make("section", {}, make("h3", {}, `${say(subject.role)}: ${name}`), history);
}

/** A code or the name of a fact, in plain words. */
function inWords(kind, name) {
  return words[state.language][kind][name] ?? name;
}

function shownRule(rule) {
  if (rule === null) return ["–"];
  const { citation, id, valid_from: from, valid_to: to } = rule;
  const days = from === null && to === null ? "" : ` (${say("in-force", { from: from ?? say("always"), to: to ?? say("always") })})`;
  const parts = [make("strong", {}, citation), make("br"), make("code", {}, id), days];
  return rule.verified ? parts : [...parts, make("br"), say("unverified")];
}

/** The events that an answer rests on, with their days. */
function shownGrounds(indices, subjects) {
  if (indices.length === 0) return [say("rests-on-nothing")];
  const shown = subjects.flatMap((subject) => subject.events);
  const items = indices.map((index) => {
    const event = shown.find((each) => each.index === index)?.event;
    if (event === undefined) return make("li", {}, say("erasure-of", { index }));
    const type = event.type.replaceAll("_", " ");
    return make("li", {}, `${event.occurred_at.slice(0, 10)}: `, say("entry-of", { type, index }));
  });
  return [make("ul", {}, ...items)];
}

function shownList(kind, names) {
  return make("ul", {}, ...names.map((name) => make("li", {}, inWords(kind, name))));
}

/** What an answer says, in plain words. */
function shownDecision(title, decision, subjects) {
  const { events, further_codes: further, missing_facts: missing, reason_code: reason } = decision;
  const human = decision.needs_human ? [make("p", { class: "caution" }, say("needs-human"))] : [];
  return [
    ...definition(title, make("strong", {}, say(String(decision.decision))), ...human),
    ...definition("reason", inWords("reasons", reason), " ", make("code", {}, reason)),
    ...(missing.length > 0 ? definition("lacking", shownList("facts", missing)) : []),
    ...(further.length > 0 ? definition("more-reasons", shownList("reasons", further)) : []),
    ...definition("rule", ...shownRule(decision.rule)),
    ...definition("law-of", decision.jurisdiction ?? "–"),
    ...definition("rests-on", ...shownGrounds(events, subjects)),
    ...definition("expires", decision.expires_at ?? say("never")),
  ];
}

/** The answer derived again; and the one claimed, where it is another or none could be derived. */
function shownAnswer({ decision, question, subjects }, derived) {
  if (question === null || decision === null) return [];
  const asked = Object.entries(question.body).map(([name, value]) => `${name}: ${typeof value === "object" ? JSON.stringify(value) : value}`);
  const same = derived !== null && writeJson(derived) === writeJson(decision);
  return [
    ...definition("question", asked.join(", "), " ", say("asked-at"), " ", time(question.at_ms)),
    ...(question.known_at_ms === null ? [] : definition("known-at", time(question.known_at_ms))),
    ...(derived === null ? [] : shownDecision("answer-derived", derived, subjects)),
    ...(same ? [] : shownDecision("answer", decision, subjects)),
  ];
}

function showContents(verdict) {
  const { bundle, checkpoint } = verdict;
  const shown = bundle !== null && checkpoint !== null && (verdict.failedStep ?? 10) > 1;
  at("said").hidden = !shown;
  at("keep").hidden = verdict.failedStep !== null;
  if (!shown) return;
  const facts = [
    ...definition("log", `${bundle.origin}, ${say("entries", { size: checkpoint.size })}`),
    ...(verdict.recordedAt === null ? [] : definition("state-at", time(verdict.recordedAt))),
    ...shownAnswer(bundle, verdict.derived),
  ];
  at("facts").replaceChildren(...facts);
  at("subjects").replaceChildren(...bundle.subjects.map((subject) => shownSubject(subject, verdict.texts)));
  at("checkpoint").textContent = bundle.checkpoint;
}

function show(verdict) {
  state.verdict = verdict;
  const [code, values, kind] = verdictText(verdict);
  const parts = [make("h2", {}, say(code, values)), make("p", {}, say(`${code}-text`, values))];
  if (verdict.failedStep === null && verdict.checks.some((check) => check.code === "key-not-pinned")) {
    parts.push(make("p", { class: "caution" }, say("verdict-unpinned")));
  }
  at("verdict").className = kind;
  at("verdict").replaceChildren(...parts);
  at("steps").replaceChildren(...STEPS.map((name, place) => shownStep(name, place + 1, verdict)));
  at("found").hidden = false;
  try {
    showContents(verdict);
  } catch {
    at("said").hidden = true; // what does not verify may hold anything
  }
}

async function verify() {
  const pasted = at("pasted").value.trim();
  const bytes = pasted === "" ? state.bytes : utf8(pasted);
  if (bytes === null) return at("bundle").focus();
  at("verdict").replaceChildren(make("p", {}, say("reading")));
  const held = at("held").value;
  const verdict = await verifyBundle(bytes, {
    schemas,
    vkeys: at("keys").value.split(/\s+/).filter((line) => line !== ""),
    held: held.trim() === "" ? null : `${held.replace(/\s+$/, "")}\n`.replaceAll("\r\n", "\n"),
    documents: [...packs, ...beside],
  });
  return show(verdict);
}

/** The bytes of a bundle's file, without the line end that an editor may have added. */
async function bundleBytes(file) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  let end = bytes.length;
  if (bytes[end - 1] === 0x0a) end -= 1;
  if (bytes[end - 1] === 0x0d) end -= 1;
  return bytes.subarray(0, end);
}

async function take(file) {
  state.bytes = await bundleBytes(file);
  at("pasted").value = "";
  at("name").textContent = file.name;
  await verify();
}

function saveCheckpoint() {
  const link = make("a", { download: "checkpoint.txt" });
  link.href = URL.createObjectURL(new Blob([state.verdict.bundle.checkpoint], { type: "text/plain" }));
  link.click();
  URL.revokeObjectURL(link.href);
}

async function begin() {
  const wanted = navigator.languages.map((language) => language.slice(0, 2)).find((each) => LANGUAGES.includes(each));
  speak(wanted ?? LANGUAGES[0]);
  at("language").addEventListener("click", () => speak(LANGUAGES.find((each) => each !== state.language)));
  at("bundle").addEventListener("change", (event) => event.target.files[0] && take(event.target.files[0]));
  at("documents").addEventListener("change", async (event) => {
    beside.splice(0, beside.length, ...(await Promise.all([...event.target.files].map((file) => file.text()))));
  });
  at("verify").addEventListener("click", verify);
  at("save").addEventListener("click", saveCheckpoint);
  at("print").addEventListener("click", () => window.print());
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer.files[0]) take(event.dataTransfer.files[0]);
  });
  at("no-crypto").hidden = await canVerify();
}

begin();
