-- Credit accounts (contract, section 7)

CREATE FUNCTION trainledger.credit_init(
	party_id bigint,
	amount numeric,
	source text,
	description text,
	recorded_at timestamptz,
	account_name text DEFAULT 'default',
	token_type text DEFAULT 'default',
	rounding trainledger.rounding DEFAULT 'round',
	balance_expected numeric DEFAULT NULL,
	device text DEFAULT NULL,
	idempotency_key uuid DEFAULT NULL) RETURNS trainledger.booked_entry
AS 'MODULE_PATHNAME', 'tl_credit_init' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION trainledger.credit_init IS
'Opens a party''s credit account with an initial balance, which may be zero or negative within the bounds. The first one makes the token type default. Level operator.';

CREATE FUNCTION trainledger.credit_add(
	party_id bigint,
	amount numeric,
	source text,
	description text,
	recorded_at timestamptz,
	account_name text DEFAULT 'default',
	token_type text DEFAULT 'default',
	rounding trainledger.rounding DEFAULT 'round',
	balance_expected numeric DEFAULT NULL,
	device text DEFAULT NULL,
	idempotency_key uuid DEFAULT NULL) RETURNS trainledger.booked_entry
AS 'MODULE_PATHNAME', 'tl_credit_add' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION trainledger.credit_add IS
'Adds tokens to a party''s credit account and returns the entry. Level operator.';

CREATE FUNCTION trainledger.credit_subtract(
	party_id bigint,
	amount numeric,
	source text,
	description text,
	recorded_at timestamptz,
	account_name text DEFAULT 'default',
	token_type text DEFAULT 'default',
	rounding trainledger.rounding DEFAULT 'round',
	balance_expected numeric DEFAULT NULL,
	device text DEFAULT NULL,
	idempotency_key uuid DEFAULT NULL) RETURNS trainledger.booked_entry
AS 'MODULE_PATHNAME', 'tl_credit_subtract' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION trainledger.credit_subtract IS
'Takes tokens from a party''s credit account and returns the entry. Level operator.';

/*
 * The account of a party by names, for the reading functions: TL404 where
 * there is no such party or token type, TL057 where the account was never
 * initialised.
 */
CREATE FUNCTION trainledger_internal.credit_account(
	party_id bigint,
	account_name text DEFAULT 'default',
	token_type text DEFAULT 'default') RETURNS trainledger.account
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	found_account trainledger.account;
	-- compare in the default collation, whatever the arguments have
	named text COLLATE "default" := coalesce(trimmed(account_name), 'default');
	of_type text COLLATE "default" := coalesce(trimmed(token_type), 'default');
BEGIN
	IF party_id IS NULL THEN
		PERFORM refuse('TL400', 'party_id is missing',
			'The argument party_id is null.', 'This argument is required.',
			'party_id');
	END IF;
	SELECT a.* INTO found_account
	FROM trainledger.account a
	JOIN trainledger.token_type t ON t.id = a.token_type_id
	WHERE a.party_id = credit_account.party_id
	AND t.kind = 'credit' AND t.name = of_type AND a.name = named;
	IF FOUND THEN
		RETURN found_account;
	END IF;

	IF NOT EXISTS (SELECT FROM trainledger.party p
				   WHERE p.id = credit_account.party_id) THEN
		PERFORM refuse('TL404', 'party not found',
			format('There is no party %s.', party_id),
			'Look the id up in trainledger.party.', 'party_id');
	END IF;
	IF of_type <> 'default'
	   AND NOT EXISTS (SELECT FROM trainledger.token_type t
					   WHERE t.kind = 'credit' AND t.name = of_type) THEN
		PERFORM refuse('TL404', 'token type not found',
			format('There is no credit token type %s.', quote_literal(of_type)),
			'Look the name up in trainledger.token_type.', 'token_type');
	END IF;
	PERFORM refuse('TL057', 'account not initialised',
		format('Party %s has no account %s of token type %s.',
			   party_id, quote_literal(named), quote_literal(of_type)),
		'Initialise the account first.', 'account_name');
END;
$$;
COMMENT ON FUNCTION trainledger_internal.credit_account IS
'Credit account of a party by its name and token type. Level learner, for its own.';

CREATE FUNCTION trainledger.credit_balance(
	party_id bigint,
	account_name text DEFAULT 'default',
	token_type text DEFAULT 'default') RETURNS trainledger.amount
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found_account trainledger.account;
BEGIN
	found_account := trainledger_internal.credit_account(party_id, account_name,
														 token_type);
	RETURN found_account.balance;
END;
$$;
COMMENT ON FUNCTION trainledger.credit_balance IS
'Balance of a party''s credit account. Level learner, for its own.';

CREATE FUNCTION trainledger.credit_history(
	party_id bigint,
	account_name text DEFAULT 'default',
	token_type text DEFAULT 'default',
	before_entry bigint DEFAULT NULL,
	max_entries integer DEFAULT 100,
	after_entry bigint DEFAULT NULL) RETURNS SETOF trainledger.booked_entry
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found_account trainledger.account;
	-- as part of the query, coalesce would be checked after row-level
	-- security, and all entries from the newest on would be read
	before bigint := coalesce(before_entry, 9223372036854775807);
BEGIN
	IF max_entries < 0 THEN
		PERFORM trainledger_internal.refuse('TL400', 'number of entries is negative',
			format('The argument max_entries is %s.', max_entries),
			'Give how many entries to return, or null for all.', 'max_entries');
	END IF;
	found_account := trainledger_internal.credit_account(party_id, account_name,
														 token_type);
	IF after_entry IS NULL THEN
		RETURN QUERY
		SELECT e.account_id, e.entry_no, e.operation, e.delta, e.balance,
			   e.source, e.description, e.recorded_at, e.created_at, e.device,
			   e.booked_by, e.booking_no, false
		FROM trainledger.entry e
		WHERE e.account_id = found_account.id
		AND e.entry_no < before
		ORDER BY e.entry_no DESC
		LIMIT max_entries;
	ELSE
		RETURN QUERY
		SELECT e.account_id, e.entry_no, e.operation, e.delta, e.balance,
			   e.source, e.description, e.recorded_at, e.created_at, e.device,
			   e.booked_by, e.booking_no, false
		FROM (
			SELECT n.* FROM trainledger.entry n
			WHERE n.account_id = found_account.id
			AND n.entry_no > after_entry AND n.entry_no < before
			ORDER BY n.entry_no
			LIMIT max_entries) AS e
		ORDER BY e.entry_no DESC;
	END IF;
END;
$$;
COMMENT ON FUNCTION trainledger.credit_history IS
'Entries of a party''s credit account, newest first; before_entry continues from the last one that was read, after_entry gives those next after one. Level learner, for its own.';

-- Documents of the event system (section 7), in trainledger_api

CREATE FUNCTION trainledger_api.credit_token_transaction(json) RETURNS json
AS 'MODULE_PATHNAME', 'tl_credit_token_transaction'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION trainledger_api.credit_token_transaction IS
'Records a credit-token transaction.

The body names the operation (init, add or subtract), the delegate (delegate_id, delegate_rfid, delegate_barcode or delegate_externalId), amount, source, description and recordedAt; accountName, tokenType, rounding (round, floor or ceil), balanceExpected and device_id or device_code are optional. Answers 201, or the error document with 400, 404 or 409.';

CREATE FUNCTION trainledger_api.credit_token_transaction_init(json) RETURNS json
AS 'MODULE_PATHNAME', 'tl_credit_token_transaction_init'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION trainledger_api.credit_token_transaction_init IS
'Initialises a delegate''s account with a balance.

The body is that of credit_token_transaction, without the operation.';

CREATE FUNCTION trainledger_api.credit_token_transaction_add(json) RETURNS json
AS 'MODULE_PATHNAME', 'tl_credit_token_transaction_add'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION trainledger_api.credit_token_transaction_add IS
'Adds tokens to a delegate''s account.

The body is that of credit_token_transaction, without the operation.';

CREATE FUNCTION trainledger_api.credit_token_transaction_subtract(json) RETURNS json
AS 'MODULE_PATHNAME', 'tl_credit_token_transaction_subtract'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION trainledger_api.credit_token_transaction_subtract IS
'Takes tokens from a delegate''s account.

The body is that of credit_token_transaction, without the operation.';

CREATE FUNCTION trainledger_api.credit_token_balance(
	"accountName" text, "idType" text, id text,
	"tokenType" text DEFAULT 'default') RETURNS json
AS 'MODULE_PATHNAME', 'tl_credit_token_balance'
LANGUAGE C STABLE PARALLEL UNSAFE;
COMMENT ON FUNCTION trainledger_api.credit_token_balance IS
'Balance of a delegate''s account and its last transaction.

accountName names the account, tokenType its type (default), idType (id, rfid, barcode or externalId) and id the delegate. Answers 200, or 404 where there is no such delegate or account.';

CREATE FUNCTION trainledger_api.credit_token_history(
	"accountName" text, "idType" text, id text,
	"tokenType" text DEFAULT 'default',
	max_entries integer DEFAULT NULL,
	before_entry bigint DEFAULT NULL) RETURNS json
AS 'MODULE_PATHNAME', 'tl_credit_token_history'
LANGUAGE C STABLE PARALLEL UNSAFE;
COMMENT ON FUNCTION trainledger_api.credit_token_history IS
'Transactions of a delegate''s account, newest first.

accountName names the account, tokenType its type (default), idType (id, rfid, barcode or externalId) and id the delegate. max_entries, from 1 to 1000, asks for a page (all transactions), before_entry for those before an entry. Where more follow, the header Link has the URI of the next page. Answers 200, 400 where the page is not valid, 404 where there is no such delegate or account, or 413 where the answer would be longer than 8 MB.';
