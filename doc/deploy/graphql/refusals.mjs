// Refusals of what exceeds a limit. Each says the number.

import { GraphQLError } from "postgraphile/graphql";

export const counted = (number) => number.toLocaleString("en-US");

export function refusal(text) {
  return new GraphQLError(text, { extensions: { code: "LIMIT_EXCEEDED" } });
}

export function exceeded(text, number, allowed) {
  return number > allowed
    && refusal(`${text.replace("#", counted(number))}; ${counted(allowed)} are allowed`);
}
