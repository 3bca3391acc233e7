/*-------------------------------------------------------------------------
 *
 * printer.c
 *		Prints signup tokens as an XML document (contract, section 10).
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/signup/printer.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <libxml/entities.h>

#include "access/htup_details.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "signup/signup.h"

PG_FUNCTION_INFO_V1(tl_signup_document);
PG_FUNCTION_INFO_V1(tl_fits_xml);

/* Longest escape of a byte: &quot; */
#define ESCAPED_BYTES		6

/* fits_xml(value text) returns boolean: whether XML can hold a text. */
Datum
tl_fits_xml(PG_FUNCTION_ARGS)
{
	text	   *value = PG_GETARG_TEXT_PP(0);
	const char *bytes = VARDATA_ANY(value);
	int			length = VARSIZE_ANY_EXHDR(value);

	for (int i = 0; i < length; i++)
	{
		if ((unsigned char) bytes[i] < ' ' && !strchr("\t\n\r", bytes[i]))
			PG_RETURN_BOOL(false);
		/* U+FFFE and U+FFFF */
		if (i + 2 < length && memcmp(bytes + i, "\xEF\xBF", 2) == 0 &&
			(unsigned char) bytes[i + 2] >= 0xBE)
			PG_RETURN_BOOL(false);
	}
	PG_RETURN_BOOL(true);
}

static void
print_element(StringInfo out, SignupElement element, const char *text)
{
	const char *name = tl_signup_elements[element].element;
	xmlChar    *escaped;

	/* reserve room first: an error would leak the memory of libxml2 */
	enlargeStringInfo(out, ESCAPED_BYTES * strlen(text) + 2 * strlen(name) + 6);
	escaped = xmlEncodeSpecialChars(NULL, BAD_CAST text);
	if (escaped == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	appendStringInfo(out, "<%s>%s</%s>", name, (char *) escaped, name);
	xmlFree(escaped);
}

/* Find the column numbers of a token's elements in a row type. */
static void
find_columns(TupleDesc columns, AttrNumber *numbers)
{
	for (SignupElement i = 0; i < SIGNUP_ELEMENT_COUNT; i++)
	{
		const SignupElementName *name = &tl_signup_elements[i];

		numbers[i] = SPI_fnumber(columns, name->column);
		if (numbers[i] <= 0)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("column \"%s\" of trainledger.signup_token is missing",
							name->column),
					 errdetail("A document of signup tokens has it."),
					 errhint("If it was renamed, rename it back; else restore the table from a backup.")));
		tl_require_column_type("signup_token", columns, numbers[i],
							   name->type);
	}
}

/* Print a token; separator is put between date and time. */
static void
print_token(StringInfo out, HeapTupleHeader row, TupleDesc columns,
			const AttrNumber *numbers, char separator)
{
	HeapTupleData tuple = {
		.t_len = HeapTupleHeaderGetDatumLength(row),
		.t_data = row,
	};

	appendStringInfoString(out, "<Token>");
	for (SignupElement i = 0; i < SIGNUP_ELEMENT_COUNT; i++)
	{
		bool		is_null;
		Datum		value = heap_getattr(&tuple, numbers[i], columns, &is_null);
		const char *text;

		if (is_null)
			continue;
		if (i == SIGNUP_ACTIVE)
			text = DatumGetBool(value) ? "true" : "false";
		else if (i == SIGNUP_EXPIRATION)
			text = tl_print_utc(DatumGetTimestampTz(value), separator);
		else
			text = SPI_getvalue(&tuple, columns, numbers[i]);
		print_element(out, i, text);
	}
	appendStringInfoString(out, "</Token>");
}

/*
 * signup_document(tokens signup_token[], separator "char") returns text: the
 * document of these tokens.  separator is put between date and time.
 */
Datum
tl_signup_document(PG_FUNCTION_ARGS)
{
	ArrayType  *tokens = PG_GETARG_ARRAYTYPE_P(0);
	ArrayIterator iterator = array_create_iterator(tokens, 0, NULL);
	TupleDesc	columns = lookup_rowtype_tupdesc(ARR_ELEMTYPE(tokens), -1);
	AttrNumber	numbers[SIGNUP_ELEMENT_COUNT];
	StringInfoData out;
	Datum		row;
	bool		is_null;
	int			start;

	find_columns(columns, numbers);
	initStringInfo(&out);
	appendStringInfoString(&out, "<Tokens");
	start = out.len;
	while (array_iterate(iterator, &row, &is_null))
	{
		CHECK_FOR_INTERRUPTS();
		if (is_null)
			continue;
		if (out.len == start)
			appendStringInfoChar(&out, '>');
		print_token(&out, DatumGetHeapTupleHeader(row), columns, numbers,
					PG_GETARG_CHAR(1));
	}
	appendStringInfoString(&out, out.len == start ? "/>" : "</Tokens>");
	ReleaseTupleDesc(columns);
	array_free_iterator(iterator);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(out.data, out.len));
}
