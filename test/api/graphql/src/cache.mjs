// Whether Apollo's normalising cache keeps apart and together what is different and
// the same: of each type that has an id, an object is read in two halves, by
// node(id), and the cache has it whole. Prints one JSON document;
// test/t/232_graphql_clients.pl compares it.
//
//   node cache.mjs ADDRESS OPERATOR_TOKEN

import { ApolloClient, gql, HttpLink, InMemoryCache } from '@apollo/client';
import { buildClientSchema, getIntrospectionQuery, getNamedType, isInterfaceType, isLeafType, isObjectType } from 'graphql';

const [address, token] = process.argv.slice(2);
const complaints = [];
console.warn = console.error = (...words) => { complaints.push(words.map(String)); };

const connect = () => new ApolloClient({
  cache: new InMemoryCache(),
  link: new HttpLink({ uri: address, headers: { Authorization: `Bearer ${token}` } }),
});
const ask = async (query, client = connect()) => (await client.query({ query: gql(query) })).data;

// not by Apollo, which would ask for the names of all these types, too
const introspection = await fetch(address, {
  method: 'POST',
  headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${token}` },
  body: JSON.stringify({ query: getIntrospectionQuery() }),
});
const schema = buildClientSchema((await introspection.json()).data);
const fieldsOf = (type) => Object.values(type.getFields())
  .filter(({ args }) => args.every(({ type: { ofType }, defaultValue }) => !ofType || defaultValue !== undefined));
const typeOf = (field) => getNamedType(field.type);
const has = (type, name) => (isObjectType(type) || isInterfaceType(type)) && name in type.getFields();

// Some objects of each type: those of the lists, and of the lists in these
const someOf = (field, count) => `${field.name}(first: ${count})`;
const isList = (field) => field.args.some(({ name }) => name === 'first');
const nodeOf = (field) => typeOf(typeOf(field).getFields().nodes);
const ids = new Map();
function keep(thing) {
  if (Array.isArray(thing)) {
    thing.forEach(keep);
  } else if (thing) {
    if (thing.id && !ids.has(thing.__typename)) {
      ids.set(thing.__typename, thing.id);
    }
    Object.values(thing).filter((value) => typeof value === 'object').forEach(keep);
  }
}
for (const field of Object.values(schema.getQueryType().getFields()).filter(isList)) {
  const inner = Object.values(nodeOf(field).getFields()).filter((one) => isList(one) && has(nodeOf(one), 'id'));
  const here = has(nodeOf(field), 'id') ? 'id' : '__typename';
  keep(await ask(`{ ${someOf(field, 50)} { nodes { ${here} ${inner.map((one) => `${someOf(one, 5)} { nodes { id } }`).join(' ')} } } }`));
}

// What can be read of an object, but for its lists
function selected(field) {
  if (isLeafType(typeOf(field))) {
    return field.name;
  }
  const name = has(typeOf(field), 'id') ? 'id' : fieldsOf(typeOf(field)).find((one) => isLeafType(typeOf(one)))?.name;
  return `${field.name} { ${name} }`;
}

const wrong = [];
for (const [type, id] of ids) {
  const client = connect();
  const half = (fields) => ask(`{ node(id: "${id}") { __typename id ... on ${type} { ${fields.map(selected).join(' ')} } } }`, client);
  const fields = fieldsOf(schema.getType(type)).filter((field) => field.name !== 'id' && !isList(field));
  const middle = Math.ceil(fields.length / 2);
  const [first, second] = [await half(fields.slice(0, middle)), await half(fields.slice(middle))];
  const cached = client.cache.extract()[`${type}:${id}`] ?? {};
  const missing = fields.filter(({ name }) => cached[name] === undefined).map(({ name }) => name);
  if (first.node?.__typename !== type || second.node?.id !== id || missing.length) {
    wrong.push([type, id, first.node, missing]);
  }
}

console.log(JSON.stringify({
  types: Object.keys(schema.getTypeMap()).filter((name) => {
    const type = schema.getType(name);
    return isObjectType(type) && type.getInterfaces().some((one) => one.name === 'Node');
  }).sort(),
  found: [...ids.keys()].sort(),
  wrong,
  complaints,
}));
