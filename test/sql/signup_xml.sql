-- Signup tokens: XML documents (contract, section 10)
\pset format unaligned
\pset null (null)
SET search_path = trainledger, public;
-- What a document comes to, of which nothing stays: the tokens, or the refusal
CREATE FUNCTION regress.signup_read(document bytea, call text DEFAULT 'import_signup_tokens') RETURNS text
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
	answer text;
	facts text;
BEGIN
	EXECUTE format('SELECT coalesce(string_agg(concat_ws('' | '', ''['' || code || '']'', type, type_id, active, maximum_activations,
		to_char(expiration AT TIME ZONE ''UTC'', ''YYYY-MM-DD HH24:MI:SS'')), E''\n'' ORDER BY n), ''no tokens'')
		FROM trainledger.%I($1) WITH ORDINALITY AS t(id, code, type, type_id, active, maximum_activations, activations, expiration, created_at, n)', call)
		INTO answer USING document;
	RAISE EXCEPTION SQLSTATE 'ZZ001' USING MESSAGE = answer;
EXCEPTION WHEN SQLSTATE 'ZZ001' THEN
	RETURN SQLERRM;
WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS facts = PG_EXCEPTION_DETAIL;
	RETURN SQLSTATE || ' ' || SQLERRM || ' / ' || facts;
END
$$;
CREATE FUNCTION regress.signup_read(document text, call text DEFAULT 'import_signup_tokens') RETURNS text
LANGUAGE sql VOLATILE
AS $$ SELECT regress.signup_read(convert_to($1, 'UTF8'), $2) $$;
-- a good token, with something in place of one of its elements or behind them
CREATE FUNCTION regress.signup_xml(
	code text DEFAULT '<TokenCode>xml-1</TokenCode>', type text DEFAULT '<TokenType>1</TokenType>', type_id text DEFAULT '<TokenTypeId>xml-C</TokenTypeId>',
	active text DEFAULT '<Active>true</Active>', maximum text DEFAULT '<MaximumActivations>50</MaximumActivations>',
	expiration text DEFAULT '<TokenExpiration>2023-12-31T23:59:59</TokenExpiration>', more text DEFAULT '') RETURNS text
LANGUAGE sql IMMUTABLE
AS $$ SELECT '<Token>' || code || type || type_id || active || maximum || expiration || more || '</Token>' $$;
CREATE FUNCTION regress.signup_xmls(VARIADIC tokens text[]) RETURNS text
LANGUAGE sql IMMUTABLE
AS $$ SELECT '<Tokens>' || array_to_string(tokens, '') || '</Tokens>' $$;
CREATE FUNCTION regress.utf16(value text, big boolean) RETURNS bytea
LANGUAGE sql IMMUTABLE
AS $$
	SELECT string_agg(CASE WHEN big THEN int2send(unit) ELSE substr(int2send(unit), 2, 1) || substr(int2send(unit), 1, 1) END, '' ORDER BY n, part)
	FROM (SELECT n, part, (CASE WHEN u > 32767 THEN u - 65536 ELSE u END)::smallint AS unit
		FROM regexp_split_to_table(value, '') WITH ORDINALITY c(c, n),
			unnest(CASE WHEN ascii(c) < 65536 THEN ARRAY[ascii(c)]
				ELSE ARRAY[55296 + (ascii(c) - 65536) / 1024, 56320 + (ascii(c) - 65536) % 1024] END) WITH ORDINALITY u(u, part)) x
$$;
-- the odd ones among the tokens
CREATE FUNCTION regress.signup_odd() RETURNS TABLE (code text, type integer, type_id text, active boolean, maximum integer, expiration timestamptz)
LANGUAGE sql STABLE
AS $$ SELECT code, type, type_id, active, maximum_activations, expiration FROM trainledger.signup_token WHERE code LIKE 'xml-odd%' ORDER BY code COLLATE "C" $$;
-- A function for HTTP: its answer and status
CREATE FUNCTION regress.signup_charset(type text, declaration text, encoding text, passed_on text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
	code text := CASE encoding WHEN 'ASCII' THEN 'Zurich' WHEN 'KOI8R' THEN 'Цюрих' WHEN 'SJIS' THEN U&'\65E5\672C' ELSE 'Zürich' END;
	answer text;
BEGIN
	PERFORM set_config('request.headers', json_strip_nulls(json_build_object('content-type', type, 'x-content-type', passed_on))::text, true);
	answer := trainledger_api.create_tokens(convert_to(declaration || regress.signup_xmls(regress.signup_xml('<TokenCode>' || code || '</TokenCode>')), CASE encoding WHEN 'ASCII' THEN 'UTF8' ELSE encoding END::name));
	IF answer ~ '<Error>' THEN
		RETURN substring(answer FROM '<Message>(.*)</Message>');
	END IF;
	RAISE EXCEPTION USING ERRCODE = 'U0001', MESSAGE = CASE WHEN position('<TokenCode>' || code || '<' IN answer) > 0 THEN 'the same' ELSE 'another code' END;
EXCEPTION WHEN SQLSTATE 'U0001' THEN
	RETURN SQLERRM;
END
$$;
CREATE FUNCTION regress.signup_http(call text, OUT status text, OUT answer text)
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
	PERFORM set_config('response.status', '', true);
	EXECUTE 'SELECT trainledger_api.' || call INTO answer;
	status := current_setting('response.status');
END
$$;
SET ROLE regress_admin;
SELECT count(*) FROM (VALUES ('course', 'xml-C'), ('team', 'xml-T'), ('learning_path', 'xml-P'), ('collection', 'xml-K'), ('course', 'xml-<&>"'' ü')) v(k, c),
	add_catalog_item(k::catalog_kind, c, c);
SELECT count(*) FROM generate_series(871001, 871003) i, add_party('person', 'xml-' || i, id => i);

-- The requests of the seed, with values where it has words for them
BEGIN;
SELECT regexp_replace(trainledger_api.create_tokens('<Tokens> <Token> <TokenCode>xml-seed-1</TokenCode> <TokenType>1</TokenType> <TokenTypeId>xml-C</TokenTypeId> <Active>true</Active> <MaximumActivations>50</MaximumActivations> <TokenExpiration>2023-12-31 23:59:59</TokenExpiration> </Token> <Token> <TokenCode>xml-seed-2</TokenCode> <TokenType>3</TokenType> <TokenTypeId>xml-P</TokenTypeId> <Active>false</Active> <MaximumActivations>1</MaximumActivations> <TokenExpiration>2024-02-29 00:00:00</TokenExpiration> </Token> </Tokens>'),
	'[0-9a-f]{24}', 'ID', 'g') AS answer, current_setting('response.status') AS status;
COMMIT;
SELECT id AS one FROM signup_token WHERE code = 'xml-seed-1' \gset
SELECT id AS two FROM signup_token WHERE code = 'xml-seed-2' \gset
BEGIN;
SELECT replace(replace(trainledger_api.update_tokens(convert_to(format('<Tokens> <Token> <TokenId>%s</TokenId> <TokenCode>xml-seed-one</TokenCode> <TokenType>2</TokenType> <TokenTypeId>xml-T</TokenTypeId> <Active>false</Active> <MaximumActivations>5</MaximumActivations> <TokenExpiration>2024-12-31 23:59:59</TokenExpiration> </Token> <Token> <TokenId>%s</TokenId> <Active>true</Active> </Token> </Tokens>', :'one', :'two'), 'UTF8')),
	:'one', 'ONE'), :'two', 'TWO') AS answer, nullif(current_setting('response.status', true), '') AS status;
COMMIT;
SELECT replace(trainledger_api.token(:'one'), :'one', 'ONE');
SELECT substring(replace(replace(trainledger_api.tokens(max_tokens => 1000), :'one', 'ONE'), :'two', 'TWO')
	FROM '<Token><TokenId>ONE</TokenId>.*?<TokenId>TWO</TokenId>.*?</Token>');

-- What is read back is what was sent, from every form of each value
SELECT label, regress.signup_read(regress.signup_xmls(xml)) AS answer
FROM (VALUES
	('as it is', regress.signup_xml()),
	('blanks around values', regress.signup_xml(E'<TokenCode> \t\r\n xml  1\n</TokenCode>', '<TokenType> 1 </TokenType>', E'<TokenTypeId>\txml-C\t</TokenTypeId>', E'<Active>\nfalse </Active>', '<MaximumActivations> 50</MaximumActivations>', E'<TokenExpiration>\r\n2023-12-31 23:59:59 </TokenExpiration>')),
	('any order', '<Token><TokenExpiration>2023-12-31T23:59:59</TokenExpiration><MaximumActivations>50</MaximumActivations><Active>0</Active><TokenTypeId>xml-C</TokenTypeId><TokenType>1</TokenType><TokenCode>xml-1</TokenCode></Token>'),
	('three elements', '<Token><TokenType>1</TokenType><MaximumActivations>50</MaximumActivations><TokenTypeId>xml-C</TokenTypeId><TokenCode>xml-1</TokenCode></Token>'),
	('types 2, 3 and 4', regress.signup_xml(type => '<TokenType>2</TokenType>', type_id => '<TokenTypeId>xml-T</TokenTypeId>')
		|| regress.signup_xml('<TokenCode>xml-2</TokenCode>', '<TokenType>3</TokenType>', '<TokenTypeId>xml-P</TokenTypeId>')
		|| regress.signup_xml('<TokenCode>xml-3</TokenCode>', '<TokenType>4</TokenType>', '<TokenTypeId>xml-K</TokenTypeId>')),
	('zeros in front', regress.signup_xml(type => '<TokenType>01</TokenType>', maximum => '<MaximumActivations>0050</MaximumActivations>')),
	('the greatest', regress.signup_xml(maximum => '<MaximumActivations>2147483647</MaximumActivations>')),
	('Active 1', regress.signup_xml(active => '<Active>1</Active>')),
	('Active 0', regress.signup_xml(active => '<Active>0</Active>')),
	('Active false', regress.signup_xml(active => '<Active>false</Active>')),
	('empty expiration', regress.signup_xml(expiration => '<TokenExpiration/>')),
	('blank expiration', regress.signup_xml(expiration => E'<TokenExpiration> \n</TokenExpiration>')),
	('nil expiration', regress.signup_xml(expiration => '<TokenExpiration xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:nil="true"/>')),
	('Z', regress.signup_xml(expiration => '<TokenExpiration>2023-12-31T23:59:59Z</TokenExpiration>')),
	('fraction', regress.signup_xml(expiration => '<TokenExpiration>2023-12-31T23:59:59.5</TokenExpiration>')),
	('long fraction and Z', regress.signup_xml(expiration => '<TokenExpiration>2023-12-31T23:59:59.123456789Z</TokenExpiration>')),
	('offset', regress.signup_xml(expiration => '<TokenExpiration>2023-12-31T23:59:59+02:00</TokenExpiration>')),
	('offset without a colon', regress.signup_xml(expiration => '<TokenExpiration>2023-12-31 23:59:59.25-0930</TokenExpiration>')),
	('offset into the next year', regress.signup_xml(expiration => '<TokenExpiration>2023-12-31T23:30:00-01:00</TokenExpiration>')),
	('Active TRUE', regress.signup_xml(active => '<Active>TRUE</Active>')),
	('Active False', regress.signup_xml(active => '<Active> False </Active>')),
	('leap day', regress.signup_xml(expiration => '<TokenExpiration>2024-02-29 23:59:59</TokenExpiration>')),
	('leap day 2000', regress.signup_xml(expiration => '<TokenExpiration>2000-02-29T00:00:00</TokenExpiration>')),
	('first and last year', regress.signup_xml(expiration => '<TokenExpiration>0001-01-01T00:00:00</TokenExpiration>')
		|| regress.signup_xml('<TokenCode>xml-2</TokenCode>', expiration => '<TokenExpiration>9999-12-31T23:59:59</TokenExpiration>')),
	('midnight at the end', regress.signup_xml(expiration => '<TokenExpiration>2023-12-31T24:00:00</TokenExpiration>')),
	('entities', regress.signup_xml('<TokenCode>a&amp;b&lt;c&gt;d&quot;e&apos;f</TokenCode>', type_id => '<TokenTypeId>xml-&lt;&amp;&gt;&quot;&apos; ü</TokenTypeId>')),
	('not escaped', regress.signup_xml('<TokenCode>a>d"e''f</TokenCode>')),
	('character references', regress.signup_xml('<TokenCode>&#90;&#x7A;&#252;&#x20AC;&#x1F600;</TokenCode>', '<TokenType>&#49;</TokenType>')),
	('blanks by reference', regress.signup_xml('<TokenCode>&#32;&#9;a&#32;b&#10;</TokenCode>')),
	('CDATA', regress.signup_xml('<TokenCode><![CDATA[a<b>&amp;]] ]>]]></TokenCode>')),
	('CDATA in pieces', regress.signup_xml('<TokenCode>a<![CDATA[]]]]><![CDATA[>]]>b<![CDATA[]]></TokenCode>', '<TokenType><![CDATA[ 1 ]]></TokenType>')),
	('comments and PIs', '<!-- a --><?php echo 1 ?>' || regress.signup_xml('<TokenCode>a<!-- not -->b<?x y?>c</TokenCode>', more => '<!----><?z?>')),
	('attributes', replace(regress.signup_xml('<TokenCode lang="en" note=''&lt;''>a</TokenCode>'), '<Token>', '<Token id="7" xml:space="preserve">')),
	('no tokens', ''),
	('comment alone', '<!-- none -->')
) v(label, xml);
-- a namespace is that of the root
SELECT label, regress.signup_read(xml) AS answer
FROM (VALUES
	('default', replace(regress.signup_xmls(regress.signup_xml()), '<Tokens>', '<Tokens xmlns="http://example.org/lms">')),
	('prefix', regexp_replace(replace(regress.signup_xmls(regress.signup_xml()), '<Tokens>', '<Tokens xmlns:t="urn:t">'), '<(/?)', '<\1t:', 'g')),
	('prefixes of one namespace', '<t:Tokens xmlns:t="urn:t" xmlns:u="urn:t"><u:Token><t:TokenCode>a</t:TokenCode><u:TokenType>1</u:TokenType><TokenTypeId xmlns="urn:t">xml-C</TokenTypeId><t:MaximumActivations>1</t:MaximumActivations></u:Token></t:Tokens>'),
	('declared and not used', replace(regress.signup_xmls(regress.signup_xml()), '<Tokens>', '<Tokens xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:noNamespaceSchemaLocation="file:///etc/passwd">')),
	('token of another', regress.signup_xmls(regress.signup_xml(), replace(regress.signup_xml(), '<Token>', '<Token xmlns="urn:t">'))),
	('element of another', regress.signup_xmls(regress.signup_xml('<TokenCode xmlns="urn:t">xml-1</TokenCode>'))),
	('element of none', '<Tokens xmlns="urn:t">' || regress.signup_xml('<TokenCode xmlns="">xml-1</TokenCode>') || '</Tokens>'),
	('prefix not declared', regress.signup_xmls(regress.signup_xml('<t:TokenCode>xml-1</t:TokenCode>'))),
	('attribute''s prefix not declared', regress.signup_xmls(regress.signup_xml('<TokenCode t:a="1">xml-1</TokenCode>'))),
	('prefix of the root not declared', '<t:Tokens/>')
) v(label, xml);

-- Values that are refused: the token and the element are named
SELECT label, regress.signup_read(regress.signup_xmls(regress.signup_xml(), xml)) AS answer
FROM (VALUES
	('TokenId', regress.signup_xml(more => '<TokenId>7</TokenId>')),
	('TokenId empty', regress.signup_xml(more => '<TokenId/>')),
	('TokenCode empty', regress.signup_xml('<TokenCode/>')),
	('TokenCode blank', regress.signup_xml('<TokenCode> </TokenCode>')),
	('TokenCode nil', regress.signup_xml('<TokenCode xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:nil="true"/>')),
	('TokenCode 251', regress.signup_xml('<TokenCode>' || repeat('x', 251) || '</TokenCode>')),
	('TokenCode 251 of 4 bytes', regress.signup_xml('<TokenCode>' || repeat(U&'\+01F600', 251) || '</TokenCode>')),
	('TokenCode 100000', regress.signup_xml('<TokenCode>' || repeat('x', 100000) || '</TokenCode>')),
	('TokenCode with another in it', regress.signup_xml('<TokenCode><TokenCode>a</TokenCode></TokenCode>')),
	('TokenCode twice', regress.signup_xml(more => '<TokenCode>xml-2</TokenCode>')),
	('TokenCode twice, empty', regress.signup_xml('<TokenCode/>', more => '<TokenCode/>')),
	('no TokenType', regress.signup_xml(type => '')),
	('TokenType empty', regress.signup_xml(type => '<TokenType></TokenType>')),
	('TokenType 0', regress.signup_xml(type => '<TokenType>0</TokenType>')),
	('TokenType 5', regress.signup_xml(type => '<TokenType>5</TokenType>')),
	('TokenType -1', regress.signup_xml(type => '<TokenType>-1</TokenType>')),
	('TokenType +1', regress.signup_xml(type => '<TokenType>+1</TokenType>')),
	('TokenType 1.0', regress.signup_xml(type => '<TokenType>1.0</TokenType>')),
	('TokenType 1 1', regress.signup_xml(type => '<TokenType>1 1</TokenType>')),
	('TokenType 0x1', regress.signup_xml(type => '<TokenType>0x1</TokenType>')),
	('TokenType 2^32 + 1', regress.signup_xml(type => '<TokenType>4294967297</TokenType>')),
	('TokenType 2^64 + 1', regress.signup_xml(type => '<TokenType>18446744073709551617</TokenType>')),
	('TokenType integer', regress.signup_xml(type => '<TokenType>integer</TokenType>')),
	('TokenType, another digit', regress.signup_xml(type => U&'<TokenType>\0661</TokenType>')),
	('no TokenTypeId', regress.signup_xml(type_id => '')),
	('TokenTypeId empty', regress.signup_xml(type_id => '<TokenTypeId/>')),
	('TokenTypeId 51', regress.signup_xml(type_id => '<TokenTypeId>' || repeat('c', 51) || '</TokenTypeId>')),
	('Active empty', regress.signup_xml(active => '<Active/>')),
	('Active truest', regress.signup_xml(active => '<Active>TRUEST</Active>')),
	('Active yes', regress.signup_xml(active => '<Active>yes</Active>')),
	('Active 2', regress.signup_xml(active => '<Active>2</Active>')),
	('Active 01', regress.signup_xml(active => '<Active>01</Active>')),
	('no MaximumActivations', regress.signup_xml(maximum => '')),
	('MaximumActivations 0', regress.signup_xml(maximum => '<MaximumActivations>0</MaximumActivations>')),
	('MaximumActivations -5', regress.signup_xml(maximum => '<MaximumActivations>-5</MaximumActivations>')),
	('MaximumActivations 2^31', regress.signup_xml(maximum => '<MaximumActivations>2147483648</MaximumActivations>')),
	('MaximumActivations 10^50', regress.signup_xml(maximum => '<MaximumActivations>1' || repeat('0', 49) || '</MaximumActivations>')),
	('MaximumActivations 1e3', regress.signup_xml(maximum => '<MaximumActivations>1e3</MaximumActivations>')),
	('MaximumActivations 1,000', regress.signup_xml(maximum => '<MaximumActivations>1,000</MaximumActivations>')),
	('no leap day', regress.signup_xml(expiration => '<TokenExpiration>2023-02-29T00:00:00</TokenExpiration>')),
	('no leap day 1900', regress.signup_xml(expiration => '<TokenExpiration>1900-02-29 00:00:00</TokenExpiration>')),
	('month 13', regress.signup_xml(expiration => '<TokenExpiration>2023-13-01T00:00:00</TokenExpiration>')),
	('day 31', regress.signup_xml(expiration => '<TokenExpiration>2023-04-31T00:00:00</TokenExpiration>')),
	('day 0', regress.signup_xml(expiration => '<TokenExpiration>2023-04-00T00:00:00</TokenExpiration>')),
	('hour 25', regress.signup_xml(expiration => '<TokenExpiration>2023-04-01T25:00:00</TokenExpiration>')),
	('minute 60', regress.signup_xml(expiration => '<TokenExpiration>2023-04-01T00:60:00</TokenExpiration>')),
	('year 0', regress.signup_xml(expiration => '<TokenExpiration>0000-01-01T00:00:00</TokenExpiration>')),
	('beyond the year 9999', regress.signup_xml(expiration => '<TokenExpiration>9999-12-31T24:00:00</TokenExpiration>')),
	('second 60 of the year 9999', regress.signup_xml(expiration => '<TokenExpiration>9999-12-31 23:59:60</TokenExpiration>')),
	('date alone', regress.signup_xml(expiration => '<TokenExpiration>2023-12-31</TokenExpiration>')),
	('no seconds', regress.signup_xml(expiration => '<TokenExpiration>2023-12-31T23:59</TokenExpiration>')),
	('fraction without digits', regress.signup_xml(expiration => '<TokenExpiration>2023-12-31T23:59:59.</TokenExpiration>')),
	('fraction with a comma', regress.signup_xml(expiration => '<TokenExpiration>2023-12-31T23:59:59,5</TokenExpiration>')),
	('offset in hours', regress.signup_xml(expiration => '<TokenExpiration>2023-12-31T23:59:59+02</TokenExpiration>')),
	('offset with minutes 60', regress.signup_xml(expiration => '<TokenExpiration>2023-12-31T23:59:59+02:60</TokenExpiration>')),
	('offset of 99 hours', regress.signup_xml(expiration => '<TokenExpiration>2023-12-31T23:59:59+99:00</TokenExpiration>')),
	('offset and Z', regress.signup_xml(expiration => '<TokenExpiration>2023-12-31T23:59:59+02:00Z</TokenExpiration>')),
	('blank before the offset', regress.signup_xml(expiration => '<TokenExpiration>2023-12-31T23:59:59 +02:00</TokenExpiration>')),
	('name of a zone', regress.signup_xml(expiration => '<TokenExpiration>2023-12-31T23:59:59 CET</TokenExpiration>')),
	('small z', regress.signup_xml(expiration => '<TokenExpiration>2023-12-31T23:59:59z</TokenExpiration>')),
	('offset before the year 1', regress.signup_xml(expiration => '<TokenExpiration>0001-01-01T00:00:00+00:01</TokenExpiration>')),
	('offset beyond the year 9999', regress.signup_xml(expiration => '<TokenExpiration>9999-12-31T23:59:59-00:01</TokenExpiration>')),
	('two blanks', regress.signup_xml(expiration => '<TokenExpiration>2023-12-31  23:59:59</TokenExpiration>')),
	('small t', regress.signup_xml(expiration => '<TokenExpiration>2023-12-31t23:59:59</TokenExpiration>')),
	('slashes', regress.signup_xml(expiration => '<TokenExpiration>2023/12/31 23:59:59</TokenExpiration>')),
	('infinity', regress.signup_xml(expiration => '<TokenExpiration>infinity</TokenExpiration>')),
	('now', regress.signup_xml(expiration => '<TokenExpiration>now</TokenExpiration>')),
	('as the seed prints it', regress.signup_xml(expiration => '<TokenExpiration>YYYY-MM-DD HH:MM:SS</TokenExpiration>')),
	('item unknown', regress.signup_xml('<TokenCode>xml-2</TokenCode>', type_id => '<TokenTypeId>xml-none</TokenTypeId>')),
	('item of another type', regress.signup_xml('<TokenCode>xml-2</TokenCode>', '<TokenType>4</TokenType>')),
	('code taken', regress.signup_xml('<TokenCode>XML-Seed-One</TokenCode>')),
	('code taken by the first', regress.signup_xml('<TokenCode>XML-1</TokenCode>')),
	('TL400 before TL404', regress.signup_xml(type_id => '<TokenTypeId>xml-none</TokenTypeId>') || regress.signup_xml(active => '<Active/>')),
	('TL404 before TL409', regress.signup_xml() || regress.signup_xml('<TokenCode>xml-3</TokenCode>', type_id => '<TokenTypeId>xml-none</TokenTypeId>')),
	('the first of several', regress.signup_xml('<TokenCode/>', type => '<TokenType/>') || regress.signup_xml('<TokenCode/>'))
) v(label, xml);
-- of 250 characters
SELECT regress.signup_read(regress.signup_xmls(regress.signup_xml('<TokenCode>' || repeat(c, 250) || '</TokenCode>'))) = format('[%s] | 1 | xml-C | t | 50 | 2023-12-31 23:59:59', repeat(c, 250)) AS code_250
FROM unnest(ARRAY['x', 'ü', U&'\20AC', U&'\+01F600']) c;

-- Structure that is refused
SELECT label, regress.signup_read(xml) AS answer
FROM (VALUES
	('nothing', ''),
	('blanks', E' \n'),
	('text', 'xml-1'),
	('JSON', '{"Tokens": []}'),
	('declaration alone', '<?xml version="1.0"?>'),
	('another root', regress.signup_xml()),
	('root in small letters', '<tokens/>'),
	('two roots', '<Tokens/><Tokens/>'),
	('text behind', '<Tokens/>x'),
	('text in front', 'x<Tokens/>'),
	('declaration not at the start', ' <?xml version="1.0"?><Tokens/>'),
	('not Token', '<Tokens><Voucher/></Tokens>'),
	('Token in small letters', '<Tokens><token/></Tokens>'),
	('Tokens in Tokens', '<Tokens><Tokens/></Tokens>'),
	('Token in Token', regress.signup_xmls(regress.signup_xml(more => '<Token/>'))),
	('empty Token', '<Tokens><Token/></Tokens>'),
	('unknown element', regress.signup_xmls(regress.signup_xml(), regress.signup_xml(more => '<Activations>3</Activations>'))),
	('element in small letters', regress.signup_xmls(regress.signup_xml('<tokencode>xml-1</tokencode>'))),
	('element with a digit: it could be a code', regress.signup_xmls(regress.signup_xml(more => '<SUMMER2023/>'))),
	('text in Tokens', regress.signup_xmls(regress.signup_xml(), 'xml-1')),
	('text in Token', regress.signup_xmls(regress.signup_xml(more => 'xml-1'))),
	('as the seed prints it', '<Tokens><Token> ....... </Token></Tokens>'),
	('CDATA in Tokens', '<Tokens><![CDATA[x]]></Tokens>'),
	('not closed', '<Tokens>' || regress.signup_xml()),
	('closed twice', '<Tokens></Tokens></Tokens>'),
	('crossed', regress.signup_xmls(replace(regress.signup_xml(), '</Active><MaximumActivations>', '<MaximumActivations></Active>'))),
	('& not escaped', regress.signup_xmls(regress.signup_xml('<TokenCode>a&b</TokenCode>'))),
	('< not escaped', regress.signup_xmls(regress.signup_xml('<TokenCode>a<b</TokenCode>'))),
	(']]> in text', regress.signup_xmls(regress.signup_xml('<TokenCode>a]]>b</TokenCode>'))),
	('entity of HTML', regress.signup_xmls(regress.signup_xml('<TokenCode>a&nbsp;b</TokenCode>'))),
	('reference to 0', regress.signup_xmls(regress.signup_xml('<TokenCode>&#0;</TokenCode>'))),
	('reference to a control character', regress.signup_xmls(regress.signup_xml('<TokenCode>&#8;</TokenCode>'))),
	('control character', regress.signup_xmls(regress.signup_xml(E'<TokenCode>a\x08</TokenCode>'))),
	('reference to a surrogate', regress.signup_xmls(regress.signup_xml('<TokenCode>&#xD800;</TokenCode>'))),
	('reference to U+FFFE', regress.signup_xmls(regress.signup_xml('<TokenCode>&#xFFFE;</TokenCode>'))),
	('reference beyond', regress.signup_xmls(regress.signup_xml('<TokenCode>&#x110000;</TokenCode>'))),
	('attribute twice', regress.signup_xmls(regress.signup_xml('<TokenCode a="1" a="2">x</TokenCode>'))),
	('attribute without quotes', regress.signup_xmls(regress.signup_xml('<TokenCode a=1>x</TokenCode>'))),
	('-- in a comment', '<Tokens><!-- a -- b --></Tokens>'),
	('XML 2.0', '<?xml version="2.0"?><Tokens/>'),
	('encoding unknown', '<?xml version="1.0" encoding="X-NONE"?><Tokens/>'),
	('DOCTYPE', '<!DOCTYPE Tokens><Tokens/>'),
	('DOCTYPE, external', '<!DOCTYPE Tokens SYSTEM "file:///etc/passwd"><Tokens/>'),
	('entity', '<!DOCTYPE Tokens [<!ENTITY e "x">]><Tokens>&e;</Tokens>'),
	('parameter entity', '<!DOCTYPE Tokens [<!ENTITY % e SYSTEM "file:///etc/passwd"> %e;]><Tokens/>'),
	('DOCTYPE behind the root', '<Tokens><!DOCTYPE Tokens></Tokens>')
) v(label, xml);
-- libxml2 does not read these orders of bytes, and says so before there is a parser
-- (2.14 and later: what they are read as is no XML)
SELECT encode(xml, 'escape') AS document, regexp_replace(regress.refusal(format('SELECT * FROM %s(%L)', call, xml))::text, 'an encoding that is not known|not well-formed XML', 'no form') AS refusal
FROM (VALUES (bytea '\x00003c00'), ('\x003c0000'), ('\x00003c00aabbccdd')) v(xml),
	unnest('{import_signup_tokens,apply_signup_tokens}'::text[]) call;
-- the line where there is no token, of both where there is
SELECT regress.signup_read(replace(xml, '|', E'\n')) AS answer
FROM (VALUES
	('<Tokens>||<Token>|</Tokens>'),
	('<Tokens>|<!--|-->|<Voucher/></Tokens>'),
	('<Tokens><Token>|<TokenType>1</TokenType>|<TokenTypeId>xml-C</TokenTypeId>|<MaximumActivations>1</MaximumActivations></Token>|<Token>|<TokenType>7</TokenType>|<TokenTypeId>xml-C</TokenTypeId>|<MaximumActivations>1</MaximumActivations>|</Token></Tokens>'),
	('<Tokens>|<Token>|<TokenType>1</TokenType>|<TokenTypeId>none</TokenTypeId>|<MaximumActivations>1</MaximumActivations>|</Token></Tokens>')
) v(xml);

-- Encodings: that of the declaration or the byte order mark, UTF-8 where there is none.
-- Versions of libxml2 give different reasons where bytes do not fit (*).
SELECT label, CASE WHEN label LIKE '%*' THEN regexp_replace(regress.signup_read(document), 'bytes that are not valid in the encoding( "[^"]*")?|not well-formed XML', 'no form') ELSE regress.signup_read(document) END AS answer
FROM (SELECT label, document FROM (VALUES (regress.signup_xmls(regress.signup_xml('<TokenCode>Zürich €</TokenCode>')), regress.signup_xmls(regress.signup_xml(U&'<TokenCode>Zürich \20AC\+01F600</TokenCode>')))) x(xml, wide),
	LATERAL (VALUES
	('UTF-8', convert_to(xml, 'UTF8')),
	('UTF-8, declared', convert_to('<?xml version="1.0" encoding="UTF-8" standalone="yes"?>' || xml, 'UTF8')),
	('UTF-8, byte order mark', '\xefbbbf'::bytea || convert_to(xml, 'UTF8')),
	('UTF-16LE, mark and declaration', regress.utf16(U&'\FEFF<?xml version="1.0" encoding="UTF-16"?>' || wide, false)),
	('UTF-16BE, mark and declaration', regress.utf16(U&'\FEFF<?xml version="1.0" encoding="UTF-16"?>' || wide, true)),
	('UTF-16LE, mark', regress.utf16(U&'\FEFF' || wide, false)),
	('UTF-16BE, declaration', regress.utf16('<?xml version="1.0" encoding="UTF-16BE"?>' || wide, true)),
	('UTF-16, not declared', regress.utf16(wide, false)),
	('UTF-16, half a character', substr(regress.utf16(U&'\FEFF' || wide, false), 1, 301)),
	('UTF-16, mark, declared as UTF-8', regress.utf16(U&'\FEFF<?xml version="1.0" encoding="UTF-8"?>' || wide, false)),
	('UTF-8, declared as UTF-16 *', convert_to('<?xml version="1.0" encoding="UTF-16"?>' || xml, 'UTF8')),
	('ISO-8859-1', convert_to('<?xml version="1.0" encoding="ISO-8859-1"?>' || replace(xml, '€', ''), 'LATIN1')),
	('ISO-8859-15', convert_to('<?xml version=''1.0'' encoding=''iso-8859-15''?>' || xml, 'LATIN9')),
	('windows-1252', convert_to('<?xml version="1.0" encoding="windows-1252"?>' || xml, 'WIN1252')),
	('ISO-8859-1, not declared', convert_to(replace(xml, '€', ''), 'LATIN1')),
	('UTF-8, declared as ISO-8859-1', convert_to('<?xml version="1.0" encoding="ISO-8859-1"?>' || replace(xml, ' €', ''), 'UTF8')),
	('declared as US-ASCII *', convert_to('<?xml version="1.0" encoding="US-ASCII"?>' || xml, 'UTF8')),
	('Shift_JIS', convert_to(U&'<?xml version="1.0" encoding="Shift_JIS"?>' || replace(xml, 'Zürich €', U&'\65E5\672C'), 'SJIS')),
	('overlong UTF-8', convert_to(split_part(xml, 'Z', 1), 'UTF8') || '\xc0bc'::bytea || convert_to(split_part(xml, '€', 2), 'UTF8')),
	('surrogate in UTF-8 *', convert_to(split_part(xml, 'Z', 1), 'UTF8') || '\xeda080'::bytea || convert_to(split_part(xml, '€', 2), 'UTF8')),
	('US-ASCII, a byte behind the root *', convert_to('<?xml version="1.0" encoding="US-ASCII"?>' || replace(xml, 'Zürich €', 'x'), 'UTF8') || '\xff'::bytea || '<Tokens><Token>'::bytea),
	('windows-1252, a byte behind the root *', convert_to('<?xml version="1.0" encoding="windows-1252"?>' || xml, 'WIN1252') || '\x81'::bytea),
	('Shift_JIS, a byte behind the root *', convert_to(U&'<?xml version="1.0" encoding="Shift_JIS"?>' || replace(xml, 'Zürich €', U&'\65E5\672C'), 'SJIS') || '\xff20'::bytea),
	('UTF-16, half a character behind the root', regress.utf16(U&'\FEFF' || wide, false) || '\x20'::bytea),
	('UTF-16, half a pair behind the root', regress.utf16(U&'\FEFF' || wide, false) || '\x00d8'::bytea),
	('UTF-16, a blank behind the root', regress.utf16(U&'\FEFF' || wide || ' ', false)),
	('zero byte', convert_to(split_part(xml, 'Z', 1), 'UTF8') || '\x00'::bytea || convert_to(split_part(xml, '€', 2), 'UTF8'))
	) v(label, document)) y;

-- A charset of the media type counts for more than the declaration, a byte order
-- mark for more than both (RFC 7303); an encoding that does not fit is named.
SELECT type, declared, in_fact, regress.signup_charset(type, CASE declared WHEN 'none' THEN '' WHEN 'mark' THEN U&'\FEFF' ELSE format('<?xml version="1.0" encoding="%s"?>', declared) END, in_fact) AS answer
FROM (VALUES
	('application/xml; charset=iso-8859-1', 'none', 'LATIN1'), ('application/xml; charset=iso-8859-1', 'UTF-8', 'LATIN1'), ('text/xml;charset="ISO-8859-15"', 'utf-16', 'LATIN9'),
	('application/xml; charset=utf-8', 'ISO-8859-1', 'UTF8'), ('application/xml; charset=UTF-8', 'none', 'UTF8'), ('application/xml; charset=windows-1252', 'mark', 'UTF8'),
	('application/xml ; Charset = "koi8-r"; x=y', 'none', 'KOI8R'), ('text/xml; charset=Shift_JIS', 'none', 'SJIS'), ('application/xml', 'ISO-8859-1', 'LATIN1'), ('application/xml', 'none', 'UTF8'),
	('application/xml; charset=utf-8', 'none', 'LATIN1'), ('application/xml; charset=us-ascii', 'none', 'UTF8'), ('application/xml; charset=us-ascii', 'none', 'ASCII'), ('application/xml; charset=utf-16', 'none', 'UTF8'),
	('application/xml; charset=x-none', 'none', 'UTF8'), ('application/xml; charset="<&>"', 'none', 'UTF8'), ('application/xml; charset=', 'none', 'UTF8'),
	('application/xml', 'UTF-8', 'LATIN1'), ('application/xml', 'X-NONE', 'UTF8'), ('application/xml', 'none', 'LATIN1')
) v(type, declared, in_fact);
-- one that a proxy passes on counts for the client's
SELECT regress.signup_charset('application/octet-stream', '', 'LATIN1', 'application/xml; charset=latin1') AS answer;
-- other functions do not look at it
BEGIN;
SELECT set_config('request.headers', '{"content-type": "application/json; charset=latin1"}', true) AS set;
SELECT code FROM import_signup_tokens(convert_to(regress.signup_xmls(regress.signup_xml('<TokenCode>Zürich</TokenCode>')), 'UTF8'));
ROLLBACK;

-- Changes: only what is there
SELECT maximum_activations FROM update_signup_token(:'two', maximum_activations => 3);
RESET ROLE;
SET trainledger.clock = '2023-05-01';
SELECT count(*) FROM (VALUES (871001), (871002)) p(p), claim_signup_token('xml-seed-2', p);
SET ROLE regress_admin;
SELECT label, regress.signup_read(replace(replace(xml, '#1', '<TokenId>' || :'one' || '</TokenId>'), '#2', '<TokenId>' || :'two' || '</TokenId>'), 'apply_signup_tokens') AS answer
FROM (VALUES
	('nothing', '<Tokens><Token>#1</Token></Tokens>'),
	('code', '<Tokens><Token>#1<TokenCode> xml-new </TokenCode></Token></Tokens>'),
	('code in other letters', '<Tokens><Token>#1<TokenCode>XML-SEED-ONE</TokenCode></Token></Tokens>'),
	('type and item', '<Tokens><Token>#1<TokenTypeId>xml-K</TokenTypeId><TokenType>4</TokenType></Token></Tokens>'),
	('item', '<Tokens><Token>#2<TokenTypeId>xml-P</TokenTypeId></Token></Tokens>'),
	('active', '<Tokens><Token><Active>1</Active>#1</Token></Tokens>'),
	('maximum', '<Tokens><Token><MaximumActivations>2</MaximumActivations>#2</Token></Tokens>'),
	('expiration', '<Tokens><Token>#1<TokenExpiration>2025-01-01T00:00:00</TokenExpiration></Token></Tokens>'),
	('expiration empty', '<Tokens><Token>#1<TokenExpiration/></Token></Tokens>'),
	('expiration nil', '<Tokens xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><Token>#1<TokenExpiration xsi:nil="true"></TokenExpiration></Token></Tokens>'),
	('blanks around the id', replace('<Tokens><Token>#1</Token></Tokens>', '#1', E'<TokenId>\n' || :'one' || ' </TokenId>')),
	('two, in their order', '<Tokens><Token>#2</Token><Token>#1</Token></Tokens>'),
	('one twice', '<Tokens><Token>#1<Active>true</Active></Token><Token>#1<MaximumActivations>7</MaximumActivations></Token></Tokens>'),
	('a code set free by the token before', '<Tokens><Token>#1<TokenCode>xml-new</TokenCode></Token><Token>#2<TokenCode>xml-seed-one</TokenCode></Token></Tokens>'),
	('none', '<Tokens/>'),
	('no id', '<Tokens><Token>#1</Token><Token><Active>true</Active></Token></Tokens>'),
	('id empty', '<Tokens><Token><TokenId/><Active>true</Active></Token></Tokens>'),
	('id 51', '<Tokens><Token><TokenId>' || repeat('7', 51) || '</TokenId></Token></Tokens>'),
	('id twice', '<Tokens><Token>#1#2</Token></Tokens>'),
	('id unknown', '<Tokens><Token>#1<Active>1</Active></Token><Token><TokenId>7</TokenId></Token></Tokens>'),
	('code empty', '<Tokens><Token>#1<TokenCode/></Token></Tokens>'),
	('code 251', '<Tokens><Token>#1<TokenCode>' || repeat('x', 251) || '</TokenCode></Token></Tokens>'),
	('code taken', '<Tokens><Token>#1<TokenCode>XML-seed-2</TokenCode></Token></Tokens>'),
	('TL404 before TL409', '<Tokens><Token>#1<TokenCode>XML-seed-2</TokenCode></Token><Token><TokenId>7</TokenId></Token></Tokens>'),
	('unknown item before a code', '<Tokens><Token>#1<TokenCode>XML-seed-2</TokenCode></Token><Token>#2<TokenTypeId>none</TokenTypeId></Token></Tokens>'),
	('unknown item before an unknown id', '<Tokens><Token>#1<TokenTypeId>none</TokenTypeId></Token><Token><TokenId>7</TokenId></Token></Tokens>'),
	('an item, then its type', '<Tokens><Token>#1<TokenType>1</TokenType><TokenTypeId>xml-C</TokenTypeId></Token><Token>#1<TokenType>4</TokenType></Token></Tokens>'),
	('a type and its item, then another item', '<Tokens><Token>#1<TokenType>4</TokenType><TokenTypeId>xml-K</TokenTypeId></Token><Token>#1<TokenTypeId>xml-C</TokenTypeId><TokenType>1</TokenType></Token><Token>#1<TokenTypeId>xml-C</TokenTypeId></Token></Tokens>'),
	('type without its item', '<Tokens><Token>#1<TokenType>1</TokenType></Token></Tokens>'),
	('item unknown', '<Tokens><Token>#1</Token><Token>#2<TokenTypeId>none</TokenTypeId></Token></Tokens>'),
	('type 5', '<Tokens><Token>#1<TokenType>5</TokenType></Token></Tokens>'),
	('active empty', '<Tokens><Token>#1<Active/></Token></Tokens>'),
	('maximum 0', '<Tokens><Token>#1<MaximumActivations>0</MaximumActivations></Token></Tokens>'),
	('fewer than are used', '<Tokens><Token>#1</Token><Token>#2<MaximumActivations>1</MaximumActivations></Token></Tokens>'),
	('bad date', '<Tokens><Token>#1<TokenExpiration>2023-02-30T00:00:00</TokenExpiration></Token></Tokens>'),
	('unknown element', '<Tokens><Token>#1<Activations>0</Activations></Token></Tokens>'),
	('TL400 before TL404', '<Tokens><Token><TokenId>7</TokenId></Token><Token>#1<Active/></Token></Tokens>'),
	('not well-formed before TL404', '<Tokens><Token><TokenId>7</TokenId></Token>')
) v(label, xml);

-- A batch is all or nothing
SELECT count(*) AS tokens FROM signup_token \gset
SELECT regress.sqlstate(format('SELECT import_signup_tokens(convert_to(%L, ''UTF8''))', regress.signup_xmls(VARIADIC (
	SELECT array_agg(regress.signup_xml(format('<TokenCode>xml-all-%s</TokenCode>', CASE WHEN i = bad AND why = 'TL409' THEN 1 ELSE i END), type_id => CASE WHEN i = bad AND why = 'TL404' THEN '<TokenTypeId>none</TokenTypeId>' ELSE '<TokenTypeId>xml-C</TokenTypeId>' END) ORDER BY i) || CASE WHEN why = 'TL400' THEN ARRAY['<Token/>'] ELSE '{}' END
	FROM generate_series(1, 1000) i)))), why, bad
FROM unnest('{TL400,TL404,TL409}'::text[]) why, unnest('{2,500,1000}'::integer[]) bad;
SELECT count(*) - :tokens AS made FROM signup_token;
-- and comes in the order of the document
SELECT count(*), bool_and(code = 'xml-all-' || n) AS in_order, bool_and(id > prior) AS ids_too
FROM (SELECT t.code, t.n, t.id, lag(t.id) OVER (ORDER BY n) AS prior
	FROM import_signup_tokens(convert_to(regress.signup_xmls(VARIADIC (SELECT array_agg(regress.signup_xml(format('<TokenCode>xml-all-%s</TokenCode>', i)) ORDER BY i) FROM generate_series(1, 1000) i)), 'UTF8'))
		WITH ORDINALITY t(id, code, type, type_id, active, maximum_activations, activations, expiration, created_at, n)) x;
SELECT count(*) - :tokens AS made FROM signup_token;
-- without a code each gets one of its own
SELECT count(DISTINCT code), bool_and(code ~ '^[2-9A-HJ-NP-Z]{16}$') AS made
FROM import_signup_tokens(convert_to(regress.signup_xmls(regress.signup_xml(''), regress.signup_xml(''), regress.signup_xml('')), 'UTF8'));

-- What is printed can be read again: as changes, and, without ids, as new tokens
CREATE TEMPORARY TABLE odd AS
SELECT n, code FROM unnest(ARRAY['<', '>', '&', '"', '''', '&amp;', '<![CDATA[x]]>', ']]>', '<!-- x -->', '<?x y?>', '<TokenCode>', '</Tokens>', '%s%n', '\', '{}', '&#10;',
	E'a\tb', E'a\nb', E'a\rb', E'a\r\nb', 'a  b', U&'a\00A0b', U&'\00A0', U&'\007F', U&'\0085', U&'\2028', U&'\FEFFa', U&'\FFFD', U&'\+01F600', U&'e\0301', 'ü€', U&'\202Eabc', U&'\+10FFFF', repeat(']]>', 80)]) WITH ORDINALITY c(code, n);
SELECT count(*) FROM odd, create_signup_token(1, 'xml-<&>"'' ü', 1, 'xml-odd' || code || '.', n % 2 = 0, CASE WHEN n % 3 = 0 THEN '2023-12-31 23:59:59Z'::timestamptz END);
CREATE TEMPORARY TABLE odd_before AS SELECT * FROM regress.signup_odd();
SELECT '<Tokens>' || string_agg(replace(replace(trainledger_api.token(id), '<Tokens>', ''), '</Tokens>', ''), '' ORDER BY code COLLATE "C") || '</Tokens>' AS printed FROM signup_token WHERE code LIKE 'xml-odd%' \gset
SELECT (regexp_match(printed, '<Token>.*</Token>'))[1] AS listed FROM (SELECT trainledger_api.tokens((SELECT count(*)::integer FROM signup_token) - (SELECT count(*)::integer FROM odd), 1000) AS printed) x \gset
SELECT (SELECT count(*) FROM apply_signup_tokens(convert_to(:'printed', 'UTF8'))) AS changed, (SELECT count(*) FROM apply_signup_tokens(convert_to('<Tokens>' || :'listed' || '</Tokens>', 'UTF8'))) AS listed;
SELECT count(*) AS differing FROM (TABLE odd_before EXCEPT SELECT * FROM regress.signup_odd()) x;
-- core's parser reads the same
SELECT count(*) AS read, count(b.code) AS same
FROM xmltable('/Tokens/Token' PASSING (:'printed'::xml) COLUMNS code text PATH 'TokenCode', type_id text PATH 'TokenTypeId') x LEFT JOIN odd_before b USING (code, type_id);
RESET ROLE;
DELETE FROM signup_token WHERE code LIKE 'xml-odd%';
SET ROLE regress_admin;
SELECT count(*) AS again FROM import_signup_tokens(convert_to(regexp_replace(:'printed', '<TokenId>[^<]*</TokenId>', '', 'g'), 'UTF8'));
SELECT count(*) AS differing FROM (TABLE odd_before EXCEPT SELECT * FROM regress.signup_odd()) x;
DROP TABLE odd, odd_before;
-- dates in both forms, none where there is none, in UTC whatever the session's zone
SET TimeZone = 'Asia/Tokyo';
SET DateStyle = 'German, DMY';
SELECT count(*) FROM create_signup_token(1, 'xml-C', 1, 'xml-date', expiration => '2024-02-29T23:59:59Z', id => 'xml~1');
SELECT count(*) FROM create_signup_token(1, 'xml-C', 1, 'xml-no date', id => 'xml~2');
SELECT trainledger_api.token('xml~1');
SELECT trainledger_api.token('xml~2');
SELECT regexp_replace(trainledger_api.tokens((SELECT count(*)::integer FROM signup_token WHERE id < 'xml~1'), 2), '</Token>', E'\\&\n', 'g');
SELECT regress.signup_read(regress.signup_xmls(regress.signup_xml(expiration => '<TokenExpiration>2024-03-04 05:06:07</TokenExpiration>')));
RESET TimeZone;
RESET DateStyle;

-- The functions for HTTP: the seed's document and a status, or the error document with its own
SELECT call, h.status, regexp_replace(h.answer, '[0-9a-f]{24}', 'ID', 'g') AS answer
FROM unnest(ARRAY[$$tokens(-1)$$, $$tokens(0, 0)$$, $$tokens(0, 1001)$$, $$tokens(2147483647)$$, $$tokens(NULL, NULL) WHERE false$$,
	$$token('none')$$, $$token('')$$, $$token(NULL)$$, $$token('<&>')$$,
	$$create_tokens('<Tokens/>')$$, $$create_tokens(NULL)$$, $$create_tokens('')$$, $$create_tokens('<Tokens><Token/></Tokens>')$$, $$create_tokens('<Tokens><Token><Foo>1</Foo></Token></Tokens>')$$,
	format('create_tokens(convert_to(%L, ''UTF8''))', regress.signup_xmls(regress.signup_xml(type_id => '<TokenTypeId>none</TokenTypeId>'))),
	format('create_tokens(convert_to(%L, ''UTF8''))', regress.signup_xmls(regress.signup_xml('<TokenCode>XML-DATE</TokenCode>'))),
	format('create_tokens(convert_to(%L, ''UTF8''))', regress.signup_xmls(regress.signup_xml('<TokenCode>xml &lt;http&gt;</TokenCode>', expiration => ''))),
	$$update_tokens('<Tokens/>')$$, $$update_tokens(NULL)$$, $$update_tokens('<Tokens><Token><TokenId>none</TokenId></Token></Tokens>')$$, $$update_tokens('<Tokens><Token><TokenId>xml~1</TokenId><TokenCode>xml-no DATE</TokenCode></Token></Tokens>')$$,
	$$update_tokens('<Tokens><Token><TokenId>xml~1</TokenId><TokenExpiration/></Token></Tokens>')$$]) WITH ORDINALITY c(call, n), regress.signup_http(call) h ORDER BY n;
-- a refused one leaves nothing, an accepted one stays
SELECT code FROM signup_token WHERE code IN ('xml-1', 'xml <http>') OR (id = 'xml~1' AND expiration IS NULL) ORDER BY 1;
-- reads work in a transaction that is read only, and page through everything once
SET ROLE regress_reader;
BEGIN READ ONLY;
SELECT (xpath('count(/Tokens/Token)', trainledger_api.tokens()::text::xml))[1] AS tokens, nullif(current_setting('response.status', true), '') AS status;
SELECT (xpath('string(/Tokens/Token/TokenCode)', trainledger_api.token('xml~2')::text::xml))[1] AS code;
SELECT trainledger_api.token('none'), current_setting('response.status') AS status;
SELECT count(DISTINCT i::text) = (SELECT count(*) FROM signup_token) AS all_of_them, count(*) = count(DISTINCT i::text) AS once
FROM generate_series(0, 3) p, xpath('/Tokens/Token/TokenId/text()', trainledger_api.tokens(p * 1000, 1000)::text::xml) x, unnest(x) i;
COMMIT;

-- The size is limited; a superuser says how much
SET ROLE regress_admin;
SELECT regress.attempt('SET trainledger.xml_max_bytes = 100000');
RESET ROLE;
SHOW trainledger.xml_max_bytes;
SET trainledger.xml_max_bytes = '1kB';
SELECT regress.signup_read('<Tokens>' || repeat(' ', n) || '</Tokens>') FROM unnest('{1007,1008}'::integer[]) n;
SELECT regexp_replace(regress.attempt($$SET trainledger.xml_max_bytes = 1000$$), '(\d) B\M', '\1', 'g');
RESET trainledger.xml_max_bytes;
-- markup that does not end is refused before all of it is read: libxml2 would be at it for long
SELECT label, regress.signup_read('<Tokens>' || xml || '</Tokens>')
FROM (VALUES
	('a long comment', '<!--' || repeat('x', 10000) || '-->'),
	('too long a comment', '<!--' || repeat('x', 200000) || '-->'),
	('too long a PI', '<?x ' || repeat('x', 200000) || '?>'),
	('a long attribute', format('<Token a="%s"/>', repeat('x', 10000))),
	('too long an attribute', format('<Token a="%s"/>', repeat('x', 200000))),
	('100,000 attributes', format('<Token %s/>', (SELECT string_agg(format('a%s=""', i), ' ') FROM generate_series(1, 100000) i))),
	('too long a name', '<' || repeat('x', 200000) || '/>'),
	('many blanks', repeat(' ', 1000000) || regress.signup_xml())
) v(label, xml);
-- nothing that the caller has set changes what is read
SET xmloption = document;
SET xmlbinary = hex;
DO $$ BEGIN
	IF current_setting('server_version_num')::integer < 190000 THEN
		SET standard_conforming_strings = off;
	END IF;
END $$;
SELECT regress.signup_read(regress.signup_xmls(regress.signup_xml(E'<TokenCode>\\</TokenCode>')));
SELECT regress.signup_charset('application/xml; charset=utf-8', '<?xml version="1.0" encoding="iso-8859-1"?>', 'UTF8') AS answer;
RESET xmloption;
RESET xmlbinary;
RESET standard_conforming_strings;
