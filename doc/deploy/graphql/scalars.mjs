// Scalars: numbers of tokens and instants, read and printed exactly.

import { TYPES } from "postgraphile/@dataplan/pg";
import { GraphQLError, GraphQLID, GraphQLString, Kind } from "postgraphile/graphql";

import { tagsOf } from "./tags.mjs";

const NUMBER = /^[+-]?(\d{1,40}(\.\d{0,40})?|\.\d{1,40})(e[+-]?\d{1,3})?$/i;
const MOMENT =
  /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)?)?$/;

const matching = (pattern, what) => (value) => {
  const text = typeof value === "number" ? String(value) : value;
  if (typeof text !== "string" || !pattern.test(text)) {
    throw new GraphQLError(`'${String(value).slice(0, 64)}' is not ${what}`);
  }
  return text;
};

const literal = (parse, ...kinds) => (node) => {
  if (!kinds.includes(node.kind)) {
    throw new GraphQLError(`a ${node.kind} stands where it cannot`, {
      nodes: node,
    });
  }
  return parse(node.value);
};

const parseAmount = matching(NUMBER, "a number");
const parseMoment = matching(MOMENT, "a date or a time such as 2023-04-04T08:41:30Z");

const SCALARS = {
  TokenAmount: {
    description:
      "Number of tokens. Read from an Int, a Float or a String (exact), printed as a number with all its digits.",
    // keeps digits beyond those of a double
    serialize: (value) =>
      JSON.rawJSON(String(value).replace(/(\.\d*?)0+$/, "$1").replace(/\.$/, "")),
    parseValue: parseAmount,
    parseLiteral: literal(parseAmount, Kind.INT, Kind.FLOAT, Kind.STRING),
  },
  DateTime: {
    description:
      "Instant, such as 2023-04-04T08:41:30Z; without a zone it is UTC. A date alone is read as its first moment in UTC, unless a field says otherwise.",
    // from the database: 2023-04-04T08:41:30.123456+00:00
    serialize: (value) =>
      String(value).replace(/^(.{19})(\.\d+)?\+00:00$/, "$1Z"),
    parseValue: parseMoment,
    parseLiteral: literal(parseMoment, Kind.STRING),
  },
};

// What no text of the database has: the character 0, and half of a surrogate pair
const UNKEPT = /\0|\p{Cs}/gu;

function refuseUnkept(text, nodes) {
  if (text.search(UNKEPT) >= 0) {
    throw new GraphQLError(
      "a text cannot have the character U+0000 or half of a surrogate pair",
      { nodes });
  }
  return text;
}

// An id that has it is that of nothing.
const replaceUnkept = (text) => text.replace(UNKEPT, "\uFFFD");

function reading(scalar, finish) {
  const { parseValue, parseLiteral } = scalar;

  scalar.parseValue = (value) => finish(parseValue.call(scalar, value));
  scalar.parseLiteral = (node, variables) =>
    finish(parseLiteral.call(scalar, node, variables), node);
}

reading(GraphQLString, refuseUnkept);
reading(GraphQLID, replaceUnkept);

export const ScalarsPlugin = {
  name: "TrainledgerScalarsPlugin",
  schema: {
    hooks: {
      init: {
        before: ["PgCodecs"],
        callback(_, build) {
          for (const [name, spec] of Object.entries(SCALARS)) {
            build.registerScalarType(name, {}, () => spec, "trainledger");
          }
          build.setGraphQLTypeForPgCodec(
            TYPES.timestamptz, ["input", "output"], "DateTime");
          for (const codec of build.allPgCodecs) {
            const { scalar } = tagsOf(codec);
            if (scalar) {
              build.setGraphQLTypeForPgCodec(codec, ["input", "output"], scalar);
            }
          }
          return _;
        },
      },
    },
  },
};
