/*-------------------------------------------------------------------------
 *
 * compat.h
 *		Differences between server versions.  Call sites use the newest API;
 *		every test of PG_VERSION_NUM is in this file.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/base/compat.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef TL_COMPAT_H
#define TL_COMPAT_H

#include "postgres.h"

#include "fmgr.h"

#if PG_VERSION_NUM < 150000
#error "trainledger needs PostgreSQL 15 or later"
#endif

#define TL_VERSION "1.0"

#if PG_VERSION_NUM >= 180000
#define TL_MODULE_MAGIC \
	PG_MODULE_MAGIC_EXT(.name = "trainledger", .version = TL_VERSION)
#else
#define TL_MODULE_MAGIC PG_MODULE_MAGIC
#endif

#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* 18: older servers have the macro pg_attribute_noreturn() only */
#if PG_VERSION_NUM < 180000
#define pg_noreturn pg_attribute_noreturn()
#endif

/* 16, and later minor releases of 15 */
#ifndef palloc_array
#define palloc_array(type, count) ((type *) palloc(sizeof(type) * (count)))
#define palloc0_array(type, count) ((type *) palloc0(sizeof(type) * (count)))
#endif

/* 16: input functions may report errors without raising them */
#if PG_VERSION_NUM < 160000
#define ereturn(context, dummy_value, ...) \
	do \
	{ \
		(void) (context); \
		ereport(ERROR, __VA_ARGS__); \
		return dummy_value; \
	} while (0)
#endif

/* 16: guc_malloc is exported; before, hooks use malloc */
#if PG_VERSION_NUM >= 160000
#define tl_guc_malloc(size)		guc_malloc(LOG, (size))
#else
#define tl_guc_malloc(size)		malloc(size)
#endif

/* 16: DecodeDateTime has one more output argument, about errors */
#if PG_VERSION_NUM >= 160000
#define tl_DecodeDateTime(field, ftype, nf, dtype, tm, fsec, tzp) \
	({ DateTimeErrorExtra extra_; \
	   DecodeDateTime(field, ftype, nf, dtype, tm, fsec, tzp, &extra_); })
#else
#define tl_DecodeDateTime(field, ftype, nf, dtype, tm, fsec, tzp) \
	DecodeDateTime(field, ftype, nf, dtype, tm, fsec, tzp)
#endif

/* 17: a message can be flushed at once */
#if PG_VERSION_NUM >= 170000
#define tl_LogLogicalMessage(prefix, message, size) \
	LogLogicalMessage((prefix), (message), (size), false, false)
#else
#define tl_LogLogicalMessage(prefix, message, size) \
	LogLogicalMessage((prefix), (message), (size), false)
#endif

/* 16: one function checks the privileges of every kind of object */
#if PG_VERSION_NUM >= 160000
#define tl_may_execute(function, role) \
	(object_aclcheck(ProcedureRelationId, (function), (role), \
					 ACL_EXECUTE) == ACLCHECK_OK)
#else
#define tl_may_execute(function, role) \
	(pg_proc_aclcheck((function), (role), ACL_EXECUTE) == ACLCHECK_OK)
#endif

/*
 * 16: JSON actions return a status; 17: callers may allocate the lexer, and
 * what it reads is const
 */
#if PG_VERSION_NUM >= 160000
#define TlJsonResult			JsonParseErrorType
#define TL_JSON_CONTINUE		return JSON_SUCCESS
#else
#define TlJsonResult			void
#define TL_JSON_CONTINUE		return
#endif
#if PG_VERSION_NUM >= 170000
#define tl_json_lexer(json, length, need_escapes) \
	makeJsonLexContextCstringLen(NULL, (json), (length), \
								 GetDatabaseEncoding(), (need_escapes))
#else
#define tl_json_lexer(json, length, need_escapes) \
	makeJsonLexContextCstringLen(unconstify(char *, (json)), (length), \
								 GetDatabaseEncoding(), (need_escapes))
#endif

/*
 * 18: index_beginscan has an argument for instrumentation; 19: scans and
 * updates have flags
 */
#if PG_VERSION_NUM >= 190000
#define tl_index_beginscan(heap, index, snapshot, nkeys) \
	index_beginscan(heap, index, snapshot, NULL, nkeys, 0, SO_NONE)
#elif PG_VERSION_NUM >= 180000
#define tl_index_beginscan(heap, index, snapshot, nkeys) \
	index_beginscan(heap, index, snapshot, NULL, nkeys, 0)
#else
#define tl_index_beginscan(heap, index, snapshot, nkeys) \
	index_beginscan(heap, index, snapshot, nkeys, 0)
#endif
#if PG_VERSION_NUM >= 190000
#define tl_table_beginscan(table, snapshot, nkeys, keys) \
	table_beginscan(table, snapshot, nkeys, keys, SO_NONE)
#define tl_table_update(table, tid, slot, command, snapshot, failure, lock, \
						due) \
	table_tuple_update(table, tid, slot, command, 0, snapshot, \
					   InvalidSnapshot, true, failure, lock, due)
#else
#define tl_table_beginscan(table, snapshot, nkeys, keys) \
	table_beginscan(table, snapshot, nkeys, keys)
#define tl_table_update(table, tid, slot, command, snapshot, failure, lock, \
						due) \
	table_tuple_update(table, tid, slot, command, snapshot, \
					   InvalidSnapshot, true, failure, lock, due)
#endif

/* 19: a descriptor that was made column by column must be finished */
#if PG_VERSION_NUM < 190000
#define TupleDescFinalize(descriptor) ((void) (descriptor))
#endif

/* 16: an update says which indexes need new entries; 19: flags and order */
#if PG_VERSION_NUM >= 160000
#define TlIndexesDue			TU_UpdateIndexes
#define TL_NO_INDEXES			TU_None
#define TL_ALL_INDEXES			TU_All
#else
#define TlIndexesDue			bool
#define TL_NO_INDEXES			false
#define TL_ALL_INDEXES			true
#endif
#if PG_VERSION_NUM >= 190000
#define TL_SUMMARIZING(due) \
	((due) == TU_Summarizing ? EIIT_ONLY_SUMMARIZING : 0)
#define tl_insert_index_tuples(info, slot, estate, update, due) \
	ExecInsertIndexTuples(info, estate, \
						  ((update) ? EIIT_IS_UPDATE : 0) | \
							  TL_SUMMARIZING(due), \
						  slot, NIL, NULL)
#elif PG_VERSION_NUM >= 160000
#define tl_insert_index_tuples(info, slot, estate, update, due) \
	ExecInsertIndexTuples(info, slot, estate, update, false, NULL, NIL, \
						  (due) == TU_Summarizing)
#else
#define tl_insert_index_tuples(info, slot, estate, update, due) \
	ExecInsertIndexTuples(info, slot, estate, update, false, NULL, NIL)
#endif

#endif							/* TL_COMPAT_H */
