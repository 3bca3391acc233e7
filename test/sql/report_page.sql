-- The report as a page (contract, section 14): its figures against those of the
-- views, and names that would like to be markup. In a database of its own, so
-- that the books are empty first.
\pset format unaligned
\pset null (null)
SELECT current_database() AS before \gset
CREATE DATABASE regression_report TEMPLATE template0 ENCODING 'UTF8';
\c regression_report
SET client_min_messages = warning;
CREATE EXTENSION trainledger;
SELECT trainledger.grant_access('regress_reader', 'reader');
SELECT trainledger.grant_access('regress_learner', 'learner');
SET search_path = public, trainledger;
SET DateStyle = 'ISO';
SET trainledger.clock = '2026-05-04 09:30:00Z';

-- The page as a document of XML, or no page: what is not well-formed is refused
CREATE FUNCTION page() RETURNS xml LANGUAGE sql STABLE
AS $$ SELECT xmlparse(DOCUMENT trainledger.report()) $$;
-- The tables of the page, a row for each of theirs, with its cells in order
CREATE FUNCTION page_rows(page xml) RETURNS TABLE (section text, caption text, place bigint, heads text[], cells text[])
LANGUAGE sql STABLE
AS $$
	SELECT s.id, t.caption, r.place,
		(SELECT array_agg(h.text ORDER BY h.place) FROM xmltable('//thead//th' PASSING t.content COLUMNS place FOR ORDINALITY, text text PATH '.') h),
		(SELECT array_agg(c.text ORDER BY c.place) FROM xmltable('/tr/*' PASSING r.content COLUMNS place FOR ORDINALITY, text text PATH '.') c)
	FROM xmltable('/html/body/main/section' PASSING page COLUMNS id text PATH '@id', content xml PATH '.') s,
		xmltable('//table' PASSING s.content COLUMNS caption text PATH 'caption', content xml PATH '.') t,
		xmltable('//tbody/tr' PASSING t.content COLUMNS place FOR ORDINALITY, content xml PATH '.') r
$$;
-- A number as the page prints it
CREATE FUNCTION number(text) RETURNS numeric LANGUAGE sql IMMUTABLE
AS $$ SELECT replace(nullif($1, '-'), ',', '')::numeric $$;
-- What a name is on the page: itself, but for characters that XML cannot hold
CREATE FUNCTION shown(name text) RETURNS text LANGUAGE sql IMMUTABLE
AS $$ SELECT translate(name, U&'\0001\0007\001B\FFFE\FFFF', '?????') $$;
-- Figures as the page prints them, by the server's own formatting: as many decimals
-- as there are
CREATE FUNCTION printed(VARIADIC figures numeric[]) RETURNS text[] LANGUAGE sql IMMUTABLE
AS $$
	SELECT array_agg(coalesce(ltrim(to_char(f, 'FM999,999,999,999,999,990' || CASE WHEN scale(f) > 0 THEN '.' || repeat('0', scale(f)) ELSE '' END)), '-') ORDER BY n)
	FROM unnest(figures) WITH ORDINALITY u(f, n)
$$;
-- What is in a table of the page and not in a query, or the other way round
CREATE FUNCTION differing(section text, caption text, wanted text) RETURNS TABLE (rows bigint, differing bigint) LANGUAGE plpgsql
AS $$
BEGIN
	RETURN QUERY EXECUTE format('WITH wanted AS (%s), page AS (SELECT r.cells FROM page_row r WHERE r.section = %L AND r.caption = %L)
		SELECT (SELECT count(*) FROM page), (SELECT count(*) FROM ((TABLE wanted EXCEPT ALL TABLE page) UNION ALL (TABLE page EXCEPT ALL TABLE wanted)) d)', wanted, section, caption);
END $$;

-- Empty books: every section is there and says so
SET ROLE regress_reader;
SELECT s.* FROM xmltable('/html/body/main/section' PASSING page() COLUMNS id text PATH '@id', heading text PATH 'h2', says text PATH 'p[2]', tables integer PATH 'count(.//table)', plots integer PATH 'count(.//svg)') s;
SELECT left(report(), 32) AS beginning, (xpath('string(/html/head/title)', page()))[1] AS title, (xpath('string(//header/p)', page()))[1] AS at;
-- who may
SET ROLE regress_learner;
SELECT trainledger.report();
SELECT trainledger_api.report();
SELECT trainledger_internal.report_page();
RESET ROLE;
SELECT count(*) AS readable_by_others FROM pg_proc p
WHERE p.proname ~ '^report(_|$)' AND p.pronamespace::regnamespace::text ~ '^trainledger' AND (has_function_privilege('public', p.oid, 'EXECUTE') OR has_function_privilege('regress_learner', p.oid, 'EXECUTE'));

-- Books with something of everything
CREATE FUNCTION it_is(at text) RETURNS void LANGUAGE sql AS $$ SELECT set_config('trainledger.clock', at, false) $$;
CREATE TABLE hostile (n integer PRIMARY KEY, name text);
GRANT SELECT ON hostile TO PUBLIC;
INSERT INTO hostile VALUES
	(1, '<script>alert(1)</script>'), (2, 'a]]>b<![CDATA[c'), (3, '"quoted" ''and'' onload="x" & &amp; &lt;'),
	(4, '</title></style></td></svg><img src=x onerror=alert(1)>'), (5, '<!-- not a comment -->'), (6, E'tab\tline\nend\rend'),
	(7, E'bell\u0007 escape\u001b[31m delete\u007f'), (8, E'no character \ufffe\uffff, one \U0001F600, right-to-left \u202eabc'),
	(9, repeat('very long ', 24) || 'name'), (10, repeat('W', 250)), (11, '%s %1$s \1 {x,y} $1');
SELECT it_is('2025-02-03 08:00Z') \g /dev/null
SELECT count(*) AS types FROM generate_series(1, 25) i, add_training_token_type(format('Type %s', i), scale => i % 7);
SELECT count(*) AS types FROM hostile h, add_training_token_type(h.name);
SELECT count(*) AS types FROM hostile h, add_credit_token_type(h.name, scale => 6, lower_bound => -1000);
SELECT count(*) AS parties FROM hostile h, add_party('organisation', h.name, id => h.n);
SELECT count(*) AS people FROM generate_series(101, 160) i, add_party('person', format('Person %s', i), id => i);
SELECT code FROM add_currency('USD', 'U.S. Dollars');
SELECT count(*) AS issues FROM token_type t, issue_training_tokens(t.id, 1, 100000 + length(t.name), '2026-04-10') WHERE t.kind = 'training';
SELECT it_is('2026-01-20 08:00Z') \g /dev/null
SELECT count(*) AS issues FROM hostile h, token_type t, issue_training_tokens(t.id, h.n, 1000 + 7 * h.n, '2026-05-04'::date + 9 * h.n, unit_price => 45.55 + h.n, currency_code => 'USD')
WHERE t.name = h.name AND t.kind = 'training';
SELECT count(*) AS issues FROM token_type t, issue_training_tokens(t.id, 2, 50 * length(t.name) + right(t.name, 1)::integer, '2026-07-31') WHERE t.name ~ '^Type';
SELECT initial_balance FROM token_type t, issue_training_tokens(t.id, 2, 1000000000) WHERE t.name = 'Type 7';
SELECT initial_balance FROM token_type t, issue_training_tokens(t.id, 3, 1) WHERE t.name = 'Type 13';
SELECT adjusted.booked_balance FROM token_type t JOIN token_lot l ON l.token_type_id = t.id, adjust_training_tokens(l.id, 1234567.000001, 'exact') adjusted
WHERE t.name = 'Type 13' AND l.party_id = 3;
SELECT it_is('2026-03-20 08:00Z') \g /dev/null
SELECT count(*) AS redemptions FROM hostile h, token_type t, redeem_training_tokens(1, t.id, 100 + h.n, 'course') WHERE t.name = h.name AND t.kind = 'training';
SELECT count(*) AS accounts FROM hostile h, credit_init(h.n, h.n * 1.000001, 'desk', 'd', '2026-03-20Z', token_type => h.name);
SELECT count(*) AS accounts FROM generate_series(1, 3) i, credit_init(i, 20.5, 'desk', 'd', '2026-03-20Z');
SELECT balance FROM hostile h, credit_subtract(1, 100, 'desk', 'd', '2026-03-20 08:00Z', token_type => h.name) WHERE h.n = 1;
SELECT it_is('2026-04-20 08:00Z') \g /dev/null
SELECT balance FROM hostile h, credit_add(1, 1000, 'desk', 'd', '2026-04-20 08:00Z', token_type => h.name) WHERE h.n = 1;
SELECT count(*) AS types FROM hostile h, create_pass_type('P' || h.n, h.name, id => h.n);
SELECT count(*) AS options FROM hostile h, create_pass_option(h.n, h.name, 'months', 1, h.n);
SELECT count(*) AS prices FROM hostile h, add_region('R' || h.n, h.name), create_pass_price(h.n, 'R' || h.n, 'USD', 10);
SELECT count(*) AS options FROM hostile h, update_pass_option(h.n, lifecycle_state => 'published');
SELECT count(*) AS types FROM hostile h, update_pass_type(h.n, lifecycle_state => 'published');
SELECT count(*) AS passes FROM generate_series(101, 160) i, issue_pass(1 + i % 11, 1 + i % 11, i, valid_from => '2026-04-20'::date + i % 40 - 20 , valid_until => '2026-04-21'::date + i % 60);
SELECT count(*) AS items FROM add_catalog_item('course', 'C1', 'Course');
SELECT count(*) AS tokens FROM generate_series(1, 25) i, create_signup_token(1, 'C1', 1 + i % 3, active => i % 8 <> 0, expiration => CASE WHEN i % 5 = 0 THEN '2026-05-01Z'::timestamptz END, id => format('<token %s>', i));
SELECT count(*) AS claims FROM signup_token t, claim_signup_token(t.code, 101 + length(t.id)) WHERE t.active;
SELECT count(*) AS kinds FROM add_program_kind('Kind', id => '00000000-0000-4000-8000-000000000001');
SELECT count(*) AS programs FROM hostile h, generate_series(1, 2) i, add_program('00000000-0000-4000-8000-000000000001', h.name, '2026-04-01'::date + 30 * i, 30, id => format('00000000-0000-4000-8000-%s', lpad(10 * h.n + i || '', 12, '0'))::uuid);
SELECT count(*) AS cohorts FROM program p, confirm_cohort(p.id, p.name);
SELECT count(*) AS memberships FROM (SELECT p.id, row_number() OVER (ORDER BY p.id) AS n FROM program p) p, generate_series(101, 160) i,
	modify_program_membership(p.id, i, CASE WHEN i % 3 > 0 THEN (SELECT c.id FROM cohort c WHERE c.program_id = p.id) END, 'member', (enum_range(NULL::membership_state))[1 + (i * p.n) % 5])
WHERE i % 11 <> p.n % 11;
SELECT count(*) AS changed FROM (SELECT DISTINCT ON (program_id) party_id, program_id FROM membership ORDER BY program_id, party_id) m,
	update_user_cohort_state(party_id, program_id, CASE WHEN program_id::text ~ '1$' THEN 'dropped' ELSE 'refunded' END::membership_state);
SELECT it_is('2026-05-04 09:30:00Z') \g /dev/null

SET ROLE regress_reader;
CREATE TEMPORARY TABLE page AS SELECT page() AS page;
CREATE TEMPORARY TABLE page_row AS SELECT r.* FROM page p, page_rows(p.page) r;
SELECT section, caption, min(heads) AS heads, count(*) AS rows FROM page_row WHERE caption !~ '^Figures by month' GROUP BY 1, 2 ORDER BY 1, 2;
SELECT s.id, p.text FROM page, xmltable('//section' PASSING page COLUMNS id text PATH '@id', content xml PATH '.') s, xmltable('//p[@class="more"]' PASSING s.content COLUMNS text text PATH '.') p;

-- The figures of the present month are those of the views, digit by digit: the
-- types with most outstanding
SELECT * FROM differing('tokens', 'Training tokens in May 2026', $$
	SELECT ARRAY[shown(token_type)] || printed(issued, adjusted, redeemed, refunded, expired, outstanding) FROM token_liability
	WHERE month = '2026-05-01' ORDER BY outstanding DESC, token_type LIMIT 20$$);
SELECT * FROM differing('credit', 'Credit in May 2026', $$
	SELECT ARRAY[shown(token_type)] || printed(opened, added, subtracted, adjusted, outstanding) FROM credit_liability WHERE month = '2026-05-01'$$);
SELECT * FROM differing('revenue', 'Token revenue in May 2026', $$
	SELECT ARRAY[shown(token_type), currency] || printed(deferred_opening, sold, adjusted, earned, breakage, deferred_closing, exercised_share) FROM token_revenue WHERE month = '2026-05-01'$$);
SELECT * FROM differing('expiring', 'Expiring tokens by type', $$
	SELECT ARRAY[shown(token_type)] || printed(coalesce(sum(quantity) FILTER (WHERE day <= '2026-05-11'), 0)::numeric, coalesce(sum(quantity) FILTER (WHERE day <= '2026-06-03'), 0)::numeric, sum(quantity)::numeric, count(DISTINCT party_id))
	FROM tokens_expiring GROUP BY token_type ORDER BY sum(quantity) DESC, token_type LIMIT 20$$);
SELECT * FROM differing('expiring', 'What expires first', $$
	SELECT ARRAY[day::text, shown(token_type), shown(party)] || printed(quantity::numeric) FROM tokens_expiring ORDER BY day, quantity DESC, token_type, party_id LIMIT 20$$);
SELECT * FROM differing('passes', 'Training passes by type', $$
	SELECT ARRAY[shown(pass_type)] || printed(active, upcoming, expired, cancelled, uses) || (SELECT array_to_string(array_remove(ARRAY[
		CASE WHEN active > 0 THEN 'Active ' || active END, CASE WHEN upcoming > 0 THEN 'Upcoming ' || upcoming END,
		CASE WHEN expired > 0 THEN 'Expired ' || expired END, CASE WHEN cancelled > 0 THEN 'Cancelled ' || cancelled END], NULL), ', ')) FROM pass_utilisation$$);
SELECT r.cells FROM page_row r WHERE r.section = 'signups' AND r.caption = 'Signup tokens by status';
SELECT status, count(*) AS tokens, sum(activations) AS claimed, sum(maximum_activations - activations) AS "left" FROM signup_funnel GROUP BY status ORDER BY status;
SELECT * FROM differing('signups', 'Open signup tokens', $$
	SELECT ARRAY[signup_token_id] || printed(activations, maximum_activations - activations, share) || (CASE WHEN activations > 0 THEN format('Claimed %s, ', activations) ELSE '' END || 'Left ' || maximum_activations - activations)
	FROM signup_funnel WHERE status = 'open' ORDER BY share DESC, activations DESC, signup_token_id LIMIT 20$$);
-- of cohorts the view adds up programs of the same name that began on different days
SELECT count(*) AS rows, sum(number(cells[4])) AS active, sum(number(cells[5])) AS completed, sum(number(cells[6])) AS graduated, sum(number(cells[7])) AS incomplete, sum(number(cells[8])) AS withdrawn
FROM page_row WHERE section = 'cohorts';
SELECT * FROM differing('cohorts', 'Members of cohorts by state', $$
	SELECT ARRAY[shown(p.name), p.start_date::text, shown(coalesce(c.name, 'No cohort'))] || m.figures || m.bar
	FROM (SELECT program_id, cohort_id, array_agg(number::text ORDER BY state) AS figures, string_agg(initcap(state::text) || ' ' || number, ', ' ORDER BY state) FILTER (WHERE number > 0) AS bar
		FROM (SELECT g.program_id, g.cohort_id, state, (SELECT count(*) FROM membership m WHERE m.program_id = g.program_id AND m.cohort_id IS NOT DISTINCT FROM g.cohort_id AND m.state = s.state) AS number
			FROM (SELECT DISTINCT program_id, cohort_id FROM membership) g, unnest(enum_range(NULL::membership_state)) s(state)) f GROUP BY 1, 2) m
	JOIN program p ON p.id = m.program_id LEFT JOIN cohort c ON c.id = m.cohort_id ORDER BY p.start_date DESC, p.name, p.id, c.name, c.id LIMIT 20$$);

-- Plots: each has a table of its figures or its bars say them; twelve months
SELECT s.id, f.plots, f.tables FROM page, xmltable('//section' PASSING page COLUMNS id text PATH '@id', content xml PATH '.') s,
	xmltable('/section' PASSING s.content COLUMNS plots integer PATH 'count(.//figure/svg)', tables integer PATH 'count(.//figure//table)') f WHERE f.plots > 0;
CREATE TEMPORARY TABLE bar AS
SELECT s.id AS section, f.place AS figure, f.name, b.title, b.x, b.y, b.width, b.height, f.box
FROM page, xmltable('//section' PASSING page COLUMNS id text PATH '@id', content xml PATH '.') s,
	xmltable('//figure' PASSING s.content COLUMNS place FOR ORDINALITY, name text PATH 'figcaption/strong', box text PATH 'svg/@viewBox', svg xml PATH 'svg') f,
	xmltable('//rect' PASSING f.svg COLUMNS title text PATH 'title', x numeric PATH '@x', y numeric PATH '@y', width numeric PATH '@width', height numeric PATH '@height') b;
SELECT b.title, l.outstanding, b.height FROM bar b JOIN token_liability l ON shown(l.token_type) = b.name AND to_char(l.month, 'YYYY-MM') = split_part(b.title, ':', 1) WHERE b.section = 'tokens' AND b.name = 'Type 13' ORDER BY 1;
SELECT count(*) > 30 AS bars, count(*) FILTER (WHERE number(split_part(b.title, ': ', 2)) IS DISTINCT FROM l.outstanding) AS differing FROM bar b
LEFT JOIN token_liability l ON shown(l.token_type) = b.name AND to_char(l.month, 'YYYY-MM') = split_part(b.title, ':', 1) WHERE b.section = 'tokens';
-- below zero too
SELECT name, title, y, height FROM bar WHERE section = 'credit' AND figure = 1;
SELECT title, height FROM bar WHERE section = 'expiring' AND figure = 1;
SELECT count(*) AS types, count(*) FILTER (WHERE b.sum IS DISTINCT FROM (SELECT sum(x.quantity) FROM tokens_expiring x WHERE shown(x.token_type) = b.name)::numeric) AS differing
FROM (SELECT name, sum(number(split_part(title, ': ', 2))) FROM bar WHERE section = 'expiring' GROUP BY name) b;
-- as high as the figure says, and inside of the plot
SELECT count(*) AS wrong_height FROM (SELECT b.*, abs(number(split_part(title, ': ', 2))) AS value, max(abs(number(split_part(title, ': ', 2)))) OVER w AS most, max(height) OVER w AS highest FROM bar b WINDOW w AS (PARTITION BY section, b.figure)) b
WHERE abs(value / most * highest - height) > 0.1;
SELECT count(*) AS outside FROM bar WHERE x < 0 OR x + width > 320 OR y < 16 OR y + height > 104.1 OR box <> '0 0 320 120';
-- bars of a row fill it, and no more
SELECT count(*) AS bars, count(*) FILTER (WHERE abs(b.sum - 100) > 0.05) AS not_full FROM page,
	xmltable('//svg[@class="bar"][rect[2]]' PASSING page COLUMNS sum numeric PATH 'sum(rect[position() > 1]/@width)') b;

-- Names are text and nothing else: each is on the page as it is, or without what XML cannot hold
SELECT h.n AS not_shown FROM hostile h WHERE NOT EXISTS (SELECT FROM page_row r WHERE r.section = 'passes' AND r.cells[1] = shown(h.name)) ORDER BY 1;
SELECT count(*) AS raw FROM (SELECT report() AS page) p WHERE page ~ U&'[\0001-\0008\000B\000C\000E-\001F\FFFE\FFFF]' OR page ~ '<script|<img|<!--|<!\[|onload="x" &(?!amp;)';
SELECT string_agg(DISTINCT e.name, ' ' ORDER BY e.name) AS elements FROM page, xmltable('//*' PASSING page COLUMNS name text PATH 'local-name(.)') e;
SELECT string_agg(DISTINCT a.name, ' ' ORDER BY a.name) AS attributes FROM page, xmltable('//@*' PASSING page COLUMNS name text PATH 'local-name(.)') a;
SELECT array_agg(a.href ORDER BY a.n) AS links FROM page, xmltable('//@href' PASSING page COLUMNS n FOR ORDINALITY, href text PATH '.') a;
SELECT (xpath('string(//style)', page))[1]::text ~ '[<>&]|url|import' AS style_is_more_than_style FROM page;

-- What assistive technology needs
SELECT x.what, (xpath(x.path, page))[1]::text AS without FROM page, (VALUES
	('language', 'count(/html[not(@lang)])'), ('headings', 'count(//h1) - 1 + count(//section[count(h2) != 1]) + count(//h3)'),
	('caption', 'count(//table[not(caption)])'), ('scope', 'count(//th[not(@scope)])'), ('row header', 'count(//tbody/tr[not(th[@scope="row"])])'),
	('role', 'count(//svg[not(@role="img")])'), ('title', 'count(//svg[not(title)])'), ('description', 'count(//figure/svg[not(desc)])'),
	('right alignment', 'count(//tbody//td[number(translate(., ",", "")) = number(translate(., ",", "")) and not(@class="number")])'),
	('content', 'count(//*[not(node()) and not(self::meta or self::rect or self::path)])'),
	('target of a link', 'count(//a[not(substring(@href, 2) = //section/@id)])')) x(what, path);
SELECT t.title, t.description FROM page, xmltable('//section[@id="credit"]//figure[1]/svg' PASSING page COLUMNS title text PATH 'title', description text PATH 'desc') t;

-- The settings of the session change nothing
CREATE TEMPORARY TABLE plain AS SELECT md5(report()) AS md5;
SET TimeZone = 'Asia/Kathmandu';
SET DateStyle = 'German, DMY';
SET IntervalStyle = 'iso_8601';
SET extra_float_digits = -15;
SET xmloption = 'document';
SET search_path = pg_temp;
SELECT (SELECT md5 FROM plain) = md5(trainledger.report()) AS same, (SELECT md5 FROM plain) = md5(trainledger_api.report()) AS over_rest;
SELECT nullif(current_setting('response.headers', true), '') AS headers;
BEGIN;
SET LOCAL request.method = 'GET';
SELECT length(trainledger_api.report()) > 0 AS page, current_setting('response.headers', true) AS headers;
COMMIT;
\c :before
DROP DATABASE regression_report;
