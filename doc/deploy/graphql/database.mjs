// Connections to the database, and a bound on what they bring: texts have no
// fixed length, and rows are read as a whole.

import pg from "pg";
import { makePgService } from "postgraphile/adaptors/pg";
import { SafeError } from "postgraphile/grafast";

import { counted } from "./refusals.mjs";

const TOO_MUCH = new Error("too much");

// Runs a callback in a transaction with these settings. It begins with one message,
// where the adaptor sends two and waits for each.
async function inTransaction({ rawClient, query }, settings, callback) {
  const literal = (value) => rawClient.escapeLiteral(String(value));
  const calls = Object.entries(settings).map(([name, value]) =>
    `set_config(${literal(name)}, ${literal(value)}, true)`);

  try {
    await rawClient.query(`begin; select ${calls.join(", ")}`);
    const result = await callback({ rawClient, query });
    await rawClient.query("commit");
    return result;
  } catch (error) {
    await rawClient.query("rollback");
    throw error;
  }
}

// A service that gives up the connections of a request for which they have sent
// more than so many bytes. One object of settings is one request.
export function boundedService(connectionString, schemas, most) {
  const pool = new pg.Pool({ connectionString });

  pool.on("error", () => {
    // of an idle connection, which has said so itself
  });
  const service = makePgService({ pool, schemas });
  const received = new WeakMap();
  const requests = new WeakMap();

  pool.on("connect", (client) => {
    const { stream } = client.connection;

    // else it would end the process; the query fails too, and says why
    client.on("error", (error) => error === TOO_MUCH || console.error(error.message));
    stream.on("data", ({ length }) => {
      const request = requests.get(client);
      if (!request) {
        return;
      }
      received.set(request, (received.get(request) ?? 0) + length);
      if (received.get(request) > most) {
        stream.destroy(TOO_MUCH);
      }
    });
  });

  function bounded(withPgClient) {
    async function withBoundedClient(settings, callback) {
      try {
        return await withPgClient(null, (client) => {
          requests.set(client.rawClient, settings);
          return settings
            ? inTransaction(client, settings, callback)
            : callback(client);
        });
      } catch (error) {
        if (received.get(settings) > most) {
          throw new SafeError(
            `the answer needs more than ${counted(most)} bytes from the database`,
            { code: "LIMIT_EXCEEDED" });
        }
        throw error;
      }
    }

    withBoundedClient.release = withPgClient.release;
    return withBoundedClient;
  }

  return {
    ...service,
    adaptor: {
      ...service.adaptor,
      createWithPgClient: (...options) =>
        bounded(service.adaptor.createWithPgClient(...options)),
    },
  };
}
