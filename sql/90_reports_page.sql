-- The report as one page (contract, section 14)

-- Sections

/*
 * Twelve months of what the views have by month.  The arrays have an element for
 * each name (and currency, if currencies is not null) and month, in order of
 * place and month; figures has an array of them in each.  A plot is of the figure
 * at the index plotted.  Nothing follows a name in the same text: characters that
 * change the direction would change its as well.
 */
CREATE FUNCTION trainledger_internal.report_months(
	caption text, heads text[], plotted integer, places bigint[],
	names text[], currencies text[], months date[], figures numeric[],
	total bigint) RETURNS xml
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	WITH cell AS (
		SELECT places[r] AS place, names[r] AS name, months[r] AS month,
			   currencies[r] AS currency,
			   to_char(months[r], 'YYYY-MM') AS label,
			   ARRAY(SELECT unnest(report_months.figures[r:r])) AS figures
		FROM generate_subscripts(names, 1) AS r
	), axis AS (
		SELECT m.month::date AS month, to_char(m.month, 'YYYY-MM') AS label
		FROM generate_series(
			trainledger_internal.report_month() - interval '11 months',
			trainledger_internal.report_month(), interval '1 month') AS m(month)
	), plot AS (
		SELECT n.place, n.name, p.labels, p.figures,
			   concat_ws(', ', heads[n.columns + plotted], n.currency) AS what,
			   heads[n.columns + 1:] AS heads
		FROM (SELECT DISTINCT c.place, c.name, c.currency,
					 num_nonnulls(c.name, c.currency) AS columns
			  FROM cell c WHERE c.place <= 6) n
		CROSS JOIN LATERAL (
			SELECT array_agg(a.label ORDER BY a.month) AS labels,
				   array_agg(c.figures[plotted] ORDER BY a.month) AS figures
			FROM axis a
			LEFT JOIN cell c ON c.place = n.place AND c.month = a.month) p
	)
	SELECT xmlconcat(
		(SELECT xmlelement(NAME div, xmlattributes('plots' AS class),
			xmlagg(xmlelement(NAME figure,
				xmlelement(NAME figcaption,
					xmlelement(NAME strong,
							   trainledger_internal.report_text(p.name)),
					xmlelement(NAME span, p.what)),
				trainledger_internal.report_plot(
					format('%s by month, %s', p.what, p.name),
					p.labels, p.figures),
				xmlelement(NAME details,
					xmlelement(NAME summary, 'Figures by month'),
					(SELECT trainledger_internal.report_table(
						format('Figures by month, %s', p.name), ARRAY['Month'] || p.heads,
						array_agg(ARRAY[c.label] ORDER BY c.month),
						array_agg(c.figures ORDER BY c.month),
						NULL::integer[], 0::bigint)
					 FROM cell c WHERE c.place = p.place))) ORDER BY p.place))
		 FROM plot p HAVING count(*) > 0),
		(SELECT trainledger_internal.report_table(
			format('%s in %s', caption, to_char(
				trainledger_internal.report_month(), 'FMMonth YYYY')), heads,
			array_agg(array_remove(ARRAY[c.name, c.currency], NULL)
					  ORDER BY c.place),
			array_agg(c.figures ORDER BY c.place), NULL::integer[], total)
		 FROM cell c
		 WHERE c.month = trainledger_internal.report_month()));
END;
COMMENT ON FUNCTION trainledger_internal.report_months IS
'Plots and tables of figures by month for the report; null without any. Level reader.';

CREATE FUNCTION trainledger_internal.report_tokens() RETURNS xml
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	WITH recent AS MATERIALIZED (
		SELECT l.token_type, l.month,
			   ARRAY[l.issued, l.adjusted, l.redeemed, l.refunded, l.expired,
					 l.outstanding]::numeric[] AS figures
		FROM trainledger.token_liability l
		WHERE l.month > trainledger_internal.report_month() - interval '1 year'
	), ranked AS (
		SELECT r.token_type, row_number() OVER (
			ORDER BY r.figures[6] DESC, r.token_type) AS place,
			count(*) OVER () AS total
		FROM recent r WHERE r.month = trainledger_internal.report_month()
		ORDER BY place LIMIT trainledger_internal.report_rows()
	)
	SELECT trainledger_internal.report_months('Training tokens',
		'{Type,Issued,Adjusted,Redeemed,Refunded,Expired,Outstanding}', 6,
		array_agg(k.place ORDER BY k.place, r.month),
		array_agg(r.token_type ORDER BY k.place, r.month), NULL::text[],
		array_agg(r.month ORDER BY k.place, r.month),
		array_agg(r.figures ORDER BY k.place, r.month), max(k.total))
	FROM ranked k
	JOIN recent r ON r.token_type = k.token_type;
END;
COMMENT ON FUNCTION trainledger_internal.report_tokens IS
'Training tokens in the report. Level reader.';

CREATE FUNCTION trainledger_internal.report_credit() RETURNS xml
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	WITH recent AS MATERIALIZED (
		SELECT l.token_type, l.month,
			   ARRAY[l.opened, l.added, l.subtracted, l.adjusted,
					 l.outstanding]::numeric[] AS figures
		FROM trainledger.credit_liability l
		WHERE l.month > trainledger_internal.report_month() - interval '1 year'
	), ranked AS (
		SELECT r.token_type, row_number() OVER (
			ORDER BY r.figures[5] DESC, r.token_type) AS place,
			count(*) OVER () AS total
		FROM recent r WHERE r.month = trainledger_internal.report_month()
		ORDER BY place LIMIT trainledger_internal.report_rows()
	)
	SELECT trainledger_internal.report_months('Credit',
		'{Type,Opened,Added,Subtracted,Adjusted,Outstanding}', 5,
		array_agg(k.place ORDER BY k.place, r.month),
		array_agg(r.token_type ORDER BY k.place, r.month), NULL::text[],
		array_agg(r.month ORDER BY k.place, r.month),
		array_agg(r.figures ORDER BY k.place, r.month), max(k.total))
	FROM ranked k
	JOIN recent r ON r.token_type = k.token_type;
END;
COMMENT ON FUNCTION trainledger_internal.report_credit IS
'Credit accounts in the report. Level reader.';

CREATE FUNCTION trainledger_internal.report_revenue() RETURNS xml
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	WITH recent AS MATERIALIZED (
		SELECT v.token_type, v.currency, v.month,
			   ARRAY[v.deferred_opening, v.sold, v.adjusted, v.earned,
					 v.breakage, v.deferred_closing, v.exercised_share]
			   AS figures
		FROM trainledger.token_revenue v
		WHERE v.month > trainledger_internal.report_month() - interval '1 year'
	), ranked AS (
		SELECT r.token_type, r.currency, row_number() OVER (
			ORDER BY r.figures[6] DESC, r.token_type, r.currency) AS place,
			count(*) OVER () AS total
		FROM recent r WHERE r.month = trainledger_internal.report_month()
		ORDER BY place LIMIT trainledger_internal.report_rows()
	)
	SELECT trainledger_internal.report_months('Token revenue',
		'{Type,Currency,Opening,Sold,Adjusted,Earned,Breakage,Deferred,Exercised share}',
		6, array_agg(k.place ORDER BY k.place, r.month),
		array_agg(r.token_type ORDER BY k.place, r.month),
		array_agg(r.currency ORDER BY k.place, r.month),
		array_agg(r.month ORDER BY k.place, r.month),
		array_agg(r.figures ORDER BY k.place, r.month), max(k.total))
	FROM ranked k
	JOIN recent r ON r.token_type = k.token_type AND r.currency = k.currency;
END;
COMMENT ON FUNCTION trainledger_internal.report_revenue IS
'Revenue from training tokens in the report. Level reader.';

CREATE FUNCTION trainledger_internal.report_expiring() RETURNS xml
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	WITH expiring AS MATERIALIZED (
		SELECT x.day, x.token_type, x.party_id, x.party, x.quantity,
			   x.day - t.today AS days, t.today
		FROM trainledger.tokens_expiring x
		CROSS JOIN (SELECT (trainledger.clock() AT TIME ZONE 'UTC')::date
						AS today) t
	), ranked AS (
		SELECT x.token_type, x.today,
			   ARRAY[coalesce(sum(x.quantity) FILTER (WHERE x.days <= 7), 0),
					 coalesce(sum(x.quantity) FILTER (WHERE x.days <= 30), 0),
					 sum(x.quantity),
					 count(DISTINCT x.party_id)]::numeric[] AS figures,
			   row_number() OVER (
				ORDER BY sum(x.quantity) DESC, x.token_type) AS place,
			   count(*) OVER () AS total
		FROM expiring x
		GROUP BY x.token_type, x.today
	), plot AS (
		SELECT k.place, k.token_type,
			   array_agg(to_char(k.today + 7 * w.week, 'YYYY-MM-DD')
						 ORDER BY w.week) AS labels,
			   array_agg((SELECT sum(x.quantity)::numeric FROM expiring x
						  WHERE x.token_type = k.token_type
						  AND x.days / 7 = w.week) ORDER BY w.week) AS figures
		FROM ranked k
		CROSS JOIN generate_series(0, 12) AS w(week)
		WHERE k.place <= 6
		GROUP BY k.place, k.token_type
	)
	SELECT xmlconcat(
		(SELECT xmlelement(NAME div, xmlattributes('plots' AS class),
			xmlagg(xmlelement(NAME figure,
				xmlelement(NAME figcaption,
					xmlelement(NAME strong,
							   trainledger_internal.report_text(p.token_type)),
					xmlelement(NAME span, 'Expiring')),
				trainledger_internal.report_plot(
					format('Expiring by week, %s', p.token_type),
					p.labels, p.figures)) ORDER BY p.place))
		 FROM plot p HAVING count(*) > 0),
		(SELECT trainledger_internal.report_table('Expiring tokens by type',
			'{Type,Within 7 days,Within 30 days,Within 90 days,Holders}',
			array_agg(ARRAY[k.token_type] ORDER BY k.place),
			array_agg(k.figures ORDER BY k.place), NULL::integer[],
			max(k.total))
		 FROM ranked k
		 WHERE k.place <= trainledger_internal.report_rows()),
		(SELECT trainledger_internal.report_table('What expires first',
			'{Day,Type,Holder,Quantity}',
			array_agg(ARRAY[to_char(f.day, 'YYYY-MM-DD'), f.token_type, f.party]
					  ORDER BY f.place),
			array_agg(ARRAY[f.quantity]::numeric[] ORDER BY f.place),
			NULL::integer[], max(f.total))
		 FROM (SELECT x.day, x.token_type, x.party, x.quantity,
					  row_number() OVER (ORDER BY x.day, x.quantity DESC,
						x.token_type, x.party_id) AS place,
					  count(*) OVER () AS total
			   FROM expiring x
			   ORDER BY 5 LIMIT trainledger_internal.report_rows()) f));
END;
COMMENT ON FUNCTION trainledger_internal.report_expiring IS
'Tokens that expire soon, in the report. Level reader.';

CREATE FUNCTION trainledger_internal.report_passes() RETURNS xml
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT trainledger_internal.report_table('Training passes by type',
		'{Type,Active,Upcoming,Expired,Cancelled,Uses}',
		array_agg(ARRAY[p.pass_type] ORDER BY p.place),
		array_agg(ARRAY[p.active, p.upcoming, p.expired, p.cancelled,
						p.uses]::numeric[] ORDER BY p.place),
		'{1,2,7,6,0}', max(p.total))
	FROM (SELECT u.pass_type, u.active, u.upcoming, u.expired, u.cancelled,
				 coalesce(u.uses, 0) AS uses,
				 row_number() OVER (ORDER BY u.active DESC, u.upcoming DESC,
									u.pass_type) AS place,
				 count(*) OVER () AS total
		  FROM trainledger.pass_utilisation u
		  ORDER BY 7 LIMIT trainledger_internal.report_rows()) p;
END;
COMMENT ON FUNCTION trainledger_internal.report_passes IS
'Training passes in the report. Level reader.';

CREATE FUNCTION trainledger_internal.report_signups() RETURNS xml
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	WITH funnel AS MATERIALIZED (
		SELECT f.signup_token_id, f.maximum_activations, f.activations,
			   f.share, f.status
		FROM trainledger.signup_funnel f
	)
	SELECT xmlconcat(
		(SELECT trainledger_internal.report_table('Signup tokens by status',
			'{Status,Tokens,Claimed,Left}',
			array_agg(ARRAY[s.status] ORDER BY s.place),
			array_agg(ARRAY[s.tokens, s.claimed, s.places - s.claimed]::numeric[]
					  ORDER BY s.place), '{0,1,7}', 0::bigint)
		 FROM (SELECT f.status, count(*) AS tokens,
					  sum(f.activations) AS claimed,
					  sum(f.maximum_activations) AS places,
					  array_position('{open,full,inactive,expired}', f.status)
						AS place
			   FROM funnel f GROUP BY f.status) s),
		(SELECT trainledger_internal.report_table('Open signup tokens',
			'{Token,Claimed,Left,Share}',
			array_agg(ARRAY[o.signup_token_id] ORDER BY o.place),
			array_agg(ARRAY[o.activations,
							o.maximum_activations - o.activations,
							o.share]::numeric[] ORDER BY o.place),
			'{1,7,0}', max(o.total))
		 FROM (SELECT f.signup_token_id, f.activations, f.maximum_activations,
					  f.share, row_number() OVER (ORDER BY f.share DESC,
						f.activations DESC, f.signup_token_id) AS place,
					  count(*) OVER () AS total
			   FROM funnel f WHERE f.status = 'open'
			   ORDER BY 5 LIMIT trainledger_internal.report_rows()) o));
END;
COMMENT ON FUNCTION trainledger_internal.report_signups IS
'Signup tokens in the report. Level reader.';

/*
 * The figures are those of cohort_progress.  It is not read here because programs
 * that are held again and again share a name.
 */
CREATE FUNCTION trainledger_internal.report_cohorts() RETURNS xml
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT trainledger_internal.report_table('Members of cohorts by state',
		'{Program,Start,Cohort,Active,Completed,Graduated,Incomplete,Withdrawn,Dropped,Refunded}',
		array_agg(ARRAY[g.program, to_char(g.start_date, 'YYYY-MM-DD'),
						g.cohort] ORDER BY g.place),
		array_agg(g.figures::numeric[] ORDER BY g.place),
		'{1,2,3,4,5,6,7}', max(g.total))
	FROM (SELECT p.name AS program, p.start_date,
				 coalesce(c.name, 'No cohort') AS cohort, m.figures,
				 row_number() OVER (ORDER BY p.start_date DESC, p.name, p.id,
									c.name, c.id) AS place,
				 count(*) OVER () AS total
		  FROM (SELECT x.program_id, x.cohort_id, ARRAY[
				count(*) FILTER (WHERE x.state = 'active'),
				count(*) FILTER (WHERE x.state = 'completed'),
				count(*) FILTER (WHERE x.state = 'graduated'),
				count(*) FILTER (WHERE x.state = 'incomplete'),
				count(*) FILTER (WHERE x.state = 'withdrawn'),
				count(*) FILTER (WHERE x.state = 'dropped'),
				count(*) FILTER (WHERE x.state = 'refunded')] AS figures
				FROM trainledger.membership x
				GROUP BY x.program_id, x.cohort_id) m
		  JOIN trainledger.program p ON p.id = m.program_id
		  LEFT JOIN trainledger.cohort c ON c.id = m.cohort_id
		  ORDER BY 5 LIMIT trainledger_internal.report_rows()) g;
END;
COMMENT ON FUNCTION trainledger_internal.report_cohorts IS
'Cohorts in the report. Level reader.';

-- The page

CREATE FUNCTION trainledger_internal.report_style() RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT '
:root { color-scheme: light dark; --page: #fff; --ink: #1b1f24; --faint: #57606a;
 --line: #d0d7de; --link: #0b62b8; --1: #0b62b8; --2: #2e7d32; --3: #0f766e;
 --4: #9a6700; --5: #b04a00; --6: #b42318; --7: #7d858e; }
@media (prefers-color-scheme: dark) {
:root { --page: #14171a; --ink: #e6e8ea; --faint: #a3abb4; --line: #3a424b;
 --link: #7ab8f5; --1: #5aa7f0; --2: #7cc47f; --3: #4fc3b5; --4: #e3b341;
 --5: #f0883e; --6: #ff7b72; --7: #8b949e; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem clamp(1rem, 4vw, 3rem) 3rem;
 max-width: 84rem; background: var(--page); color: var(--ink);
 font: 1rem/1.5 system-ui, sans-serif; }
h1, h2 { line-height: 1.25; }
h2 { margin: 2.5rem 0 0.5rem; padding-top: 0.5rem;
 border-top: 1px solid var(--line); }
a { color: var(--link); }
nav a { display: inline-block; margin-right: 1rem; padding: 0.25rem 0; }
p { max-width: 45rem; }
.faint, .more { color: var(--faint); }
.plots { display: grid; gap: 1.5rem; margin: 1.5rem 0; align-items: start;
 grid-template-columns: repeat(auto-fill, minmax(min(100%, 19rem), 1fr)); }
figure { margin: 0; min-width: 0; }
strong { display: -webkit-box; -webkit-box-orient: vertical;
 -webkit-line-clamp: 2; overflow: hidden; font-weight: 600;
 overflow-wrap: anywhere; }
figcaption span { color: var(--faint); }
svg.plot { display: block; width: 100%; height: auto; }
svg.bar { display: block; width: 8rem; height: 0.8rem; }
text { fill: var(--faint); font-size: 11px; }
.grid { stroke: var(--line); }
.axis { stroke: var(--faint); }
.track { fill: var(--line); }
.wide { overflow-x: auto; margin: 1rem 0 0; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding-bottom: 0.25rem; }
th, td { padding: 0.3rem 0.75rem 0.3rem 0; text-align: left;
 vertical-align: top; border-bottom: 1px solid var(--line); }
th { font-weight: 600; }
tbody th { font-weight: 400; min-width: 9rem; overflow-wrap: anywhere; }
td { min-width: 4rem; overflow-wrap: anywhere; }
.number { text-align: right; white-space: nowrap; }
td.number { min-width: 0; overflow-wrap: normal; }
td svg { margin-top: 0.35rem; }
summary { cursor: pointer; color: var(--link); }
details table { font-size: 0.875rem; }
details tbody th { min-width: 0; white-space: nowrap; }
'
	|| string_agg(format(
		'.colour-%s { fill: var(--%s); } .key-%s { border-bottom: 3px solid var(--%s); }',
		n, n, n, n), E'\n' ORDER BY n)
	FROM generate_series(1, 7) AS n;
END;
COMMENT ON FUNCTION trainledger_internal.report_style IS
'The style sheet of the report. Level reader.';

CREATE FUNCTION trainledger_internal.report_holds() RETURNS xml
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT trainledger_internal.report_table('Open holds by type',
		'{Type,Oldest,"Next end",Holds,Quantity}',
		array_agg(ARRAY[o.token_type, to_char(o.oldest AT TIME ZONE 'UTC',
											  'YYYY-MM-DD HH24:MI'),
						to_char(o.ends_next AT TIME ZONE 'UTC',
								'YYYY-MM-DD HH24:MI')]
				  ORDER BY o.place),
		array_agg(ARRAY[o.open, o.quantity]::numeric[] ORDER BY o.place),
		NULL::integer[], max(o.total))
	FROM (SELECT h.token_type, h.oldest, h.ends_next, h.open, h.quantity,
				 row_number() OVER (ORDER BY h.ends_next, h.token_type) AS place,
				 count(*) OVER () AS total
		  FROM trainledger.hold_overview h
		  ORDER BY 6 LIMIT trainledger_internal.report_rows()) o;
END;
COMMENT ON FUNCTION trainledger_internal.report_holds IS
'The section of the report on open holds. Level reader.';

CREATE FUNCTION trainledger_internal.report_log() RETURNS xml
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT trainledger_internal.report_table('State of the log',
		'{Log,"Last seal","Last signed seal","Last check",Leaves,"Entries not sealed",Problems}',
		array_agg(ARRAY[o.origin, to_char(o.sealed_at AT TIME ZONE 'UTC',
										  'YYYY-MM-DD HH24:MI'),
						to_char(o.signed_at AT TIME ZONE 'UTC',
								'YYYY-MM-DD HH24:MI'),
						to_char(o.checked_at AT TIME ZONE 'UTC',
								'YYYY-MM-DD HH24:MI')]),
		array_agg(ARRAY[o.size, o.lag, o.problems]::numeric[]),
		NULL::integer[], 1::bigint)
	FROM (SELECT l.origin, k.size, k.sealed_at, k.signed_at, b.checked_at,
				 b.problems,
				 (SELECT m.value FROM trainledger.ledger_metrics m
				  WHERE m.name = 'seal_lag_entries') AS lag
		  FROM trainledger.log_origin l
		  CROSS JOIN (
			SELECT coalesce(max(c.size), 0) AS size,
				   max(c.created_at) AS sealed_at,
				   max(c.created_at) FILTER (WHERE c.note IS NOT NULL)
						AS signed_at
			FROM trainledger.checkpoint c) k
		  LEFT JOIN (
			SELECT x.checked_at, x.problems FROM trainledger.books_check x
			ORDER BY x.id DESC LIMIT 1) b ON true
		  ORDER BY l.id DESC LIMIT 1) o;
END;
COMMENT ON FUNCTION trainledger_internal.report_log IS
'The section of the report on the log. Level reader.';

CREATE FUNCTION trainledger_internal.report_page() RETURNS xml
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT xmlelement(NAME html, xmlattributes('en' AS lang),
		xmlelement(NAME head,
			xmlelement(NAME meta, xmlattributes('utf-8' AS charset)),
			xmlelement(NAME meta, xmlattributes('viewport' AS name,
				'width=device-width, initial-scale=1' AS content)),
			xmlelement(NAME title, 'Report on the training ledger'),
			xmlelement(NAME style, trainledger_internal.report_style())),
		xmlelement(NAME body,
			xmlelement(NAME header,
				xmlelement(NAME h1, 'Report on the training ledger'),
				xmlelement(NAME p, format(
					'As of %s. Months and days are in UTC. A list has at most %s rows.',
					to_char(trainledger.clock() AT TIME ZONE 'UTC',
							'YYYY-MM-DD HH24:MI "UTC"'),
					trainledger_internal.report_rows())),
				xmlelement(NAME nav, xmlattributes('Sections' AS "aria-label"),
					xmlagg(xmlelement(NAME a, xmlattributes(
						format('#%s', s.id) AS href), s.heading)
						ORDER BY s.place))),
			xmlelement(NAME main,
				xmlagg(xmlelement(NAME section, xmlattributes(s.id AS id),
					xmlelement(NAME h2, s.heading),
					xmlelement(NAME p, s.description),
					coalesce(s.content, xmlelement(NAME p,
						xmlattributes('faint' AS class), s.otherwise)))
					ORDER BY s.place))))
	FROM (VALUES
		(1, 'tokens', 'Training tokens',
		 'How many tokens could still be redeemed at the end of each month, and what happened in it; the present month is up to now.',
		 'No training tokens were issued.',
		 trainledger_internal.report_tokens()),
		(2, 'credit', 'Credit',
		 'The sum of the balances of credit accounts at the end of each month, and what happened in it.',
		 'There are no credit accounts.',
		 trainledger_internal.report_credit()),
		(3, 'revenue', 'Token revenue',
		 'What was paid for tokens that are not used yet is deferred until they are redeemed (earned) or expire (breakage). Tokens without a price are left out.',
		 'No tokens with a price were issued.',
		 trainledger_internal.report_revenue()),
		(4, 'expiring', 'Expiring tokens',
		 'What expires between now and the day in 90 days, unless it is redeemed first; plots are by week, from today.',
		 'No tokens expire within 90 days.',
		 trainledger_internal.report_expiring()),
		(5, 'holds', 'Holds',
		 'What is kept back now until it is captured or released, or the hold ends. Times are in UTC.',
		 'No holds are open.',
		 trainledger_internal.report_holds()),
		(6, 'passes', 'Training passes',
		 'Passes by their status now, and the bookings made on them.',
		 'There are no pass types.',
		 trainledger_internal.report_passes()),
		(7, 'signups', 'Sign-ups',
		 'Signup tokens by how a claim would end now, and how many places are claimed and left.',
		 'There are no signup tokens.',
		 trainledger_internal.report_signups()),
		(8, 'cohorts', 'Cohorts',
		 'Members of programs by cohort and state, the programs that started last first.',
		 'No program has members.',
		 trainledger_internal.report_cohorts()),
		(9, 'log', 'The log',
		 'What was booked is sealed, so that it shows where a row was changed; the last check is that of check_books(). Times are in UTC.',
		 'No log was started.',
		 trainledger_internal.report_log())
	) AS s(place, id, heading, description, otherwise, content);
END;
COMMENT ON FUNCTION trainledger_internal.report_page IS
'The report as a page, for report(). Level reader.';

/*
 * The headers are for PostgREST: a browser then refuses scripts and whatever
 * else a page could load, and keeps no copy.  Compiling the queries of the page
 * would take longer than they do.
 */
CREATE FUNCTION trainledger.report() RETURNS trainledger."text/html"
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
BEGIN
	IF current_setting('request.method', true) <> '' THEN
		PERFORM set_config('response.headers',
			'[{"Content-Type": "text/html; charset=utf-8"},'
			' {"Content-Security-Policy":'
			' "default-src ''none''; style-src ''unsafe-inline''"},'
			' {"Cache-Control": "no-store"}]', true);
	END IF;
	RETURN '<!DOCTYPE html>'
		|| xmlserialize(CONTENT trainledger_internal.report_page() AS text);
END;
$$;
COMMENT ON FUNCTION trainledger.report IS
'The report on the books as an HTML page: training tokens, credit, revenue, expiring tokens, holds, passes, sign-ups, cohorts and the state of the log, in tables and plots. Level reader.';
