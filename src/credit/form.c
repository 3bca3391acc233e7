/*-------------------------------------------------------------------------
 *
 * form.c
 *		Reading and checking the body of a credit-token transaction
 *		(contract, section 7).
 *
 * The server's JSON parser splits the body into fields, and each field is
 * decoded separately.  So a value that is valid JSON but not valid text
 * (\u0000, half a surrogate pair) is an error of its field, not of the whole
 * body.  Numbers remain decimal text throughout, so that they stay exact.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/credit/form.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/jsonapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/memutils.h"

#include "credit/credit.h"
#include "ledger/ledger.h"

#define BLANK			"This value should not be blank."
#define NOT_A_CHOICE	"The value you selected is not a valid choice."
#define EXTRA_FIELDS	"This form should not contain extra fields."

/* Seconds since 1970 at the end of the year 9999 */
#define LAST_SECOND		INT64CONST(253402300799)

static const char *const field_names[] = {
#define NAME(field, name) name,
	CREDIT_FIELDS(NAME)
#undef NAME
};

/* ---------------------------------------------------------------------
 * Reading
 * ---------------------------------------------------------------------
 */

/* State while a body is split; the pointers are into its text */
typedef struct SplitState
{
	CreditForm *form;
	JsonLexContext *lexer;
	MemoryContext scratch;		/* reset after each field */
	bool		is_object;
	const char *key_start;
	const char *value_start;
} SplitState;

/* Decode a JSON string; NULL if its value is not valid text. */
static char *
decode_string(const char *string, int length)
{
	JsonLexContext *lexer = tl_json_lexer(string, length, true);

	return json_lex(lexer) == JSON_SUCCESS ? lexer->strval->data : NULL;
}

/* Find the kind of a JSON value.  *text is set for a string or number. */
static FieldKind
decode_value(const char *value, int length, char **text)
{
	*text = NULL;
	switch (value[0])
	{
		case 'n':
			return KIND_ABSENT;
		case 't':
		case 'f':
		case '[':
		case '{':
			return KIND_UNUSABLE;
		case '"':
			*text = decode_string(value, length);
			return *text ? KIND_STRING : KIND_UNUSABLE;
		default:
			*text = pnstrdup(value, length);
			return KIND_NUMBER;
	}
}

static void
store_field(CreditForm *form, const char *key, FieldKind kind,
			const char *value)
{
	for (int i = 0; key != NULL && i < FIELD_COUNT; i++)
	{
		if (strcmp(key, field_names[i]) == 0)
		{
			/* a key that is given twice says nothing */
			form->kinds[i] = form->is_seen[i] ? KIND_UNUSABLE : kind;
			form->values[i] = value ? pstrdup(value) : NULL;
			form->is_seen[i] = true;
			return;
		}
	}
	form->form_error = EXTRA_FIELDS;
}

static TlJsonResult
split_object_start(void *context)
{
	SplitState *state = context;

	if (state->lexer->lex_level == 0)
	{
		state->is_object = true;
		state->key_start = state->lexer->token_start + 1;
	}
	TL_JSON_CONTINUE;
}

static TlJsonResult
split_field_start(void *context, char *name pg_attribute_unused(),
				  bool isnull pg_attribute_unused())
{
	SplitState *state = context;

	if (state->lexer->lex_level == 1)
		state->value_start = state->lexer->token_start;
	TL_JSON_CONTINUE;
}

static TlJsonResult
split_field_end(void *context, char *name pg_attribute_unused(),
				bool isnull pg_attribute_unused())
{
	SplitState *state = context;
	const char *end = state->lexer->prev_token_terminator;
	char	   *key;
	char	   *value;
	FieldKind	kind;
	MemoryContext caller;

	if (state->lexer->lex_level != 1)
		TL_JSON_CONTINUE;
	CHECK_FOR_INTERRUPTS();

	/* skip blanks and the comma before the key */
	state->key_start += strspn(state->key_start, " \t\r\n,");
	caller = MemoryContextSwitchTo(state->scratch);
	key = decode_string(state->key_start,
						state->value_start - state->key_start);
	kind = decode_value(state->value_start, end - state->value_start, &value);
	MemoryContextSwitchTo(caller);
	store_field(state->form, key, kind, value);
	MemoryContextReset(state->scratch);
	state->key_start = end;
	TL_JSON_CONTINUE;
}

/* Read a body into a new form; NULL is an empty body. */
void
credit_form_read(CreditForm *form, text *body)
{
	SplitState	state = {.form = form};
	JsonSemAction actions = {
		.semstate = &state,
		.object_start = split_object_start,
		.object_field_start = split_field_start,
		.object_field_end = split_field_end,
	};
	const char *json;

	memset(form, 0, sizeof(*form));
	if (body == NULL)
		return;

	json = text_to_cstring(body);
	state.lexer = tl_json_lexer(json, strlen(json), false);
	state.scratch = AllocSetContextCreate(CurrentMemoryContext,
										  "credit-token field",
										  ALLOCSET_DEFAULT_SIZES);
	if (pg_parse_json(state.lexer, &actions) != JSON_SUCCESS ||
		!state.is_object)
		form->form_error = FORM_INVALID;
	MemoryContextDelete(state.scratch);
}

/* ---------------------------------------------------------------------
 * Checking
 * ---------------------------------------------------------------------
 */

/* Whether a field was sent and is not blank; it may still be unusable */
bool
credit_form_is_given(const CreditForm *form, CreditField field)
{
	const char *value = form->values[field];
	int			length;

	if (form->kinds[field] != KIND_STRING)
		return form->kinds[field] != KIND_ABSENT;
	length = (int) strlen(value);
	tl_trim(value, &length);
	return length > 0;
}

/*
 * Check that a field is given if it is required, and is a string or a number.
 * Returns true if it has a value to check further.
 */
static bool
check_given(CreditForm *form, CreditField field, bool required)
{
	if (!credit_form_is_given(form, field))
	{
		if (required)
			form->errors[field] = BLANK;
		return false;
	}
	if (form->kinds[field] == KIND_UNUSABLE)
	{
		form->errors[field] = FORM_INVALID;
		return false;
	}
	return true;
}

static void
check_length(CreditForm *form, CreditField field, size_t length, int most)
{
	if (length > (size_t) most)
		form->errors[field] = psprintf("This value is too long. It should have %d characters or less.",
									   most);
}

static void
check_text(CreditForm *form, CreditField field, bool required)
{
	if (check_given(form, field, required))
		check_length(form, field, strlen(form->values[field]),
					 TL_MAX_TEXT_BYTES);
}

/* Check the name of an account or type; "default" if it is not given. */
static void
check_name(CreditForm *form, CreditField field)
{
	if (check_given(form, field, false))
	{
		tl_trim_string(form->values[field]);
		check_length(form, field, pg_mbstrlen(form->values[field]),
					 TL_MAX_NAME_CHARS);
	}
	else
		form->values[field] = "default";
}

/* Whether a text can be a party's id: 1 to 18 digits, which fit a bigint */
bool
credit_form_is_party_id(const char *text)
{
	size_t		length = strlen(text);

	return length > 0 && length <= 18 &&
		strspn(text, "0123456789") == length;
}

static void
check_delegate(CreditForm *form)
{
	bool		any = false;

	for (int i = FIELD_DELEGATE_ID; i <= FIELD_DELEGATE_EXTERNAL_ID; i++)
	{
		any |= credit_form_is_given(form, i);
		if (check_given(form, i, false))
			tl_trim_string(form->values[i]);
	}
	if (!any)
		form->errors[FIELD_DELEGATE_ID] = BLANK;

	if (form->errors[FIELD_DELEGATE_ID] == NULL &&
		credit_form_is_given(form, FIELD_DELEGATE_ID))
	{
		if (!credit_form_is_party_id(form->values[FIELD_DELEGATE_ID]))
			form->errors[FIELD_DELEGATE_ID] = FORM_INVALID;
	}
}

static void
check_device(CreditForm *form)
{
	check_text(form, FIELD_DEVICE_ID, false);
	check_text(form, FIELD_DEVICE_CODE, false);
	if (credit_form_is_given(form, FIELD_DEVICE_ID) &&
		credit_form_is_given(form, FIELD_DEVICE_CODE))
		form->errors[FIELD_DEVICE_CODE] = FORM_INVALID;
}

/*
 * The call determines the operation; a body may repeat it.  If any_operation,
 * the body must name it.
 */
static void
check_operation(CreditForm *form, bool any_operation, TlOperation operation)
{
	static const TlOperation choices[] = {
		TL_OP_INIT,
		TL_OP_ADD,
		TL_OP_SUBTRACT,
	};

	form->operation = operation;
	if (!check_given(form, FIELD_OPERATION, any_operation))
		return;
	for (size_t i = 0; i < lengthof(choices); i++)
	{
		if (strcmp(form->values[FIELD_OPERATION],
				   tl_operation_names[choices[i]]) == 0 &&
			(any_operation || choices[i] == operation))
		{
			form->operation = choices[i];
			return;
		}
	}
	form->errors[FIELD_OPERATION] = NOT_A_CHOICE;
}

/*
 * Check a decimal number, which may have an exponent and must be in the range
 * of an amount.  Returns true and sets *value if it is valid.
 */
static bool
check_decimal(CreditForm *form, CreditField field, bool required, int scale,
			  TlRounding rounding, TlAmount *value)
{
	char	   *text = form->values[field];

	if (!check_given(form, field, required))
		return false;
	tl_trim_string(text);
	if (tl_decimal_to_amount(text, strlen(text), true, scale, rounding,
							 value) == TL_DECIMAL_OK)
		return true;
	form->errors[field] = FORM_INVALID;
	return false;
}

/*
 * Check the amount: an account may be opened with any balance; other operations
 * need a positive amount.  check_operation() must come first.
 */
static void
check_amount(CreditForm *form)
{
	const char *text = form->values[FIELD_AMOUNT];
	TlAmount	amount;

	if (check_decimal(form, FIELD_AMOUNT, true, TL_AMOUNT_SCALE,
					  TL_ROUND_HALF_AWAY, &amount) &&
		form->operation != TL_OP_INIT &&
		(text[0] == '-' || tl_is_zero(text)))
		form->errors[FIELD_AMOUNT] = FORM_INVALID;
}

/* A Unix timestamp: whole seconds of the years 1970 to 9999 */
static void
check_recorded_at(CreditForm *form)
{
	TlAmount	seconds;

	if (!check_decimal(form, FIELD_RECORDED_AT, true, 0, TL_ROUND_EXACT,
					   &seconds))
		return;
	if (seconds < 0 || seconds / TL_AMOUNT_UNIT > LAST_SECOND)
		form->errors[FIELD_RECORDED_AT] = FORM_INVALID;

	/* an amount of seconds is microseconds; move the epoch from 1970 to 2000 */
	form->recorded_at = seconds -
		(POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;
}

static void
check_rounding(CreditForm *form)
{
	form->rounding = TL_ROUND_HALF_AWAY;
	if (!check_given(form, FIELD_ROUNDING, false))
		return;
	form->rounding = tl_rounding_from_label(form->values[FIELD_ROUNDING]);
	if (form->rounding == TL_ROUND_EXACT ||
		form->rounding == TL_ROUND_HALF_EVEN)
		form->errors[FIELD_ROUNDING] = NOT_A_CHOICE;
}

/* Do all checks that need no table.  True if the form is valid. */
bool
credit_form_check(CreditForm *form, bool any_operation, TlOperation operation)
{
	TlAmount	ignored;

	check_delegate(form);
	check_device(form);
	check_operation(form, any_operation, operation);
	check_amount(form);
	check_text(form, FIELD_SOURCE, true);
	check_text(form, FIELD_DESCRIPTION, true);
	check_recorded_at(form);
	check_name(form, FIELD_ACCOUNT_NAME);
	check_name(form, FIELD_TOKEN_TYPE);
	check_rounding(form);
	check_decimal(form, FIELD_BALANCE_EXPECTED, false, TL_AMOUNT_SCALE,
				  TL_ROUND_HALF_AWAY, &ignored);

	for (int i = 0; i < FIELD_COUNT; i++)
	{
		if (form->errors[i] != NULL)
			return false;
	}
	return form->form_error == NULL;
}

static void
print_error_list(StringInfo out, const char *error)
{
	appendStringInfoString(out, "\"errors\":[");
	escape_json(out, error);
	appendStringInfoChar(out, ']');
}

/* Print the tree of errors: all fields, with or without an error. */
void
credit_form_print_errors(const CreditForm *form, StringInfo out)
{
	appendStringInfoChar(out, '{');
	if (form->form_error != NULL)
	{
		print_error_list(out, form->form_error);
		appendStringInfoChar(out, ',');
	}
	appendStringInfoString(out, "\"children\":{");
	for (int i = 0; i < FIELD_COUNT; i++)
	{
		appendStringInfo(out, "%s\"%s\":{", i > 0 ? "," : "", field_names[i]);
		if (form->errors[i] != NULL)
			print_error_list(out, form->errors[i]);
		appendStringInfoChar(out, '}');
	}
	appendStringInfoString(out, "}}");
}
