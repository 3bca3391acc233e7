-- Types of passes: their content, options and prices

CREATE FUNCTION trainledger_internal.pass_type(pass_type_id bigint)
RETURNS trainledger.pass_type
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	found_type trainledger.pass_type;
BEGIN
	PERFORM require_given('pass_type_id', pass_type_id::text);
	SELECT t.* INTO found_type FROM trainledger.pass_type t
	WHERE t.id = pass_type.pass_type_id FOR NO KEY UPDATE;
	IF NOT FOUND THEN
		PERFORM refuse_missing('pass type', pass_type_id::text, 'pass_type_id');
	END IF;
	RETURN found_type;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.pass_type IS
'A pass type by id, locked, or TL404. Whoever changes a type, its options or its prices locks the type first.';

CREATE FUNCTION trainledger_internal.pass_option(option_id bigint)
RETURNS trainledger.pass_type_option
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	found_option trainledger.pass_type_option;
BEGIN
	PERFORM require_given('option_id', option_id::text);
	SELECT o.* INTO found_option FROM trainledger.pass_type_option o
	WHERE o.id = pass_option.option_id;
	IF NOT FOUND THEN
		PERFORM refuse('TL404', 'pass option not found',
			format('There is no pass option %s.', option_id),
			'Look the id up in trainledger.pass_type_option.', 'option_id');
	END IF;
	RETURN found_option;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.pass_option IS
'A pass option by id, or TL404.';

-- Types

CREATE FUNCTION trainledger_internal.create_pass_type(
	code text,
	name text,
	description text DEFAULT NULL,
	id bigint DEFAULT NULL) RETURNS trainledger.pass_type
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	made trainledger.pass_type;
	made_id bigint;
	is_id_taken boolean;
BEGIN
	PERFORM check_id(id);
	code := require_text('code', code);
	name := require_text('name', name);
	PERFORM check_notes('description', description);
	LOOP
		made_id := coalesce(id, next_id('trainledger.pass_type'::regclass));
		INSERT INTO trainledger.pass_type AS t
			(id, code, name, description, created_at)
		VALUES (made_id, create_pass_type.code, create_pass_type.name,
				create_pass_type.description, trainledger.clock())
		ON CONFLICT DO NOTHING RETURNING t.* INTO made;
		EXIT WHEN made.id IS NOT NULL;
		is_id_taken := EXISTS (SELECT FROM trainledger.pass_type t
							   WHERE t.id = made_id);
		-- our generated id was imported meanwhile: try the next one
		CONTINUE WHEN id IS NULL AND is_id_taken;
		PERFORM raise_taken('pass_type',
			CASE WHEN EXISTS (SELECT FROM trainledger.pass_type t
							  WHERE t.code = create_pass_type.code)
				 THEN 'code' ELSE 'id' END);
	END LOOP;
	RETURN made;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.create_pass_type IS
'Makes a pass type, a draft. Level admin.';

CREATE FUNCTION trainledger_internal.update_pass_type(
	pass_type_id bigint,
	code text DEFAULT NULL,
	name text DEFAULT NULL,
	description text DEFAULT NULL,
	lifecycle_state trainledger.lifecycle DEFAULT NULL,
	clear text[] DEFAULT '{}') RETURNS trainledger.pass_type
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	made trainledger.pass_type;
	changed jsonb;
BEGIN
	code := check_text('code', code);
	name := check_text('name', name);
	PERFORM check_notes('description', description);
	changed := changes(clear, '{"description": null}'::json,
		json_build_object('code', code, 'name', name,
			'description', description, 'lifecycle_state', lifecycle_state));
	made := pass_type(pass_type_id);
	IF lifecycle_state = 'published' AND made.lifecycle_state <> 'published'
	   AND NOT EXISTS (SELECT FROM trainledger.pass_type_option o
					   WHERE o.pass_type_id = made.id
					   AND o.lifecycle_state = 'published') THEN
		PERFORM refuse('TL409', 'pass type has no published option',
			format('No option of pass type %s is published.', made.id),
			'Publish an option of it first.', 'lifecycle_state');
	END IF;
	made := jsonb_populate_record(made, changed);
	-- not left to the index, in which two that swap would wait for each other
	IF EXISTS (SELECT FROM trainledger.pass_type t
			   WHERE t.code = made.code AND t.id <> made.id) THEN
		PERFORM raise_taken('pass_type', 'code');
	END IF;
	BEGIN
		UPDATE trainledger.pass_type t
		SET code = made.code, name = made.name,
			description = made.description,
			lifecycle_state = made.lifecycle_state
		WHERE t.id = made.id;
	EXCEPTION WHEN unique_violation THEN
		PERFORM raise_taken('pass_type', 'code');
	END;
	PERFORM require_written('pass_type', FOUND);
	RETURN made;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.update_pass_type IS
'Changes a pass type: null leaves a column as it is, clear may name description. A type is published only with a published option. Level admin.';

-- Content

CREATE FUNCTION trainledger_internal.catalog_item(
	kind trainledger.catalog_kind, id bigint, argument text)
RETURNS trainledger.catalog_item
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	item trainledger.catalog_item;
BEGIN
	SELECT c.* INTO item FROM trainledger.catalog_item c
	WHERE c.id = catalog_item.id AND c.kind = catalog_item.kind;
	IF NOT FOUND THEN
		PERFORM refuse('TL404', 'catalogue item not found',
			format('There is no %s %s.', replace(kind::text, '_', ' '),
				   coalesce(id::text, 'null')),
			'Look the id up in trainledger.catalog_item.', argument);
	END IF;
	RETURN item;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.catalog_item IS
'A catalogue item of a kind by id, or TL404.';

CREATE FUNCTION trainledger_internal.pass_content_type(
	pass_type_id bigint, course_ids bigint[], path_ids bigint[])
RETURNS trainledger.pass_type
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	changed trainledger.pass_type;
BEGIN
	changed := pass_type(pass_type_id);
	PERFORM catalog_item(
		'course'::trainledger.catalog_kind, i, 'course_ids')
	FROM unnest(course_ids) AS i;
	PERFORM catalog_item(
		'learning_path'::trainledger.catalog_kind, i, 'path_ids')
	FROM unnest(path_ids) AS i;
	IF changed.lifecycle_state = 'archived' THEN
		PERFORM refuse('TL409', 'pass type is archived',
			format('Pass type %s is archived.', changed.id),
			'Publish it again first.', 'pass_type_id');
	END IF;
	RETURN changed;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.pass_content_type IS
'Checks a change of a pass type''s content (TL404, TL409).';

CREATE FUNCTION trainledger_internal.add_pass_content(
	pass_type_id bigint,
	course_ids bigint[] DEFAULT '{}',
	path_ids bigint[] DEFAULT '{}') RETURNS trainledger.pass_type
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	changed trainledger.pass_type;
BEGIN
	course_ids := coalesce(course_ids, '{}');
	path_ids := coalesce(path_ids, '{}');
	changed := pass_content_type(pass_type_id, course_ids, path_ids);
	INSERT INTO trainledger.pass_type_content (pass_type_id, item_id)
	SELECT changed.id, i FROM unnest(course_ids || path_ids) AS i
	ON CONFLICT DO NOTHING;
	RETURN changed;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.add_pass_content IS
'Gives a pass type access to courses and learning paths; those that it has are left. Level admin.';

CREATE FUNCTION trainledger_internal.remove_pass_content(
	pass_type_id bigint,
	course_ids bigint[] DEFAULT '{}',
	path_ids bigint[] DEFAULT '{}') RETURNS trainledger.pass_type
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	changed trainledger.pass_type;
BEGIN
	course_ids := coalesce(course_ids, '{}');
	path_ids := coalesce(path_ids, '{}');
	changed := pass_content_type(pass_type_id, course_ids, path_ids);
	DELETE FROM trainledger.pass_type_content c
	WHERE c.pass_type_id = changed.id
	AND c.item_id = ANY (course_ids || path_ids);
	RETURN changed;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.remove_pass_content IS
'Takes courses and learning paths from a pass type; those that it does not have are left. Level admin.';

CREATE FUNCTION trainledger_internal.add_path_courses(
	path_id bigint, course_ids bigint[]) RETURNS trainledger.catalog_item
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	changed trainledger.catalog_item;
BEGIN
	PERFORM require_given('path_id', path_id::text);
	changed := catalog_item(
		'learning_path'::trainledger.catalog_kind, path_id, 'path_id');
	PERFORM catalog_item(
		'course'::trainledger.catalog_kind, i, 'course_ids')
	FROM unnest(course_ids) AS i;
	INSERT INTO trainledger.learning_path_course (path_id, course_id)
	SELECT changed.id, i FROM unnest(course_ids) AS i
	ON CONFLICT DO NOTHING;
	RETURN changed;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.add_path_courses IS
'Puts courses into a learning path; those that are in it are left. Level admin.';

CREATE FUNCTION trainledger_internal.remove_path_courses(
	path_id bigint, course_ids bigint[]) RETURNS trainledger.catalog_item
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	changed trainledger.catalog_item;
BEGIN
	PERFORM require_given('path_id', path_id::text);
	changed := catalog_item(
		'learning_path'::trainledger.catalog_kind, path_id, 'path_id');
	PERFORM catalog_item(
		'course'::trainledger.catalog_kind, i, 'course_ids')
	FROM unnest(course_ids) AS i;
	DELETE FROM trainledger.learning_path_course c
	WHERE c.path_id = changed.id AND c.course_id = ANY (course_ids);
	RETURN changed;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.remove_path_courses IS
'Takes courses out of a learning path; those that are not in it are left. Level admin.';

-- Options

CREATE FUNCTION trainledger_internal.create_pass_option(
	pass_type_id bigint,
	name text,
	validity_unit trainledger.validity_unit,
	validity_value integer,
	id bigint DEFAULT NULL) RETURNS trainledger.pass_type_option
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	made trainledger.pass_type_option;
	made_id bigint;
BEGIN
	PERFORM check_id(id);
	name := require_text('name', name);
	PERFORM require_given('validity_unit', validity_unit::text);
	IF validity_value IS NULL OR validity_value NOT BETWEEN 1 AND 36525 THEN
		PERFORM refuse('TL400', 'validity is out of range',
			format('The validity is %s %s.',
				   coalesce(validity_value::text, 'null'), validity_unit),
			'Give a period of 1 to 36525 units.', 'validity_value');
	END IF;
	PERFORM pass_type(pass_type_id);
	LOOP
		made_id := coalesce(id,
			next_id('trainledger.pass_type_option'::regclass));
		INSERT INTO trainledger.pass_type_option AS o
			(id, pass_type_id, name, validity_unit, validity_value, created_at)
		VALUES (made_id, create_pass_option.pass_type_id,
				create_pass_option.name, create_pass_option.validity_unit,
				create_pass_option.validity_value, trainledger.clock())
		ON CONFLICT DO NOTHING
		RETURNING o.* INTO made;
		EXIT WHEN made.id IS NOT NULL;
		IF id IS NOT NULL THEN
			PERFORM raise_taken('pass_type_option', 'id');
		END IF;
		-- our generated id was imported meanwhile: try the next one
		PERFORM require_conflict('pass_type_option', EXISTS (
			SELECT FROM trainledger.pass_type_option o WHERE o.id = made_id));
	END LOOP;
	RETURN made;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.create_pass_option IS
'Makes an option of a pass type, a draft: a pass with it is valid for so many days, weeks, months or years. Level admin.';

CREATE FUNCTION trainledger_internal.update_pass_option(
	option_id bigint,
	name text DEFAULT NULL,
	lifecycle_state trainledger.lifecycle DEFAULT NULL,
	clear text[] DEFAULT '{}') RETURNS trainledger.pass_type_option
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	made trainledger.pass_type_option;
	of_type trainledger.pass_type;
BEGIN
	name := check_text('name', name);
	PERFORM changes(clear, '{}'::json, '{}'::json);
	made := pass_option(option_id);
	of_type := pass_type(made.pass_type_id);
	made := pass_option(option_id);
	IF lifecycle_state = 'published' AND made.lifecycle_state <> 'published'
	   AND NOT EXISTS (SELECT FROM trainledger.pass_type_option_price p
					   WHERE p.option_id = made.id) THEN
		PERFORM refuse('TL409', 'pass option has no price',
			format('Pass option %s has no price.', made.id),
			'Give it a price first.', 'lifecycle_state');
	END IF;
	IF lifecycle_state = 'archived' AND made.lifecycle_state = 'published'
	   AND of_type.lifecycle_state = 'published'
	   AND NOT EXISTS (SELECT FROM trainledger.pass_type_option o
					   WHERE o.pass_type_id = of_type.id AND o.id <> made.id
					   AND o.lifecycle_state = 'published') THEN
		PERFORM refuse('TL409',
			'pass option is the last published one of its type',
			format('Pass type %s is published and has no other.', of_type.id),
			'Publish another option or archive the type first.',
			'lifecycle_state');
	END IF;
	IF lifecycle_state = 'archived' THEN
		-- changes nothing, but whoever publishes the type or archives another
		-- option with an older snapshot then fails to serialize (40001)
		UPDATE trainledger.pass_type t
		SET lifecycle_state = t.lifecycle_state WHERE t.id = of_type.id;
		PERFORM require_written('pass_type', FOUND);
	END IF;
	made.name := coalesce(name, made.name);
	made.lifecycle_state := coalesce(lifecycle_state, made.lifecycle_state);
	UPDATE trainledger.pass_type_option o
	SET name = made.name, lifecycle_state = made.lifecycle_state
	WHERE o.id = made.id;
	PERFORM require_written('pass_type_option', FOUND);
	RETURN made;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.update_pass_option IS
'Changes a pass option. It is published only with a price, and the last published one of a published type cannot be archived. Nothing of it can be emptied. Level admin.';

-- Prices

CREATE FUNCTION trainledger_internal.price(amount numeric, currency_code text)
RETURNS trainledger.amount
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	currency trainledger.currency := currency(currency_code);
BEGIN
	IF amount <> round(amount, currency.minor_units) THEN
		PERFORM refuse('TL400', 'price has too many decimals',
			format('The price is %s and %s has %s decimals.',
				   left(amount::text, 64), currency.code, currency.minor_units),
			'Give a price with no more decimals than the currency has.',
			'amount');
	END IF;
	RETURN amount::trainledger.amount;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.price IS
'A price as an amount of its currency (TL404, TL400).';

CREATE FUNCTION trainledger_internal.check_price(amount numeric) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	IF amount IS NULL OR amount NOT BETWEEN 0 AND 9223372036854 THEN
		PERFORM refuse('TL400', 'price is out of range',
			format('The price is %s.',
				   coalesce(left(amount::text, 64), 'null')),
			'Give a price from 0 to 9223372036854.', 'amount');
	END IF;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.check_price IS
'TL400 where a number by itself is no price.';

CREATE FUNCTION trainledger_internal.create_pass_price(
	option_id bigint, region_code text, currency_code text, amount numeric)
RETURNS trainledger.pass_type_option_price
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	made trainledger.pass_type_option_price;
	of_option trainledger.pass_type_option;
BEGIN
	region_code := trimmed(region_code);
	currency_code := trimmed(currency_code);
	PERFORM require_given('option_id', option_id::text);
	PERFORM require_given('region_code', region_code);
	PERFORM require_given('currency_code', currency_code);
	PERFORM check_price(amount);
	of_option := pass_option(option_id);
	IF NOT EXISTS (SELECT FROM trainledger.region r
				   WHERE r.code = create_pass_price.region_code) THEN
		PERFORM refuse('TL404', 'region not found',
			format('There is no region %s.', quote_literal(region_code)),
			'Add the region first.', 'region_code');
	END IF;
	INSERT INTO trainledger.pass_type_option_price AS p
		(option_id, region_code, currency_code, amount)
	VALUES (of_option.id, create_pass_price.region_code,
			create_pass_price.currency_code,
			price(create_pass_price.amount, create_pass_price.currency_code))
	ON CONFLICT DO NOTHING RETURNING p.* INTO made;
	IF made.id IS NULL THEN
		PERFORM refuse('TL409',
			'region_code and currency_code are taken',
			format('Pass option %s has a price in region %s and currency %s.',
				   option_id, quote_literal(region_code),
				   quote_literal(currency_code)),
			'Change the price that exists.', 'region_code');
	END IF;
	RETURN made;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.create_pass_price IS
'Gives a pass option its price in a region and a currency. Level admin.';

CREATE FUNCTION trainledger_internal.update_pass_price(
	price_id bigint,
	amount numeric DEFAULT NULL,
	clear text[] DEFAULT '{}') RETURNS trainledger.pass_type_option_price
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	made trainledger.pass_type_option_price;
BEGIN
	PERFORM require_given('price_id', price_id::text);
	PERFORM check_price(coalesce(amount, 0));
	PERFORM changes(clear, '{}'::json, '{}'::json);
	SELECT p.* INTO made FROM trainledger.pass_type_option_price p
	WHERE p.id = price_id FOR NO KEY UPDATE;
	IF NOT FOUND THEN
		PERFORM refuse('TL404', 'price not found',
			format('There is no price %s.', price_id),
			'Look the id up in trainledger.pass_type_option_price.',
			'price_id');
	END IF;
	made.amount := price(coalesce(amount, made.amount::numeric),
						 made.currency_code);
	UPDATE trainledger.pass_type_option_price p SET amount = made.amount
	WHERE p.id = made.id;
	PERFORM require_written('pass_type_option_price', FOUND);
	RETURN made;
END;
$$;
COMMENT ON FUNCTION trainledger_internal.update_pass_price IS
'Changes a price. Passes that were issued are not touched. Level admin.';
