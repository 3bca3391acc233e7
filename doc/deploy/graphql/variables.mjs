// Variables: those of clients that were written for another schema, and numbers
// with all their digits.

import {
  isListType, isNonNullType, isScalarType, Kind, parseType, TypeInfo,
  ValidationContext,
} from "postgraphile/graphql";

const nullable = (type) => (isNonNullType(type) ? type.ofType : type);

// What a variable may be declared as where one of these scalars is expected:
// what its literals could be. Others take texts.
const ACCEPTED = {
  Boolean: [],
  Int: [],
  Float: ["Int"],
  ID: ["String", "Int"],
  String: ["ID"],
  TokenAmount: ["Int", "Float", "String", "ID"],
};
const TEXTS = ["String", "ID"];

// Whether a variable declared as this type can be taken for one of the other:
// what may be null may differ, and one thing may stand for a list of one.
function canStandFor(declared, expected) {
  const type = declared.kind === Kind.NON_NULL_TYPE ? declared.type : declared;
  const wanted = nullable(expected);

  if (isListType(wanted)) {
    return canStandFor(type.kind === Kind.LIST_TYPE ? type.type : type, wanted.ofType);
  }
  return type.kind === Kind.NAMED_TYPE
    && (type.name.value === wanted.name
      || (isScalarType(wanted)
        && (ACCEPTED[wanted.name] ?? TEXTS).includes(type.name.value)));
}

// Declares variables as what is expected where they are used, if all their uses
// expect the same: their values are checked and read as that. Validation refuses
// what does not fit all the same.
export function adaptVariables(schema, document) {
  const context = new ValidationContext(
    schema, document, new TypeInfo(schema), () => {});

  for (const operation of document.definitions) {
    if (!operation.variableDefinitions?.length) {
      continue;
    }
    const usages = context.getRecursiveVariableUsages(operation);
    for (const definition of operation.variableDefinitions) {
      adapt(definition, usages.filter(
        ({ node }) => node.name.value === definition.variable.name.value));
    }
  }
}

function adapt(definition, usages) {
  const expected = usages[0]?.type;
  const isSame = ({ type }) =>
    type && String(nullable(type)) === String(nullable(expected));

  if (!expected || !usages.every(isSame) || !canStandFor(definition.type, expected)) {
    return;
  }
  // where null has a default, it stays
  const isRequired = definition.type.kind === Kind.NON_NULL_TYPE
    || (!definition.defaultValue && usages.some(
      ({ type, defaultValue }) => isNonNullType(type) && defaultValue === undefined));
  definition.type = parseType(
    `${nullable(expected)}${isRequired ? "!" : ""}`, { noLocation: true });
}

// JSON with its numbers as they are written: one with more digits than a double
// keeps, or beyond its range, is read as its text.
export function parseExactJson(text) {
  return JSON.parse(text, (_key, value, { source }) =>
    typeof value === "number" && !isExact(value, source) ? source : value);
}

function isExact(value, source) {
  const digits = source.replace(/e.*$/i, "").replace(/^-?[0.]*|\./g, "");

  return digits.length <= 15 && Number.isFinite(value) && (value !== 0 || digits === "");
}
