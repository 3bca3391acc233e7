// Whether requests are what an OpenAPI document says: the server is asked for the
// fields that it knows, requires and chooses from. Returns what differs.

import { isDeepStrictEqual } from 'node:util';

export async function requestFaults(document, address, token) {
  const faults = [];
  const is = (found, wanted, what) => isDeepStrictEqual(found, wanted) || faults.push(`${what}: ${JSON.stringify(found)}, in the document ${JSON.stringify(wanted)}`);
  const schemas = document.document.components.schemas;

  // The properties of a schema, and those that it requires
  const fields = (given) => {
    const schema = document.resolved(given);
    const parts = [...(schema.allOf ?? []), ...(schema.anyOf ?? [])].map(fields);
    return {
      properties: Object.assign({}, ...parts.map(({ properties }) => properties), schema.properties),
      required: [...(schema.required ?? []), ...(schema.allOf ?? []).flatMap((part) => fields(part).required)],
    };
  };
  const send = async (method, path, type, body) => {
    const response = await fetch(address + path, { method, headers: { 'Content-Type': type, Authorization: `Bearer ${token}` }, body });
    return { status: response.status, text: await response.text() };
  };
  const post = async (path, body) => JSON.parse((await send('POST', path, 'application/json', JSON.stringify(body))).text);

  // A program call names its keys, and the words that one is chosen from.
  for (const { path, method, requestBody, parameters } of document.operations()) {
    if (!path.startsWith('/core/') || !requestBody) continue;
    const { properties } = fields(requestBody.content['application/json'].schema);
    const { hint } = await post(path, { colour: 'red' });
    const known = /^The keys are (.*)\.$/.exec(hint)?.[1].split(', ');
    if (known) is(known, Object.keys(properties).sort(), path);
    else is(document.document.paths[path].get?.parameters.filter(({ required }) => required).map(({ name }) => name), Object.keys(properties), path);
    for (const [key, property] of Object.entries(properties)) {
      const { enum: choices } = document.resolved(property);
      if (choices) is((await post(path, { [key]: 'red' })).hint, `Give one of ${choices.join(', ')}.`, `${path} ${key}`);
    }
  }

  // A form of a credit account is answered with the tree of its fields.
  const form = fields({ $ref: '#/components/schemas/TransactionForm' });
  const errors = async (body) => Object.entries((await post('/credit-token/transaction', body)).errors.children)
    .filter(([, { errors }]) => errors).map(([name]) => name);
  const { errors: { children } } = await post('/credit-token/transaction', {});
  is(Object.keys(children), Object.keys(form.properties), 'fields of a form');
  is((await errors({})).sort(), [...form.required, 'delegate_id', 'operation'].sort(), 'required fields of a form');
  for (const key of ['operation', 'rounding']) {
    const taken = [];
    for (const word of ['init', 'add', 'subtract', 'refund', 'round', 'floor', 'ceil', 'half_even']) {
      if (!(await errors({ [key]: word })).includes(key)) taken.push(word);
    }
    is(taken, document.resolved(form.properties[key]).enum, key);
  }

  // A document of tokens is done without an element, unless it is required.
  const done = async (method, name, value) => {
    const { status, text } = await send(method, '/tokens', 'application/xml', document.xml(name, { Token: [value] }));
    return { ok: status < 300, text, id: /<TokenId>([^<]+)/.exec(text)?.[1] };
  };
  const given = { TokenType: 1, TokenTypeId: 'FA-1', Active: true, MaximumActivations: 1, TokenExpiration: '2030-12-31 23:59:59' };
  is(['TokenCode', ...Object.keys(given)].sort(), Object.keys(schemas.NewToken.properties).sort(), 'elements of a new token');
  for (const key in given) {
    const { [key]: left, ...token } = given;
    is((await done('POST', 'NewTokens', token)).ok, !schemas.NewToken.required.includes(key), `a new token without ${key}`);
  }
  for (const TokenType of [0, 1, 2, 3, 4, 5]) {
    is((await done('POST', 'NewTokens', { ...given, TokenType })).ok, schemas.NewToken.properties.TokenType.enum.includes(TokenType), `TokenType ${TokenType}`);
  }
  const { id: TokenId } = await done('POST', 'NewTokens', given);
  is(['TokenId', 'TokenCode', ...Object.keys(given)].sort(), Object.keys(schemas.TokenChange.properties).sort(), 'elements of a change');
  for (const [key, value] of Object.entries({ ...given, TokenCode: 'changed' })) {
    is((await done('PUT', 'TokenChanges', { TokenId, [key]: value })).ok, true, `a change of ${key}`);
    is((await done('PUT', 'TokenChanges', { [key]: value })).ok, !schemas.TokenChange.required.includes('TokenId'), `a change of ${key} without TokenId`);
  }
  return faults;
}
