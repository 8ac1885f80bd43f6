// The quick start with a client that a generator made: record a yes, ask, prove. Prints the decision.
import createClient from "openapi-fetch";
import type { components, paths } from "./schema";

const address = { kind: "email", value: "joe@example.org" } as const;
const asked: components["schemas"]["Check"] = {
  sender: "acme", category: "newsletter", channel: "email", kind: "commercial", address,
  recipient: { country: "NL", kind: "consumer" }, message: { optout: true, identity: true },
} as components["schemas"]["Check"];
const grant = {
  type: "consent_granted", source_event_id: "client-2", occurred_at: "2026-01-10T10:15:00Z", sender: "acme", address,
  categories: ["newsletter"], channels: ["email"], method: "checkbox", checkbox_default: "unticked",
  evidence: { ip: "192.0.2.7" },
} as components["schemas"]["ConsentGranted"];

const headers = { authorization: `Bearer ${process.env.LEDGER_KEY}` };
const client = createClient<paths>({ baseUrl: process.env.LEDGER_URL!, headers });
const recorded = await client.POST("/v1/events", { body: grant });
if (!recorded.data) throw new Error(JSON.stringify(recorded.error));
const answer = await client.POST("/v1/checks", { body: { ...asked, min_position: recorded.data.position } });
if (!answer.data) throw new Error(JSON.stringify(answer.error));
const bundle = await client.POST("/v1/proofs", { body: asked });
if (!bundle.data) throw new Error(JSON.stringify(bundle.error));
console.log(answer.data.decision, bundle.data.origin);
