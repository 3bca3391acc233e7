-- Reference for global_id_key(), from core's encode, decode and convert_from:
-- the key, or null where the id has to be refused.
CREATE FUNCTION pg_temp.oracle_global_id(type text, key text)
	RETURNS text
	LANGUAGE sql
	RETURN replace(encode(convert_to(type || ':' || key, 'UTF8'), 'base64'),
		E'\n', '');
CREATE FUNCTION pg_temp.oracle_global_id_key(id text, type text)
	RETURNS text
	LANGUAGE plpgsql
AS $$
DECLARE
	bytes bytea;
	parts text[];
BEGIN
	bytes := decode(id, 'base64');
	IF replace(encode(bytes, 'base64'), E'\n', '') <> id THEN
		RETURN NULL;
	END IF;
	parts := regexp_match(convert_from(bytes, 'UTF8'),
		'^([A-Za-z][A-Za-z0-9]*):(.+)$');
	RETURN CASE WHEN parts[1] = type THEN parts[2] END;
EXCEPTION
	WHEN data_exception THEN
		RETURN NULL;
END
$$;
