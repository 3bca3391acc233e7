-- Token types

CREATE FUNCTION trainledger_internal.bounds(
	lower_bound numeric, upper_bound numeric, scale integer, changed text)
RETURNS trainledger.amount_range
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	argument text;
BEGIN
	-- the limits of an amount; NaN is greater than all numbers
	argument := CASE
		WHEN lower_bound NOT BETWEEN -9223372036854.775808
			AND 9223372036854.775807 THEN 'lower_bound'
		WHEN upper_bound NOT BETWEEN -9223372036854.775808
			AND 9223372036854.775807 THEN 'upper_bound' END;
	IF argument IS NOT NULL THEN
		PERFORM refuse('TL400', 'bounds are out of range',
			format('The bounds are %s and %s.',
				   coalesce(left(lower_bound::text, 64), 'none'),
				   coalesce(left(upper_bound::text, 64), 'none')),
			'Give bounds that an amount can hold, or null for none.', argument);
	END IF;
	argument := CASE
		WHEN lower_bound <> round(lower_bound, scale) THEN 'lower_bound'
		WHEN upper_bound <> round(upper_bound, scale) THEN 'upper_bound' END;
	IF argument IS NOT NULL THEN
		PERFORM refuse('TL400', 'bounds have too many decimals',
			format('The bounds are %s and %s, the type has %s decimals.',
				   coalesce(left(lower_bound::text, 64), 'none'),
				   coalesce(left(upper_bound::text, 64), 'none'), scale),
			'Give bounds with no more decimals than the type has.', argument);
	END IF;
	IF lower_bound > upper_bound THEN
		PERFORM refuse('TL400',
			'lower bound is above the upper bound',
			format('The bounds are %s and %s.', lower_bound, upper_bound),
			'Give a lower bound that is not above the upper one.', changed);
	END IF;
	RETURN trainledger.amount_range(
		lower_bound::trainledger.amount, upper_bound::trainledger.amount,
		CASE WHEN lower_bound IS NULL THEN '(' ELSE '[' END
		|| CASE WHEN upper_bound IS NULL THEN ')' ELSE ']' END);
END;
$$;
COMMENT ON FUNCTION trainledger_internal.bounds IS
'The range of balances between two bounds, both included; TL400 where they are not bounds of that scale; changed is to blame where they contradict each other.';

CREATE FUNCTION trainledger_internal.insert_token_type(
	kind trainledger.token_kind, name text, unit trainledger.token_unit,
	scale integer, bounds trainledger.amount_range, symbol text,
	description text, default_days_to_redeem integer, id uuid)
RETURNS trainledger.token_type
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	made trainledger.token_type;
BEGIN
	INSERT INTO trainledger.token_type AS t
		(id, kind, name, unit, scale, bounds, symbol, description,
		 default_days_to_redeem, created_at)
	VALUES (coalesce(insert_token_type.id, gen_random_uuid()),
			insert_token_type.kind, insert_token_type.name,
			insert_token_type.unit, insert_token_type.scale,
			insert_token_type.bounds, insert_token_type.symbol,
			insert_token_type.description,
			insert_token_type.default_days_to_redeem, trainledger.clock())
	ON CONFLICT DO NOTHING
	RETURNING t.* INTO made;
	IF made.id IS NULL THEN
		PERFORM raise_taken('token_type',
			CASE WHEN EXISTS (SELECT FROM trainledger.token_type t
							  WHERE t.id = insert_token_type.id)
				 THEN 'id' ELSE 'name' END);
	END IF;
	RETURN made;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.insert_token_type IS
'Makes a token type from values that were checked; TL409 where the name or id is taken.';

CREATE FUNCTION trainledger_internal.check_token_type(
	name text, scale integer, symbol text, description text,
	default_days_to_redeem integer, id uuid) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	PERFORM require_admin_for_id(id::text, 'id');
	name := require_text('name', name);
	IF scale IS NULL OR scale NOT BETWEEN 0 AND 6 THEN
		PERFORM refuse('TL400', 'scale is out of range',
			format('The scale is %s.', coalesce(scale::text, 'null')),
			'A token type has 0 to 6 decimals.', 'scale');
	END IF;
	PERFORM check_length('symbol', symbol, 250);
	PERFORM check_notes('description', description);
	IF default_days_to_redeem NOT BETWEEN 1 AND 36525 THEN
		PERFORM refuse('TL400',
			'default days to redeem are out of range',
			format('The days are %s.', default_days_to_redeem),
			'Give 1 to 36525 days, or null for never.',
			'default_days_to_redeem');
	END IF;
	RETURN name;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.check_token_type IS
'Checks what token types of both kinds have in common (42501, TL400); the name as it is kept.';

CREATE FUNCTION trainledger_internal.add_credit_token_type(
	name text,
	unit trainledger.token_unit DEFAULT 'token',
	scale integer DEFAULT 2,
	lower_bound numeric DEFAULT NULL,
	upper_bound numeric DEFAULT NULL,
	symbol text DEFAULT NULL,
	description text DEFAULT NULL,
	id uuid DEFAULT NULL) RETURNS trainledger.token_type
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	name := check_token_type(name, scale, symbol, description, NULL::integer,
							 id);
	IF unit IS NULL THEN
		PERFORM refuse('TL400', 'unit is missing',
			'The unit is null.', 'Give token or currency.', 'unit');
	END IF;
	RETURN insert_token_type(
		'credit'::trainledger.token_kind, name, unit, scale,
		bounds(lower_bound, upper_bound, scale, 'upper_bound'),
		symbol, description, NULL::integer, id);
END;
$$;
COMMENT ON FUNCTION trainledger_internal.add_credit_token_type IS
'Adds a type of credit tokens. Balances stay from lower_bound to upper_bound, both included; null: no bound. Level admin.';

CREATE FUNCTION trainledger_internal.add_training_token_type(
	name text,
	description text DEFAULT NULL,
	default_days_to_redeem integer DEFAULT NULL,
	scale integer DEFAULT 0,
	id uuid DEFAULT NULL) RETURNS trainledger.token_type
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	name := check_token_type(name, scale, NULL::text, description,
							 default_days_to_redeem, id);
	RETURN insert_token_type(
		'training'::trainledger.token_kind, name,
		'token'::trainledger.token_unit, scale, '(,)'::trainledger.amount_range,
		NULL, description, default_days_to_redeem, id);
END;
$$;
COMMENT ON FUNCTION trainledger_internal.add_training_token_type IS
'Adds a type of training tokens; issues of it expire default_days_to_redeem days after they are made unless they say otherwise. Level admin.';

CREATE FUNCTION trainledger_internal.update_token_type(
	token_type_id uuid,
	name text DEFAULT NULL,
	symbol text DEFAULT NULL,
	description text DEFAULT NULL,
	lower_bound numeric DEFAULT NULL,
	upper_bound numeric DEFAULT NULL,
	is_active boolean DEFAULT NULL,
	is_archived boolean DEFAULT NULL,
	default_days_to_redeem integer DEFAULT NULL,
	clear text[] DEFAULT '{}') RETURNS trainledger.token_type
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	was trainledger.token_type;
	made trainledger.token_type;
	changed jsonb;
BEGIN
	changed := changes(clear,
		'{"symbol": null, "description": null, "lower_bound": null,
		  "upper_bound": null, "default_days_to_redeem": null}'::json,
		json_build_object('name', trimmed(name), 'symbol', symbol,
			'description', description, 'lower_bound', lower_bound,
			'upper_bound', upper_bound, 'is_active', is_active,
			'is_archived', is_archived,
			'default_days_to_redeem', default_days_to_redeem));
	IF token_type_id IS NULL THEN
		PERFORM refuse('TL400', 'token_type_id is missing',
			'The argument token_type_id is null.', 'Give the id of the type.',
			'token_type_id');
	END IF;
	PERFORM check_token_type(coalesce(name, 'kept'), 0, symbol, description,
							 default_days_to_redeem, NULL::uuid);
	-- bounds that no type accepts are refused before the type is read
	PERFORM bounds(lower_bound, upper_bound, 6, 'upper_bound');
	SELECT t.* INTO was FROM trainledger.token_type t
	WHERE t.id = token_type_id FOR NO KEY UPDATE;
	IF NOT FOUND THEN
		PERFORM refuse_missing('token type', token_type_id::text,
			'token_type_id');
	END IF;

	made := jsonb_populate_record(was, changed);
	made.bounds := bounds(
		CASE WHEN 'lower_bound' = ANY (clear) THEN NULL
			 ELSE coalesce(lower_bound, lower(was.bounds)::numeric) END,
		CASE WHEN 'upper_bound' = ANY (clear) THEN NULL
			 ELSE coalesce(upper_bound, upper(was.bounds)::numeric) END,
		was.scale,
		CASE WHEN upper_bound IS NULL THEN 'lower_bound'
			 ELSE 'upper_bound' END);
	IF was.kind = 'training' AND made.bounds <> was.bounds THEN
		PERFORM refuse('TL400',
			'training tokens have no bounds of their own',
			'The balance of a lot is never below zero.',
			'Give bounds to credit token types only.',
			CASE WHEN lower_bound IS NULL THEN 'upper_bound'
				 ELSE 'lower_bound' END);
	END IF;

	-- not left to the index, in which two that swap would wait for each other
	IF EXISTS (SELECT FROM trainledger.token_type t
			   WHERE t.kind = made.kind AND t.name = made.name
			   AND t.id <> made.id) THEN
		PERFORM raise_taken('token_type', 'name');
	END IF;
	BEGIN
		UPDATE trainledger.token_type t
		SET name = made.name, symbol = made.symbol,
			description = made.description, bounds = made.bounds,
			default_days_to_redeem = made.default_days_to_redeem,
			is_active = made.is_active, is_archived = made.is_archived
		WHERE t.id = token_type_id;
	EXCEPTION WHEN unique_violation THEN
		PERFORM raise_taken('token_type', 'name');
	END;
	PERFORM require_written('token_type', FOUND);
	IF made.bounds <> was.bounds THEN
		INSERT INTO trainledger.token_type_event
			(token_type_id, old_bounds, new_bounds, changed_by, created_at)
		VALUES (made.id, was.bounds, made.bounds,
				caller_name(), trainledger.clock());
	END IF;
	RETURN made;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.update_token_type IS
'Changes a token type: null leaves a column as it is, clear names those to empty (symbol, description, lower_bound, upper_bound, default_days_to_redeem). Level admin.';
