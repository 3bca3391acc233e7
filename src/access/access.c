/*-------------------------------------------------------------------------
 *
 * access.c
 *		Who may do what (contract, section 15).
 *
 * Tables are read-only for everybody.  A write function runs as its caller
 * up to the C entry, which then acts as the extension's owner; the privilege
 * to call it is EXECUTE, given by grant_access().  A level is EXECUTE on its
 * marker function, because such grants are dumped and restored.
 *
 * Functions written in PL/pgSQL are reached through tl_as_owner(): a
 * SECURITY DEFINER function could not tell who called it, as current_user is
 * the owner in it and session_user is the connection pool's login.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/access/access.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_proc.h"
#include "miscadmin.h"
#include "parser/parse_func.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/regproc.h"
#include "utils/syscache.h"

#include "access/access.h"
#include "base/trainledger.h"

PG_FUNCTION_INFO_V1(tl_access_mark);
PG_FUNCTION_INFO_V1(tl_has_level);
PG_FUNCTION_INFO_V1(tl_as_owner);

/*
 * The caller of the running write function, while it acts as the owner; else
 * InvalidOid.  A parallel worker never has it.
 */
static Oid	original_caller = InvalidOid;

/* The role that called the function, even while we act as the owner. */
Oid
tl_caller(void)
{
	return OidIsValid(original_caller) ? original_caller : GetUserId();
}

/* Whether a write function is running on behalf of original_caller. */
bool
tl_acts_as_owner(void)
{
	return OidIsValid(original_caller);
}

/*
 * Act as the owner of the books until tl_restore_user().  After an error the
 * end of the (sub)transaction restores the role.
 */
void
tl_become_owner(TlOwnerSwitch *saved)
{
	GetUserIdAndSecContext(&saved->userid, &saved->sec_context);
	SetUserIdAndSecContext(tl_owner(),
						   saved->sec_context | SECURITY_LOCAL_USERID_CHANGE);
}

void
tl_restore_user(const TlOwnerSwitch *saved)
{
	SetUserIdAndSecContext(saved->userid, saved->sec_context);
}

/*
 * Body of the marker functions learner_access() ... admin_access().  A role
 * has a level if it has EXECUTE on the level's marker.
 */
Datum
tl_access_mark(PG_FUNCTION_ARGS pg_attribute_unused())
{
	PG_RETURN_BOOL(true);
}

/*
 * Look up a function of the extension by schema, name and argument types.  If
 * it is missing, return InvalidOid or raise 55000, depending on missing_ok.
 * The current role needs USAGE on trainledger, but not on
 * trainledger_internal.
 */
static Oid
find_function(const char *schema, const char *name, int count,
			  const Oid *types, bool missing_ok)
{
	bool		is_internal = strcmp(schema, TL_INTERNAL_SCHEMA) == 0;
	Oid			namespace = is_internal ? get_namespace_oid(schema, true) :
		LookupExplicitNamespace(schema, true);
	oidvector  *arguments = buildoidvector(types, count);
	Oid			function = GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid,
										   CStringGetDatum(name),
										   PointerGetDatum(arguments),
										   ObjectIdGetDatum(namespace));

	if (!OidIsValid(function) && !missing_ok)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("function %s.%s is missing", schema,
						funcname_signature_string(name, count, NIL, types)),
				 errdetail("The extension \"trainledger\" needs it."),
				 errhint("If it was renamed or moved, move it back; else restore the database from a backup.")));
	return function;
}

/* Whether a role has a level of access. */
bool
tl_role_has(Oid role, const char *level)
{
	char	   *mark = psprintf("%s_access", level);

	return tl_may_execute(find_function(TL_SCHEMA, mark, 0, NULL, false), role);
}

/*
 * has_level(level access_level) returns boolean: whether the caller has it.
 * Inside a function that acts as the owner, this still means the original
 * caller.  A parallel worker does not know that role, so the function is
 * PARALLEL RESTRICTED.
 */
Datum
tl_has_level(PG_FUNCTION_ARGS)
{
	Datum		label = PG_GETARG_DATUM(0);
	Datum		level = DirectFunctionCall1(enum_out, label);

	PG_RETURN_BOOL(tl_role_has(tl_caller(), DatumGetCString(level)));
}

/*
 * The twin of a function: the function in another of our schemas that has the
 * same argument types and the given name.  If name is NULL, the twin has the
 * function's own name.
 */
Oid
tl_twin(Oid function, const char *schema, const char *name, bool missing_ok)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Form_pg_proc proc;
	Oid			twin;

	/* the running function may have been dropped meanwhile */
	if (!HeapTupleIsValid(tuple))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("function with OID %u does not exist", function)));
	proc = (Form_pg_proc) GETSTRUCT(tuple);
	twin = find_function(schema, name ? name : NameStr(proc->proname),
						 proc->pronargs, proc->proargtypes.values, missing_ok);
	ReleaseSysCache(tuple);
	return twin;
}

/*
 * The function of trainledger_internal that does the work of another function;
 * name is NULL if both have the same name.  Its result is passed on unchanged,
 * so both must have the same result type.
 */
Oid
tl_worker_of(Oid function, const char *name)
{
	Oid			worker = tl_twin(function, TL_INTERNAL_SCHEMA, name, false);

	if (get_func_prokind(worker) == PROKIND_FUNCTION &&
		get_func_rettype(worker) == get_func_rettype(function) &&
		get_func_retset(worker) == get_func_retset(function))
		return worker;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("%s does not return what %s does",
					format_procedure_qualified(worker),
					format_procedure_qualified(function)),
			 errdetail("The extension \"trainledger\" needs a function with the same result."),
			 errhint("Put the function back that the extension made, or restore the database from a backup.")));
}

/*
 * Call another function with the arguments of this call, and return its result,
 * which may be a set.  It always uses the database's default collation, so that
 * comparisons that ignore case do not depend on the collation of the caller's
 * arguments.
 */
Datum
tl_forward(FunctionCallInfo fcinfo, FmgrInfo *target)
{
	LOCAL_FCINFO(call, FUNC_MAX_ARGS);
	Datum		result;

	InitFunctionCallInfoData(*call, target, fcinfo->nargs,
							 DEFAULT_COLLATION_OID, fcinfo->context,
							 fcinfo->resultinfo);
	memcpy(call->args, fcinfo->args, fcinfo->nargs * sizeof(NullableDatum));
	result = FunctionCallInvoke(call);
	fcinfo->isnull = call->isnull;
	return result;
}

/* Like tl_forward(), but act as the owner, and remember who called. */
Datum
tl_forward_as_owner(FunctionCallInfo fcinfo, FmgrInfo *target)
{
	Oid			saved_caller = original_caller;
	MemoryContext saved_context = CurrentMemoryContext;
	TlOwnerSwitch saved;
	Datum		result;

	tl_become_owner(&saved);
	PG_TRY();
	{
		if (!OidIsValid(original_caller))
			original_caller = saved.userid;
		result = tl_forward(fcinfo, target);
	}
	PG_CATCH();
	{
		original_caller = saved_caller;
		ReThrowError(tl_catch_error(saved_context));
	}
	PG_END_TRY();
	original_caller = saved_caller;
	tl_restore_user(&saved);
	return result;
}

/*
 * Body of every write function that is implemented in PL/pgSQL.  As the owner
 * of the books, call the function of the same name in trainledger_internal with
 * the same arguments.  Only the owner may call that function.
 */
Datum
tl_as_owner(PG_FUNCTION_ARGS)
{
	FmgrInfo   *inner = (FmgrInfo *) fcinfo->flinfo->fn_extra;

	if (inner == NULL)
	{
		Oid			function = tl_worker_of(fcinfo->flinfo->fn_oid, NULL);
		FmgrInfo   *fresh = MemoryContextAlloc(fcinfo->flinfo->fn_mcxt,
											   sizeof(FmgrInfo));

		fmgr_info_cxt(function, fresh, fcinfo->flinfo->fn_mcxt);
		fresh->fn_expr = fcinfo->flinfo->fn_expr;
		fcinfo->flinfo->fn_extra = inner = fresh;
	}
	return tl_forward_as_owner(fcinfo, inner);
}
