// A working day through a client that openapi-typescript made of /openapi.json:
// its types are in schema.d.ts, and the compiler holds this program to them: what
// the document does not allow is marked, and has to be an error.
// Every answer is checked against the document. Prints one JSON document;
// test/t/211_rest_openapi_client.pl compares it.
//
//   node openapi.ts ADDRESS TOKENS     (a JSON object: a token of each level)

import createClient from 'openapi-fetch';

import { Document } from './document.mjs';
import { requestFaults } from './requests.mjs';
import type { components, paths } from './schema.d.ts';

type Schemas = components['schemas'];
type Answer = { response: Response; data?: unknown; error?: unknown };

declare const process: { argv: string[] };
const [address, tokens] = [process.argv[2]!, JSON.parse(process.argv[3]!)];
const document = new Document(await (await fetch(`${address}/openapi.json`)).json());
const results: Record<string, unknown> = {};

function client(token?: string) {
  const made = createClient<paths>({ baseUrl: address, headers: token ? { Authorization: `Bearer ${token}` } : {} });
  made.use({
    async onResponse({ request, response, schemaPath }) {
      document.check(request.method, schemaPath, response, await response.clone().text());
    },
  });
  return made;
}
const operator = client(tokens.operator);
const admin = client(tokens.admin);
const reader = client(tokens.reader);

const answer = ({ response, data, error }: Answer) => ({ status: response.status, data, error });
function required<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('no answer');
  return value;
}

// ---- event credit accounts

const id = { accountName: 'default', idType: 'id', id: '123' } as const;
const barcode = { accountName: 'my & account', idType: 'barcode', id: '13/01 & 7.json' } as const;
const form = (amount: number | string, description: string, more: Partial<Schemas['TransactionFields']> = {}) =>
  ({ delegate_id: 123, amount, source: 'Insomnia Test', description, recordedAt: 1512516382, ...more });
const add = (body: Schemas['TransactionForm']) => operator.POST('/credit-token/transaction/add', { body });
const subtract = (body: Schemas['TransactionForm']) => operator.POST('/credit-token/transaction/subtract', { body });
const init = (body: Schemas['TransactionForm']) => operator.POST('/credit-token/transaction/init', { body });

results.init = answer(await init(form(5, 'User account initialisation: balance=5')));
const added = await add(form(5, 'User competition win: Competition#123, Pick a winner, prize=5'));
results.add = answer(added);
results.location = added.response.headers.get('Location');
results.subtract = answer(await subtract(form(5, 'User direct redemption: Product#123, Laptop fan, cost=5')));
results.any = answer(await operator.POST('/credit-token/transaction', {
  body: { ...form('0.345', 'Any'), operation: 'add', rounding: 'floor', balanceExpected: 5.340000000000001, device_code: 'kiosk-2' },
}));
results.other = answer(await init({
  delegate_barcode: barcode.id, amount: -99.9, source: 'Insomnia Test', description: 'Debts', recordedAt: 1512516382,
  accountName: barcode.accountName, tokenType: 'another',
}));
const balance = await reader.GET('/credit-token/balance/{accountName}/{idType}:{id}', { params: { path: id } });
results.balance = answer(balance);
results.typed = [required(balance.data).transaction.tokenType.name, required(balance.data).delegate.sources.length];
results.otherBalance = answer(await reader.GET('/credit-token/balance/{accountName}/{idType}:{id}', {
  params: { path: { ...barcode, id: `${barcode.id}.json` }, query: { tokenType: 'another' } },
}));

// Delegates show what they have.
results.delegates = await Promise.all(['124', '125'].map(async (id) => {
  const { data } = await reader.GET('/credit-token/balance/{accountName}/{idType}:{id}', { params: { path: { accountName: 'default', idType: 'id', id } } });
  const { createdAt, updatedAt, ...delegate } = required(data).delegate;
  return delegate;
}));

// Each page names the next in its header Link.
const pages: unknown[] = [];
let before: number | undefined;
do {
  const page = await reader.GET('/credit-token/history/{accountName}/{idType}:{id}', { params: { path: id, query: { limit: 3, before } } });
  pages.push(required(page.data).history.map((entry) => [entry.operation, entry.amount, entry.balance]));
  before = Number(/[?&]before=([0-9]+)>; rel="next"/.exec(page.response.headers.get('Link') ?? '')?.[1]) || undefined;
} while (before && pages.length < 10);
results.pages = pages;
const whole = await reader.GET('/credit-token/history/{accountName}/{idType}:{id}', { params: { path: id } });
results.whole = answer(whole);

results.refusals = [];
for (const refused of [
  await init(form(5, 'Again')),
  await add(form(5, 'Mismatch', { balanceExpected: 5 })),
  await add(form(11, 'Too much', { tokenType: 'bounded' })),
  await subtract(form(11, 'Too little', { tokenType: 'bounded' })),
  await add(form(5, 'User competition win: Competition#123, Pick a winner, prize=5')),
  await add(form(5, 'No account', { accountName: 'savings' })),
  await add(form(5, 'Inactive', { tokenType: 'inactive' })),
  await operator.POST('/credit-token/transaction', { body: { ...form(5, 'Again'), operation: 'init' } }),
]) {
  const error = refused.error as Schemas['Refusal'];
  (results.refusals as unknown[]).push([refused.response.status, error.errorCode, error.message]);
}
// @ts-expect-error
const blank = await add({});
results.blank = answer(blank);
results.invalid = await Promise.all((['init', 'subtract'] as const).map(async (operation) =>
  // @ts-expect-error
  (await operator.POST(`/credit-token/transaction/${operation}`, { body: form('much', 'x', { rounding: 'up' }) })).response.status));
// @ts-expect-error
results.anyInvalid = answer(await operator.POST('/credit-token/transaction', { body: { colour: 'red' } })).status;
results.invalidPage = answer(await reader.GET('/credit-token/history/{accountName}/{idType}:{id}', { params: { path: id, query: { limit: 1001 } } }));
results.tooLong = answer(await reader.GET('/credit-token/history/{accountName}/{idType}:{id}', { params: { path: { ...id, accountName: 'long' } } }));
results.unknown = await Promise.all([
  reader.GET('/credit-token/balance/{accountName}/{idType}:{id}', { params: { path: { ...id, id: '77' } } }),
  reader.GET('/credit-token/history/{accountName}/{idType}:{id}', { params: { path: id, query: { tokenType: 'unknown' } } }),
  client(tokens.learner).GET('/credit-token/balance/{accountName}/{idType}:{id}', { params: { path: id } }),
  ...[init, add, subtract].map((book) => book(form(5, 'x', { delegate_id: 77 }))),
  operator.POST('/credit-token/transaction', { body: { ...form(5, 'x', { delegate_id: 77 }), operation: 'add' } }),
].map(async (asked) => answer(await asked)));

// ---- self-signup tokens

const xml = { parseAs: 'text', headers: { 'Content-Type': 'application/xml' }, bodySerializer: (body: unknown) => body as string } as const;
const sent = (name: string, value: unknown) => document.xml(name, value) as never;
const read = (text: unknown) => document.parse(text, 'application/xml', { $ref: '#/components/schemas/Tokens' }) as Schemas['Tokens'];
const list = async (query: { start?: number; limit?: number }) => read((await reader.GET('/tokens', { ...xml, params: { query } })).data).Token ?? [];
const create = (value: Schemas['NewTokens']) => admin.POST('/tokens', { ...xml, params: { query: { source: 'MyApp' } }, body: sent('NewTokens', value) });
const change = (value: Schemas['TokenChanges']) => admin.PUT('/tokens', { ...xml, params: { query: { source: 'MyApp' } }, body: sent('TokenChanges', value) });
const token = (tokenid: string) => reader.GET('/tokens/{tokenid}', { ...xml, params: { path: { tokenid } } });
const xmlError = ({ response, error }: Answer) => [response.status, error];

results.noTokens = await list({});
const created = read((await create({ Token: [
  { TokenCode: 'Größe <5> & "mehr"', TokenType: 1, TokenTypeId: 'FA-1', Active: true, MaximumActivations: 20, TokenExpiration: '2030-12-31 23:59:59' },
  { TokenType: 4, TokenTypeId: 'ALL & more', Active: false, MaximumActivations: 1 },
] })).data).Token ?? [];
results.created = created;
const [first, second] = created.map(({ TokenId }) => TokenId) as [string, string];
results.changed = read((await change({ Token: [
  { TokenId: second, Active: true, TokenExpiration: '2031-01-01T00:00:00' },
  { TokenId: first, TokenExpiration: '', MaximumActivations: 3 },
] })).data).Token;
results.token = read((await token(second)).data).Token;
results.listed = await list({});
results.page = (await list({ start: 1, limit: 1 })).map(({ TokenId }) => TokenId === second);
results.next = (await reader.GET('/tokens', { ...xml, params: { query: { limit: 1 } } })).response.headers.get('Link');
results.xmlErrors = [
  await reader.GET('/tokens', { ...xml, params: { query: { limit: 1001 } } }),
  await token('unknown'),
  // @ts-expect-error
  await create({ Token: [{ TokenType: 1, TokenTypeId: 'FA-1' }] }),
  await create({ Token: [{ TokenType: 1, TokenTypeId: 'none', MaximumActivations: 1 }] }),
  await create({ Token: [{ TokenCode: 'GRÖßE <5> & "MEHR"', TokenType: 1, TokenTypeId: 'FA-1', MaximumActivations: 1 }] }),
  // @ts-expect-error
  await change({ Token: [{ Active: true }] }),
  await change({ Token: [{ TokenId: 'unknown' }] }),
  await change({ Token: [{ TokenId: second, TokenCode: 'Größe <5> & "mehr"' }] }),
].map(xmlError);

// ---- programs

const uuid = (end: string) => `00000000-0000-4000-8000-0000000000${end}`;
const [school, coaching, lead, spring, autumn, ada, grace] = ['a0', 'a2', 'a1', 'b1', 'b2', 'c1', 'c2'].map(uuid) as string[] as [string, string, string, string, string, string, string];

results.kinds = [
  answer(await operator.POST('/core/LookupProgram', { body: { programKindId: lead } })),
  answer(await operator.POST('/core/LookupProgram', { body: { programKindId: coaching } })),
  answer(await operator.POST('/core/LookupProgram', { body: { programKindId: uuid('dd') } })),
  answer(await operator.GET('/core/LookupProgram', { params: { query: { programKindId: uuid('dd') } } })),
  answer(await operator.POST('/core/ProgramChildList', { body: { id: school } })),
  answer(await operator.GET('/core/ProgramChildList', { params: { query: { id: lead } } })),
];
const program = await operator.POST('/core/LookupProgramInstance', { body: { programId: spring } });
results.noProgram = answer(await operator.POST('/core/LookupProgramInstance', { body: { programId: uuid('dd') } }));
results.program = [program.data?.name, program.data?.duration, program.data?.baseHandle,
  answer(await operator.GET('/core/LookupProgramInstance', { params: { query: { programId: uuid('dd') } } })).data];
const names = ({ data }: { data?: Schemas['ProgramInfo'][] }) => required(data).map(({ name }) => name);
results.programs = [
  names(await operator.POST('/core/ListActivePrograms')), names(await operator.GET('/core/ListActivePrograms')),
  names(await operator.POST('/core/ProgramsAfter', { body: { after: '2023-05-01', kind: lead } })),
  names(await operator.POST('/core/ProgramsAfter', { body: { after: '2024-01-01' } })),
];
const fridays = required((await operator.POST('/core/ConfirmCohort', { body: { programId: spring, cohortName: 'Fridays' } })).data);
results.confirmed = required((await operator.POST('/core/ConfirmCohort', { body: { programId: spring, cohortName: ' fridays ' } })).data) === fridays;
const ticket = { programKindId: lead, externalId: uuid('e1'), sku: 'LEAD-1', baseSku: 'LEAD' };
results.tickets = [
  (await operator.POST('/core/CreateProgramTicket', { body: { ...ticket, userId: ada } })).data,
  (await operator.POST('/core/CreateProgramTicket', { body: { ...ticket, email: 'ada@example.org' } })).data,
  (await operator.POST('/core/CreateProgramTicket', { body: { programKindId: lead, email: 'nobody@example.org' } })).data,
  required((await operator.POST('/core/UserTickets', { body: { userId: ada } })).data).map(({ state, sku, externalId }) => [state, sku, externalId]).sort(),
  required((await operator.POST('/core/UserTickets', { body: { userId: ada, state: 'canceled' } })).data).map(({ userId }) => userId),
];
results.members = [
  names(await operator.POST('/core/ModifyProgramMembership', { body: { userId: ada, programId: spring } })),
  names(await operator.POST('/core/ModifyProgramMembership', { body: { email: 'grace@example.org', programId: spring, role: 'trainer', cohortId: fridays } })),
  (await operator.POST('/core/SyncCohort', { body: { programId: spring, cohortId: fridays, query: '$.attributes.grade == 1' } })).data,
  required((await operator.POST('/core/ListCohorts', { body: { programId: spring } })).data).map(({ name, members }) => [name, members]),
  names(await operator.POST('/core/UpdateUserCohortState', { body: { userId: ada, programId: spring, cohortId: null, state: 'refunded', comments: 'went to sea' } })),
  required((await operator.GET('/core/ListCohorts', { params: { query: { programId: spring } } })).data).map(({ name, members }) => [name, members]),
];
const mondays = required((await operator.POST('/core/ListCohorts', { body: { programId: autumn } })).data?.[0]).id;
const code = ({ response, error }: { response: Response; error?: Schemas['CallError'] }) => [response.status, error?.code];
results.callErrors = [
  // @ts-expect-error
  await operator.POST('/core/ModifyProgramMembership', { body: { programId: spring } }),
  await operator.POST('/core/ModifyProgramMembership', { body: { userId: uuid('dd'), programId: spring } }),
  await operator.POST('/core/ModifyProgramMembership', { body: { userId: ada, programId: autumn } }),
  // @ts-expect-error
  await operator.POST('/core/UpdateUserCohortState', { body: { userId: ada, programId: spring, state: 'lost' } }),
  await operator.POST('/core/UpdateUserCohortState', { body: { userId: grace, programId: autumn, state: 'active' } }),
  await operator.POST('/core/UpdateUserCohortState', { body: { userId: uuid('c3'), programId: spring, state: 'active' } }),
  // @ts-expect-error
  await operator.POST('/core/ConfirmCohort', { body: { programId: spring } }),
  await operator.POST('/core/ConfirmCohort', { body: { programId: uuid('dd'), cohortName: 'x' } }),
  await operator.POST('/core/SyncCohort', { body: { programId: spring, cohortId: fridays, query: '$.name' } }),
  await operator.POST('/core/SyncCohort', { body: { programId: spring, cohortId: uuid('dd'), query: '$.id > 0' } }),
  await operator.POST('/core/SyncCohort', { body: { programId: autumn, cohortId: mondays, query: '$.id > 0', mode: 'open' } }),
  // @ts-expect-error
  await operator.POST('/core/CreateProgramTicket', { body: { programKindId: lead } }),
  await operator.POST('/core/CreateProgramTicket', { body: { programKindId: uuid('dd'), userId: ada } }),
  await operator.POST('/core/CreateProgramTicket', { body: { programKindId: lead, userId: uuid('c3') } }),
  await operator.POST('/core/UserTickets', { body: { userId: '7' } }),
  await operator.POST('/core/UserTickets', { body: { userId: uuid('dd') } }),
  await operator.POST('/core/ProgramsAfter', { body: { after: 'soon' } }),
  await operator.POST('/core/LookupProgram', { body: { programKindId: '7' } }),
  await operator.POST('/core/LookupProgramInstance', { body: { programId: '7' } }),
  await operator.POST('/core/ListCohorts', { body: { programId: '7' } }),
  await operator.POST('/core/ProgramChildList', { body: { id: '7' } }),
  await operator.GET('/core/LookupProgram', { params: { query: { programKindId: '7' } } }),
  await operator.GET('/core/LookupProgramInstance', { params: { query: { programId: '7' } } }),
  await operator.GET('/core/ListCohorts', { params: { query: { programId: '7' } } }),
  await operator.GET('/core/ProgramChildList', { params: { query: { id: '7' } } }),
].map(code);

// ---- what the client has

const known = { header: { 'If-None-Match': '*' } };
results.known = (await Promise.all([
  reader.GET('/credit-token/balance/{accountName}/{idType}:{id}', { params: { ...known, path: id } }),
  reader.GET('/credit-token/history/{accountName}/{idType}:{id}', { params: { ...known, path: id } }),
  reader.GET('/tokens', { ...xml, params: known }),
  reader.GET('/tokens/{tokenid}', { ...xml, params: { ...known, path: { tokenid: first } } }),
  reader.GET('/core/LookupProgram', { params: { ...known, query: { programKindId: lead } } }),
  reader.GET('/core/LookupProgramInstance', { params: { ...known, query: { programId: spring } } }),
  reader.GET('/core/ListCohorts', { params: { ...known, query: { programId: spring } } }),
  reader.GET('/core/ListActivePrograms', { params: known }),
  reader.GET('/core/ProgramChildList', { params: { ...known, query: { id: school } } }),
])).map(({ response }) => response.status);

// ---- what is refused before it reaches the function

const ask = (method: string, path: string, token?: string, body?: string) => document.ask(address, method, path, token, body);
for (const { path, method } of document.operations()) {
  const asked: Record<string, Promise<Response>> = { 401: ask(method, path), 403: ask(method, path, tokens.stranger), 405: ask('delete', path, tokens.admin) };
  if (method !== 'get') {
    asked[400] = ask(method, path, tokens.admin, '{');
    asked[413] = document.askTooMuch(address, method, path, tokens.admin);
  }
  asked[414] = document.askTooLong(address, method, path, tokens.admin);
  for (const status in asked) {
    const response = await asked[status]!;
    if (String(response.status) !== status) document.faults.push(`${method} ${path}: ${response.status} instead of ${status}`);
    document.check(method.toUpperCase(), path, response, await response.text());
  }
}

// Which methods each path takes: it refuses the caller, and not the method.
results.methods = Object.fromEntries(await Promise.all(Object.keys(document.document.paths).map(async (path) => {
  const taken = [];
  for (const method of ['get', 'put', 'post', 'patch', 'delete']) {
    if ((await ask(method, path, tokens.stranger)).status === 403) taken.push(method);
  }
  return [path, taken];
})));

// OPTIONS names them.
results.notAllowed = (await Promise.all(document.operations().map(async ({ path, method }) => {
  const { status, headers } = await ask('options', path);
  return status === 204 && headers.get('Allow')?.split(', ').includes(method.toUpperCase()) ? [] : [`${method} ${path}`];
}))).flat();

results.errors = await document.errors();
results.requests = await requestFaults(document, address, tokens.admin);
results.faults = document.faults;
results.seen = [...document.seen].sort();
results.documented = document.operations().flatMap(({ path, method, responses }) =>
  Object.keys(responses).map((status) => `${method.toUpperCase()} ${path} ${status}`)).sort();
console.log(JSON.stringify(results));
