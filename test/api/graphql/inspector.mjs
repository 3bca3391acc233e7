// What graphql-inspector says of the schema that is committed, of the one that is
// served, and of documents for it. Prints one JSON document.
//
//   node inspector.mjs COMMITTED SERVED DOCUMENT...

import { readFileSync } from 'node:fs';

import { diff, validate } from '@graphql-inspector/core';
import { buildSchema, Source } from 'graphql';

const [committed, served, ...documents] = process.argv.slice(2);
const schema = (file) => buildSchema(readFileSync(file, 'utf8'));

const changes = await diff(schema(committed), schema(served));
const invalid = validate(schema(served), documents.map((file) => new Source(readFileSync(file, 'utf8'), file)));

console.log(JSON.stringify({
  changes: changes.map(({ criticality, message }) => `${criticality.level}: ${message}`),
  documents: documents.length,
  invalid: invalid.map(({ source, errors, deprecated }) => [source.name, [...errors, ...deprecated].map(String)]),
}));
