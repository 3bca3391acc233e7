// Limits of a document.

import { GraphQLError, Kind } from "postgraphile/graphql";

const MAXIMUM_DEPTH = 12;
const MAXIMUM_FIELDS = 1000;

// A validation rule: the depth of a document and the number of its fields, with
// fragments expanded. Introspection is not counted.
function limits(context) {
  const known = new Map();

  function measure(selectionSet) {
    const whole = { depth: 0, fields: 0 };
    for (const selection of selectionSet?.selections ?? []) {
      const isField = selection.kind === Kind.FIELD;
      if (isField && /^__(schema|type)$/.test(selection.name.value)) {
        continue;
      }
      const part = selection.kind === Kind.FRAGMENT_SPREAD
        ? measureFragment(selection.name.value)
        : measure(selection.selectionSet);
      whole.depth = Math.max(whole.depth, part.depth + (isField ? 1 : 0));
      whole.fields += part.fields + (isField ? 1 : 0);
    }
    return whole;
  }

  // Another rule refuses circular fragments
  function measureFragment(name) {
    if (!known.has(name)) {
      known.set(name, { depth: 0, fields: 0 });
      known.set(name, measure(context.getFragment(name)?.selectionSet));
    }
    return known.get(name);
  }

  return {
    OperationDefinition(node) {
      const { depth, fields } = measure(node.selectionSet);
      if (depth > MAXIMUM_DEPTH) {
        context.reportError(new GraphQLError(
          `the document is ${depth} levels deep; ${MAXIMUM_DEPTH} are allowed`));
      }
      if (fields > MAXIMUM_FIELDS) {
        context.reportError(new GraphQLError(
          `the document has ${fields} fields; ${MAXIMUM_FIELDS} are allowed`));
      }
    },
  };
}

export const LimitsPlugin = {
  name: "TrainledgerLimitsPlugin",
  grafserv: {
    middleware: {
      setPreset(next, event) {
        event.validationRules.push(limits);
        return next();
      },
    },
  },
};
