// PostGraphile 5 in front of trainledger. Settings come from the environment:
//
//   TRAINLEDGER_DATABASE    connection string, of the login authenticator of
//                           roles.sql
//   TRAINLEDGER_JWT_SECRET  secret of the tokens' signatures (HS256), at least
//                           32 bytes
//   TRAINLEDGER_HOST, TRAINLEDGER_PORT  where to listen: 127.0.0.1, 5678
//   TRAINLEDGER_EXPLORER    1: serve the explorer page at /
//   TRAINLEDGER_EXPLORER_HEADERS  JSON of the headers it sends at first

import { jwtVerify } from "jose";
import { SafeError } from "postgraphile/grafast";
import { makePgService } from "postgraphile/adaptors/pg";
import { PostGraphileAmberPreset } from "postgraphile/presets/amber";

import { maskError } from "./errors.mjs";
import trainledger from "./trainledger.mjs";

const {
  TRAINLEDGER_DATABASE: connectionString,
  TRAINLEDGER_JWT_SECRET: secret = "",
  TRAINLEDGER_HOST: host = "127.0.0.1",
  TRAINLEDGER_PORT: port = "5678",
  TRAINLEDGER_EXPLORER: explorer,
  TRAINLEDGER_EXPLORER_HEADERS: explorerHeaders,
} = process.env;

const key = new TextEncoder().encode(secret);
if (key.length < 32) {
  throw new Error("TRAINLEDGER_JWT_SECRET needs at least 32 bytes");
}

// The claims of a request's token. Without a good one that names a role, the
// answer is 401.
async function claimsOf(authorization) {
  const [, token] = /^Bearer ([^ ]+)$/i.exec(authorization ?? "") ?? [];
  if (token === undefined) {
    throw new SafeError("a token is needed", { statusCode: 401 });
  }
  try {
    const { payload } = await jwtVerify(token, key, { algorithms: ["HS256"] });
    if (typeof payload.role === "string" && payload.role !== "") {
      return payload;
    }
  } catch {
    // refused below: nothing says why
  }
  throw new SafeError("the token is not valid", { statusCode: 401 });
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
const settingsOf = ({ claims }) => ({
  role: claims.role,
  "request.jwt.claims": JSON.stringify(claims),
  TimeZone: "UTC",
});

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
    maskError,
  },
  ruru: { clientConfig: { initialHeaders: explorerHeaders } },
};
