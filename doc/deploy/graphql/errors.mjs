// Errors that a client sees.

import { defaultMaskError } from "postgraphile/grafserv";
import { GraphQLError } from "postgraphile/graphql";

// The client sees refusals, invalid values, missing rights, cancelled statements
// and conflicts, with SQLSTATE, DETAIL and HINT.
const PUBLIC_STATES = /^(TL\w{3}|22\w{3}|42501|57014|40001|40P01)$/;

export function maskError(error) {
  const { code, message, detail, hint } = error.originalError ?? {};
  if (!PUBLIC_STATES.test(code)) {
    return defaultMaskError(error);
  }
  return new GraphQLError(message, {
    nodes: error.nodes,
    path: error.path,
    extensions: { code, detail, hint },
  });
}
