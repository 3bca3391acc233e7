/*-------------------------------------------------------------------------
 *
 * reconcile.c
 *		The aggregate entry_chain: do the entries of an account continue one
 *		another, and where not?  (contract, section 6: reconcile)
 *
 * Entries come in whatever order the table has them, so the state is a set of
 * runs: stretches of entries, number after number, that were checked from the
 * first to the last.  An entry lengthens the run that it follows or starts
 * one; where one run ends just before another begins, the two are checked
 * against each other and become one.  In the order in which entries were
 * booked there is hardly ever more than one run.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/ledger/reconcile.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "base/trainledger.h"
#include "ledger/catalog.h"
#include "types/amount.h"

/* What is kept of an entry */
typedef struct Link
{
	int64		entry_no;
	TlAmount	delta;
	TlAmount	balance;
	TimestampTz created_at;
} Link;

/* Entries without a gap from the first to the last */
typedef struct Run
{
	Link		first;
	Link		last;
} Run;

/* An entry that does not continue the one before it */
typedef struct Break
{
	Link		entry;
	TlAmount	before;			/* balance of the entry before it, 0: none */
	bool		is_time;		/* not its balance, its time is wrong */
} Break;

typedef struct Chain
{
	Run		   *runs;
	int			run_count;
	int			run_room;
	Break	   *breaks;			/* NULL, as in all sound books */
	int			break_count;
	int			break_room;
} Chain;

/* The types that are filled in here */
#define RESULT_TYPE		"entry_chain_result"
#define BREAK_TYPE		"entry_break"

PG_FUNCTION_INFO_V1(tl_entry_chain_add);
PG_FUNCTION_INFO_V1(tl_entry_chain_final);

static MemoryContext chain_context(FunctionCallInfo fcinfo);
static Chain *new_chain(MemoryContext context);
static void add_run(Chain *chain, const Run *run);
static void join_runs(Chain *chain);
static int	compare_runs(const void *a, const void *b);
static void check_link(Chain *chain, const Link *before, const Link *entry);
static void check_balance(Chain *chain, TlAmount before, const Link *entry);
pg_noreturn static void refuse_altered(const char *type);
static void check_columns(TupleDesc tupdesc, const char *name,
						  const Oid *types, int count);
static Oid	break_type(Oid array_type);
static Numeric sum_of_deltas(const Chain *chain);
static void add_break(Chain *chain, const Link *entry, TlAmount before,
					  bool is_time);
static Datum plus(Datum number, TlAmount amount);
static Datum minus(Datum number, TlAmount amount);
static ArrayType *describe_breaks(Chain *chain, Oid array_type);

/*
 * The memory context that chains live in.  An error if the function was not
 * called as part of an aggregate, but from SQL.
 */
static MemoryContext
chain_context(FunctionCallInfo fcinfo)
{
	MemoryContext context;

	if (!AggCheckCallContext(fcinfo, &context))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("aggregate function called in non-aggregate "
						"context")));
	return context;
}

static Chain *
new_chain(MemoryContext context)
{
	Chain	   *chain = MemoryContextAllocZero(context, sizeof(Chain));

	chain->run_room = 1;
	chain->runs = MemoryContextAlloc(context, sizeof(Run));
	return chain;
}

/*
 * entry_chain_add(internal, entry_no bigint, delta amount, balance amount,
 * created_at timestamptz): add an entry.
 */
Datum
tl_entry_chain_add(PG_FUNCTION_ARGS)
{
	static const int columns[] = {
		TL_ENTRY_ENTRY_NO,
		TL_ENTRY_DELTA,
		TL_ENTRY_BALANCE,
		TL_ENTRY_CREATED_AT,
	};
	MemoryContext context = chain_context(fcinfo);
	Chain	   *chain;
	Run		   *last;
	Run			run;

	for (int i = 0; i < (int) lengthof(columns); i++)
		if (PG_ARGISNULL(i + 1))
			tl_refuse_null(TL_ENTRY, columns[i]);
	if (PG_ARGISNULL(0))
		chain = new_chain(context);
	else
		chain = (Chain *) PG_GETARG_POINTER(0);
	run.first.entry_no = PG_GETARG_INT64(1);
	run.first.delta = PG_GETARG_AMOUNT(2);
	run.first.balance = PG_GETARG_AMOUNT(3);
	run.first.created_at = PG_GETARG_TIMESTAMPTZ(4);

	last = chain->runs + chain->run_count - 1;
	if (chain->run_count > 0 &&
		run.first.entry_no == last->last.entry_no + 1)
	{
		check_link(chain, &last->last, &run.first);
		last->last = run.first;
	}
	else
	{
		run.last = run.first;
		add_run(chain, &run);
	}
	PG_RETURN_POINTER(chain);
}

/*
 * Add a run.  Where there is no room left, runs are joined first, and the room
 * is doubled if that does not make half of it free: sorting stays a small
 * part of the work in whatever order entries come.
 */
static void
add_run(Chain *chain, const Run *run)
{
	if (chain->run_count == chain->run_room)
	{
		join_runs(chain);
		if (chain->run_count > chain->run_room / 2)
		{
			chain->run_room *= 2;
			chain->runs = repalloc_huge(chain->runs,
										chain->run_room * sizeof(Run));
		}
	}
	chain->runs[chain->run_count++] = *run;
}

/*
 * Sort the runs, and make one of those that continue each other.
 */
static void
join_runs(Chain *chain)
{
	int			count = 1;

	if (chain->run_count < 2)
		return;
	qsort(chain->runs, chain->run_count, sizeof(Run), compare_runs);
	for (int i = 1; i < chain->run_count; i++)
	{
		Run		   *last = chain->runs + count - 1;
		Run		   *run = chain->runs + i;

		if (run->first.entry_no == last->last.entry_no + 1)
		{
			check_link(chain, &last->last, &run->first);
			last->last = run->last;
		}
		else
			chain->runs[count++] = *run;
	}
	chain->run_count = count;
}

static int
compare_runs(const void *a, const void *b)
{
	int64		x = ((const Run *) a)->first.entry_no;
	int64		y = ((const Run *) b)->first.entry_no;

	return (x > y) - (x < y);
}

/*
 * An entry has to continue the one before it, in balance and in time.
 */
static void
check_link(Chain *chain, const Link *before, const Link *entry)
{
	check_balance(chain, before->balance, entry);
	if (entry->created_at < before->created_at)
		add_break(chain, entry, before->balance, true);
}

static void
check_balance(Chain *chain, TlAmount before, const Link *entry)
{
	TlAmount	expected;

	if (pg_add_s64_overflow(before, entry->delta, &expected) ||
		expected != entry->balance)
		add_break(chain, entry, before, false);
}

static void
add_break(Chain *chain, const Link *entry, TlAmount before, bool is_time)
{
	Break	   *found;

	if (chain->break_count == chain->break_room)
	{
		MemoryContext context = GetMemoryChunkContext(chain->runs);
		int			room = Max(4, 2 * chain->break_room);

		if (chain->breaks == NULL)
			chain->breaks = MemoryContextAlloc(context, room * sizeof(Break));
		else
			chain->breaks = repalloc_huge(chain->breaks, room * sizeof(Break));
		chain->break_room = room;
	}
	found = chain->breaks + chain->break_count++;
	found->entry = *entry;
	found->before = before;
	found->is_time = is_time;
}

static void
refuse_altered(const char *type)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("type trainledger_internal.%s was altered", type),
			 errdetail("The extension \"trainledger\" needs it as it was made."),
			 errhint("Alter it back, or restore the database from a backup.")));
}

/*
 * The columns of a row type that is filled in here are of these types, of any
 * where it says InvalidOid.  Columns that were added and dropped may follow.
 */
static void
check_columns(TupleDesc tupdesc, const char *name, const Oid *types,
			  int count)
{
	if (tupdesc->natts < count)
		refuse_altered(name);
	for (int i = 0; i < tupdesc->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(tupdesc, i);

		if (column->attisdropped == (i < count) ||
			(i < count && OidIsValid(types[i]) && column->atttypid != types[i]))
			refuse_altered(name);
	}
}

/* A row of such a type; the columns that were dropped are null. */
static Datum
form_row(TupleDesc tupdesc, const Datum *values, const bool *nulls, int count)
{
	Datum	   *all_values = palloc0_array(Datum, tupdesc->natts);
	bool	   *all_nulls = palloc_array(bool, tupdesc->natts);

	memset(all_nulls, true, tupdesc->natts);
	memcpy(all_values, values, count * sizeof(Datum));
	memcpy(all_nulls, nulls, count * sizeof(bool));
	return HeapTupleGetDatum(heap_form_tuple(tupdesc, all_values, all_nulls));
}

/* The type of the breaks in a result, by that of the array of them */
static Oid
break_type(Oid array_type)
{
	Oid			type = get_element_type(array_type);

	if (!OidIsValid(type) || !OidIsValid(get_typ_typrelid(type)))
		refuse_altered(RESULT_TYPE);
	return type;
}

/*
 * entry_chain_final(internal): a row of type entry_chain_result.
 */
Datum
tl_entry_chain_final(PG_FUNCTION_ARGS)
{
	Chain	   *chain;
	TupleDesc	tupdesc;
	Oid			amount = tl_catalog()->types[TL_AMOUNT];
	Oid			types[] = {
		INT8OID,
		INT8OID,
		amount,
		INT8OID,
		amount,
		TIMESTAMPTZOID,
		NUMERICOID,
		InvalidOid,				/* the array of breaks */
	};
	Datum		values[lengthof(types)] = {0};
	bool		nulls[lengthof(types)] = {false};
	int64		entries = 0;
	const Link *last;

	(void) chain_context(fcinfo);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	chain = (Chain *) PG_GETARG_POINTER(0);
	if (get_call_result_type(fcinfo, NULL, &tupdesc) != TYPEFUNC_COMPOSITE)
		refuse_altered(RESULT_TYPE);
	check_columns(tupdesc, RESULT_TYPE, types, lengthof(types));

	join_runs(chain);
	values[6] = NumericGetDatum(sum_of_deltas(chain));

	/* whatever has no entry before it starts from nothing */
	for (int i = 0; i < chain->run_count; i++)
	{
		const Run  *run = chain->runs + i;

		check_balance(chain, 0, &run->first);
		entries += run->last.entry_no - run->first.entry_no + 1;
	}

	last = &chain->runs[chain->run_count - 1].last;
	values[0] = Int64GetDatum(entries);
	values[1] = Int64GetDatum(chain->runs[0].first.entry_no);
	values[2] = AmountGetDatum(chain->runs[0].first.balance);
	values[3] = Int64GetDatum(last->entry_no);
	values[4] = AmountGetDatum(last->balance);
	values[5] = TimestampTzGetDatum(last->created_at);
	nulls[7] = chain->break_count == 0;
	if (!nulls[7])
		values[7] = PointerGetDatum(
			describe_breaks(chain, TupleDescAttr(tupdesc, 7)->atttypid));
	tupdesc = BlessTupleDesc(tupdesc);
	PG_RETURN_DATUM(form_row(tupdesc, values, nulls, lengthof(types)));
}

/*
 * The sum of all deltas.  A run adds up to what its balances say, but for the
 * breaks in it: adding them up one by one again would say nothing new.
 */
static Numeric
sum_of_deltas(const Chain *chain)
{
	const Run  *run = chain->runs;
	Datum		sum;

	/* sound books: one run, which starts from nothing */
	if (chain->run_count == 1 && chain->break_count == 0 &&
		run->first.balance == run->first.delta)
		return tl_amount_to_numeric(run->last.balance);

	sum = NumericGetDatum(int64_to_numeric(0));
	for (int i = 0; i < chain->run_count; i++)
	{
		run = chain->runs + i;
		sum = plus(sum, run->last.balance);
		sum = minus(sum, run->first.balance);
		sum = plus(sum, run->first.delta);
	}
	for (int i = 0; i < chain->break_count; i++)
	{
		const Break *found = chain->breaks + i;

		if (!found->is_time)
		{
			sum = minus(sum, found->entry.balance);
			sum = plus(sum, found->before);
			sum = plus(sum, found->entry.delta);
		}
	}
	return DatumGetNumeric(sum);
}

/* A numeric and an amount. */
static Datum
plus(Datum number, TlAmount amount)
{
	return DirectFunctionCall2(numeric_add, number,
							   NumericGetDatum(tl_amount_to_numeric(amount)));
}

static Datum
minus(Datum number, TlAmount amount)
{
	return DirectFunctionCall2(numeric_sub, number,
							   NumericGetDatum(tl_amount_to_numeric(amount)));
}

/*
 * The breaks as an array of rows of trainledger_internal.entry_break.
 */
static ArrayType *
describe_breaks(Chain *chain, Oid array_type)
{
	static const Oid types[] = {TEXTOID, NUMERICOID, NUMERICOID};
	Oid			row_type = break_type(array_type);
	TupleDesc	tupdesc = lookup_rowtype_tupdesc(row_type, -1);
	Datum	   *rows = palloc_array(Datum, chain->break_count);
	ArrayType  *result;

	check_columns(tupdesc, BREAK_TYPE, types, lengthof(types));
	for (int i = 0; i < chain->break_count; i++)
	{
		const Break *found = chain->breaks + i;
		const char *what = "running balance";
		Datum		values[lengthof(types)];
		bool		nulls[lengthof(types)] = {false};

		if (found->is_time)
			what = "booking time runs backwards";
		values[0] = CStringGetTextDatum(
			psprintf("%s at entry %lld", what,
					 (long long) found->entry.entry_no));
		nulls[1] = nulls[2] = found->is_time;
		if (!found->is_time)
		{
			values[1] = plus(
				NumericGetDatum(tl_amount_to_numeric(found->before)),
				found->entry.delta);
			values[2] = NumericGetDatum(
				tl_amount_to_numeric(found->entry.balance));
		}
		rows[i] = form_row(tupdesc, values, nulls, lengthof(types));
	}
	result = construct_array(rows, chain->break_count, row_type, -1, false,
							 TYPALIGN_DOUBLE);
	ReleaseTupleDesc(tupdesc);
	return result;
}
