/* global ids: one text that names a thing and its type */

CREATE FUNCTION trainledger.global_id(type text, key text)
	RETURNS text
	AS 'MODULE_PATHNAME', 'tl_global_id'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION trainledger.global_id IS
	'Makes a global id: base64 of Type:key, such as Person:42.';

CREATE FUNCTION trainledger.global_id_key(id text, type text)
	RETURNS text
	AS 'MODULE_PATHNAME', 'tl_global_id_key'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION trainledger.global_id_key IS
	'Gives the key in a global id of that type. Anything but the canonical id of such a thing is 22P02.';
