// PostGraphile 5 in front of trainledger. Settings come from the environment:
//
//   TRAINLEDGER_DATABASE    connection string, of the login authenticator of
//                           roles.sql
//   TRAINLEDGER_JWT_SECRET  secret of the tokens' signatures (HS256), at least
//                           32 bytes
//   TRAINLEDGER_HOST, TRAINLEDGER_PORT  where to listen: 127.0.0.1, 5678
//   TRAINLEDGER_ORIGINS     the sites whose pages may read the answers (CORS),
//                           separated by blanks: *, which are all
//   TRAINLEDGER_MAX_ROWS    rows that a document may ask for: 50000
//   TRAINLEDGER_MAX_VALUES  values that it may ask for: 250000
//   TRAINLEDGER_STATEMENT_TIMEOUT  seconds that a statement may take: 30
//   TRAINLEDGER_INTROSPECTION  0: nobody can ask for the schema
//   TRAINLEDGER_OPERATIONS  file or folder of operations that clients can name
//                           (see operations.mjs)
//   TRAINLEDGER_ONLY_OPERATIONS  1: no others are run
//   TRAINLEDGER_AUTOMATIC_OPERATIONS  1: clients can name what they have sent
//                           before (automatic persisted queries)
//   TRAINLEDGER_EXPLORER    1: serve the explorer page at /
//   TRAINLEDGER_EXPLORER_HEADERS  JSON of the headers it sends at first

import { jwtVerify } from "jose";
import { SafeError } from "postgraphile/grafast";
import { PostGraphileAmberPreset } from "postgraphile/presets/amber";

import { boundedService } from "./database.mjs";
import { DocumentsPlugin } from "./documents.mjs";
import { maskError } from "./errors.mjs";
import { LIMITS } from "./limits.mjs";
import { OperationsPlugin, readOperations } from "./operations.mjs";
import trainledger from "./trainledger.mjs";
import { TransportPlugin } from "./transport.mjs";

const {
  TRAINLEDGER_DATABASE: connectionString,
  TRAINLEDGER_JWT_SECRET: secret = "",
  TRAINLEDGER_HOST: host = "127.0.0.1",
  TRAINLEDGER_PORT: port = "5678",
  TRAINLEDGER_ORIGINS: origins = "*",
  TRAINLEDGER_MAX_ROWS: rows = LIMITS.rows,
  TRAINLEDGER_MAX_VALUES: values = LIMITS.values,
  TRAINLEDGER_STATEMENT_TIMEOUT: seconds = 30,
  TRAINLEDGER_INTROSPECTION: introspection,
  TRAINLEDGER_OPERATIONS: operations,
  TRAINLEDGER_ONLY_OPERATIONS: onlyListed,
  TRAINLEDGER_AUTOMATIC_OPERATIONS: automatic,
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
  statement_timeout: `${seconds}s`,
});

export default {
  extends: [PostGraphileAmberPreset, trainledger],
  plugins: [
    AuthenticationPlugin, OperationsPlugin, DocumentsPlugin, TransportPlugin,
  ],
  pgServices: [
    boundedService(connectionString, ["trainledger_graphql"], LIMITS.databaseBytes),
  ],
  grafast: {
    context: (request) => ({ pgSettings: settingsOf(request) }),
    explain: false,
    timeouts: { planning: 20000, execution: 1000 * (Number(seconds) + 5) },
  },
  // Settings of the plugins here
  trainledger: {
    ...LIMITS,
    rows: Number(rows),
    values: Number(values),
    seconds: Number(seconds) + 10,
    introspection: introspection !== "0",
    origins: origins.split(/\s+/),
    operations: operations ? readOperations(operations) : new Map(),
    onlyListed: onlyListed === "1",
    automatic: automatic === "1",
  },
  grafserv: {
    host,
    port: Number(port),
    watch: false,
    websockets: false,
    graphiql: explorer === "1",
    graphiqlOnGraphQLGET: false,
    maxRequestLength: 100000,
    maskError,
  },
  ruru: { clientConfig: { initialHeaders: explorerHeaders } },
};
