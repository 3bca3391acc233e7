-- Training tokens: prices, voids, corrections of an expiry, refunds to lots that
-- are over, transfers, and what they come to in token_revenue (contract,
-- sections 8 and 14).
\pset format unaligned
\pset null (null)
SET search_path = trainledger, public;
SET TimeZone = 'UTC';
SET DateStyle = 'ISO';
CREATE FUNCTION regress.moves_at(clock text) RETURNS text
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$ SELECT set_config('trainledger.clock', $1, false) $$;
-- a lot by the last digits of its id, and its entries
CREATE FUNCTION regress.lot(n integer) RETURNS uuid LANGUAGE sql IMMUTABLE
AS $$ SELECT ('00000000-0000-4000-8000-0000d0' || lpad(n::text, 6, '0'))::uuid $$;
CREATE FUNCTION regress.moved(lot uuid) RETURNS TABLE (
	entry_no bigint, operation operation, delta amount, balance amount,
	description text, recorded_at timestamptz, created_at timestamptz)
LANGUAGE sql STABLE
AS $$
	SELECT e.entry_no, e.operation, e.delta, e.balance, regexp_replace(e.description, '\d{3,}', 'N'), e.recorded_at, e.created_at
	FROM trainledger.entry e JOIN trainledger.token_lot l USING (account_id) WHERE l.id = $1 ORDER BY e.entry_no
$$;
SELECT regress.moves_at('2025-01-10 09:00:00Z');
SET ROLE regress_admin;
SELECT name FROM unnest('{moves-gold,moves-silver,moves-old,moves-off}'::text[]) n, add_training_token_type(n, id => md5(n)::uuid);
SELECT name, scale FROM add_training_token_type('moves-hours', scale => 2, default_days_to_redeem => 30, id => md5('moves-hours')::uuid);
SELECT code, minor_units FROM (VALUES ('MOVES2', 2), ('MOVES0', 0), ('MOVES6', 6)) v(c, u), add_currency(c, c, u);
SELECT barcode FROM unnest('{moves-acme,moves-bell,moves-core,moves-dove,moves-sus}'::text[]) b, add_party('organisation', b, barcode => b);
SELECT barcode FROM add_party('person', 'Ann', barcode => 'moves-ann', organisation_id => regress.party('moves-acme'));
SELECT barcode FROM add_party('person', 'Bob', barcode => 'moves-bob', organisation_id => regress.party('moves-bell'));

-- prices: kept as given, with the decimals of the currency and four more
SELECT right(i.id::text, 1) AS lot, i.unit_price, i.currency_code FROM (VALUES
	(1, 99.90, 'MOVES2'), (2, 0.123456, 'MOVES2'), (3, 0, 'MOVES2'), (4, 1.2345, 'MOVES0'), (5, 0.0123456789, 'MOVES6'),
	(6, 9223372036854, 'MOVES0'), (7, 50.000000000, 'MOVES0'), (8, NULL, NULL)) v(n, price, currency),
	issue_training_tokens(md5('moves-silver')::uuid, regress.party('moves-acme'), 10, id => regress.lot(v.n), unit_price => v.price, currency_code => v.currency) i;
SELECT id = regress.lot(1) AS same, unit_price, currency_code FROM token_issue WHERE id = regress.lot(1);
SELECT v.label, r.* FROM (VALUES
	('no currency', '1', 'NULL'), ('no price', 'NULL', $$'MOVES2'$$), ('negative', '-0.01', $$'MOVES2'$$),
	('NaN', $$'NaN'$$, $$'MOVES2'$$), ('infinite', $$'Infinity'$$, $$'MOVES2'$$), ('too much', '9223372036854.01', $$'MOVES2'$$),
	('seven decimals', '0.1234567', $$'MOVES2'$$), ('five decimals', '1.00001', $$'MOVES0'$$),
	('eleven decimals', '0.00000000001', $$'MOVES6'$$), ('unknown currency', '1', $$'MOVES'$$), ('letter case', '1', $$'moves2'$$),
	('unknown currency, decimals', '0.1234567', $$''$$)) v(label, price, currency),
	regress.refusal(format($$SELECT issue_training_tokens(md5('moves-silver')::uuid, regress.party('moves-acme'), 1, unit_price => %s, currency_code => %s)$$, v.price, v.currency)) r;
-- a part of the same request
SELECT unit_price FROM issue_training_tokens(md5('moves-silver')::uuid, regress.party('moves-acme'), 3, idempotency_key => regress.lot(1), unit_price => 12.5, currency_code => 'MOVES2');
SELECT unit_price, initial_balance FROM issue_training_tokens(md5('moves-silver')::uuid, regress.party('moves-acme'), 3, idempotency_key => regress.lot(1), unit_price => 12.500, currency_code => 'MOVES2');
SELECT r.code, r.message FROM (VALUES ('12.51', $$'MOVES2'$$), ('12.5', $$'MOVES0'$$), ('NULL', 'NULL'), ('12.5000001', $$'MOVES2'$$)) v(price, currency),
	regress.refusal(format($$SELECT issue_training_tokens(md5('moves-silver')::uuid, regress.party('moves-acme'), 3, idempotency_key => regress.lot(1), unit_price => %s, currency_code => %s)$$, v.price, v.currency)) r;
SELECT count(*) FROM token_issue WHERE party_id = regress.party('moves-acme');
-- fixed for ever
RESET ROLE;
SELECT r.code, r.message FROM unnest(ARRAY['unit_price = 1', $$currency_code = 'MOVES0'$$, 'unit_price = NULL, currency_code = NULL']) c,
	regress.refusal('UPDATE token_lot SET ' || c) r;
SET session_replication_role = replica;
SELECT r.code FROM regress.refusal('UPDATE token_lot SET unit_price = 1') r;
RESET session_replication_role;
-- extensions and adjustments leave it
SET ROLE regress_operator;
SELECT unit_price, currency_code FROM adjust_training_tokens(regress.lot(1), 5);
SELECT unit_price, currency_code FROM trainledger_api.adjust_training_tokens(regress.lot(1), -5);
