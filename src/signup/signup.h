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

/* Room for the longest text, 250 characters of 4 bytes */
#define SIGNUP_TEXT_BYTES		1024

/* Longest text but a code */
#define SIGNUP_ID_CHARS			50

/* The text of an element, in UTF-8 */
typedef struct SignupText
{
	int			length;
	bool		is_overlong;
	char		bytes[SIGNUP_TEXT_BYTES + 1];
} SignupText;

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

/* value.c */
extern const SignupElementName tl_signup_elements[SIGNUP_ELEMENT_COUNT];
extern void tl_signup_append(SignupText *text, const char *chars, int length);
extern const char *tl_signup_value(SignupText *text, SignupElement element,
								   SignupToken *token, MemoryContext context,
								   bool *out_of_memory);

/* reader.c */
extern void tl_read_signup_tokens(const char *document, size_t size,
								  const char *charset, bool is_update,
								  SignupHandler handler, void *arg);
pg_noreturn extern void tl_signup_refuse(int sqlerrcode, int64 position,
										 int64 line, SignupElement element,
										 const char *what, const char *detail,
										 const char *hint);

#endif							/* TL_SIGNUP_H */
