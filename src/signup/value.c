/*-------------------------------------------------------------------------
 *
 * value.c
 *		The elements of a signup token, and values from their texts (contract,
 *		section 10).
 *
 * The parser of XML calls these functions, so none of them raises.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/signup/value.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <libxml/chvalid.h>

#include "catalog/pg_type.h"
#include "common/string.h"
#include "mb/pg_wchar.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

#include "signup/signup.h"

#define MAX_CODE_CHARS		250
#define OVERLONG_CODE		"longer than 250 characters"
#define OVERLONG_ID			"longer than 50 characters"

/* clang-format off */
const SignupElementName tl_signup_elements[SIGNUP_ELEMENT_COUNT] = {
	{.element = "TokenId", .column = "id", .type = TEXTOID},
	{.element = "TokenCode", .column = "code", .type = TEXTOID},
	{.element = "TokenType", .column = "type", .type = INT4OID,
	 .is_needed = true},
	{.element = "TokenTypeId", .column = "type_id", .type = TEXTOID,
	 .is_needed = true},
	{.element = "Active", .column = "active", .type = BOOLOID},
	{.element = "MaximumActivations", .column = "maximum_activations",
	 .type = INT4OID, .is_needed = true},
	{.element = "TokenExpiration", .column = "expiration",
	 .type = TIMESTAMPTZOID},
};
/* clang-format on */

/*
 * Append to the text of an element.  Leading blanks, and those beyond the room
 * that there is, are skipped here; trim_text() removes all white space.
 */
void
tl_signup_append(SignupText *text, const char *chars, int length)
{
	for (int i = 0; i < length; i++)
	{
		if (xmlIsBlank_ch((unsigned char) chars[i]) &&
			(text->length == 0 || text->length == SIGNUP_TEXT_BYTES))
			continue;
		if (text->length == SIGNUP_TEXT_BYTES)
		{
			text->is_overlong = true;
			return;
		}
		text->bytes[text->length++] = chars[i];
	}
}

static void
trim_text(SignupText *text)
{
	text->bytes[text->length] = '\0';
	tl_trim_string(text->bytes);
	text->length = (int) strlen(text->bytes);
}

/* Parse an integer from 1 to 2^31 - 1. */
static bool
parse_number(const SignupText *text, int32 *number)
{
	char	   *end;

	if (text->bytes[0] < '0' || text->bytes[0] > '9')
		return false;
	errno = 0;
	*number = strtoint(text->bytes, &end, 10);
	return errno == 0 && *end == '\0' && *number > 0;
}

static bool
parse_truth(const SignupText *text, bool *truth)
{
	*truth = pg_strcasecmp(text->bytes, "true") == 0 ||
		strcmp(text->bytes, "1") == 0;
	return *truth || pg_strcasecmp(text->bytes, "false") == 0 ||
		strcmp(text->bytes, "0") == 0;
}

/* Whether a text begins with a shape, in which d is a digit */
static bool
has_shape(const char *text, const char *shape)
{
	for (; *shape != '\0'; shape++, text++)
	{
		if (*shape == 'd' ? (*text < '0' || *text > '9') : *text != *shape)
			return false;
	}
	return true;
}

/* The time at the start of a year, UTC */
static TimestampTz
start_of_year(int year)
{
	return (date2j(year, 1, 1) - POSTGRES_EPOCH_JDATE) * USECS_PER_DAY;
}

/*
 * Parse YYYY-MM-DDTHH:MM:SS in UTC.  A blank may replace T; a fraction of the
 * second may follow, and Z or an offset, +HH:MM or +HHMM.
 */
static bool
parse_expiration(const SignupText *text, TimestampTz *expiration)
{
	const char *end = text->bytes + strlen("dddd-dd-ddTdd:dd:dd");

	if (!has_shape(text->bytes, "dddd-dd-ddTdd:dd:dd") &&
		!has_shape(text->bytes, "dddd-dd-dd dd:dd:dd"))
		return false;
	if (has_shape(end, ".d"))
		end += 1 + strspn(end + 1, "0123456789");
	if (*end == 'Z')
		end++;
	else if (*end == '+' || *end == '-')
	{
		if (has_shape(end + 1, "dd:dd"))
			end += strlen("+dd:dd");
		else if (has_shape(end + 1, "dddd"))
			end += strlen("+dddd");
	}
	if (*end != '\0')
		return false;

	/* a leap second, an offset or rounding may lead to another year */
	return tl_parse_utc(text->bytes, expiration) &&
		*expiration >= start_of_year(1) && *expiration < start_of_year(10000);
}

/* Copy a text as an SQL value; sets *out_of_memory rather than raise. */
static Datum
keep_text(const SignupText *text, MemoryContext context, bool *out_of_memory)
{
	Size		size = VARHDRSZ + text->length;
	struct varlena *copy = MemoryContextAllocExtended(context, size,
													  MCXT_ALLOC_NO_OOM);

	if (copy == NULL)
	{
		*out_of_memory = true;
		return (Datum) 0;
	}
	SET_VARSIZE(copy, size);
	memcpy(VARDATA(copy), text->bytes, text->length);
	return PointerGetDatum(copy);
}

/*
 * Convert the text of an element to a value of the token, in the context.
 * Returns what is wrong, or NULL; sets *out_of_memory rather than raise.
 */
const char *
tl_signup_value(SignupText *text, SignupElement element, SignupToken *token,
				MemoryContext context, bool *out_of_memory)
{
	bool		is_code = element == SIGNUP_CODE;
	int			most = is_code ? MAX_CODE_CHARS : SIGNUP_ID_CHARS;
	Datum	   *value = &token->values[element];
	int32		number;
	bool		truth;
	TimestampTz time;

	trim_text(text);
	token->nulls[element] = false;
	if (text->length == 0)
	{
		if (element != SIGNUP_EXPIRATION)
			return "empty";
		token->nulls[element] = token->clears_expiration = true;
		return NULL;
	}
	if (text->is_overlong ||
		pg_verify_mbstr_len(PG_UTF8, text->bytes, text->length, true) > most)
		return is_code ? OVERLONG_CODE : OVERLONG_ID;

	switch (element)
	{
		case SIGNUP_TYPE:
			if (!parse_number(text, &number) || number > 4)
				return "not 1, 2, 3 or 4";
			*value = Int32GetDatum(number);
			break;
		case SIGNUP_ACTIVE:
			if (!parse_truth(text, &truth))
				return "not true or false";
			*value = BoolGetDatum(truth);
			break;
		case SIGNUP_MAXIMUM:
			if (!parse_number(text, &number))
				return "not a positive number";
			*value = Int32GetDatum(number);
			break;
		case SIGNUP_EXPIRATION:
			if (!parse_expiration(text, &time))
				return "not a date such as 2023-12-31T23:59:59";
			*value = TimestampTzGetDatum(time);
			break;
		default:
			*value = keep_text(text, context, out_of_memory);
	}
	return NULL;
}
