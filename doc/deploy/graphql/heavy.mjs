// Heavy documents run in a thread of their own, so that others need not wait
// while one is planned and its answer is made. The thread has a bound on its
// memory; when it ends, those who wait get an error, and the next heavy document
// starts another.

import { isMainThread, Worker } from "node:worker_threads";

import { GraphQLError } from "postgraphile/graphql";

let thread;
let waiting = new Map();
let asked = 0;

function start({ megabytes, seconds }) {
  const worker = new Worker(new URL("./heavy-thread.mjs", import.meta.url), {
    resourceLimits: { maxOldGenerationSizeMb: megabytes },
  });
  const mine = waiting;

  worker.on("message", ({ id, answer }) => {
    mine.get(id)?.(answer);
    mine.delete(id);
  });
  worker.on("error", (error) => console.error(error.message));
  worker.on("exit", () => {
    for (const resolve of mine.values()) {
      resolve({
        errors: [{
          message: `the document needs more than ${megabytes} megabytes or ${seconds} seconds`,
          extensions: { code: "LIMIT_EXCEEDED" },
        }],
      });
    }
    if (thread === worker) {
      thread = undefined;
      waiting = new Map();
    }
  });
  worker.unref();
  return worker;
}

// Starts the thread, so that the first heavy document need not wait for it
export function prepareThread(limits) {
  if (isMainThread) {
    thread ??= start(limits);
  }
}

// The result of running a document there, and its bytes, unless it has no data
export async function runHeavy(args, limits) {
  const { document, variableValues, operationName, onError, requestContext } = args;
  const id = ++asked;

  prepareThread(limits);
  const worker = thread;
  const { promise, resolve } = Promise.withResolvers();
  waiting.set(id, resolve);
  const timer = setTimeout(() => worker.terminate(), 1000 * limits.seconds);
  worker.postMessage({
    id, text: document.loc.source.body, variableValues, operationName, onError,
    claims: requestContext.claims,
  });
  const { errors, bytes } = await promise;
  clearTimeout(timer);
  if (errors) {
    return {
      errors: errors.map(({ message, extensions }) =>
        new GraphQLError(message, { extensions })),
    };
  }
  requestContext.http.answer = Buffer.from(bytes);
  return { data: null };
}
