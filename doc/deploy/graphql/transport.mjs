// HTTP: cross-origin requests, bodies, and errors that are always JSON.

import { parseExactJson } from "./variables.mjs";

const METHODS = "OPTIONS, POST";

// Pages of these sites may read the answers; "*" are all.
function corsHeaders({ method, headers }, origins) {
  const allowed = origins.includes("*")
    ? "*"
    : origins.find((origin) => origin === headers.origin);

  return {
    ...(allowed && { "access-control-allow-origin": allowed }),
    vary: "Origin",
    "access-control-expose-headers": "X-Request-Id",
    ...(method === "OPTIONS" && {
      allow: METHODS,
      "access-control-allow-methods": METHODS,
      "access-control-allow-headers":
        headers["access-control-request-headers"] ?? "Authorization, Content-Type",
      "access-control-max-age": "3600",
    }),
  };
}

function failure(statusCode, message) {
  return {
    type: "buffer",
    statusCode,
    headers: { "content-type": "application/json;charset=utf-8" },
    buffer: Buffer.from(JSON.stringify({ errors: [{ message }] })),
  };
}

// The body, with its numbers as they are written
function readExactly(request) {
  const getBody = request.getBody.bind(request);

  request.getBody = async () => {
    const body = await getBody();
    if (body.type !== "buffer"
        || !/^application\/json\b/.test(request.headers["content-type"])) {
      return body;
    }
    const text = new TextDecoder("utf-8", { fatal: true }).decode(body.buffer);
    return { type: "json", json: parseExactJson(text) };
  };
}

export const TransportPlugin = {
  name: "TrainledgerTransportPlugin",
  grafserv: {
    middleware: {
      async processRequest(next, { requestDigest: request, resolvedPreset }) {
        const { trainledger: { origins }, grafserv: { maxRequestLength } } = resolvedPreset;
        const headers = corsHeaders(request, origins);
        let result;

        if (request.path !== "/graphql") {
          return next();
        }
        if (request.method === "OPTIONS") {
          return { type: "noContent", statusCode: 204, headers };
        }
        if (request.headers["content-type"]) {
          request.headers["content-type"] =
            request.headers["content-type"].replace(/^[^;]*/, (type) => type.toLowerCase());
        }
        readExactly(request);
        try {
          result = await next();
          // of a heavy document
          if (request.answer) {
            result.buffer = request.answer;
            result.headers["content-length"] = String(result.buffer.length);
          }
        } catch (error) {
          console.error(error);
        }
        if (!result || result.type === "error") {
          result = failure(result?.statusCode ?? 500, "the server has a problem");
        }
        if (result.statusCode === 413) {
          result = failure(413, `the request has more than ${maxRequestLength} bytes`);
        }
        Object.assign(result.headers, headers,
          result.statusCode === 405 && { allow: METHODS },
          // the rest of the request is not read
          result.statusCode === 413 && { connection: "close" });
        return result;
      },
    },
  },
};
