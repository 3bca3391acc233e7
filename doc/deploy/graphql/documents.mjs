// Documents: parsed, limited and validated, once each.

import {
  GraphQLError, MaxIntrospectionDepthRule, NoSchemaIntrospectionCustomRule, parse,
  validate,
} from "postgraphile/graphql";

import { Kept } from "./kept.mjs";
import { refusal } from "./refusals.mjs";
import { textRefusals } from "./text-limits.mjs";
import { adaptVariables } from "./variables.mjs";

function checked(text, schema, rules, limits) {
  let document;

  try {
    document = parse(text, { maxTokens: limits.tokens });
  } catch (error) {
    return {
      errors: [error instanceof GraphQLError
        ? error
        : refusal(`the document is more than ${limits.levels} levels deep`)],
    };
  }
  const refusals = textRefusals(document, limits);
  if (document.definitions.some(({ operation }) => operation === "subscription")) {
    refusals.push(new GraphQLError("there are no subscriptions"));
  }
  if (refusals.length) {
    return { errors: refusals };
  }
  adaptVariables(schema, document);
  const errors = validate(schema, document, rules, { maxErrors: limits.errors });
  return errors.length ? { errors: errors.map(named) } : { document };
}

// Validation compares fields of one name, and gives up after so many.
function named(error) {
  return error.message === "Validation aborted."
    ? refusal("the document repeats fields: more than 500,000 comparisons of them")
    : error;
}

export const DocumentsPlugin = {
  name: "TrainledgerDocumentsPlugin",
  grafserv: {
    middleware: {
      setPreset(next, event) {
        const { getExecutionConfig, validationRules: rules } = event;
        const { trainledger: settings } = event.resolvedPreset;
        const known = new Kept(500000);

        if (!settings.introspection) {
          rules.push(NoSchemaIntrospectionCustomRule);
        }

        // reckoning.mjs counts what an introspection gives
        rules.splice(rules.indexOf(MaxIntrospectionDepthRule), 1);

        event.getExecutionConfig = async function (context) {
          const config = await getExecutionConfig.call(this, context);
          const parseAndValidate = (text) => {
            const result = known.get(text)
              ?? checked(text, config.schema, rules, settings);
            known.set(text, result);
            return result;
          };
          return { ...config, parseAndValidate };
        };
        return next();
      },
    },
  },
};
