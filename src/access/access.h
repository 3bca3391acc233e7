/*-------------------------------------------------------------------------
 *
 * access.h
 *		Who asks, who books, and what they may do.
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
#include "nodes/execnodes.h"

/* What users call, and what the rest of it is in */
#define TL_SCHEMA			"trainledger"
#define TL_INTERNAL_SCHEMA	"trainledger_internal"

/* access.c */

/* The role before a write function came to act as the owner, see access.c */
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

/* party.c */
extern bool tl_claim(const char *name, char **value);
extern bool tl_asking_party(int64 *party);
extern text *tl_booked_by(void);

/* api.c */
extern bool tl_in_request(void);

/* collection.c */

/* Rows of a view in place of the rows that a function of trainledger returns */
typedef struct TlCollection
{
	Oid			row_type;		/* of the function */
	Oid			view_type;
	bool		read_only;		/* whether it only reads */
} TlCollection;

extern Datum tl_collection_row(const TlCollection *collection, Datum row);
extern void tl_collection_rows(const TlCollection *collection,
							   const ReturnSetInfo *rows,
							   Tuplestorestate *target);

#endif							/* TL_ACCESS_H */
