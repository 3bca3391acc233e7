-- Documents of signup tokens (XML)

CREATE FUNCTION trainledger_internal.import_signup_tokens(document bytea)
RETURNS SETOF trainledger.signup_token
AS 'MODULE_PATHNAME', 'tl_import_signup_tokens'
LANGUAGE C VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp;
COMMENT ON FUNCTION trainledger_internal.import_signup_tokens IS
'Makes the signup tokens of an XML document, all or none, and returns them in its order. Level admin.';

CREATE FUNCTION trainledger_internal.apply_signup_tokens(document bytea)
RETURNS SETOF trainledger.signup_token
AS 'MODULE_PATHNAME', 'tl_apply_signup_tokens'
LANGUAGE C VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp;
COMMENT ON FUNCTION trainledger_internal.apply_signup_tokens IS
'Changes signup tokens by an XML document, all or none: only the elements that are there change, an empty TokenExpiration clears it. Returns the tokens in the order of the document. Level admin.';

-- Over HTTP, in trainledger_api

CREATE FUNCTION trainledger_internal.import_signup_body(
	document bytea, charset text) RETURNS SETOF trainledger.signup_token
AS 'MODULE_PATHNAME', 'tl_import_signup_tokens'
LANGUAGE C VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp;
COMMENT ON FUNCTION trainledger_internal.import_signup_body IS
'The work of import_signup_tokens() for the body of a request; charset, null for none, counts for more than the declaration of the document.';

CREATE FUNCTION trainledger_internal.apply_signup_body(
	document bytea, charset text) RETURNS SETOF trainledger.signup_token
AS 'MODULE_PATHNAME', 'tl_apply_signup_tokens'
LANGUAGE C VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp;
COMMENT ON FUNCTION trainledger_internal.apply_signup_body IS
'The work of apply_signup_tokens() for the body of a request; charset, null for none, counts for more than the declaration of the document.';

/*
 * A proxy that has to change the media type for PostgREST passes on the one of
 * the client as X-Content-Type.
 */
CREATE FUNCTION trainledger_internal.body_charset() RETURNS text
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	headers json := nullif(current_setting('request.headers', true), '');
BEGIN
	RETURN substring(
		coalesce(headers ->> 'x-content-type', headers ->> 'content-type')
		FROM $re$(?i);\s*charset\s*=\s*"?([^\s";]+)$re$);
END;
$$;
COMMENT ON FUNCTION trainledger_internal.body_charset IS
'The charset that the media type of the request''s body names, null where it names none (RFC 7303).';

CREATE DOMAIN trainledger."application/xml" AS text;
COMMENT ON DOMAIN trainledger."application/xml" IS
'An XML document: PostgREST answers a request for application/xml with it as it is.';

CREATE FUNCTION trainledger_internal.signup_document(
	tokens trainledger.signup_token[], separator "char") RETURNS text
AS 'MODULE_PATHNAME', 'tl_signup_document' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION trainledger_internal.signup_document IS
'The document of signup tokens, with this separator between date and time.';

CREATE FUNCTION trainledger_internal.signup_error(code text, message text)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	PERFORM set_config('response.status', right(code, 3), true);
	RETURN xmlelement(NAME "Error", xmlelement(NAME "Code", code),
					  xmlelement(NAME "Message", message));
END;
$$;
COMMENT ON FUNCTION trainledger_internal.signup_error IS
'The error document of a refusal; sets the status of the answer.';

CREATE FUNCTION trainledger_internal.respond_header(name text, value text)
RETURNS void
AS 'MODULE_PATHNAME', 'tl_respond_header_sql'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION trainledger_internal.respond_header IS
'Adds a header to the answer over HTTP, if it has a value. Level reader.';

CREATE FUNCTION trainledger_internal.uri_escape(value text) RETURNS text
AS 'MODULE_PATHNAME', 'tl_uri_escape'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION trainledger_internal.uri_escape IS
'A text as a part of a URI.';

CREATE FUNCTION trainledger_internal.tokens(
	start integer DEFAULT 0,
	max_tokens integer DEFAULT 100) RETURNS trainledger."application/xml"
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	tokens trainledger.signup_token[];
BEGIN
	start := coalesce(start, 0);
	max_tokens := coalesce(max_tokens, 100);
	IF start < 0 OR max_tokens NOT BETWEEN 1 AND 1000 THEN
		RETURN signup_error('TL400',
			'start is a number from 0, limit (max_tokens) one from 1 to 1000');
	END IF;
	tokens := ARRAY(SELECT t FROM trainledger.signup_token t
					ORDER BY t.id OFFSET start LIMIT max_tokens + 1);
	IF cardinality(tokens) > max_tokens THEN
		tokens := tokens[:max_tokens];
		PERFORM respond_header('Link', format(
			'</tokens?start=%s&limit=%s>; rel="next"',
			start::bigint + max_tokens, max_tokens));
	END IF;
	RETURN signup_document(tokens, 'T'::"char");
END;
$$;
COMMENT ON FUNCTION trainledger_internal.tokens IS
'List of signup tokens, an XML document.

start is how many tokens to leave out (0), max_tokens how many to show at most (100, from 1 to 1000). Where more follow, the header Link has the URI of the next ones. Answers 200, or the error document with 400. Level reader.';

CREATE FUNCTION trainledger_internal.token(tokenid text)
RETURNS trainledger."application/xml"
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	tokens trainledger.signup_token[];
BEGIN
	tokens := ARRAY(SELECT t FROM trainledger.signup_token t
					WHERE t.id = trimmed(tokenid));
	IF tokens = '{}' THEN
		RETURN signup_error('TL404', 'signup token not found');
	END IF;
	RETURN signup_document(tokens, ' '::"char");
END;
$$;
COMMENT ON FUNCTION trainledger_internal.token IS
'A signup token, an XML document.

tokenid is the id of the token. Answers 200, or the error document with 404. Level reader.';

CREATE FUNCTION trainledger_internal.create_tokens(bytea)
RETURNS trainledger."application/xml"
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	made trainledger.signup_token[];
BEGIN
	made := ARRAY(SELECT t FROM import_signup_body(
				  coalesce($1, ''), body_charset()) AS t);
	PERFORM set_config('response.status', '201', true);
	IF cardinality(made) = 1 THEN
		PERFORM respond_header('Location', '/tokens/' || uri_escape(made[1].id));
	END IF;
	RETURN signup_document(made, ' '::"char");
EXCEPTION WHEN OTHERS THEN
	IF SQLSTATE NOT LIKE 'TL%' THEN
		RAISE;
	END IF;
	RETURN signup_error(SQLSTATE, SQLERRM);
END;
$$;
COMMENT ON FUNCTION trainledger_internal.create_tokens IS
'Makes the signup tokens of an XML document, all or none.

The body is the document. Answers 201 with the tokens, or the error document with 400, 404 or 409. Level admin.';

CREATE FUNCTION trainledger_internal.update_tokens(bytea)
RETURNS trainledger."application/xml"
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
BEGIN
	RETURN signup_document(
		ARRAY(SELECT t FROM apply_signup_body(
				  coalesce($1, ''), body_charset()) AS t), ' '::"char");
EXCEPTION WHEN OTHERS THEN
	IF SQLSTATE NOT LIKE 'TL%' THEN
		RAISE;
	END IF;
	RETURN signup_error(SQLSTATE, SQLERRM);
END;
$$;
COMMENT ON FUNCTION trainledger_internal.update_tokens IS
'Changes signup tokens by an XML document, all or none: only the elements that are there.

The body is the document. Answers 200 with the tokens, or the error document with 400, 404 or 409. Level admin.';
