// Heavy documents run in a thread of their own, so that others need not wait
// while one is planned and its answer is made. Few run at once; the thread has a
// bound on its memory. When it ends, those who wait get an error, and the next
// heavy document starts another.

import { isMainThread, Worker } from "node:worker_threads";

import { GraphQLError } from "postgraphile/graphql";

import { refusal } from "./refusals.mjs";

let thread;
let asked = 0;

function start({ megabytes, seconds }) {
  const worker = new Worker(new URL("./heavy-thread.mjs", import.meta.url), {
    resourceLimits: { maxOldGenerationSizeMb: megabytes, maxYoungGenerationSizeMb: 24 },
  });
  const started = { worker, waiting: new Map(), answered: 0 };
  const { message, extensions } = refusal(
    `the document needs more than ${megabytes} megabytes or ${seconds} seconds`);

  function answer({ id, ...result }) {
    started.answered = Date.now();
    started.waiting.get(id)?.(result);
    started.waiting.delete(id);
  }

  started.refuse = (id) => answer({ id, errors: [{ message, extensions }] });
  worker.on("message", answer);
  worker.on("error", (error) => console.error(error.message));
  worker.on("exit", () => {
    if (thread === started) {
      thread = undefined;
    }
    [...started.waiting.keys()].forEach(started.refuse);
  });
  worker.unref();
  return started;
}

// Starts the thread, so that the first heavy document need not wait for it
export function prepareThread(limits) {
  if (isMainThread) {
    thread ??= start(limits);
  }
}

// Has the thread run a document. One that does not answer at all is ended.
async function inThread(request, limits) {
  prepareThread(limits);
  const started = thread;
  const { promise, resolve } = Promise.withResolvers();
  const id = ++asked;
  const sent = Date.now();
  const timer = setTimeout(
    () => (started.answered < sent ? started.worker.terminate() : started.refuse(id)),
    1000 * limits.seconds);

  started.waiting.set(id, resolve);
  started.worker.postMessage({ id, ...request });
  const answer = await promise;
  clearTimeout(timer);
  return answer;
}

let running = 0;
const queue = [];

// The result of running a document there, and its bytes, unless it has no data
export async function runHeavy(args, limits) {
  const { document, variableValues, operationName, onError, requestContext } = args;

  if (queue.length >= limits.heavy.queued) {
    return { errors: [refusal(`${queue.length} large documents wait already`)] };
  }
  if (running >= limits.heavy.running) {
    await new Promise((resolve) => queue.push(resolve));
  }
  running += 1;
  let result;
  try {
    result = await inThread({
      text: document.loc.source.body, variableValues, operationName, onError,
      claims: requestContext.claims,
    }, limits);
  } finally {
    running -= 1;
    queue.shift()?.();
  }
  const { errors, bytes } = result;
  if (errors) {
    return {
      errors: errors.map(({ message, extensions }) =>
        new GraphQLError(message, { extensions })),
    };
  }
  requestContext.http.answer = Buffer.from(bytes);
  return { data: null };
}
