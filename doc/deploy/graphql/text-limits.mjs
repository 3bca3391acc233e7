// The limits of a document's text, because validation and planning take time that
// grows faster than it.

import { Kind } from "postgraphile/graphql";

import { exceeded } from "./refusals.mjs";

export const isIntrospection = ({ name }) => /^__(schema|type)$/.test(name.value);

// The levels of a document and the number of its fields, with fragments
// expanded. Levels of introspection do not count.
export function textRefusals(document, limits) {
  const fragments = new Map();
  const known = new Map();

  for (const definition of document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) {
      fragments.set(definition.name.value, definition);
    }
  }

  function measure(selectionSet) {
    const whole = { levels: 0, fields: 0 };
    for (const selection of selectionSet?.selections ?? []) {
      const isField = selection.kind === Kind.FIELD;
      const part = selection.kind === Kind.FRAGMENT_SPREAD
        ? measureFragment(selection.name.value)
        : measure(selection.selectionSet);
      if (isField) {
        part.fields += 1;
        part.levels = isIntrospection(selection) ? 0 : part.levels + 1;
      }
      whole.levels = Math.max(whole.levels, part.levels);
      whole.fields += part.fields;
    }
    return whole;
  }

  // Validation refuses circular fragments.
  function measureFragment(name) {
    if (!known.has(name)) {
      known.set(name, { levels: 0, fields: 0 });
      known.set(name, measure(fragments.get(name)?.selectionSet));
    }
    return known.get(name);
  }

  // A fragment that nobody uses is validated too.
  const operations = document.definitions
    .filter(({ kind }) => kind === Kind.OPERATION_DEFINITION)
    .map(({ selectionSet }) => measure(selectionSet));
  const levels = Math.max(0, ...operations.map((part) => part.levels));
  const fields = Math.max(
    operations.reduce((sum, part) => sum + part.fields, 0),
    ...[...fragments.keys()].map((name) => measureFragment(name).fields));
  return [
    exceeded("the document is # levels deep", levels, limits.levels),
    exceeded("the document has # fields", fields, limits.fields),
  ].filter(Boolean);
}
