/*-------------------------------------------------------------------------
 *
 * arguments.h
 *		What functions check their arguments for.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/base/arguments.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef TL_ARGUMENTS_H
#define TL_ARGUMENTS_H

#include "fmgr.h"

#include "base/trainledger.h"


/* Longest description, source and device, in bytes (contract, sections 6, 7) */
#define TL_MAX_TEXT_BYTES		8192

/* Longest text in an index, in characters */
#define TL_MAX_NAME_CHARS		250

extern bool tl_check_text(const char *name, text *value, bool required,
						  TlRefusal *refusal);
extern bool tl_check_name(const char *name, text *value, TlRefusal *refusal);
extern char *tl_numeric_arg(FunctionCallInfo fcinfo, int argno);

#endif							/* TL_ARGUMENTS_H */
