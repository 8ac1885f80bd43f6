// As much of JSON Schema 2020-12 as the published schemas use; they come with the page.

import { require, unbase64 } from "./bytes.mjs";

const TYPES = {
  string: (value) => typeof value === "string",
  array: Array.isArray,
  object: (value) => value !== null && typeof value === "object" && !Array.isArray(value),
  boolean: (value) => typeof value === "boolean",
  integer: Number.isInteger,
  null: (value) => value === null,
};

function resolved(schema, whole) {
  return schema.$ref === undefined ? schema : resolved(whole.$defs[schema.$ref.split("/").pop()], whole);
}

function within(size, least, most) {
  return size >= (least ?? 0) && size <= (most ?? Infinity);
}

function fits(value, schema, whole) {
  try {
    checkShape(value, schema, whole);
    return true;
  } catch {
    return false;
  }
}

export function checkShape(value, given, whole) {
  const schema = resolved(given, whole);
  if (schema.anyOf !== undefined) {
    return require(schema.anyOf.some((branch) => fits(value, branch, whole)), "shape");
  }
  if (schema.const !== undefined) return require(value === schema.const, "shape");
  if (schema.enum !== undefined) return require(schema.enum.includes(value), "shape");
  require(schema.type === undefined || TYPES[schema.type](value), "shape");
  if (schema.type === "object") return checkObject(value, schema, whole);
  if (schema.type === "array") {
    require(within(value.length, schema.minItems, schema.maxItems), "shape");
    const places = schema.prefixItems ?? [];
    for (const [at, item] of value.entries()) checkShape(item, places[at] ?? (schema.items || {}), whole);
  } else if (schema.type === "string") {
    require(within([...value].length, schema.minLength, schema.maxLength), "shape");
    require(schema.pattern === undefined || new RegExp(schema.pattern, "u").test(value), "shape");
    if (schema.contentEncoding === "base64") unbase64(value);
  } else if (schema.type === "integer") {
    require(within(value, schema.minimum ?? -Infinity, schema.maximum), "shape");
  }
  return undefined;
}

function checkObject(value, schema, whole) {
  const known = schema.properties ?? {};
  require((schema.required ?? []).every((name) => Object.hasOwn(value, name)), "shape");
  require(within(Object.keys(value).length, 0, schema.maxProperties), "shape");
  for (const [name, item] of Object.entries(value)) {
    if (Object.hasOwn(known, name)) {
      checkShape(item, known[name], whole);
    } else {
      require(schema.additionalProperties !== false, "shape");
      if (typeof schema.additionalProperties === "object") {
        checkShape(item, schema.additionalProperties, whole);
        if (schema.propertyNames !== undefined) checkShape(name, { type: "string", ...schema.propertyNames }, whole);
      }
    }
  }
}

/** A value that has this shape, with the defaults of whatever it leaves out. */
export function withDefaults(value, given, whole) {
  const schema = resolved(given, whole);
  if (value === null || typeof value !== "object") return value;
  if (schema.anyOf !== undefined) {
    return withDefaults(value, schema.anyOf.find((branch) => fits(value, branch, whole)) ?? {}, whole);
  }
  if (Array.isArray(value)) return value.map((item) => withDefaults(item, schema.items || {}, whole));
  const known = schema.properties ?? {};
  const left = Object.entries(known).filter(([name, each]) => !Object.hasOwn(value, name) && Object.hasOwn(each, "default"));
  const filled = Object.entries(value).map(([name, item]) => {
    const inner = Object.hasOwn(known, name) ? known[name] : schema.additionalProperties;
    return [name, withDefaults(item, typeof inner === "object" ? inner : {}, whole)];
  });
  return Object.fromEntries([...left.map(([name, each]) => [name, each.default]), ...filled]);
}
