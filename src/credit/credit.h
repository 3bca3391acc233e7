/*-------------------------------------------------------------------------
 *
 * credit.h
 *		The documents of credit accounts (contract, section 7): reading request
 *		bodies, and printing rows as parts of an answer.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/credit/credit.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef TL_CREDIT_H
#define TL_CREDIT_H

#include "lib/stringinfo.h"

#include "base/trainledger.h"
#include "ledger/posting.h"

/*
 * The fields of a body: name in C, name in the body.  The error document lists
 * them in this order.
 */
#define CREDIT_FIELDS(X) \
	X(FIELD_DELEGATE_ID, "delegate_id") \
	X(FIELD_DELEGATE_RFID, "delegate_rfid") \
	X(FIELD_DELEGATE_BARCODE, "delegate_barcode") \
	X(FIELD_DELEGATE_EXTERNAL_ID, "delegate_externalId") \
	X(FIELD_DEVICE_ID, "device_id") \
	X(FIELD_DEVICE_CODE, "device_code") \
	X(FIELD_OPERATION, "operation") \
	X(FIELD_AMOUNT, "amount") \
	X(FIELD_SOURCE, "source") \
	X(FIELD_DESCRIPTION, "description") \
	X(FIELD_RECORDED_AT, "recordedAt") \
	X(FIELD_ACCOUNT_NAME, "accountName") \
	X(FIELD_TOKEN_TYPE, "tokenType") \
	X(FIELD_ROUNDING, "rounding") \
	X(FIELD_BALANCE_EXPECTED, "balanceExpected")

typedef enum CreditField
{
#define CREDIT_FIELD_VALUE(field, name) field,
	CREDIT_FIELDS(CREDIT_FIELD_VALUE)
#undef CREDIT_FIELD_VALUE
	FIELD_COUNT
} CreditField;

/* Kinds of JSON values that a form distinguishes */
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
	bool		is_seen[FIELD_COUNT];
	char	   *values[FIELD_COUNT];	/* text of a string or number */
	const char *errors[FIELD_COUNT];	/* NULL if the field is valid */
	const char *form_error;		/* about the form as a whole, or NULL */

	/* set by credit_form_check(), valid only if that returns true */
	TlOperation operation;
	TimestampTz recorded_at;
	TlRounding	rounding;
} CreditForm;

/* form.c */

#define FORM_INVALID	"This value is not valid."

extern void credit_form_read(CreditForm *form, text *body);
extern bool credit_form_check(CreditForm *form, bool any_operation,
							  TlOperation operation);
extern bool credit_form_is_given(const CreditForm *form, CreditField field);
extern bool credit_form_is_party_id(const char *text);
extern void credit_form_print_errors(const CreditForm *form, StringInfo out);

/* rows.c */

/* Ways to name a delegate, in the order of the fields of a form */
typedef enum DelegateKey
{
	DELEGATE_BY_ID,
	DELEGATE_BY_RFID,
	DELEGATE_BY_BARCODE,
	DELEGATE_BY_EXTERNAL_ID
} DelegateKey;

#define DELEGATE_KEY_COUNT	(DELEGATE_BY_EXTERNAL_ID + 1)

/* A delegate, and its JSON object for documents */
typedef struct CreditDelegate
{
	int64		party_id;
	char	   *document;
} CreditDelegate;

/* The account that an answer is about */
typedef struct CreditAccount
{
	int64		id;
	TlAmount	balance;
	const char *name;
	const char *token_type;
} CreditAccount;

/* Callers must be connected to SPI, except to print. */
extern bool credit_read_delegate(DelegateKey key, const char *id,
								 bool read_only, CreditDelegate *delegate);
extern bool credit_read_account(int64 party_id, CreditAccount *account);
extern bool credit_read_last_entry(int64 account_id, TlEntry *entry);
extern Portal credit_open_entries(int64 account_id, int64 before);
extern void credit_take_entry(HeapTuple row, TlEntry *entry);
extern void credit_print_amount(StringInfo out, TlAmount amount);
extern void credit_print_transaction(StringInfo out, const TlEntry *entry,
									 const CreditAccount *account);

#endif							/* TL_CREDIT_H */
