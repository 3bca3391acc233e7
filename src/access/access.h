/*-------------------------------------------------------------------------
 *
 * access.h
 *		Callers, parties and access levels.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/access/access.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef TL_ACCESS_H
#define TL_ACCESS_H

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "nodes/execnodes.h"

#include "base/compat.h"

/* The schema that users call, and the one of our internal functions */
#define TL_SCHEMA			"trainledger"
#define TL_INTERNAL_SCHEMA	"trainledger_internal"

/* access.c */

/* The role to return to when a function stops acting as the owner */
typedef struct TlOwnerSwitch
{
	Oid			userid;
	int			sec_context;
} TlOwnerSwitch;

extern void tl_become_owner(TlOwnerSwitch *saved);
extern void tl_restore_user(const TlOwnerSwitch *saved);
extern Oid	tl_caller(void);
extern bool tl_role_has(Oid role, const char *level);
extern bool tl_acts_as_owner(void);
extern Oid	tl_twin(Oid function, const char *schema, const char *name,
					bool missing_ok);
extern Oid	tl_worker_of(Oid function, const char *name);
extern Datum tl_forward(FunctionCallInfo fcinfo, FmgrInfo *target);
extern Datum tl_forward_as_owner(FunctionCallInfo fcinfo, FmgrInfo *target);

/* api.c */
pg_noreturn extern void tl_raise_for_request(const ErrorData *error);

/* party.c */
extern bool tl_asking_party(int64 *party);
extern text *tl_booked_by(void);

/* response.c */
extern bool tl_in_request(void);
extern bool tl_request_member(const char *setting_name, const char *member,
							  char **value);
extern void tl_check_http_request(bool writes);
extern void tl_check_http_rows(int64 rows);
extern void tl_respond_status(int status);
extern void tl_respond_header(const char *name, const char *value);
extern void tl_respond_document(const char *document, int length);
extern void tl_append_uri_escaped(StringInfo out, const char *text);

/* collection.c */

/*
 * Replaces the rows that a function of trainledger returns with rows of a view
 * of trainledger_api.
 */
typedef struct TlCollection
{
	Oid			row_type;		/* of the function's rows */
	Oid			view_type;		/* of the view's rows */
	bool		read_only;		/* the function is not VOLATILE */
} TlCollection;

extern Datum tl_collection_row(const TlCollection *collection, Datum row);
extern void tl_collection_rows(const TlCollection *collection,
							   const ReturnSetInfo *rows,
							   Tuplestorestate *target);

#endif							/* TL_ACCESS_H */
