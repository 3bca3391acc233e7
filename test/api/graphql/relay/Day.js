// What a front-end developer does in a working day with Relay: its compiler and its
// store, and the fetches that its hooks make. Prints one JSON document;
// test/t/232_graphql_clients.pl compares it.
//
//   node Day.js ADDRESS OPERATOR_TOKEN LEARNER_TOKEN

const {
  commitMutation, createOperationDescriptor, Environment, fetchQuery, getSingularSelector, Network, RecordSource, Store,
} = require('relay-runtime');

const [address, operatorToken, learnerToken] = process.argv.slice(2);
const results = {};
const complaints = [];
console.warn = console.error = (...words) => { complaints.push(words.map(String)); };

// In a build, Babel replaces a document by what the compiler made of it.
const graphql = ([text]) => require(`./__generated__/${/\b(?:query|mutation|fragment)\s+(\w+)/.exec(text)[1]}.graphql`);

const environmentOf = (token) => new Environment({
  network: Network.create(async ({ text: query }, variables) => {
    const response = await fetch(address, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${token}` },
      body: JSON.stringify({ query, variables }),
    });
    return response.json();
  }),
  store: new Store(new RecordSource()),
  // A person is a Contact and, as a holder of tokens, an Account: with one id.
  getDataID: ({ id }, type) => id && `${type}:${id}`,
});
const environment = environmentOf(operatorToken);

// Fetches, and returns what the store has of it
async function ask(query, variables) {
  await fetchQuery(environment, query, variables, { fetchPolicy: 'network-only' }).toPromise();
  const operation = createOperationDescriptor(query, variables);
  environment.retain(operation);
  return environment.lookup(operation.fragment);
}

const change = (mutation, variables, as = environment) => new Promise((resolve, onError) => {
  const onCompleted = (data, errors) => (errors ? onError(errors) : resolve(data));
  commitMutation(as, { mutation, variables, onCompleted, onError });
});

const read = (fragment, reference) => environment.lookup(getSingularSelector(fragment, reference)).data;

// ---------------------------------------------------------------------------
// Page by page, forward and backward
// ---------------------------------------------------------------------------

const people = graphql`
  fragment Day_people on Account
  @refetchable(queryName: "DayPeoplePageQuery")
  @argumentDefinitions(
    text: { type: "String" }
    first: { type: "Int" }
    after: { type: "Cursor" }
    last: { type: "Int" }
    before: { type: "Cursor" }
  ) {
    name
    contacts(
      first: $first, after: $after, last: $last, before: $before
      filters: [{ field: name, operation: like, value: $text }]
      order: [{ field: name, direction: desc }]
    ) @connection(key: "Day_people_contacts") {
      edges { node { name } }
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    }
  }`;
const organisation = graphql`
  query DayOrganisationQuery($id: ID!, $text: String, $first: Int, $after: Cursor, $last: Int, $before: Cursor) {
    node(id: $id) {
      ...Day_people @alias(as: "people")
        @arguments(text: $text, first: $first, after: $after, last: $last, before: $before)
    }
  }`;

// Reads all pages with the query that @refetchable makes, in one direction
async function pages(id, text, start, next) {
  const { data } = await ask(organisation, { id, text, ...start });
  const counts = [];
  for (;;) {
    const { contacts } = read(people, data.node.people);
    counts.push(contacts.edges.length);
    const page = next(contacts.pageInfo);
    if (!page) {
      return [counts, contacts.edges.map(({ node }) => node.name)];
    }
    await ask(people.metadata.refetch.operation, { id, text, ...page });
  }
}

// ---------------------------------------------------------------------------
// Issue, adjust, redeem
// ---------------------------------------------------------------------------

const issue = graphql`
  mutation DayIssueMutation($input: TokenIssueCreateInput!) {
    trainingTokenIssues {
      create(input: $input) {
        errors { label message value }
        tokenIssue { id initialBalance tokenAccount { id ...Day_holding } ...Day_issue }
      }
    }
  }`;
const issued = graphql`
  fragment Day_issue on TrainingTokenIssue @refetchable(queryName: "DayIssueQuery") {
    currentBalance
    transactions { nodes { id operation balanceDelta } }
  }`;
const holding = graphql`
  fragment Day_holding on TokenAccount @refetchable(queryName: "DayHoldingQuery") {
    currentBalance
    account { id name }
  }`;
const adjust = graphql`
  mutation DayAdjustMutation($input: TokenBalanceAdjustInput!) {
    trainingTokenBalances {
      adjust(input: $input) { errors { label message value } tokenIssue { id currentBalance } }
    }
  }`;
const redeem = graphql`
  mutation DayRedeemMutation($input: TokenBalanceRedeemInput!) {
    trainingTokenBalances {
      redeem(input: $input) {
        errors { label message value }
        redemption { id quantity tokenAccount { id currentBalance } }
      }
    }
  }`;

// ---------------------------------------------------------------------------
// Passes
// ---------------------------------------------------------------------------

const passes = graphql`
  query DayPassesQuery($contactId: String!) {
    trainingPasses(filters: [{ field: contactId, operation: eq, value: $contactId }]) {
      nodes { id ...Day_pass }
    }
  }`;
const pass = graphql`
  fragment Day_pass on TrainingPass @refetchable(queryName: "DayPassQuery") {
    validUntil
    status
    contact { id email }
    trainingPassType { code content { nodes { __typename id ...on CatalogItem { name } } } }
  }`;
const renew = graphql`
  mutation DayRenewMutation($input: TrainingPassRenewInput!) {
    trainingPass {
      renewPass(input: $input) { errors { label message value } trainingPass { id validUntil } }
    }
  }`;

const globalId = (text) => Buffer.from(text).toString('base64');

async function day() {
  const id = globalId('Organisation:5');
  results.forward = await pages(id, '%A%', { first: 9 },
    ({ hasNextPage, endCursor }) => hasNextPage && { first: 9, after: endCursor });
  results.backward = await pages(id, '%a%', { last: 11 },
    ({ hasPreviousPage, startCursor }) => hasPreviousPage && { last: 11, before: startCursor });

  // Tokens of a person, who is a Contact too
  const tokenTypeId = globalId('TokenType:5a0c2f1063a74b0d9a4e2f8f1f6f7d02');
  const accountId = globalId('Person:21');
  const made = (await change(issue, { input: { tokenTypeId, accountId, quantity: '7.5', expiresAt: '2099-12-31' } }))
    .trainingTokenIssues.create.tokenIssue;
  const adjusted = await change(adjust, { input: { tokenIssueId: made.id, amount: 0.25, notes: 'Goodwill' } });
  results.adjusted = [adjusted.trainingTokenBalances.adjust.errors, read(issued, made).currentBalance];
  const booking = { tokenTypeId, accountId, reference: 'booking 233' };
  const redeemed = (await change(redeem, { input: { ...booking, quantity: 2 } })).trainingTokenBalances.redeem;
  results.redeemed = [redeemed.errors, redeemed.redemption.quantity];
  results.holding = read(holding, made.tokenAccount);
  const refused = (await change(redeem, { input: { ...booking, quantity: '1000000.5' } })).trainingTokenBalances.redeem;
  results.refused = [refused.errors, refused.redemption];
  // by node(id)
  await ask(issued.metadata.refetch.operation, { id: made.id });
  const { transactions, currentBalance } = read(issued, made);
  results.issue = [currentBalance, transactions.nodes.map(({ operation, balanceDelta }) => [operation, balanceDelta])];

  const { data: { trainingPasses } } = await ask(passes, { contactId: globalId('Person:90') });
  results.passes = trainingPasses.nodes.length;
  const [reference] = trainingPasses.nodes.filter((node) => read(pass, node).trainingPassType.code === 'Lead');
  const renewed = (await change(renew, { input: { trainingPassId: reference.id, validUntil: '2100-06-30' } })).trainingPass.renewPass;
  results.renewed = [renewed.errors, read(pass, reference).validUntil];
  await ask(pass.metadata.refetch.operation, { id: reference.id });
  results.pass = read(pass, reference);
  const shortened = (await change(renew, { input: { trainingPassId: reference.id, validUntil: '2099-01-01' } })).trainingPass.renewPass;
  results.shortened = [shortened.errors, shortened.trainingPass];
  results.forbidden = await change(adjust, { input: { tokenIssueId: made.id, amount: 1 } }, environmentOf(learnerToken))
    .catch((errors) => errors.map(({ path, extensions }) => [path, extensions.code]));
}

day().then(() => console.log(JSON.stringify({ ...results, complaints })));
