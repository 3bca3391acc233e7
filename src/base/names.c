/*-------------------------------------------------------------------------
 *
 * names.c
 *		Names and codes as they are kept and compared (contract, section 2):
 *		without white space around them, and where case does not count, in
 *		a folded form.
 *
 * The folded form is made from tables in this library and in the server, never
 * by a locale.  So it is the same in every database, on every node and after
 * every upgrade of the operating system, and indexes may contain it.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/base/names.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/unicode_norm.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"

#include "base/fold.h"
#include "base/trainledger.h"

/*
 * Characters of the longest name when it is decomposed, at most 4 for each.  A
 * longer text is no name and is not normalised: core takes quadratic time to
 * sort the marks in it, and cannot be cancelled.
 */
#define MAX_NAME_DECOMPOSED		(4 * TL_MAX_NAME_CHARS)

PG_FUNCTION_INFO_V1(tl_trimmed);
PG_FUNCTION_INFO_V1(tl_folded);

/*
 * White space is what Unicode calls so, and the characters without width that
 * copied text brings along: zero width space, word joiner, byte order mark.
 */
static bool
is_space(pg_wchar c)
{
	return (c >= 0x09 && c <= 0x0D) || c == ' ' || c == 0x85 || c == 0xA0 ||
		c == 0x1680 || (c >= 0x2000 && c <= 0x200B) ||
		c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
		c == 0x2060 || c == 0x3000 || c == 0xFEFF;
}

/*
 * Whether there is white space at a place; sets *size to its bytes.  The text
 * need not be valid UTF-8: anything else is not white space.
 */
static bool
space_at(const char *bytes, int length, int *size)
{
	*size = pg_utf_mblen((const unsigned char *) bytes);
	return *size <= length &&
		is_space(utf8_to_unicode((const unsigned char *) bytes));
}

/*
 * Find the part of a text that has no white space around it.  Returns its first
 * byte and sets *length to its number of bytes.
 */
const char *
tl_trim(const char *bytes, int *length)
{
	int			size;

	while (*length > 0 && space_at(bytes, *length, &size))
	{
		bytes += size;
		*length -= size;
	}
	while (*length > 0)
	{
		int			last = *length - 1;

		/* step over the bytes that continue a character */
		while (last > 0 && ((unsigned char) bytes[last] & 0xC0) == 0x80)
			last--;
		if (!space_at(bytes + last, *length - last, &size) ||
			last + size != *length)
			break;
		*length = last;
	}
	return bytes;
}

/* A text without white space around it; NULL for NULL */
text *
tl_trim_text(text *value)
{
	const char *start;
	int			length;

	if (value == NULL)
		return NULL;
	length = VARSIZE_ANY_EXHDR(value);
	start = tl_trim(VARDATA_ANY(value), &length);
	if (length == (int) VARSIZE_ANY_EXHDR(value))
		return value;
	return cstring_to_text_with_len(start, length);
}

/* Trim a string in place. */
void
tl_trim_string(char *value)
{
	int			length = (int) strlen(value);
	const char *start = tl_trim(value, &length);

	memmove(value, start, length);
	value[length] = '\0';
}

/* trimmed(value text) returns text */
Datum
tl_trimmed(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(tl_trim_text(PG_GETARG_TEXT_PP(0)));
}

/* Fold a character: small and capital letters become the same. */
static pg_wchar
fold(pg_wchar c)
{
	int			low = 0;
	int			high = lengthof(fold_ranges) - 1;

	if (c < 0x80)
		return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
	while (low <= high)
	{
		int			middle = (low + high) / 2;
		const FoldRange *range = &fold_ranges[middle];

		if (c > range->last)
			low = middle + 1;
		else if (c < range->first)
			high = middle - 1;
		else if ((c - range->first) % range->stride == 0)
			return c + range->delta;
		else
			return c;
	}
	return c;
}

/* Decode UTF-8; the result, palloc'd, has *length characters and then 0. */
static pg_wchar *
decode(const char *bytes, int *length)
{
	pg_wchar   *chars = palloc((*length + 1) * sizeof(pg_wchar));
	int			left = *length;
	int			count = 0;

	while (left > 0)
	{
		int			size = pg_utf_mblen((const unsigned char *) bytes);

		if (size > left)
			break;
		chars[count++] = utf8_to_unicode((const unsigned char *) bytes);
		bytes += size;
		left -= size;
	}
	chars[count] = 0;
	*length = count;
	return chars;
}

/*
 * Normalise to NFC, fold, and normalise again: a letter may fold to one that
 * composes with the mark after it.
 */
static text *
fold_chars(const char *bytes, int length)
{
	pg_wchar   *chars = decode(bytes, &length);
	bool		is_name = length <= MAX_NAME_DECOMPOSED;
	int			count = 0;
	text	   *result;
	unsigned char *end;

	if (is_name)
		chars = unicode_normalize(UNICODE_NFC, chars);
	for (pg_wchar *c = chars; *c != 0; c++)
		*c = fold(*c);
	if (is_name)
		chars = unicode_normalize(UNICODE_NFC, chars);
	while (chars[count] != 0)
		count++;

	/* a character has at most 4 bytes */
	result = palloc(VARHDRSZ + count * 4);
	end = (unsigned char *) VARDATA(result);
	for (int i = 0; i < count; i++)
	{
		unicode_to_utf8(chars[i], end);
		end += pg_utf_mblen(end);
	}
	SET_VARSIZE(result, (char *) end - (char *) result);
	return result;
}

/*
 * folded(value text) returns text: what a name or code is compared by where
 * case does not count
 */
Datum
tl_folded(PG_FUNCTION_ARGS)
{
	text	   *value = PG_GETARG_TEXT_PP(0);
	int			length = VARSIZE_ANY_EXHDR(value);
	const char *bytes = tl_trim(VARDATA_ANY(value), &length);
	text	   *result;
	char	   *chars;

	for (int i = 0; i < length; i++)
	{
		if (IS_HIGHBIT_SET(bytes[i]))
			PG_RETURN_TEXT_P(fold_chars(bytes, length));
	}
	result = cstring_to_text_with_len(bytes, length);
	chars = VARDATA(result);
	for (int i = 0; i < length; i++)
		chars[i] = (char) fold((pg_wchar) chars[i]);
	PG_RETURN_TEXT_P(result);
}
