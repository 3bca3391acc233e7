-- Thousands of random requests against a model of the books in plain SQL,
-- written from the contract alone (sections 4, 6 and 7)
\pset format unaligned
\pset null (null)
SET search_path = trainledger, public;

CREATE TEMPORARY TABLE model_type (
	name text PRIMARY KEY, scale integer, lower numeric, upper numeric,
	is_active boolean DEFAULT true, is_archived boolean DEFAULT false);
CREATE TEMPORARY TABLE model_party (barcode text PRIMARY KEY, is_suspended boolean DEFAULT false);
CREATE TEMPORARY TABLE model_account (
	barcode text, name text, type text, balance numeric, entries bigint,
	PRIMARY KEY (barcode, name, type));
CREATE TEMPORARY TABLE model_entry (
	barcode text, name text, type text, entry_no bigint, operation text, delta numeric, balance numeric,
	source text, description text, recorded_at timestamptz, device text, key uuid, call text,
	PRIMARY KEY (barcode, name, type, entry_no));
CREATE INDEX ON model_entry (key);
CREATE INDEX ON model_entry (recorded_at, barcode, name, type) WHERE recorded_at IS NOT NULL;
CREATE TYPE pg_temp.answer AS (code text, entry_no bigint, balance numeric);

CREATE FUNCTION pg_temp.rounded(value numeric, scale integer, mode text) RETURNS numeric
LANGUAGE sql IMMUTABLE
AS $$
	SELECT trim_scale(CASE mode
		WHEN 'round' THEN sign(value) * floor(abs(value) * 10::numeric ^ scale + 0.5)
		WHEN 'floor' THEN floor(value * 10::numeric ^ scale)
		WHEN 'ceil' THEN ceil(value * 10::numeric ^ scale)
		ELSE CASE WHEN value * 10::numeric ^ scale - floor(value * 10::numeric ^ scale) = 0.5
			THEN 2 * round(floor(value * 10::numeric ^ scale + 1) / 2 - 0.25)
			ELSE floor(value * 10::numeric ^ scale + 0.5) END
		END / 10::numeric ^ scale)
$$;
SELECT value, pg_temp.rounded(value, 0, 'round') AS round, pg_temp.rounded(value, 0, 'floor') AS floor,
	pg_temp.rounded(value, 0, 'ceil') AS ceil, pg_temp.rounded(value, 0, 'half_even') AS half_even
FROM unnest('{-2.5,-1.5,-0.5,-0.4,0.5,1.5,2.5,2.6}'::numeric[]) AS value;

/*
 * What a request must come to, and the model of the books with it.  call: c
 * credit_*, p post, b post_batch; exact: more decimals are refused, as in a
 * batch.
 */
CREATE FUNCTION pg_temp.expect(call text, op text, barcode text, name text, type text, amount numeric, mode text,
	exact boolean, source text, description text, recorded_at timestamptz, device text, key uuid, expected numeric)
RETURNS pg_temp.answer LANGUAGE plpgsql
AS $$
#variable_conflict use_variable
DECLARE
	most CONSTANT numeric := 9223372036854.775807;
	t pg_temp.model_type;
	a pg_temp.model_account;
	e pg_temp.model_entry;
	delta numeric;
	total numeric;
	bad boolean;
BEGIN
	-- what the arguments alone show
	IF amount IS NULL OR (op <> 'init' AND amount = 0) OR (op IN ('add', 'subtract') AND amount < 0)
	   OR abs(amount) > 1e15 THEN
		RETURN ROW('TL400', NULL, NULL)::pg_temp.answer;
	END IF;
	-- what is not there
	SELECT * INTO t FROM pg_temp.model_type m WHERE m.name = type;
	IF NOT FOUND OR NOT EXISTS (SELECT FROM pg_temp.model_party m WHERE m.barcode = barcode) THEN
		RETURN ROW('TL404', NULL, NULL)::pg_temp.answer;
	END IF;
	SELECT * INTO a FROM pg_temp.model_account m WHERE m.barcode = barcode AND m.name = name AND m.type = type;
	IF NOT FOUND AND call <> 'c' THEN
		RETURN ROW('TL404', NULL, NULL)::pg_temp.answer;
	END IF;
	delta := pg_temp.rounded(amount, t.scale, mode);
	bad := (delta = 0 AND op <> 'init') OR (exact AND delta <> amount) OR delta NOT BETWEEN -most - 0.000001 AND most;
	delta := CASE op WHEN 'subtract' THEN -delta ELSE delta END;
	-- a key that was used
	IF key IS NOT NULL THEN
		SELECT * INTO e FROM pg_temp.model_entry m WHERE m.key = key AND m.barcode = barcode
		AND (a.entries IS NULL OR (m.name = name AND m.type = type)) LIMIT 1;
		IF FOUND THEN
			IF NOT bad AND a.entries IS NOT NULL AND e.call = call AND (e.operation, e.delta, e.source, e.description, e.recorded_at, e.device)
			   IS NOT DISTINCT FROM (op, delta, source, description, recorded_at, device) THEN
				RETURN ROW('ok', e.entry_no, e.balance)::pg_temp.answer;
			END IF;
			RETURN ROW('TL422', NULL, NULL)::pg_temp.answer;
		END IF;
	END IF;
	IF bad THEN
		RETURN ROW('TL400', NULL, NULL)::pg_temp.answer;
	ELSIF op = 'init' AND a.entries IS NOT NULL THEN
		RETURN ROW('TL051', NULL, NULL)::pg_temp.answer;
	ELSIF op <> 'init' AND a.entries IS NULL THEN
		RETURN ROW('TL057', NULL, NULL)::pg_temp.answer;
	END IF;
	IF key IS NULL AND recorded_at IS NOT NULL AND EXISTS (
		SELECT FROM pg_temp.model_entry m
		WHERE (m.barcode, m.name, m.type, m.operation, m.delta, m.source, m.description, m.recorded_at)
			= (barcode, name, type, op, delta, source, description, recorded_at)
		AND m.device IS NOT DISTINCT FROM device AND m.key IS NULL) THEN
		RETURN ROW('TL056', NULL, NULL)::pg_temp.answer;
	END IF;
	IF NOT t.is_active THEN
		RETURN ROW('TL058', NULL, NULL)::pg_temp.answer;
	ELSIF (op = 'init' OR delta > 0)
		AND (SELECT m.is_suspended FROM pg_temp.model_party m WHERE m.barcode = barcode) THEN
		RETURN ROW('TL409', NULL, NULL)::pg_temp.answer;
	ELSIF op = 'init' AND t.is_archived THEN
		RETURN ROW('TL409', NULL, NULL)::pg_temp.answer;
	END IF;
	total := coalesce(a.balance, 0) + delta;
	IF total > least(coalesce(t.upper, most), most) AND (op = 'init' OR delta > 0) THEN
		RETURN ROW('TL054', NULL, NULL)::pg_temp.answer;
	ELSIF total < greatest(coalesce(t.lower, -most - 0.000001), -most - 0.000001) AND (op = 'init' OR delta < 0) THEN
		RETURN ROW('TL055', NULL, NULL)::pg_temp.answer;
	ELSIF expected <> total THEN
		RETURN ROW('TL052', NULL, NULL)::pg_temp.answer;
	END IF;
	IF op = 'init' THEN
		INSERT INTO pg_temp.model_account VALUES (barcode, name, type, total, 1);
	ELSE
		UPDATE pg_temp.model_account m SET balance = total, entries = m.entries + 1
		WHERE m.barcode = barcode AND m.name = name AND m.type = type;
	END IF;
	INSERT INTO pg_temp.model_entry VALUES (barcode, name, type, coalesce(a.entries, 0) + 1, op, delta, total,
		source, description, recorded_at, device, key, call);
	RETURN ROW('ok', coalesce(a.entries, 0) + 1, total)::pg_temp.answer;
END
$$;

-- any of these
CREATE FUNCTION pg_temp.any_of(choices anyarray) RETURNS anyelement LANGUAGE sql VOLATILE
AS $$ SELECT choices[1 + floor(random() * cardinality(choices))::integer] $$;
CREATE FUNCTION pg_temp.any_amount() RETURNS numeric LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
	dice double precision := random();
BEGIN
	RETURN CASE
		WHEN dice < 0.02 THEN 0
		WHEN dice < 0.04 THEN pg_temp.any_of('{1e16,9223372036854.775807,9223372036854,1e-30,0.004999,0.5}'::numeric[])
		WHEN dice < 0.4 THEN floor(random() * 5)::integer
		WHEN dice < 0.7 THEN round(random()::numeric * 30, floor(random() * 8)::integer)
		ELSE floor(random() * 60)::integer / 8.0
	END * CASE WHEN random() < 0.15 THEN -1 ELSE 1 END;
END
$$;

CREATE TEMPORARY TABLE outcome (step integer, what text, expected pg_temp.answer, found pg_temp.answer);
GRANT ALL ON ALL TABLES IN SCHEMA pg_temp TO regress_operator, regress_admin;
SET ROLE regress_admin;
INSERT INTO model_type
SELECT v.name, v.scale, v.lower, v.upper
FROM (VALUES ('campaign-0', 0, NULL, NULL), ('campaign-2', 2, 0, 40), ('campaign-6', 6, -9, 9.5)) v(name, scale, lower, upper),
	add_credit_token_type(v.name, scale => v.scale, lower_bound => v.lower, upper_bound => v.upper) made
RETURNING name, scale, lower, upper;
SET ROLE regress_operator;
INSERT INTO model_party
SELECT made.barcode FROM unnest('{campaign-a,campaign-b,campaign-c}'::text[]) AS b, add_party('person', b, barcode => b) made;
RESET ROLE;

CREATE PROCEDURE pg_temp.campaign(steps integer) LANGUAGE plpgsql
AS $$
#variable_conflict use_variable
DECLARE
	step integer;
	dice double precision;
	expected pg_temp.answer;
	found pg_temp.answer;
	e trainledger.booked_entry;
	op text; barcode text; name text; type text; mode text; source text; description text; device text;
	amount numeric; expectation numeric; recorded_at timestamptz; key uuid;
	is_batch boolean; skips boolean; size integer; refused text;
	ids bigint[]; deltas amount[]; descriptions text[]; times timestamptz[]; keys uuid[];
	wanted pg_temp.answer[]; got pg_temp.answer[];
BEGIN
	FOR step IN 1 .. steps LOOP
		dice := random();
		type := pg_temp.any_of('{campaign-0,campaign-2,campaign-2,campaign-6}'::text[]);
		barcode := pg_temp.any_of('{campaign-a,campaign-b,campaign-c}'::text[]);
		IF dice < 0.02 THEN
			-- a change of the type, by an administrator
			PERFORM set_config('role', 'regress_admin', true);
			IF random() < 0.5 THEN
				UPDATE pg_temp.model_type t SET is_active = NOT (t.is_active AND random() < 0.3), is_archived = random() < 0.3
				WHERE t.name = type;
			ELSE
				UPDATE pg_temp.model_type t SET lower = pg_temp.any_of('{NULL,0,-9}'::numeric[]), upper = pg_temp.any_of('{NULL,10,40}'::numeric[])
				WHERE t.name = type;
			END IF;
			PERFORM update_token_type(regress.type(type), is_active => t.is_active, is_archived => t.is_archived,
				lower_bound => t.lower, upper_bound => t.upper,
				clear => array_remove(ARRAY[CASE WHEN t.lower IS NULL THEN 'lower_bound' END,
					CASE WHEN t.upper IS NULL THEN 'upper_bound' END], NULL))
			FROM pg_temp.model_type t WHERE t.name = type;
			CONTINUE;
		END IF;
		PERFORM set_config('role', 'regress_operator', true);
		IF dice < 0.03 THEN
			UPDATE pg_temp.model_party p SET is_suspended = NOT p.is_suspended AND random() < 0.4 WHERE p.barcode = barcode;
			PERFORM update_party(regress.party(barcode), is_suspended => p.is_suspended)
			FROM pg_temp.model_party p WHERE p.barcode = barcode;
			CONTINUE;
		END IF;

		is_batch := dice < 0.2;
		skips := random() < 0.6;
		size := CASE WHEN is_batch THEN 1 + floor(random() * 6)::integer ELSE 1 END;
		source := pg_temp.any_of('{s,s,s,t}'::text[]);
		ids := '{}'; deltas := '{}'; descriptions := '{}'; times := '{}'; keys := '{}'; wanted := '{}'; got := '{}'; refused := NULL;
		BEGIN
			FOR i IN 1 .. size LOOP
				type := pg_temp.any_of('{campaign-0,campaign-2,campaign-2,campaign-6}'::text[]);
				IF random() < 0.01 THEN type := 'campaign-none'; END IF;
				barcode := pg_temp.any_of('{campaign-a,campaign-b,campaign-c}'::text[]);
				name := pg_temp.any_of('{default,default,x,y}'::text[]);
				amount := pg_temp.any_amount();
				mode := pg_temp.any_of('{round,floor,ceil,half_even}'::text[]);
				description := pg_temp.any_of('{"",d}'::text[]);
				device := pg_temp.any_of('{NULL,NULL,id:7}'::text[]);
				recorded_at := timestamptz '2023-04-04' + floor(random() * 4) * interval '0.4 millisecond';
				key := CASE WHEN random() < 0.2 THEN ('ca377a16-0000-4000-8000-0000000000' || 10 + floor(random() * 80)::integer)::uuid END;
				expectation := CASE WHEN random() < 0.15 THEN (SELECT a.balance FROM pg_temp.model_account a
					WHERE a.barcode = barcode AND a.name = name AND a.type = type) + pg_temp.any_of('{1,2,0.001}'::numeric[]) END;
				IF is_batch THEN
					amount := CASE WHEN abs(amount) > 1e12 THEN 3 ELSE round(amount, 3 + floor(random() * 4)::integer) END;
					IF random() < 0.5 THEN amount := round(amount); END IF;
					op := CASE WHEN amount > 0 THEN 'add' ELSE 'subtract' END;
					recorded_at := CASE WHEN random() < 0.7 THEN recorded_at END;
					ids := ids || coalesce(regress.account(barcode, name, type), 0);
					deltas := deltas || amount::amount;
					descriptions := descriptions || description;
					times := times || recorded_at;
					keys := keys || key;
					expected := pg_temp.expect('b', op, barcode, name, type, abs(amount), 'round', true, source, description,
						recorded_at, NULL, key, NULL);
					IF expected.code <> 'ok' AND NOT skips THEN
						refused := coalesce(refused, expected.code);
					END IF;
					wanted := wanted || expected;
				ELSIF random() < 0.5 THEN
					op := pg_temp.any_of('{init,add,add,add,subtract,subtract}'::text[]);
					expected := pg_temp.expect('c', op, barcode, name, type, amount, mode, false, source, description,
						recorded_at, device, key, expectation);
					wanted := wanted || expected;
					BEGIN
						EXECUTE format('SELECT * FROM credit_%s($1, $2, $3, $4, $5, $6, $7, $8::rounding, $9, $10, $11)', op)
							INTO e USING regress.party(barcode), amount, source, description, recorded_at, name, type, mode,
								expectation, device, key;
						got := got || ROW('ok', e.entry_no, e.balance)::pg_temp.answer;
					EXCEPTION WHEN OTHERS THEN
						got := got || ROW(SQLSTATE, NULL, NULL)::pg_temp.answer;
					END;
				ELSE
					op := pg_temp.any_of('{add,add,subtract,subtract,adjust}'::text[]);
					recorded_at := CASE WHEN random() < 0.7 THEN recorded_at END;
					expected := pg_temp.expect('p', op, barcode, name, type, amount, mode, false, source, description,
						recorded_at, device, key, expectation);
					wanted := wanted || expected;
					BEGIN
						e := post(coalesce(regress.account(barcode, name, type), 0), op::operation, amount, source, description, recorded_at,
							mode::rounding, expectation, device, key);
						got := got || ROW('ok', e.entry_no, e.balance)::pg_temp.answer;
					EXCEPTION WHEN OTHERS THEN
						got := got || ROW(SQLSTATE, NULL, NULL)::pg_temp.answer;
					END;
				END IF;
			END LOOP;
			IF refused IS NOT NULL THEN
				RAISE SQLSTATE 'UNDO0';
			END IF;
		EXCEPTION WHEN SQLSTATE 'UNDO0' THEN
			-- the whole batch is refused: the model forgets its rows
			wanted := ARRAY[ROW(refused, NULL, NULL)::pg_temp.answer];
		END;
		IF is_batch THEN
			BEGIN
				SELECT array_agg(ROW(coalesce(b.refusal, 'ok'), b.entry_no, b.balance)::pg_temp.answer ORDER BY b.ordinal) INTO got
				FROM post_batch(ids, deltas, source, descriptions, times, keys, skips) b;
			EXCEPTION WHEN OTHERS THEN
				got := ARRAY[ROW(SQLSTATE, NULL, NULL)::pg_temp.answer];
			END;
		END IF;
		INSERT INTO pg_temp.outcome
		SELECT step, format('%s of %s: %s %s %s %s', CASE WHEN is_batch THEN 'batch' ELSE 'one' END, size, op, barcode, type, amount), w, g
		FROM ROWS FROM (unnest(wanted), unnest(got)) AS r(wc, wn, wb, gc, gn, gb),
			LATERAL (SELECT CASE WHEN wc IS NOT NULL THEN ROW(wc, wn, wb)::pg_temp.answer END AS w,
				CASE WHEN gc IS NOT NULL THEN ROW(gc, gn, gb)::pg_temp.answer END AS g) x;
	END LOOP;
	PERFORM set_config('role', 'none', true);
END
$$;
SELECT setseed(0.25);
CALL pg_temp.campaign(3500);

-- at every step the same answer
SELECT count(*) > 4000 AS enough, count(*) FILTER (WHERE expected IS DISTINCT FROM found) AS different FROM outcome;
SELECT * FROM outcome WHERE expected IS DISTINCT FROM found ORDER BY step LIMIT 5;
-- every answer has come up often
SELECT (expected).code, count(*) > 15 AS often FROM outcome GROUP BY 1 ORDER BY 1;
-- and the same books in the end
SELECT count(*) AS accounts, count(*) FILTER (WHERE (a.balance, a.entry_count) IS DISTINCT FROM (m.balance::amount, m.entries)) AS different
FROM model_account m
FULL JOIN (SELECT p.barcode, a.name, t.name AS type, a.balance, a.entry_count
	FROM account a JOIN party p ON p.id = a.party_id JOIN token_type t ON t.id = a.token_type_id
	WHERE p.barcode ~ '^campaign-') a USING (barcode, name, type);
SELECT count(*) > 600 AS enough, count(*) FILTER (WHERE
	(m.operation, m.delta, m.balance, m.source, m.description, m.recorded_at, m.device, m.call) IS DISTINCT FROM
	(e.operation::text, e.delta::numeric, e.balance::numeric, e.source, e.description, e.recorded_at, e.device,
		coalesce(e.keyed_call::text, CASE WHEN m.key IS NULL THEN m.call END))
	OR (m.key IS NOT NULL AND m.key IS DISTINCT FROM e.dedup)
	OR (m.key IS NULL AND (e.dedup IS NULL) <> (m.recorded_at IS NULL OR m.operation = 'init'))) AS different
FROM model_entry m
FULL JOIN (SELECT p.barcode, a.name, t.name AS type, e.*
	FROM entry e JOIN account a ON a.id = e.account_id JOIN party p ON p.id = a.party_id JOIN token_type t ON t.id = a.token_type_id
	WHERE p.barcode ~ '^campaign-') e USING (barcode, name, type, entry_no);
SET ROLE regress_operator;
SELECT * FROM reconcile();
