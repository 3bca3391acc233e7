// Prints the schema of a server, as its introspection has it.
//
//   node schema.mjs ADDRESS TOKEN

import { buildClientSchema, getIntrospectionQuery, printSchema } from 'graphql';

const [address, token] = process.argv.slice(2);
const response = await fetch(address, {
  method: 'POST',
  headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${token}` },
  body: JSON.stringify({ query: getIntrospectionQuery({ specifiedByUrl: true, inputValueDeprecation: true }) }),
});
const { data, errors } = await response.json();
if (errors) {
  throw new Error(JSON.stringify(errors));
}
console.log(printSchema(buildClientSchema(data)));
