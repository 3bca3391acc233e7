/*-------------------------------------------------------------------------
 *
 * homes.c
 *		Which homes this database keeps (contract, section 19): the setting
 *		trainledger.homes, and the refusal of parties of other homes.
 *
 * The setting is asked wherever a party's rows are made or locked.  It guards
 * against wrong maps: a call that comes to the wrong node books nothing there.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/base/homes.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <ctype.h>

#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

#include "base/trainledger.h"

#define HOME_COUNT		(1 << TL_HOME_BITS)

/* A set of homes, a bit for each */
typedef struct Homes
{
	uint64		words[HOME_COUNT / 64];
	int			count;
} Homes;

PG_FUNCTION_INFO_V1(tl_keeps_all_homes_sql);
PG_FUNCTION_INFO_V1(tl_keeps_home_sql);
PG_FUNCTION_INFO_V1(tl_require_home_sql);

/* The value of the setting; NULL means all homes */
static const Homes *kept = NULL;

/* ---------------------------------------------------------------------
 * The setting, which is the text of an int4multirange.  It may be read before
 * the system catalogs can be, so the type's own input function is no help.
 * ---------------------------------------------------------------------
 */

static void
skip_blanks(const char **text)
{
	while (isspace((unsigned char) **text))
		(*text)++;
}

static bool
take_char(const char **text, char wanted)
{
	skip_blanks(text);
	if (**text != wanted)
		return false;
	(*text)++;
	return true;
}

/* Read a bound; *is_given is false where it is left out.  False: no integer. */
static bool
take_bound(const char **text, bool *is_given, int64 *bound)
{
	char	   *end;
	long		value;

	skip_blanks(text);
	*is_given = isdigit((unsigned char) **text) || **text == '-' ||
		**text == '+';
	if (!*is_given)
		return true;
	errno = 0;
	value = strtol(*text, &end, 10);
	*bound = value;
	if (end == *text || errno != 0 || value < PG_INT32_MIN ||
		value > PG_INT32_MAX)
		return false;
	*text = end;
	return true;
}

static void
add_homes(Homes *homes, int64 first, int64 end)
{
	for (int64 home = Max(first, 0); home < Min(end, HOME_COUNT); home++)
	{
		uint64		bit = UINT64CONST(1) << (home % 64);

		if ((homes->words[home / 64] & bit) == 0)
			homes->count++;
		homes->words[home / 64] |= bit;
	}
}

/* Read a range and add what it holds. */
static bool
take_range(const char **text, Homes *homes)
{
	int64		lower = 0;
	int64		upper = HOME_COUNT;
	bool		has_lower;
	bool		has_upper;
	bool		lower_inclusive;

	skip_blanks(text);
	if (pg_strncasecmp(*text, "empty", 5) == 0)
	{
		*text += 5;
		return true;
	}
	lower_inclusive = take_char(text, '[');
	if ((!lower_inclusive && !take_char(text, '(')) ||
		!take_bound(text, &has_lower, &lower) || !take_char(text, ',') ||
		!take_bound(text, &has_upper, &upper) ||
		(has_lower && has_upper && lower > upper))
		return false;
	if (has_lower && !lower_inclusive)
		lower++;
	if (take_char(text, ']'))
		upper += has_upper;
	else if (!take_char(text, ')'))
		return false;
	add_homes(homes, lower, upper);
	return true;
}

/* Read a set of homes.  False: the text is none. */
static bool
parse_homes(const char *text, Homes *homes)
{
	bool		is_valid;

	memset(homes, 0, sizeof(*homes));
	if (!take_char(&text, '{'))
		return false;
	is_valid = take_char(&text, '}');
	while (!is_valid)
	{
		if (!take_range(&text, homes))
			return false;
		is_valid = take_char(&text, '}');
		if (!is_valid && !take_char(&text, ','))
			return false;
	}
	skip_blanks(&text);
	return *text == '\0';
}

/*
 * Check hook of trainledger.homes; *extra takes the set.  A value that stood in
 * a file or in the catalog when the library was loaded cannot be refused: the
 * default would take its place, and that is all homes.  So an invalid one means
 * none.
 */
bool
tl_check_homes(char **newval, void **extra, GucSource source)
{
	Homes		homes;

	if (!parse_homes(*newval, &homes))
	{
		if (source <= PGC_S_DYNAMIC_DEFAULT || source > PGC_S_DATABASE_USER)
		{
			GUC_check_errdetail("Homes are ranges of integers, such as \"{[0,256),[600,601)}\".");
			return false;
		}
		memset(&homes, 0, sizeof(homes));
		ereport(WARNING,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid value for parameter \"%s\": \"%s\"",
						"trainledger.homes", *newval),
				 errdetail("No home is kept until it is set right."),
				 errhint("Give ranges of homes, such as \"{[0,256),[600,601)}\".")));
	}

	*extra = tl_guc_malloc(sizeof(homes));
	if (*extra == NULL)
		return false;
	memcpy(*extra, &homes, sizeof(homes));
	return true;
}

/* Assign hook of trainledger.homes */
void
tl_assign_homes(const char *newval pg_attribute_unused(), void *extra)
{
	kept = (const Homes *) extra;
}

/* Whether the database keeps all homes */
bool
tl_keeps_all_homes(void)
{
	return kept == NULL || kept->count == HOME_COUNT;
}

/* Whether the database keeps the home of an id */
bool
tl_keeps_home(int64 id)
{
	int			home = (int) (id & TL_HOME_MASK);

	return kept == NULL ||
		(kept->words[home / 64] & (UINT64CONST(1) << (home % 64))) != 0;
}

/* ---------------------------------------------------------------------
 * Refusals
 * ---------------------------------------------------------------------
 */

/* Refuse a party, or what belongs to one, whose home is kept elsewhere. */
bool
tl_refuse_home(TlRefusal *refusal, int64 id, const char *argument)
{
	int			home = (int) (id & TL_HOME_MASK);

	return tl_refuse(refusal, TL_REJECTED, argument,
					 "home is kept by another node",
					 psprintf("Call the node that keeps home %d.", home),
					 "Home %d is not among trainledger.homes, %s.", home,
					 tl_homes_setting);
}

/*
 * Whether the books have foreign tables below them, as those of a front have:
 * nodes keep its parties' rows.  This stays true of a front that was restored
 * from a dump, where settings and functions are those of a database alone.
 */
static bool
is_front(Oid account)
{
	List	   *children;
	ListCell   *cell;

	if (!has_subclass(account))
		return false;
	children = find_inheritance_children(account, NoLock);
	foreach(cell, children)
	{
		if (get_rel_relkind(lfirst_oid(cell)) == RELKIND_FOREIGN_TABLE)
			return true;
	}
	return false;
}

/* Refuse to book where nodes keep the rows; account is trainledger.account. */
void
tl_require_no_nodes(Oid account)
{
	if (is_front(account))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("nodes keep the books"),
				 errdetail("trainledger.account has foreign tables below it."),
				 errhint("Run trainledger_proxy.sql again; it makes the functions that ask the nodes.")));
}

/* keeps_all_homes() returns boolean */
Datum
tl_keeps_all_homes_sql(PG_FUNCTION_ARGS pg_attribute_unused())
{
	PG_RETURN_BOOL(tl_keeps_all_homes());
}

/* keeps_home(id bigint) returns boolean */
Datum
tl_keeps_home_sql(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(tl_keeps_home(PG_GETARG_INT64(0)));
}

/* require_home(id bigint, argument text) returns void: see tl_refuse_home() */
Datum
tl_require_home_sql(PG_FUNCTION_ARGS)
{
	int64		id = PG_GETARG_INT64(0);

	tl_refuse_nulls(fcinfo, 2);
	if (!tl_keeps_home(id))
		tl_refuse_home(NULL, id, text_to_cstring(PG_GETARG_TEXT_PP(1)));
	tl_require_no_nodes(tl_find_relation("table", "account"));
	PG_RETURN_VOID();
}
