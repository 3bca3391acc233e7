/*-------------------------------------------------------------------------
 *
 * form.h
 *		The body of a credit-token transaction: what was sent, and what is
 *		wrong with it (contract, section 7).
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/credit/form.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef TL_CREDIT_FORM_H
#define TL_CREDIT_FORM_H

#include "lib/stringinfo.h"

#include "base/trainledger.h"
#include "ledger/columns.h"
#include "types/amount.h"

/* In the order in which the error document lists them */
typedef enum CreditField
{
	FIELD_DELEGATE_ID,
	FIELD_DELEGATE_RFID,
	FIELD_DELEGATE_BARCODE,
	FIELD_DELEGATE_EXTERNAL_ID,
	FIELD_DEVICE_ID,
	FIELD_DEVICE_CODE,
	FIELD_OPERATION,
	FIELD_AMOUNT,
	FIELD_SOURCE,
	FIELD_DESCRIPTION,
	FIELD_RECORDED_AT,
	FIELD_ACCOUNT_NAME,
	FIELD_TOKEN_TYPE,
	FIELD_ROUNDING,
	FIELD_BALANCE_EXPECTED
} CreditField;

#define FIELD_COUNT		(FIELD_BALANCE_EXPECTED + 1)

/* What a JSON value is, as far as a form cares */
typedef enum FieldKind
{
	KIND_ABSENT,				/* not sent, or null */
	KIND_STRING,
	KIND_NUMBER,
	KIND_UNUSABLE				/* true, false, array, object, bad escape */
} FieldKind;

typedef struct CreditForm
{
	FieldKind	kinds[FIELD_COUNT];
	char	   *values[FIELD_COUNT];	/* text of a string or number */
	const char *errors[FIELD_COUNT];	/* NULL: nothing is wrong */
	const char *form_error;		/* about the form as a whole, or NULL */

	/* filled in by credit_form_check where nothing is wrong */
	TlOperation operation;
	TimestampTz recorded_at;
	TlRounding	rounding;
} CreditForm;

#define FORM_INVALID	"This value is not valid."

extern void credit_form_read(CreditForm *form, text *body);
extern bool credit_form_check(CreditForm *form, bool any_operation,
							  TlOperation operation);
extern bool credit_form_is_given(const CreditForm *form, CreditField field);
extern bool credit_form_is_party_id(const char *text);
extern void credit_form_print_errors(const CreditForm *form, StringInfo out);

#endif							/* TL_CREDIT_FORM_H */
