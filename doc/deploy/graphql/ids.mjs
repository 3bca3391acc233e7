// Global ids: base64 of Type:key, as trainledger.global_id() makes them. A key of
// several columns has a hyphen between their values.

import { TYPES } from "postgraphile/@dataplan/pg";

import { tagsOf, words } from "./tags.mjs";

const MAXIMUM_BIGINT = 2n ** 63n - 1n;

// Keys as they are printed
const PRINTED = new Map([
  [TYPES.bigint, (key) =>
    /^(0|[1-9]\d{0,18})$/.test(key) && BigInt(key) <= MAXIMUM_BIGINT],
  [TYPES.int, (key) => /^(0|[1-9]\d{0,8})$/.test(key)],
  [TYPES.uuid, (key) => /^[0-9a-f]{32}$/.test(key)],
]);

// What a field is compared as: the columns, and the types of the global ids that
// it has
export function comparedAs(codec, field) {
  const [columns = field, ...types] =
    words(tagsOf(codec.attributes[field]).filterAs);
  return { columns: columns.split("+"), types };
}

// The type and the key in a global id, or null: no key has the character 0
export function parseGlobalId(value) {
  const text = Buffer.from(value, "base64").toString("utf8");
  const [, type, key] = /^([A-Za-z][A-Za-z0-9]*):([^\0]+)$/.exec(text) ?? [];
  return type && Buffer.from(text, "utf8").toString("base64") === value
    ? { type, key }
    : null;
}

// The values of a key's columns, or null
export function keyValues(key, columns, codec) {
  const values = columns.length > 1 ? key.split("-") : [key];
  return values.length === columns.length && values.every((value, i) =>
    PRINTED.get(codec.attributes[columns[i]].codec)?.(value) !== false)
    ? values
    : null;
}
