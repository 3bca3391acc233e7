// The thread that runs heavy documents; see heavy.mjs. They come checked.

import { setPriority } from "node:os";
import { parentPort } from "node:worker_threads";

import { postgraphile } from "postgraphile";
import { execute, hookArgs } from "postgraphile/grafast";
import { handleErrors } from "postgraphile/grafserv";
import { parse } from "postgraphile/graphql";

import preset from "./graphile.config.mjs";
import { Kept } from "./kept.mjs";
import { adaptVariables } from "./variables.mjs";

// On Linux this is the priority of the thread that calls it.
setPriority(10);

const known = new Kept(200000);
const instance = postgraphile({ extends: [preset] });

async function run({ text, claims, ...request }) {
  const { schema, resolvedPreset } = await instance.getSchemaResult();
  let document = known.get(text);

  if (!document) {
    document = parse(text);
    adaptVariables(schema, document);
    known.set(text, document);
  }
  const args = {
    schema, document, resolvedPreset, rootValue: null,
    contextValue: Object.create(null), requestContext: { claims }, ...request,
  };
  await hookArgs(args);
  const result = await execute(args);
  result.errors &&= result.errors.map(resolvedPreset.grafserv.maskError);
  handleErrors(result);
  return result.data === undefined
    ? { errors: JSON.parse(JSON.stringify(result.errors)) }
    : { bytes: new TextEncoder().encode(JSON.stringify(result)) };
}

parentPort.on("message", async ({ id, ...request }) => {
  let answer;

  try {
    answer = await run(request);
  } catch (error) {
    console.error(error);
    answer = { errors: [{ message: "the server has a problem" }] };
  }
  parentPort.postMessage({ id, ...answer }, answer.bytes ? [answer.bytes.buffer] : []);
});
