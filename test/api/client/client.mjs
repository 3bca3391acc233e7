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
const page = (from, to) => operator.from('parties').select('name', { count: 'exact' }).order('name', { ascending: false }).range(from, to);
results.pages = [answer(await page(0, 2)), answer(await page(3, 5))];
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

const tokens = { token_type_id: '8848a3b3-8adf-45db-8ff6-0fafcbd3b3f6', party_id: 3 };
const issue = await operator.rpc('issue_training_tokens', { ...tokens, quantity: 10, expires_on: '2099-12-31' })
  .select('id, initial_balance, current_balance, expires_at, parties(name)').single();
const adjust = (amount) => operator.rpc('adjust_training_tokens', { issue_id: issue.data.id, amount, notes: 'Goodwill' }).select('current_balance');
const redeem = (quantity, idempotency_key = null) => operator
  .rpc('redeem_training_tokens', { ...tokens, quantity, reference: 'Event 4711', idempotency_key }).select('id, quantity, reference');
const { id, ...issued } = issue.data;
results.issue = issued;
results.adjust = [answer(await adjust(-3)), answer(await adjust(-8))];
const key = '018c2f6e-0000-7000-8000-000000000001';
const [redemption, again] = [await redeem(4, key), await redeem(4, key)];
results.redeem = [redemption.status, redemption.data.quantity, redemption.data.reference, again.data.id === redemption.data.id];
results.reused = answer(await redeem(5, key));
results.short = answer(await redeem(4));
results.refund = answer(await operator.rpc('refund_training_tokens', { redemption_id: redemption.data.id, quantity: 1 }).select('quantity, refunded'));
results.movements = answer(await operator.from('training_token_transactions').select('operation, delta, balance')
  .eq('issue_id', id).order('entry_no'));
const pass = await operator.rpc('issue_pass', { pass_type_id: 1, option_id: 1, party_id: 7, valid_from: '2099-01-01', valid_until: '2099-12-31' });
results.renew = answer(await operator.rpc('renew_pass', { pass_id: pass.data.id, valid_until: '2100-06-30' })
  .select('valid_from, valid_until, parties(name), training_pass_types(code)'));
results.shorter = answer(await operator.rpc('renew_pass', { pass_id: pass.data.id, valid_until: '2099-06-30' }));

results.learner = answer(await learner.from('parties').select('id', { count: 'exact' }));
results.forbidden = answer(await learner.rpc('add_region', { code: 'X', name: 'x' }));
results.nobody = answer(await client().from('parties').select('id'));

console.log(JSON.stringify(results));
