/*-------------------------------------------------------------------------
 *
 * predicate.c
 *		SQL/JSON paths as queries for people (contract, section 11).
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/base/predicate.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/jsonpath.h"

#include "base/trainledger.h"

PG_FUNCTION_INFO_V1(tl_is_predicate);

/*
 * is_predicate(path jsonpath) returns boolean: whether the whole path is a
 * predicate.  Its root item decides.  A predicate followed by an accessor, such
 * as ($.a == 1).type(), is not one: it yields values.
 */
Datum
tl_is_predicate(PG_FUNCTION_ARGS)
{
	JsonPath   *path = PG_GETARG_JSONPATH_P(0);
	JsonPathItem root;

	jspInit(&root, path);
	switch (root.type)
	{
		case jpiAnd:
		case jpiOr:
		case jpiNot:
		case jpiIsUnknown:
		case jpiEqual:
		case jpiNotEqual:
		case jpiLess:
		case jpiGreater:
		case jpiLessOrEqual:
		case jpiGreaterOrEqual:
		case jpiExists:
		case jpiStartsWith:
		case jpiLikeRegex:
			PG_RETURN_BOOL(!jspHasNext(&root));
		default:
			PG_RETURN_BOOL(false);
	}
}
