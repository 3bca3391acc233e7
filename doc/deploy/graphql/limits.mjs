// Limits: they bound the work of a document before it begins, and the answer,
// because texts have no fixed length.

import { isMainThread } from "node:worker_threads";

import { prepareThread, runHeavy } from "./heavy.mjs";
import { workOf } from "./reckoning.mjs";
import { exceeded } from "./refusals.mjs";

export const LIMITS = {
  levels: 12,
  fields: 1000,
  tokens: 20000,
  rows: 50000,
  values: 250000,
  // that filters compare with
  filters: 10000,
  // of the answer
  bytes: 8 * 1024 * 1024,
  // of what the database sends for one request
  databaseBytes: 32 * 1024 * 1024,
  errors: 100,
  // what asks for more than that is heavy, and runs in a thread of its own
  light: { fields: 60, values: 2000, filters: 200, introspection: 500 },
  heavy: { running: 2, queued: 100 },
  // the time of one, and the memory of the thread
  seconds: 40,
  megabytes: 192,
};

// The bytes of a value in JSON, nearly: what is escaped counts once.
function bytesOf(value) {
  if (typeof value === "string") {
    return Buffer.byteLength(value) + 2;
  }
  if (typeof value !== "object" || value === null) {
    return 8;
  }
  let bytes = 2;
  for (const key in value) {
    bytes += (Array.isArray(value) ? 1 : key.length + 4) + bytesOf(value[key]);
  }
  return bytes;
}

function limitedAnswer(result, limits) {
  const error = exceeded("the answer has # bytes", bytesOf(result.data), limits.bytes);

  if (error) {
    return { errors: [error] };
  }
  // one fault may show at each of many nodes
  result.errors?.splice(limits.errors);
  return result;
}

const isHeavy = (sum, light) =>
  Object.keys(light).some((what) => sum[what] > light[what]);

export const LimitsPlugin = {
  name: "TrainledgerLimitsPlugin",
  grafserv: {
    middleware: {
      setPreset(next, event) {
        prepareThread(event.resolvedPreset.trainledger);
        return next();
      },
    },
  },
  schema: {
    hooks: {
      // plans of large documents have megabytes
      GraphQLSchema: (schema) => ({
        ...schema,
        extensions: {
          ...schema.extensions,
          grafast: {
            ...schema.extensions?.grafast,
            operationsCacheMaxLength: isMainThread ? 200 : 20,
            operationOperationPlansCacheMaxLength: 5,
          },
        },
      }),
    },
  },
  grafast: {
    middleware: {
      async execute(next, { args }) {
        const { trainledger: limits } = args.resolvedPreset;
        const { errors, ...sum } = workOf(args, limits);

        if (errors.length) {
          return { errors };
        }
        return isMainThread && isHeavy(sum, limits.light)
          ? runHeavy(args, limits)
          : limitedAnswer(await next(), limits);
      },
    },
  },
};
