-- Tables and plots of the report page (contract, section 14)

/*
 * The page is a value of type xml that the server's own functions make, so no
 * name can become markup.  It holds no script and loads nothing.
 *
 * To add a section, write a function that returns its content, null if there is
 * none, and add a row to the list in report_page().
 *
 * HTML knows no empty elements in the manner of XML: each but meta has content.
 * A style sheet is not unescaped in HTML, so it does without "<", ">" and "&".
 */
CREATE DOMAIN trainledger."text/html" AS text;
COMMENT ON DOMAIN trainledger."text/html" IS
'A page in HTML: PostgREST answers a request for text/html with it as it is.';

-- Texts and numbers

CREATE FUNCTION trainledger_internal.report_text(value text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT CASE WHEN trainledger_internal.fits_xml(value) THEN value ELSE (
		SELECT string_agg(CASE WHEN trainledger_internal.fits_xml(c.letter)
							   THEN c.letter ELSE '?' END, '' ORDER BY c.place)
		FROM regexp_split_to_table(value, '') WITH ORDINALITY
			 AS c(letter, place)) END;
END;
COMMENT ON FUNCTION trainledger_internal.report_text IS
'A text for the report, with a question mark for each character that XML cannot hold. Level reader.';

CREATE FUNCTION trainledger_internal.report_number(value numeric) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT regexp_replace(split_part(value::text, '.', 1),
						  '([0-9])(?=([0-9]{3})+$)', E'\\1,', 'g')
		   || coalesce(substring(value::text FROM '[.].*'), '');
END;
COMMENT ON FUNCTION trainledger_internal.report_number IS
'A number for the report: all its digits, with commas between thousands. Level reader.';

CREATE FUNCTION trainledger_internal.report_month() RETURNS date
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT date_trunc('month', trainledger.clock() AT TIME ZONE 'UTC')::date;
END;
COMMENT ON FUNCTION trainledger_internal.report_month IS
'First day of the present month, in UTC. Level reader.';

CREATE FUNCTION trainledger_internal.report_rows() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT 20;
END;
COMMENT ON FUNCTION trainledger_internal.report_rows IS
'How many rows a list of the report has at most. Level reader.';

-- Tables and plots

/*
 * The bar of a row: the figures that have a colour, as parts of their sum.
 */
CREATE FUNCTION trainledger_internal.report_bar(
	heads text[], figures numeric[], colours integer[]) RETURNS xml
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT xmlelement(NAME svg,
		xmlattributes('img' AS role, 'bar' AS class, '0 0 100 10' AS "viewBox",
					  'none' AS "preserveAspectRatio"),
		xmlelement(NAME title, coalesce(string_agg(
			p.head || ' ' || trainledger_internal.report_number(p.part), ', '
			ORDER BY p.place) FILTER (WHERE p.part > 0), 'Nothing')),
		xmlelement(NAME rect, xmlattributes('track' AS class, 100 AS width,
											10 AS height)),
		xmlagg(xmlelement(NAME rect, xmlattributes(
			format('colour-%s', p.colour) AS class,
			round(100 * p.before / p.whole, 2) AS x,
			round(100 * p.part / p.whole, 2) AS width, 10 AS height))
			ORDER BY p.place) FILTER (WHERE p.part > 0))
	FROM (SELECT u.head, u.part, u.colour, u.place,
				 sum(u.part) OVER (ORDER BY u.place) - u.part AS before,
				 nullif(sum(u.part) OVER (), 0) AS whole
		  FROM unnest(heads, figures, colours) WITH ORDINALITY
			   AS u(head, part, colour, place)
		  WHERE u.colour > 0) p;
END;
COMMENT ON FUNCTION trainledger_internal.report_bar IS
'A bar of coloured parts, for a row of a table in the report; colours has one for each figure, 0 for one that is no part. Level reader.';

/*
 * names and figures have an element for each row, which is an array itself.  The
 * columns of names come first.
 */
CREATE FUNCTION trainledger_internal.report_table(
	caption text, heads text[], names text[], figures numeric[],
	colours integer[], total bigint) RETURNS xml
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT CASE WHEN cardinality(names) > 0 THEN xmlconcat(
		xmlelement(NAME div,
			xmlattributes('wide' AS class, 'region' AS role, 0 AS tabindex,
				trainledger_internal.report_text(caption) AS "aria-label"),
			xmlelement(NAME table,
				xmlelement(NAME caption,
						   trainledger_internal.report_text(caption)),
				xmlelement(NAME thead, xmlelement(NAME tr,
					(SELECT xmlagg(xmlelement(NAME th,
							xmlattributes('col' AS scope, h.class AS class),
							h.head) ORDER BY h.place)
					 FROM (SELECT u.head, u.place, CASE
								WHEN u.colour > 0
								THEN format('number key-%s', u.colour)
								WHEN u.place > array_length(names, 2)
								THEN 'number' END AS class
						   FROM unnest(heads, array_fill(0,
								ARRAY[array_length(names, 2)]) || colours)
								WITH ORDINALITY AS u(head, colour, place)) h),
					CASE WHEN colours IS NOT NULL THEN
						xmlelement(NAME th, xmlattributes('col' AS scope),
								   'Parts') END)),
				xmlelement(NAME tbody,
					(SELECT xmlagg(xmlelement(NAME tr,
							(SELECT xmlagg(CASE n.place
								WHEN 1 THEN xmlelement(NAME th,
									xmlattributes('row' AS scope), n.name)
								ELSE xmlelement(NAME td, n.name) END
								ORDER BY n.place)
							 FROM (SELECT coalesce(nullif(
									trainledger_internal.report_text(u.name),
									''), '-'), u.place
								   FROM unnest(names[r:r]) WITH ORDINALITY
										AS u(name, place)) n(name, place)),
							(SELECT xmlagg(xmlelement(NAME td,
								xmlattributes('number' AS class),
								coalesce(trainledger_internal.report_number(
									f.figure), '-')) ORDER BY f.place)
							 FROM unnest(figures[r:r]) WITH ORDINALITY
								  AS f(figure, place)),
							CASE WHEN colours IS NOT NULL THEN
								xmlelement(NAME td,
									trainledger_internal.report_bar(
										heads[array_length(names, 2) + 1:],
										ARRAY(SELECT unnest(figures[r:r])),
										colours)) END) ORDER BY r)
					 FROM generate_subscripts(names, 1) AS r)))),
		CASE WHEN total > array_length(names, 1) THEN
			xmlelement(NAME p, xmlattributes('more' AS class),
				format('%s more not shown.', trainledger_internal.report_number(
					total - array_length(names, 1)))) END) END;
END;
COMMENT ON FUNCTION trainledger_internal.report_table IS
'A table of the report: rows of names and figures, a bar where figures have colours, and how many more of total there are; null without rows. Level reader.';

/*
 * Bars from the zero line.  Coordinates are rounded, the figures on it are not.
 */
CREATE FUNCTION trainledger_internal.report_plot(
	title text, labels text[], figures numeric[]) RETURNS xml
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT xmlelement(NAME svg,
		xmlattributes('img' AS role, 'plot' AS class,
					  format('0 0 320 %s', s.height) AS "viewBox"),
		xmlelement(NAME title, trainledger_internal.report_text(report_plot.title)),
		xmlelement(NAME "desc", format('From %s to %s: least %s, most %s, last %s.',
			labels[1], labels[s.count],
			trainledger_internal.report_number(s.least),
			trainledger_internal.report_number(s.most),
			coalesce(trainledger_internal.report_number(figures[s.count]),
					 'none'))),
		xmlelement(NAME path, xmlattributes('grid' AS class,
			format('M0 16H320M0 %sH320', s.height - 16) AS d)),
		(SELECT xmlagg(xmlelement(NAME rect, xmlattributes(
				'colour-1' AS class,
				round((b.place - 1) * 320.0 / s.count + 2, 1) AS x,
				round(16 + (s.high - greatest(b.figure, 0)) * s.scale, 1) AS y,
				round(320.0 / s.count - 4, 1) AS width,
				round(abs(b.figure) * s.scale, 1) AS height),
			xmlelement(NAME title, format('%s: %s', labels[b.place],
				trainledger_internal.report_number(b.figure))))
			ORDER BY b.place)
		 FROM unnest(figures) WITH ORDINALITY AS b(figure, place)
		 WHERE b.figure <> 0),
		xmlelement(NAME path, xmlattributes('axis' AS class,
			format('M0 %sH320', round(16 + s.high * s.scale, 1)) AS d)),
		xmlelement(NAME text, xmlattributes(0 AS x, 11 AS y),
				   trainledger_internal.report_number(s.high)),
		CASE WHEN s.low < 0 THEN
			xmlelement(NAME text, xmlattributes(160 AS x, s.height - 3 AS y,
												'middle' AS "text-anchor"),
					   trainledger_internal.report_number(s.low)) END,
		xmlelement(NAME text, xmlattributes(0 AS x, s.height - 3 AS y),
				   labels[1]),
		xmlelement(NAME text, xmlattributes(320 AS x, s.height - 3 AS y,
											'end' AS "text-anchor"),
				   labels[s.count]))
	FROM (SELECT count(*) AS count, min(f) AS least, max(f) AS most,
				 least(min(f), 0) AS low, greatest(max(f), 0) AS high,
				 120 AS height,
				 coalesce(88 / nullif(greatest(max(f), 0) - least(min(f), 0), 0),
						  0) AS scale
		  FROM unnest(figures) AS f) s;
END;
COMMENT ON FUNCTION trainledger_internal.report_plot IS
'A plot of the report: a bar for each figure, null for none, with the labels of the first and the last. Level reader.';
