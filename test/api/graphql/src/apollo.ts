// What a front-end developer does in a working day, with Apollo Client and the
// types of graphql-codegen. Prints one JSON document;
// test/t/232_graphql_clients.pl compares it.
//
//   node apollo.ts ADDRESS OPERATOR_TOKEN LEARNER_TOKEN

import { ApolloClient, CombinedGraphQLErrors, HttpLink, InMemoryCache } from '@apollo/client';
import type { OperationVariables, TypedDocumentNode } from '@apollo/client';

// the example of doc/graphql.md
import { cache } from './documented.ts';
import type { ContactsQuery } from './gql/graphql.ts';
import { graphql } from './gql/index.ts';

declare const process: { argv: string[] };

const [address = '', operatorToken = '', learnerToken = ''] = process.argv.slice(2);
const results: Record<string, unknown> = {};
// what the client has to say, such as that data may be lost
const complaints: unknown[] = [];
console.warn = console.error = (...words: unknown[]) => { complaints.push(words.map(String)); };

const client = (token: string, cache = new InMemoryCache()) => new ApolloClient({
  cache,
  link: new HttpLink({ uri: address, headers: { Authorization: `Bearer ${token}` } }),
});
const operator = client(operatorToken, cache);

// What is there, or the end of the day
function there<T>(value: T): NonNullable<T> {
  if (value === null || value === undefined) {
    throw new Error('something is not there');
  }
  return value;
}

async function ask<D, V extends OperationVariables>(
  query: TypedDocumentNode<D, V>, variables: NoInfer<V>, as = operator): Promise<D> {
  const { data } = await as.query<D, OperationVariables>({ query, variables, fetchPolicy: 'network-only' });
  return there(data) as D;
}

async function change<D, V extends OperationVariables>(
  mutation: TypedDocumentNode<D, V>, variables: NoInfer<V>, as = operator): Promise<D> {
  const { data } = await as.mutate<D, OperationVariables>({ mutation, variables });
  return there(data) as D;
}

// ---------------------------------------------------------------------------
// Search, page by page, forward and backward
// ---------------------------------------------------------------------------

const contacts = graphql(`
  query Contacts($name: String!, $first: Int, $after: Cursor, $last: Int, $before: Cursor) {
    contacts(
      filters: [{ field: name, operation: like, value: $name }], order: [{ field: name, direction: desc }]
      first: $first, after: $after, last: $last, before: $before
    ) {
      edges { cursor node { id name account { id name } } }
      pageInfo { startCursor endCursor hasNextPage hasPreviousPage totalRecords }
    }
  }
`);
type Cursors = { first?: number, after?: string | null, last?: number, before?: string | null };
type ContactsPage = NonNullable<ContactsQuery['contacts']>;

// Page after page, as the function says which is next: how long the list in the
// cache becomes, and the list
async function pages(start: Cursors, next: (info: ContactsPage['pageInfo']) => Cursors | false) {
  const counts: number[] = [];
  for (let page = start; ;) {
    const { edges, pageInfo }: ContactsPage = there((await ask(contacts, { name: 'ada %', ...page })).contacts);
    const following = next(pageInfo);
    counts.push(edges.length);
    results.totalRecords = pageInfo.totalRecords;
    if (!following) {
      return [counts, edges.map((edge) => [edge?.node?.name, edge?.node?.account?.name])];
    }
    page = following;
  }
}

results.forward = await pages({ first: 7 }, ({ hasNextPage, endCursor }) => hasNextPage && { first: 7, after: endCursor });
results.backward = await pages({ last: 7 }, ({ hasPreviousPage, startCursor }) => hasPreviousPage && { last: 7, before: startCursor });

// ---------------------------------------------------------------------------
// Issue, adjust, redeem
// ---------------------------------------------------------------------------

const holdings = graphql(`
  query Holdings($type: String!) {
    trainingTokenTypes(filters: [{ field: name, operation: eq, value: $type }]) { nodes { id name decimals } }
    accounts(filters: [{ field: name, operation: eq, value: "Administrate" }]) { nodes { id name } }
  }
`);
const issue = graphql(`
  mutation Issue($input: TokenIssueCreateInput!) {
    trainingTokenIssues {
      create(input: $input) {
        errors { label message value }
        tokenIssue { id initialBalance currentBalance expiresAt tokenType { id name } }
      }
    }
  }
`);
const issues = graphql(`
  query Issues($id: String!) {
    trainingTokenIssues(filters: [{ field: id, operation: eq, value: $id }]) {
      nodes { id currentBalance createdAt transactions { nodes { operation balanceDelta notes } } }
    }
  }
`);
const adjust = graphql(`
  mutation Adjust($input: TokenBalanceAdjustInput!) {
    trainingTokenBalances {
      adjust(input: $input) { errors { label message value } tokenIssue { id currentBalance } }
    }
  }
`);
const redeem = graphql(`
  mutation Redeem($input: TokenBalanceRedeemInput!) {
    trainingTokenBalances {
      redeem(input: $input) { errors { label message value } redemption { id quantity reference } }
    }
  }
`);

const { trainingTokenTypes, accounts } = await ask(holdings, { type: 'Hours' });
const tokenTypeId = there(there(trainingTokenTypes).nodes[0]).id;
const accountId = there(there(accounts).nodes[0]).id;
const order = {
  tokenTypeId, accountId, quantity: '12.50', expiresAt: '2099-12-31',
  idempotencyKey: '018c2f6e-0000-7000-8000-000000000232',
};
const issued = there((await change(issue, { input: order })).trainingTokenIssues?.create?.tokenIssue);
const again = there((await change(issue, { input: order })).trainingTokenIssues?.create?.tokenIssue);
results.issued = [issued.initialBalance, issued.currentBalance, issued.expiresAt, issued.tokenType?.name, again.id === issued.id];

const tokenIssueId = issued.id;
await ask(issues, { id: tokenIssueId });
results.adjusted = (await change(adjust, { input: { tokenIssueId, amount: -2.25, notes: 'Goodwill' } }))
  .trainingTokenBalances?.adjust?.tokenIssue?.currentBalance;
// What the mutation brought is in what was asked for before.
results.cached = operator.readQuery({ query: issues, variables: { id: tokenIssueId } })
  ?.trainingTokenIssues?.nodes[0]?.currentBalance;

const booking = { tokenTypeId, accountId, reference: 'booking 232' };
const redeemed = (await change(redeem, { input: { ...booking, quantity: 0.5 } })).trainingTokenBalances?.redeem;
results.redeemed = [redeemed?.errors, redeemed?.redemption?.quantity, redeemed?.redemption?.reference];
const refused = (await change(redeem, { input: { ...booking, quantity: '1000000.5' } })).trainingTokenBalances?.redeem;
results.refused = [refused?.errors?.map((error) => [error?.label, error?.message, error?.value]), refused?.redemption];

results.transactions = (await ask(issues, { id: tokenIssueId })).trainingTokenIssues?.nodes[0]?.transactions.nodes
  .map((row) => [row?.operation, row?.balanceDelta, row?.notes]);

// ---------------------------------------------------------------------------
// Passes
// ---------------------------------------------------------------------------

const passes = graphql(`
  query Passes($email: String!) {
    contacts(filters: [{ field: email, operation: eq, value: $email }]) {
      nodes {
        id
        trainingPasses(filters: [{ field: lifecycleState, operation: eq, value: "active" }]) {
          nodes { id validUntil trainingPassType { id code content { nodes { __typename id ... on CourseTemplate { code } ... on LearningPath { name } } } } }
        }
      }
    }
  }
`);
const renew = graphql(`
  mutation Renew($input: TrainingPassRenewInput!) {
    trainingPass {
      renewPass(input: $input) { errors { label message value } trainingPass { id validUntil status contact { id name } } }
    }
  }
`);
const email = 'kira.frost@example.org';
const pass = there(there((await ask(passes, { email })).contacts).nodes[0]?.trainingPasses.nodes[0]);
results.content = pass.trainingPassType?.content.nodes;
const renewed = (await change(renew, { input: { trainingPassId: pass.id, validUntil: '2100-06-30' } })).trainingPass?.renewPass;
results.renewed = [renewed?.errors, renewed?.trainingPass?.validUntil, renewed?.trainingPass?.contact?.name];
results.cachedPass = operator.readQuery({ query: passes, variables: { email } })
  ?.contacts?.nodes[0]?.trainingPasses.nodes[0]?.validUntil;
const shortened = (await change(renew, { input: { trainingPassId: pass.id, validUntil: '2099-01-01T00:00:00Z' } })).trainingPass?.renewPass;
results.shortened = [shortened?.errors?.map((error) => [error?.label, error?.message, error?.value]), shortened?.trainingPass];

// A learner may not: an error of the document
results.forbidden = await change(adjust, { input: { tokenIssueId, amount: 1 } }, client(learnerToken)).catch(
  (error: unknown) => CombinedGraphQLErrors.is(error) ? error.errors.map(({ path, extensions }) => [path, extensions?.code]) : String(error));

console.log(JSON.stringify({ ...results, complaints }));
