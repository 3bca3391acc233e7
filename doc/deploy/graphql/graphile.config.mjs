// PostGraphile 5 in front of trainledger. Settings come from the environment:
//
//   TRAINLEDGER_DATABASE    connection string, of a login that may become the
//                           roles in the tokens and has no rights of its own
//   TRAINLEDGER_JWT_SECRET  secret of the tokens' signatures (HS256), at least
//                           32 bytes
//   TRAINLEDGER_ANON_ROLE   role of requests without a token: web_anon
//   TRAINLEDGER_HOST, TRAINLEDGER_PORT  where to listen: 127.0.0.1, 5678
//   TRAINLEDGER_TIMEOUT     longest time of a statement: 15s
//   TRAINLEDGER_EXPLORER    1: serve the explorer page at /
//   TRAINLEDGER_EXPLORER_HEADERS  JSON of the headers it sends at first

import { jwtVerify } from "jose";
import { SafeError } from "postgraphile/grafast";
import { makePgService } from "postgraphile/adaptors/pg";
import { PostGraphileAmberPreset } from "postgraphile/presets/amber";

import trainledger, { maskError } from "./trainledger.mjs";

const {
  TRAINLEDGER_DATABASE: connectionString,
  TRAINLEDGER_JWT_SECRET: secret = "",
  TRAINLEDGER_ANON_ROLE: anonymous = "web_anon",
  TRAINLEDGER_HOST: host = "127.0.0.1",
  TRAINLEDGER_PORT: port = "5678",
  TRAINLEDGER_TIMEOUT: timeout = "15s",
  TRAINLEDGER_EXPLORER: explorer,
  TRAINLEDGER_EXPLORER_HEADERS: explorerHeaders,
} = process.env;

const key = new TextEncoder().encode(secret);
if (key.length < 32) {
  throw new Error("TRAINLEDGER_JWT_SECRET needs at least 32 bytes");
}

// The claims of a request: those of its token, or none without one. A token
// that is not good is 401.
async function claimsOf(authorization) {
  if (authorization === undefined) {
    return {};
  }
  const [, token] = /^Bearer ([^ ]+)$/i.exec(authorization) ?? [];
  try {
    return (await jwtVerify(token ?? "", key, { algorithms: ["HS256"] })).payload;
  } catch (error) {
    throw new SafeError("the token is not valid", { statusCode: 401 });
  }
}

const AuthenticationPlugin = {
  name: "TrainledgerAuthenticationPlugin",
  grafserv: {
    middleware: {
      async processGraphQLRequestBody(next, { request }) {
        request.requestContext.claims =
          await claimsOf(request.getHeader("authorization"));
        return next();
      },
    },
  },
};

// In each transaction: who is asking, for row-level security.
function settingsOf({ claims }) {
  const role = typeof claims?.role === "string" ? claims.role : anonymous;

  return {
    role,
    "request.jwt.claims": JSON.stringify({ ...claims, role }),
    TimeZone: "UTC",
    statement_timeout: timeout,
  };
}

export default {
  extends: [PostGraphileAmberPreset, trainledger],
  plugins: [AuthenticationPlugin],
  pgServices: [
    makePgService({ connectionString, schemas: ["trainledger_graphql"] }),
  ],
  grafast: {
    context: (request) => ({ pgSettings: settingsOf(request) }),
    explain: false,
    timeouts: { planning: 5000, execution: 30000 },
  },
  grafserv: {
    host,
    port: Number(port),
    watch: false,
    websockets: false,
    graphiql: explorer === "1",
    maxRequestLength: 100000,
    maskError: maskError,
  },
  ruru: { clientConfig: { initialHeaders: explorerHeaders } },
};
