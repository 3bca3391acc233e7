/*-------------------------------------------------------------------------
 *
 * seal.c
 *		Appends what was booked to the log (contract, section 17).
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/log/seal.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "replication/message.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/xid8.h"

#include "base/trainledger.h"
#include "log/store.h"

PG_FUNCTION_INFO_V1(tl_log_next_xid);
PG_FUNCTION_INFO_V1(tl_log_append);
PG_FUNCTION_INFO_V1(tl_log_flush);
PG_FUNCTION_INFO_V1(tl_log_flush_all);

/*
 * Leaves that are wanted at a time: enough to be worth a plan, and few enough
 * to stay in memory, 64 bytes each.  How many bookings they are is not known
 * before; so many are read at first.
 */
#define LEAVES_AT_A_TIME		100000
#define MOST_LEAVES				1000000
#define FIRST_NUMBERS			500

/*
 * log_next_xid() returns xid8: an id that no transaction has got yet.  It is
 * not pg_snapshot_xmax(), which the running ones may lie above.
 */
Datum
tl_log_next_xid(PG_FUNCTION_ARGS pg_attribute_unused())
{
	PG_RETURN_FULLTRANSACTIONID(ReadNextFullTransactionId());
}

/* The end of the log while it grows */
typedef struct Growth
{
	TlPeaks		blocks;			/* of full blocks, counted in leaves */
	TlBlock		tail;			/* the block that has room; may be empty */
	bool		is_new;			/* the tail is not in the table yet */
	MemoryContext context;
} Growth;

static void
save_made_node(void *context pg_attribute_unused(), int level, int64 number,
			   const TlHash *hash)
{
	tl_save_node(level, number, hash);
}

static void
begin_block(Growth *growth)
{
	TlBlock    *tail = &growth->tail;

	tail->number = growth->blocks.size / TL_BLOCK_LEAVES;
	tail->peaks.size = tail->peaks.count = 0;
	resetStringInfo(&tail->names);
	growth->is_new = true;
}

static void
load_growth(Growth *growth)
{
	TlBlock    *tail = &growth->tail;
	bool		is_found = tl_last_block(tail);
	int64		full;

	if (!is_found)
	{
		initStringInfo(&tail->names);
		tail->peaks.size = 0;
	}
	full = !is_found ? 0 :
		   tail->peaks.size == TL_BLOCK_LEAVES ? tail->number + 1 :
												 tail->number;
	tl_read_peaks(full * TL_BLOCK_LEAVES, tl_stored_node, tl_open_store(),
				  &growth->blocks);
	growth->is_new = false;
	if (!is_found || tail->peaks.size == TL_BLOCK_LEAVES)
		begin_block(growth);
}

static void
append_leaf(Growth *growth, const TlLeaf *leaf)
{
	tl_add_leaf(&growth->tail, leaf);
	if (growth->tail.peaks.size < TL_BLOCK_LEAVES)
		return;
	tl_save_block(&growth->tail, growth->is_new);
	tl_append_node(&growth->blocks, TL_BLOCK_BITS,
				   growth->tail.peaks.hashes[0], save_made_node, NULL);
	begin_block(growth);
}

static void
make_salts(int64 after, int64 last_no)
{
	static SPIPlanPtr plan;
	static const Oid types[] = {INT8OID, INT8OID};
	Datum		values[] = {Int64GetDatum(after), Int64GetDatum(last_no)};

	tl_saved_plan(&plan, "SELECT trainledger_internal.make_salts($1, $2)",
				  lengthof(types), types, 0);
	if (SPI_execute_plan(plan, values, NULL, false, 1) < 0)
		elog(ERROR, "could not make salts");
	SPI_freetuptable(SPI_tuptable);
}

/*
 * Append the bookings after one number up to another; returns their leaves, or
 * -1 where they are too many to be read at a time, and none was appended.
 */
static int64
append_bookings(Growth *growth, int64 after, int64 last_no)
{
	TlPlace		from = {.booking_no = after + 1};
	TlPlace		until = {.booking_no = last_no + 1};
	TlLeafReader reader = {
		/* what one booking has cannot be parted */
		.most = last_no - after > 1 ? MOST_LEAVES : 0,
		.needs_salts = true,
		.with_new = true};
	TlLeaf		leaf;
	int64		count = -1;

	tl_open_leaves(&reader, &from, &until);
	if (reader.is_saltless)
	{
		tl_close_leaves(&reader);
		make_salts(after, last_no);
		reader.needs_salts = false; /* what is nobody's has none */
		tl_open_leaves(&reader, &from, &until);
	}
	if (!reader.is_cut)
	{
		while (tl_next_leaf(&reader, &leaf))
			append_leaf(growth, &leaf);
		count = reader.count;
	}
	tl_close_leaves(&reader);
	return count;
}

/*
 * How many numbers to read after so many that had these leaves.  A sequence
 * that was set forward has left many numbers out.
 */
static int64
next_numbers(int64 numbers, int64 leaves)
{
	if (leaves < 0)
		return (numbers + 7) / 8;
	if (leaves > LEAVES_AT_A_TIME)
		return Max(1, numbers * LEAVES_AT_A_TIME / leaves);
	return leaves > LEAVES_AT_A_TIME / 2 ? numbers : 2 * numbers;
}

static TlHash
current_root(const Growth *growth, int64 *size)
{
	TlPeaks		whole = growth->blocks;
	const TlPeaks *tail = &growth->tail.peaks;

	memcpy(&whole.hashes[whole.count], tail->hashes,
		   tail->count * sizeof(TlHash));
	whole.count += tail->count;
	whole.size += tail->size;
	*size = whole.size;
	return tl_peaks_root(&whole);
}

/*
 * log_append(after bigint, last_no bigint, OUT size bigint, OUT root bytea):
 * appends the leaves of the bookings after one number up to another
 */
Datum
tl_log_append(PG_FUNCTION_ARGS)
{
	int64		after = PG_GETARG_INT64(0);
	int64		last_no = PG_GETARG_INT64(1);
	int64		begin = after;
	int64		count = FIRST_NUMBERS;
	Growth		growth;
	TlProgress	progress;
	MemoryContext step;
	int64		size;
	TlHash		root;
	TupleDesc	columns;
	bytea	   *bytes;
	Datum		values[2];
	bool		nulls[2] = {false, false};

	if (get_call_result_type(fcinfo, NULL, &columns) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	SPI_connect();
	load_growth(&growth);
	tl_progress_start(&progress, "bookings sealed", last_no - after);
	step = AllocSetContextCreate(CurrentMemoryContext, "trainledger seal",
								 ALLOCSET_DEFAULT_SIZES);
	while (begin < last_no)
	{
		int64		end = last_no - begin > count ? begin + count : last_no;
		MemoryContext outer = MemoryContextSwitchTo(step);
		int64		leaves = append_bookings(&growth, begin, end);

		count = next_numbers(leaves < 0 ? end - begin : count, leaves);
		MemoryContextSwitchTo(outer);
		MemoryContextReset(step);
		if (leaves >= 0)
			begin = end;
		tl_progress_step(&progress, begin - after);
	}
	if (growth.tail.peaks.size > 0)
		tl_save_block(&growth.tail, growth.is_new);
	root = current_root(&growth, &size);
	tl_progress_end(&progress);
	SPI_finish();

	bytes = palloc(VARHDRSZ + TL_HASH_BYTES);
	SET_VARSIZE(bytes, VARHDRSZ + TL_HASH_BYTES);
	memcpy(VARDATA(bytes), root.bytes, TL_HASH_BYTES);
	values[0] = Int64GetDatum(size);
	values[1] = PointerGetDatum(bytes);
	PG_RETURN_DATUM(HeapTupleGetDatum(
		heap_form_tuple(BlessTupleDesc(columns), values, nulls)));
}

/*
 * Bring everything that is visible to disk, which with synchronous_commit off
 * it need not be.  A standby has got it from the disk of its primary.  The
 * message has a place in the WAL that can be waited for; where all of it is on
 * disk, none is written.
 */
static void
flush_visible(void)
{
	if (!RecoveryInProgress() && GetFlushRecPtr(NULL) < GetXLogInsertRecPtr())
		XLogFlush(tl_LogLogicalMessage("trainledger", "", 0));
}

/*
 * log_flush(made_by xid) returns void: brings what is visible to disk.  What
 * the running transaction has made may still be rolled back.
 */
Datum
tl_log_flush(PG_FUNCTION_ARGS)
{
	if (TransactionIdIsCurrentTransactionId(PG_GETARG_TRANSACTIONID(0)))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("checkpoint is not committed"),
				 errdetail("The running transaction has made or signed it, and could still be rolled back."),
				 errhint("Commit first.")));
	flush_visible();
	PG_RETURN_VOID();
}

/* log_flush_all() returns void: brings what is visible to disk */
Datum
tl_log_flush_all(PG_FUNCTION_ARGS pg_attribute_unused())
{
	flush_visible();
	PG_RETURN_VOID();
}
