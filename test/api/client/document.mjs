// An OpenAPI 3.1 document that answers are checked against. Answers have to
// have what it says and nothing else: every object is closed.

import { request } from 'node:http';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { XMLBuilder, XMLParser } from 'fast-xml-parser';
import { Validator } from '@seriousme/openapi-schema-validator';

const methods = ['get', 'put', 'post', 'delete', 'patch'];
const xmlParser = new XMLParser({ parseTagValue: false, trimValues: false });
const xmlBuilder = new XMLBuilder();

// Objects allow no other keys than those they name. Branches of allOf and anyOf
// have to stay open.
function close(node, isBranch = false) {
  if (node === null || typeof node !== 'object') return;
  if (node.properties && !isBranch) node.additionalProperties ??= false;
  for (const [key, value] of Object.entries(node)) {
    if (['allOf', 'anyOf'].includes(key)) value.forEach((branch) => close(branch, true));
    else if (!['example', 'examples'].includes(key)) close(value);
  }
}

export class Document {
  constructor(document) {
    this.document = document;
    this.seen = new Set();
    // "default" is for those that no operation names.
    this.statuses = new Set(this.operations().flatMap(({ responses }) => Object.keys(responses)));
    this.faults = [];
    this.ajv = formats.default(new Ajv2020({ allErrors: true, allowUnionTypes: true, strictRequired: false, strictTypes: false }));
    this.ajv.addVocabulary(['xml', 'example']);
    // with the schemas where JSON Schema has them
    this.closed = JSON.parse(JSON.stringify(document).replaceAll('"#/components/schemas/', '"schemas#/$defs/'));
    close(this.closed.components.schemas);
    this.ajv.addSchema({ $defs: this.closed.components.schemas }, 'schemas');
  }

  // What is wrong with the document itself
  async errors() {
    const result = await new Validator().validate(structuredClone(this.document));
    return [...(result.errors ?? []), ...this.wrongExamples()];
  }

  // Follows references; where is the place of a node in the document.
  follow(where) {
    let node = this.document;
    for (const key of where) {
      node = node[key];
      if (node?.$ref) return this.follow([...node.$ref.slice(2).split('/'), ...where.slice(where.indexOf(key) + 1)]);
    }
    return { node, where };
  }

  operations() {
    return Object.entries(this.document.paths).flatMap(([path, item]) =>
      methods.filter((method) => item[method]).map((method) => ({ path, method, ...item[method] })));
  }

  // A schema without its references
  resolved(schema) {
    return schema.$ref ? this.resolved(this.follow(schema.$ref.slice(2).split('/')).node) : schema;
  }

  validate(where, value) {
    const validate = this.ajv.compile(where.reduce((node, key) => node[key], this.closed));
    return validate(value) ? [] : validate.errors.map((error) => `${error.instancePath} ${error.message} ${JSON.stringify(error.params)}`);
  }

  // A text of an XML element as the value that its schema describes
  typed(value, given) {
    const schema = this.resolved(given);
    if (schema.type === 'array') return [value].flat().map((item) => this.typed(item, schema.items));
    if (schema.type === 'integer') return /^-?[0-9]+$/.test(value) ? Number(value) : value;
    if (schema.type === 'boolean') return { true: true, false: false }[value] ?? value;
    if (schema.type !== 'object') return value;
    const keys = Object.keys(value);
    const known = Object.keys(schema.properties);
    if (keys.join() !== known.filter((key) => keys.includes(key)).join()) throw new Error(`elements ${keys}, in the document ${known}`);
    return value === '' ? {} : Object.fromEntries(keys.map((key) => [key, this.typed(value[key], schema.properties[key])]));
  }

  parse(text, type, schema) {
    if (type === 'application/json') return JSON.parse(text);
    const root = Object.entries(xmlParser.parse(text));
    if (root.length !== 1 || root[0][0] !== this.resolved(schema).xml.name) throw new Error(`element ${root[0]?.[0]}`);
    return this.typed(root[0][1], schema);
  }

  // An XML document of a schema
  xml(name, value) {
    const arranged = (given, object) => {
      const schema = this.resolved(given);
      if (schema.type === 'array') return object.map((item) => arranged(schema.items, item));
      if (schema.type !== 'object') return object;
      return Object.fromEntries(Object.keys(schema.properties).filter((key) => key in object)
        .map((key) => [key, arranged(schema.properties[key], object[key])]));
    };
    const schema = this.document.components.schemas[name];
    return xmlBuilder.build({ [schema.xml.name]: arranged(schema, value) });
  }

  // Notes what is wrong with an answer.
  check(method, path, response, text) {
    const status = String(response.status);
    const say = `${method} ${path} ${status}`;
    const { responses } = this.document.paths[path][method.toLowerCase()];
    const answer = status in responses || this.statuses.has(status) ? status : 'default';
    this.seen.add(`${method} ${path} ${answer}`);
    if (!responses[answer]) return this.faults.push(`${say} is not in the document: ${text}`);
    const { node, where } = this.follow(['paths', path, method.toLowerCase(), 'responses', answer]);
    const type = (response.headers.get('content-type') ?? '').replace(/;.*/, '');
    for (const [name, header] of Object.entries(node.headers ?? {})) {
      if (this.resolved(header).required && !response.headers.has(name)) this.faults.push(`${say} has no ${name}`);
    }
    if (!node.content && text === '') return undefined;
    const media = node.content?.[type];
    if (!media) return this.faults.push(`${say}: ${type}: ${text}`);
    try {
      const value = this.parse(text, type, media.schema);
      this.faults.push(...this.validate([...where, 'content', type, 'schema'], value).map((error) => `${say}: ${error}: ${text}`));
      return value;
    } catch (error) {
      this.faults.push(`${say}: ${error.message}: ${text}`);
    }
  }

  // The examples that do not fit their schemas
  wrongExamples(node = this.document, where = []) {
    if (node === null || typeof node !== 'object') return [];
    if (!node.schema || !('example' in node || 'examples' in node)) {
      return Object.entries(node).flatMap(([key, value]) => this.wrongExamples(value, [...where, key]));
    }
    const examples = 'example' in node ? [node.example] : Object.values(node.examples).map(({ value }) => value);
    return examples.flatMap((example) => {
      const value = where.at(-1) === 'application/xml' ? this.parse(example, 'application/xml', node.schema) : example;
      return this.validate([...where, 'schema'], value);
    }).map((error) => `${where.join(' ')}: ${error}`);
  }

  // The URI, headers and body of a request, from the examples of the document
  sample(method, path, token) {
    const item = this.document.paths[path];
    const operation = item[method] ?? {};
    const parameters = [...(item.parameters ?? []), ...(operation.parameters ?? [])].map((parameter) => this.resolved(parameter));
    const query = parameters.filter((parameter) => parameter.in === 'query' && parameter.required)
      .map(({ name, example }) => `${name}=${example}`).join('&');
    const [type, media] = Object.entries(operation.requestBody?.content ?? {})[0] ?? [];
    return {
      uri: path.replace(/\{(\w+)\}/g, (_, key) => parameters.find(({ name }) => name === key).example) + (query && `?${query}`),
      headers: { ...(type && { 'Content-Type': type }), ...(token && { Authorization: `Bearer ${token}` }) },
      body: typeof media?.example === 'object' ? JSON.stringify(media.example) : media?.example,
    };
  }

  async ask(address, method, path, token, body) {
    const sample = this.sample(method, path, token);
    return fetch(address + sample.uri, { method: method.toUpperCase(), headers: sample.headers, body: body ?? sample.body });
  }

  // With an address that is too long
  async askTooLong(address, method, path, token) {
    const { uri, headers } = this.sample(method, path, token);
    return fetch(`${address}${uri}${uri.includes('?') ? '&' : '?'}x=${'x'.repeat(20000)}`, { method: method.toUpperCase(), headers });
  }

  // Sends the head of a request with too large a body.
  async askTooMuch(address, method, path, token) {
    const { uri, headers } = this.sample(method, path, token);
    return new Promise((resolve, reject) => {
      const sent = request(address + uri, { method, headers: { ...headers, 'Content-Length': 65 * 1024 * 1024 } }, async (message) => {
        let text = '';
        for await (const part of message) text += part;
        sent.destroy();
        resolve(new Response(text, { status: message.statusCode, headers: message.headers }));
      });
      sent.on('error', reject).flushHeaders();
    });
  }
}
