/*-------------------------------------------------------------------------
 *
 * global_id.c
 *		Global ids: standard padded base64 of "Type:key" in UTF-8 (contract,
 *		section 3).
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/types/global_id.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/base64.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "base/trainledger.h"

/* How much of a bad id an error message shows, in bytes */
#define SHOWN_BYTES 64

/* The base64 functions count in int and multiply by four */
#define MAX_BYTES ((int) (MaxAllocSize / 4))

PG_FUNCTION_INFO_V1(tl_global_id);
PG_FUNCTION_INFO_V1(tl_global_id_key);

/*
 * Whether this is a well-formed type name: [A-Za-z][A-Za-z0-9]*, in ASCII
 * whatever the locale.
 */
static bool
is_type_name(const char *name, int length)
{
	for (int i = 0; i < length; i++)
	{
		char		c = name[i];
		bool		letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
		bool		digit = (c >= '0' && c <= '9');

		if (!letter && !(digit && i > 0))
			return false;
	}
	return length > 0;
}

/* The beginning of a text, for a message. */
static char *
shorten(text *value)
{
	int			length = VARSIZE_ANY_EXHDR(value);

	if (length > SHOWN_BYTES)
		return psprintf("%s...",
						pnstrdup(VARDATA_ANY(value),
								 pg_mbcliplen(VARDATA_ANY(value), length,
											  SHOWN_BYTES)));
	return text_to_cstring(value);
}

/* Raise 22P02 unless the argument is a well-formed type name. */
static void
check_type_name(text *type)
{
	if (!is_type_name(VARDATA_ANY(type), VARSIZE_ANY_EXHDR(type)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("invalid type of a global id: \"%s\"", shorten(type)),
				 errdetail("A type is a letter followed by letters and "
						   "digits.")));
}

/* Encode length (at most MAX_BYTES) bytes as base64; palloc'd. */
static text *
encode(const char *bytes, int length)
{
	int			room = pg_b64_enc_len(length);
	text	   *encoded = palloc(VARHDRSZ + room);

	/* void *: the parameter is an unsigned char * in newer servers. */
	length = pg_b64_encode((const void *) bytes, length, VARDATA(encoded),
						   room);
	if (length < 0)
		elog(ERROR, "could not encode a global id");
	SET_VARSIZE(encoded, VARHDRSZ + length);
	return encoded;
}

/* Raise 22P02: the text is not a global id of the wanted type. */
static void
bad_global_id(text *id, const char *reason)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
			 errmsg("invalid global id: \"%s\"", shorten(id)),
			 errdetail_internal("%s", reason)));
}

/*
 * global_id(type, key): the id.  22P02 for a malformed type or an empty key.
 * Strict.
 */
Datum
tl_global_id(PG_FUNCTION_ARGS)
{
	text	   *type = PG_GETARG_TEXT_PP(0);
	text	   *key = PG_GETARG_TEXT_PP(1);
	int			type_length = VARSIZE_ANY_EXHDR(type);
	int			key_length = VARSIZE_ANY_EXHDR(key);
	char	   *plain;

	check_type_name(type);
	if (key_length == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("the key of a global id is empty")));

	if (type_length >= MAX_BYTES || key_length >= MAX_BYTES - type_length)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the key of a global id is too long")));

	plain = palloc(type_length + 1 + key_length);
	memcpy(plain, VARDATA_ANY(type), type_length);
	plain[type_length] = ':';
	memcpy(plain + type_length + 1, VARDATA_ANY(key), key_length);
	PG_RETURN_TEXT_P(encode(plain, type_length + 1 + key_length));
}

/*
 * global_id_key(id, type): the key in an id of that type.  22P02 for anything
 * that global_id(type, key) could not have made.  Strict.
 */
Datum
tl_global_id_key(PG_FUNCTION_ARGS)
{
	text	   *id = PG_GETARG_TEXT_PP(0);
	text	   *type = PG_GETARG_TEXT_PP(1);
	int			id_length = VARSIZE_ANY_EXHDR(id);
	int			type_length = VARSIZE_ANY_EXHDR(type);
	char	   *plain;
	text	   *canonical;
	char	   *colon;
	char	   *key;
	int			plain_length;
	int			key_length;

	check_type_name(type);
	if (id_length >= MAX_BYTES)
		bad_global_id(id, "The text is too long.");

	plain_length = pg_b64_dec_len(id_length);
	plain = palloc(plain_length + 1);
	plain_length = pg_b64_decode(VARDATA_ANY(id), id_length, (void *) plain,
								 plain_length);
	if (plain_length < 0)
		bad_global_id(id, "The text is not base64.");

	/* pg_b64_decode() accepts blanks and stray bits; we do not. */
	canonical = encode(plain, plain_length);
	if (VARSIZE(canonical) != VARHDRSZ + (Size) id_length ||
		memcmp(VARDATA(canonical), VARDATA_ANY(id), id_length) != 0)
		bad_global_id(id, "The text is not canonical base64.");

	/* this refuses zero bytes too */
	if (!pg_verify_mbstr(PG_UTF8, plain, plain_length, true))
		bad_global_id(id, "The bytes encoded are not UTF-8 text.");

	colon = memchr(plain, ':', plain_length);
	if (colon == NULL)
		bad_global_id(id, "There is no colon in the text encoded.");
	if (!is_type_name(plain, colon - plain))
		bad_global_id(id, "The type in it is malformed.");
	if (colon - plain != type_length ||
		memcmp(plain, VARDATA_ANY(type), type_length) != 0)
		bad_global_id(id, psprintf("It is not an id of type \"%s\".",
								   shorten(type)));
	key = colon + 1;
	key_length = plain + plain_length - key;
	if (key_length == 0)
		bad_global_id(id, "The key in it is empty.");

	PG_RETURN_TEXT_P(cstring_to_text_with_len(key, key_length));
}
