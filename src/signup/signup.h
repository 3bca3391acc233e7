/*-------------------------------------------------------------------------
 *
 * signup.h
 *		Signup tokens in XML documents (contract, section 10).
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/signup/signup.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef TL_SIGNUP_H
#define TL_SIGNUP_H

#include "base/trainledger.h"

/* The elements of a token, in the order in which a document prints them */
typedef enum SignupElement
{
	SIGNUP_ID,
	SIGNUP_CODE,
	SIGNUP_TYPE,
	SIGNUP_TYPE_ID,
	SIGNUP_ACTIVE,
	SIGNUP_MAXIMUM,
	SIGNUP_EXPIRATION
} SignupElement;

#define SIGNUP_ELEMENT_COUNT	(SIGNUP_EXPIRATION + 1)
#define SIGNUP_NO_ELEMENT		SIGNUP_ELEMENT_COUNT

/* The name of an element, and its column in signup_token */
typedef struct SignupElementName
{
	const char *element;
	const char *column;
	Oid			type;			/* of the column */
	bool		is_needed;		/* a new token must have it */
} SignupElementName;

extern const SignupElementName tl_signup_elements[SIGNUP_ELEMENT_COUNT];

/* A token of a document; elements that are not given are null */
typedef struct SignupToken
{
	struct SignupToken *next;
	int64		position;		/* in the document, from 1 */
	int64		line;			/* of its end tag */
	Datum		values[SIGNUP_ELEMENT_COUNT];	/* of the columns */
	bool		nulls[SIGNUP_ELEMENT_COUNT];
	bool		clears_expiration;	/* TokenExpiration is given, but empty */
} SignupToken;

/*
 * Called for each token in document order.  The token is freed after the call.
 */
typedef void (*SignupHandler)(const SignupToken *token, void *arg);

/* reader.c */
extern void tl_read_signup_tokens(const char *document, size_t size,
								  const char *charset, bool is_update,
								  SignupHandler handler, void *arg);
pg_noreturn extern void tl_signup_refuse(int sqlerrcode, int64 position,
										 int64 line, SignupElement element,
										 const char *what, const char *detail,
										 const char *hint);

#endif							/* TL_SIGNUP_H */
