// What a front-end developer does with @supabase/postgrest-js. Prints one JSON
// document; test/t/206_rest_client.pl compares it.
//
//   node client.mjs ADDRESS OPERATOR_TOKEN LEARNER_TOKEN

import { PostgrestClient } from '@supabase/postgrest-js';

const [address, operatorToken, learnerToken] = process.argv.slice(2);
const client = (token) => new PostgrestClient(address, {
  headers: token ? { Authorization: `Bearer ${token}` } : {},
});
const operator = client(operatorToken);
const learner = client(learnerToken);
const answer = ({ status, data, error, count }) =>
  ({ status, data, error: error && { ...error }, count });
const results = {};

results.embedding = answer(await operator.from('parties')
  .select('name, credit_accounts(name, balance, credit_transactions(operation, delta)), organisation(name)')
  .eq('kind', 'person').like('name', 'A%').order('name').limit(2));
results.filters = answer(await operator.from('credit_transactions')
  .select('delta, parties!inner(name)', { count: 'exact' })
  .gt('delta', 2).in('operation', ['add', 'init']).eq('parties.name', 'Ada')
  .order('entry_no'));
results.one = answer(await operator.from('training_token_types')
  .select('id, global_id').eq('name', 'Silver').single());
results.rpc = answer(await operator.rpc('credit_add', {
  party_id: 7, amount: 2.345, source: 'shop', description: 'two', recorded_at: '2026-01-02T00:00:00Z',
}).select('entry_no, delta, balance'));
results.read = answer(await operator.rpc('credit_balance', { party_id: 7 }, { get: true }));
results.document = answer(await operator.rpc('credit_token_transaction_init', {
  delegate_id: 7, amount: 5, source: 'shop', description: 'again', recordedAt: 1512516382,
}));
results.refused = answer(await operator.rpc('credit_init', {
  party_id: 7, amount: 5, source: 'shop', description: 'again', recorded_at: '2026-01-02T00:00:00Z',
}));
results.missing = answer(await operator.rpc('find_party', { id_type: 'id', id: '404' }));
results.learner = answer(await learner.from('parties').select('id', { count: 'exact' }));
results.forbidden = answer(await learner.rpc('add_region', { code: 'X', name: 'x' }));
results.nobody = answer(await client().from('parties').select('id'));

console.log(JSON.stringify(results));
