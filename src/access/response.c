/*-------------------------------------------------------------------------
 *
 * response.c
 *		A request over HTTP and its answer, as PostgREST shows them to a
 *		function: settings of the transaction, named request.* and response.*.
 *
 * Outside of a request the settings of the answer do no harm: nobody reads
 * them, and they end with the transaction.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/access/response.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/cryptohash.h"
#include "common/sha2.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/json.h"

#include "access/access.h"
#include "base/trainledger.h"

PG_FUNCTION_INFO_V1(tl_respond_header_sql);
PG_FUNCTION_INFO_V1(tl_uri_escape);

/* Bytes of the digest of a document that its ETag shows: 128 bits */
#define ETAG_BYTES	16

/* ---------------------------------------------------------------------
 * The request
 * ---------------------------------------------------------------------
 */

/* A setting, or NULL: after its transaction it is '' rather than not set. */
static const char *
setting(const char *name)
{
	const char *value = GetConfigOption(name, true, false);

	return value != NULL && *value != '\0' ? value : NULL;
}

/* Whether we are inside a PostgREST request */
bool
tl_in_request(void)
{
	return setting("request.method") != NULL;
}

/*
 * A member of the JSON object that a setting holds, as text allocated in the
 * current memory context.  Returns false if the setting is not set; else *value
 * is NULL if there is no such member.
 */
bool
tl_request_member(const char *setting_name, const char *member, char **value)
{
	const char *object = setting(setting_name);
	LOCAL_FCINFO(fcinfo, 2);
	Datum		result;

	if (object == NULL)
		return false;
	InitFunctionCallInfoData(*fcinfo, NULL, 2, InvalidOid, NULL, NULL);
	fcinfo->args[0].value = CStringGetTextDatum(object);
	fcinfo->args[0].isnull = false;
	fcinfo->args[1].value = CStringGetTextDatum(member);
	fcinfo->args[1].isnull = false;
	result = json_object_field_text(fcinfo);
	*value = fcinfo->isnull ? NULL : TextDatumGetCString(result);
	return true;
}

/*
 * A header of the request, its name in lower case, or NULL.  Most requests lack
 * the headers that we ask for, so that their JSON is not parsed.
 */
static char *
request_header(const char *name)
{
	const char *headers = setting("request.headers");
	char	   *value;

	if (headers == NULL || strstr(headers, name) == NULL ||
		!tl_request_member("request.headers", name, &value))
		return NULL;
	return value;
}

/* ---------------------------------------------------------------------
 * What PostgREST would do in silence
 * ---------------------------------------------------------------------
 */

/*
 * Refuse what would be half done: a body of several calls, of which PostgREST
 * makes the first (the proxy tells), and a part of the answer of a function
 * that writes, since who asks for the next part makes the call again.
 */
void
tl_check_http_request(bool writes)
{
	const char *several = request_header("x-trainledger-several");

	if (several != NULL)
		ereport(ERROR,
				(errcode(TL_INVALID),
				 errmsg("a request makes one call"),
				 errdetail("The body is %s.", several),
				 errhint("Send one JSON object; post_batch() books many "
						 "postings in one call.")));
	if (writes && (request_header("x-trainledger-limit") != NULL ||
				   request_header("x-trainledger-offset") != NULL))
		ereport(ERROR,
				(errcode(TL_INVALID),
				 errmsg("a call that writes is answered as a whole"),
				 errdetail("The request has limit or offset."),
				 errhint("The next page would be another call.  Leave them "
						 "out.")));
}

/* The number that a text begins with, or or_else; *rest is what follows it. */
static int64
leading_number(const char *text, int64 or_else, char **rest)
{
	if (text == NULL || *text < '0' || *text > '9')
		return or_else;
	return strtoi64(text, rest, 10);
}

/* How many of a function's rows the request asks for, as PostgREST reads it */
static int64
rows_asked_for(int64 rows)
{
	const char *method = setting("request.method");
	const char *range = request_header("range");
	char	   *rest = NULL;
	int64		first = leading_number(request_header("x-trainledger-offset"),
									   0, &rest);
	int64		asked = leading_number(request_header("x-trainledger-limit"),
									   rows, &rest);
	int64		last;

	asked = Min(asked, rows - Min(first, rows));
	if (range == NULL || strcmp(method, "GET") != 0)
		return asked;
	first = leading_number(range, -1, &rest);
	if (first < 0 || *rest != '-')
		return asked;
	last = leading_number(rest + 1, rows - 1, &rest);
	/* beyond the last row there is none, and the difference cannot overflow */
	if (last >= rows)
		last = rows - 1;
	return last < first ? 0 : Min(asked, last - first + 1);
}

/*
 * Refuse an answer that PostgREST would cut: it sends so many rows at most, of
 * what the request asks for.  Both read one setting (doc/deploy/roles.sql).
 */
void
tl_check_http_rows(int64 rows)
{
	const char *most = setting("pgrst.db_max_rows");

	if (most == NULL || rows_asked_for(rows) <= strtoi64(most, NULL, 10))
		return;
	ereport(ERROR,
			(errcode(TL_INVALID),
			 errmsg("the answer has too many rows"),
			 errdetail("There are %lld rows, and an answer has at most %s.",
					   (long long) rows, most),
			 errhint("Ask for less: a write in several calls, a read with "
					 "limit and offset.")));
}

/* ---------------------------------------------------------------------
 * The answer
 * ---------------------------------------------------------------------
 */

/* Set a setting for this transaction. */
static void
set_local(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_LOCAL, true, 0, false);
}

/* Set the status of the answer. */
void
tl_respond_status(int status)
{
	char		text[12];

	pg_ltoa(status, text);
	set_local("response.status", text);
}

/* Control characters would end the header. */
static char *
without_controls(const char *value)
{
	char	   *printable = pstrdup(value);

	for (char *next = printable; *next != '\0'; next++)
		if ((unsigned char) *next < ' ')
			*next = ' ';
	return printable;
}

/* Add a header to the answer. */
void
tl_respond_header(const char *name, const char *value)
{
	const char *before = setting("response.headers");
	StringInfoData headers;

	initStringInfo(&headers);
	if (before == NULL)
		appendStringInfoChar(&headers, '[');
	else
	{
		/* continue the array */
		appendBinaryStringInfo(&headers, before, (int) strlen(before) - 1);
		appendStringInfoChar(&headers, ',');
	}
	appendStringInfo(&headers, "{\"%s\":", name);
	escape_json(&headers, without_controls(value));
	appendStringInfoString(&headers, "}]");
	set_local("response.headers", headers.data);
}

/* respond_header(name text, value text) */
Datum
tl_respond_header_sql(PG_FUNCTION_ARGS)
{
	if (!PG_ARGISNULL(0) && !PG_ARGISNULL(1))
		tl_respond_header(text_to_cstring(PG_GETARG_TEXT_PP(0)),
						  text_to_cstring(PG_GETARG_TEXT_PP(1)));
	PG_RETURN_VOID();
}

/* Percent-encode a text for a URI (RFC 3986). */
void
tl_append_uri_escaped(StringInfo out, const char *text)
{
	static const char unreserved[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

	for (; *text != '\0'; text++)
	{
		if (strchr(unreserved, *text) != NULL)
			appendStringInfoChar(out, *text);
		else
			appendStringInfo(out, "%%%02X", (unsigned char) *text);
	}
}

/* uri_escape(text) returns text */
Datum
tl_uri_escape(PG_FUNCTION_ARGS)
{
	StringInfoData out;

	initStringInfo(&out);
	tl_append_uri_escaped(&out, text_to_cstring(PG_GETARG_TEXT_PP(0)));
	PG_RETURN_TEXT_P(cstring_to_text(out.data));
}

/* The ETag of a document: equal ones for equal documents */
static char *
etag_of(const char *document, int length)
{
	static const char digits[] = "0123456789abcdef";
	uint8		digest[PG_SHA256_DIGEST_LENGTH];
	pg_cryptohash_ctx *hash = pg_cryptohash_create(PG_SHA256);
	char	   *etag = palloc(2 * ETAG_BYTES + 3);
	char	   *next = etag;

	if (hash == NULL || pg_cryptohash_init(hash) < 0 ||
		pg_cryptohash_update(hash, (const uint8 *) document, length) < 0 ||
		pg_cryptohash_final(hash, digest, sizeof(digest)) < 0)
		elog(ERROR, "could not compute the digest of a document");
	pg_cryptohash_free(hash);

	*next++ = '"';
	for (int i = 0; i < ETAG_BYTES; i++)
	{
		*next++ = digits[digest[i] >> 4];
		*next++ = digits[digest[i] & 15];
	}
	*next++ = '"';
	*next = '\0';
	return etag;
}

/* Whether the request's If-None-Match holds the ETag, or "*" */
static bool
is_known(const char *etag)
{
	const char *known = request_header("if-none-match");

	return known != NULL &&
		(strstr(known, etag) != NULL || strcmp(known, "*") == 0);
}

/*
 * A read: name the document by its ETag, a digest of all that it shows, and
 * answer 304 if the client has it, unless the function has said itself how its
 * answer is kept.
 */
static void
respond_read(const char *document, int length)
{
	const char *headers = setting("response.headers");
	char	   *etag;

	if (headers != NULL && strstr(headers, "\"Cache-Control\"") != NULL)
		return;
	etag = etag_of(document, length);
	tl_respond_header("ETag", etag);
	tl_respond_header("Cache-Control", "private, no-cache");
	if (is_known(etag))
		tl_respond_status(304);
}

/*
 * Set the headers for a document that a function answers with.  The proxy sees
 * an error in a header, too: where it replaces PostgREST's own errors, it knows
 * only the status.
 */
void
tl_respond_document(const char *document, int length)
{
	const char *method = setting("request.method");
	const char *status = setting("response.status");

	if (method == NULL)
		return;
	if (status != NULL && atoi(status) >= 400)
		tl_respond_header("X-Trainledger-Error",
						  pnstrdup(document, length));
	else if (strcmp(method, "GET") == 0)
		respond_read(document, length);
}
