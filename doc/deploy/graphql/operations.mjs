// Operations that a client names instead of sending them: those of a list, and
// those that it has sent before (automatic persisted queries, as Apollo does it).

import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

import { SafeError } from "postgraphile/grafast";

import { Kept } from "./kept.mjs";

const digest = (text) => createHash("sha256").update(text).digest("hex");

// The list: a JSON file {"id": "document", ...}, or a folder whose files
// *.graphql are named by the SHA-256 of their text.
export function readOperations(path) {
  if (statSync(path).isDirectory()) {
    return new Map(readdirSync(path)
      .filter((name) => name.endsWith(".graphql"))
      .map((name) => readFileSync(join(path, name), "utf8"))
      .map((text) => [digest(text), text]));
  }
  const list = Object.entries(JSON.parse(readFileSync(path, "utf8")));
  for (const [id, text] of list) {
    if (typeof text !== "string") {
      throw new Error(`${path}: the operation ${id} is not a text`);
    }
  }
  return new Map(list);
}

// What clients have sent
const sent = new Kept(5000000);

function refuse(message, code, statusCode = 200) {
  throw new SafeError(message, { code, statusCode });
}

// The document of a request
function documentOf({ query, id, documentId, extensions }, settings) {
  const { operations, onlyListed, automatic } = settings;
  const hash = extensions?.persistedQuery?.sha256Hash;
  const listed = operations.get(hash ?? documentId ?? id);

  if (listed !== undefined) {
    return listed;
  }
  if (onlyListed) {
    refuse("only listed operations are run", "OPERATION_NOT_LISTED", 400);
  }
  if (typeof hash === "string" && !automatic && query == null) {
    refuse("PersistedQueryNotSupported", "PERSISTED_QUERY_NOT_SUPPORTED");
  }
  if (typeof hash === "string" && automatic) {
    if (typeof query === "string" && digest(query) !== hash) {
      refuse("the hash is not that of the query", "BAD_REQUEST", 400);
    }
    const text = query ?? sent.get(hash);
    if (text == null) {
      refuse("PersistedQueryNotFound", "PERSISTED_QUERY_NOT_FOUND");
    }
    if (typeof query === "string") {
      sent.set(hash, query, query);
    }
    return text;
  }
  if (query == null && (documentId ?? id) != null) {
    refuse("the operation is not listed", "OPERATION_NOT_LISTED", 400);
  }
  return query;
}

export const OperationsPlugin = {
  name: "TrainledgerOperationsPlugin",
  grafserv: {
    middleware: {
      processGraphQLRequestBody: {
        // nobody else learns what is listed
        after: ["TrainledgerAuthenticationPlugin"],
        callback(next, { body, resolvedPreset }) {
          body.query = documentOf(body, resolvedPreset.trainledger);
          return next();
        },
      },
    },
  },
};
