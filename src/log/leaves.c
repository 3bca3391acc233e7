/*-------------------------------------------------------------------------
 *
 * leaves.c
 *		Reads the leaves of the log from the rows of the books, in their order.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/log/leaves.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "nodes/params.h"
#include "tcop/dest.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#include "base/trainledger.h"
#include "log/store.h"

/* Leaves that there is room for at first */
#define FIRST_ROOM			512

/* Parameters of the query */
#define BOUNDS				8
#define BOUNDS_WITH_PAGES	10

/*
 * How far from an entry the others of its block are looked for.  Entries are
 * stored about as they are numbered, and sessions that book at the same time
 * fill pages side by side.
 */
#define NEAR_PAGES			16

/* What the executor hands the rows of a query to */
typedef struct LeafReceiver
{
	DestReceiver receiver;		/* must come first */
	TlLeafReader *reader;
} LeafReceiver;

int
tl_compare_places(const TlPlace *a, const TlPlace *b)
{
	int			order;

	if (a->booking_no != b->booking_no)
		return a->booking_no < b->booking_no ? -1 : 1;
	order = strcmp(a->kind, b->kind);
	if (order != 0)
		return order;
	if (a->id != b->id)
		return a->id < b->id ? -1 : 1;
	return (a->entry_no > b->entry_no) - (a->entry_no < b->entry_no);
}

/* Read booking_no, kind, id and entry_no, none of which is null */
void
tl_read_place(const Datum *values, TlPlace *place)
{
	place->booking_no = DatumGetInt64(values[0]);
	text_to_cstring_buffer(DatumGetTextPP(values[1]), place->kind,
						   sizeof(place->kind));
	place->id = DatumGetInt64(values[2]);
	place->entry_no = DatumGetInt64(values[3]);
}

/* What is kept of a leaf may be altered: a hash of another length is none */
static void
read_hash(Datum value, TlHash *hash)
{
	bytea	   *bytes = DatumGetByteaPP(value);

	memset(hash, 0, sizeof(*hash));
	if (VARSIZE_ANY_EXHDR(bytes) == TL_HASH_BYTES)
		memcpy(hash->bytes, VARDATA_ANY(bytes), TL_HASH_BYTES);
}

/*
 * Whether the last column, the hash of the texts, is null: there is neither a
 * salt nor a hash that was kept
 */
static bool
is_saltless(Datum value)
{
	text	   *line = DatumGetTextPP(value);
	size_t		length = VARSIZE_ANY_EXHDR(line);

	return length >= 3 &&
		memcmp(VARDATA_ANY(line) + length - 3, "\t\\N", 3) == 0;
}

static bool
is_own(const TlLeafReader *reader, int64 booking_no)
{
	if (reader->own == NULL)
		return true;
	for (int i = 0; i < reader->own_count; i++)
	{
		if (booking_no < reader->own[i].until)
			return booking_no >= reader->own[i].from;
	}
	return false;
}

/* Take a row of the query, if it is a leaf of this log; false: no more */
static bool
receive_leaf(TupleTableSlot *slot, DestReceiver *self)
{
	TlLeafReader *reader = ((LeafReceiver *) self)->reader;
	TlLeaf	   *leaf;

	slot_getallattrs(slot);
	if (!is_own(reader, DatumGetInt64(slot->tts_values[0])))
		return true;
	reader->is_cut = reader->most > 0 && reader->count == reader->most;
	reader->is_saltless = reader->needs_salts && !slot->tts_isnull[4] &&
		is_saltless(slot->tts_values[4]);
	if (reader->is_cut || reader->is_saltless)
		return false;
	if (reader->count == reader->room)
	{
		reader->room *= 2;
		reader->leaves = repalloc_huge(reader->leaves,
									   reader->room * sizeof(TlLeaf));
	}
	leaf = &reader->leaves[reader->count++];
	tl_read_place(slot->tts_values, &leaf->place);
	read_hash(slot->tts_values[5], &leaf->hash);
	reader->is_sorted = reader->is_sorted &&
		(reader->count == 1 ||
		 tl_compare_places(&leaf[-1].place, &leaf->place) <= 0);
	return true;
}

static void
start_receiving(DestReceiver *self pg_attribute_unused(),
				int operation pg_attribute_unused(),
				TupleDesc columns pg_attribute_unused())
{
}

static void
end_receiving(DestReceiver *self pg_attribute_unused())
{
}

static int
compare_leaves(const void *a, const void *b)
{
	return tl_compare_places(&((const TlLeaf *) a)->place,
							 &((const TlLeaf *) b)->place);
}

/*
 * Run the query with a plan for these bounds, or with one that is kept.  A row
 * of an entry is looked for in a few pages, if bounds say in which.
 */
static void
run_query(TlLeafReader *reader, ParamListInfo bounds, bool is_block,
		  bool has_events)
{
	/*
	 * The plain bounds use the index.  The others leave rows out before their
	 * lines are made: one booking may have many.
	 */
	static const char *const text =
		"SELECT l.booking_no, l.kind, l.id, l.entry_no, l.leaf, l.hash"
		" FROM trainledger.tree_leaf l"
		" WHERE l.booking_no OPERATOR(pg_catalog.>=) $1"
		" AND l.booking_no OPERATOR(pg_catalog.<=) $5"
		" AND (l.booking_no OPERATOR(pg_catalog.>) $1"
		" OR (l.kind, l.id, l.entry_no)"
		" OPERATOR(pg_catalog.>=) ($2, $3, $4))"
		" AND (l.booking_no OPERATOR(pg_catalog.<) $5"
		" OR (l.kind, l.id, l.entry_no)"
		" OPERATOR(pg_catalog.<) ($6, $7, $8))%s%s";
	static const char *const of_entries =
		" AND l.kind OPERATOR(pg_catalog.=) 'E1'";
	static const char *const in_pages =
		" AND (l.kind OPERATOR(pg_catalog.<>) 'E1'"
		" OR l.row_at OPERATOR(pg_catalog.>=) $9"
		" AND l.row_at OPERATOR(pg_catalog.<) $10)";
	static const Oid types[] = {INT8OID, TEXTOID, INT8OID, INT8OID,
								INT8OID, TEXTOID, INT8OID, INT8OID,
								TIDOID, TIDOID};
	static SPIPlanPtr range;
	static SPIPlanPtr blocks[2][2];
	bool		has_pages = bounds->numParams == BOUNDS_WITH_PAGES;
	SPIPlanPtr *plan = is_block ? &blocks[has_events][has_pages] : &range;
	LeafReceiver receiver = {
		.receiver = {
			.receiveSlot = receive_leaf,
			.rStartup = start_receiving,
			.rShutdown = end_receiving,
			.rDestroy = end_receiving,
			.mydest = DestNone},
		.reader = reader};
	SPIExecuteOptions options = {
		.params = bounds,
		.read_only = !reader->with_new,
		.dest = &receiver.receiver};

	if (*plan == NULL)
		tl_saved_plan(plan,
					  psprintf(text, has_events ? "" : of_entries,
							   has_pages ? in_pages : ""),
					  bounds->numParams, types,
					  is_block ? CURSOR_OPT_GENERIC_PLAN :
								 CURSOR_OPT_CUSTOM_PLAN);
	if (SPI_execute_plan_extended(*plan, &options) < 0)
		elog(ERROR, "could not read the leaves of the log");
}

static void
set_bound(ParamExternData *bound, Oid type, Datum value)
{
	bound->value = value;
	bound->isnull = false;
	bound->pflags = PARAM_FLAG_CONST;
	bound->ptype = type;
}

static void
set_bounds(ParamExternData *bounds, const TlPlace *place)
{
	set_bound(&bounds[0], INT8OID, Int64GetDatum(place->booking_no));
	set_bound(&bounds[1], TEXTOID, CStringGetTextDatum(place->kind));
	set_bound(&bounds[2], INT8OID, Int64GetDatum(place->id));
	set_bound(&bounds[3], INT8OID, Int64GetDatum(place->entry_no));
}

/*
 * The numbers of bookings that the log has or will have: at least one range, in
 * their order.  Node n has those from n * 2^38 on, and what books had before
 * they became those of a node (contract, section 19).
 */
TlNumbers *
tl_own_numbers(int *count)
{
	static const char *const text =
		"SELECT pg_catalog.lower(n.range), pg_catalog.upper(n.range)"
		" FROM pg_catalog.unnest(trainledger_internal.own_numbers())"
		" AS n(range) ORDER BY 1";
	TlNumbers  *numbers;
	bool		is_null;

	SPI_execute(text, true, 0);
	*count = (int) SPI_processed;
	numbers = palloc_array(TlNumbers, SPI_processed);
	for (int i = 0; i < *count; i++)
	{
		HeapTuple	row = SPI_tuptable->vals[i];
		TupleDesc	columns = SPI_tuptable->tupdesc;

		numbers[i].from = DatumGetInt64(SPI_getbinval(row, columns, 1,
													  &is_null));
		numbers[i].until = DatumGetInt64(SPI_getbinval(row, columns, 2,
													   &is_null));
	}
	SPI_freetuptable(SPI_tuptable);
	return numbers;
}

/* The node that has given the number of a booking (contract, section 19) */
static int64
node_of(const TlPlace *place)
{
	return (place->booking_no - 1) >> 38;
}

static void
read_leaves(TlLeafReader *reader, ParamListInfo bounds, const TlPlace *from,
			const TlPlace *until, bool is_block, bool has_events)
{
	set_bounds(&bounds->params[0], from);
	set_bounds(&bounds->params[4], until);
	/* between own numbers of one node there are none of others */
	reader->own = NULL;
	if (node_of(from) != node_of(until))
		reader->own = tl_own_numbers(&reader->own_count);
	reader->next = reader->count = 0;
	reader->is_cut = reader->is_saltless = false;
	reader->room = FIRST_ROOM;
	reader->leaves = palloc_array(TlLeaf, reader->room);
	reader->is_sorted = true;
	run_query(reader, bounds, is_block, has_events);
	CHECK_FOR_INTERRUPTS();
	if (!reader->is_sorted)
		qsort(reader->leaves, reader->count, sizeof(TlLeaf), compare_leaves);
}

/*
 * Read the leaves from one place up to another, which is not read, into the
 * current memory context: 64 bytes each.  Where the reader has ended before,
 * they are not all.
 */
void
tl_open_leaves(TlLeafReader *reader, const TlPlace *from, const TlPlace *until)
{
	read_leaves(reader, makeParamList(BOUNDS), from, until, false, true);
}

/* Find the row of an entry; false if there is none */
static bool
find_row(const TlPlace *place, ItemPointer row_at)
{
	static SPIPlanPtr plan;
	static const Oid types[] = {INT8OID, INT8OID};
	Datum		values[] = {Int64GetDatum(place->id),
							Int64GetDatum(place->entry_no)};
	bool		is_null;

	tl_saved_plan(&plan,
				  "SELECT e.ctid FROM ONLY trainledger.entry e"
				  " WHERE e.account_id OPERATOR(pg_catalog.=) $1"
				  " AND e.entry_no OPERATOR(pg_catalog.=) $2",
				  lengthof(types), types, CURSOR_OPT_GENERIC_PLAN);
	SPI_execute_plan(plan, values, NULL, true, 1);
	if (SPI_processed == 0)
		return false;
	*row_at = *(ItemPointer) DatumGetPointer(
		SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1,
					  &is_null));
	SPI_freetuptable(SPI_tuptable);
	return true;
}

/* The bounds of a query for the rows about this entry; NULL: there is none */
static ParamListInfo
make_near_bounds(const TlPlace *near)
{
	ParamListInfo bounds = makeParamList(BOUNDS_WITH_PAGES);
	ItemPointer ends = palloc0_array(ItemPointerData, 2);
	ItemPointerData row_at;
	BlockNumber page;
	BlockNumber after;

	if (!find_row(near, &row_at))
		return NULL;
	page = ItemPointerGetBlockNumber(&row_at);
	after = Min(page, MaxBlockNumber - 1 - NEAR_PAGES) + NEAR_PAGES + 1;
	ItemPointerSet(&ends[0], page < NEAR_PAGES ? 0 : page - NEAR_PAGES, 0);
	ItemPointerSet(&ends[1], after, 0);
	set_bound(&bounds->params[8], TIDOID, PointerGetDatum(&ends[0]));
	set_bound(&bounds->params[9], TIDOID, PointerGetDatum(&ends[1]));
	return bounds;
}

/*
 * Read the leaves of a block.  They are too few to be planned for: the plan is
 * kept, and looks up by an index what belongs to a row.  The planner alone
 * would take a number of rows that it cannot know to be a share of the table.
 *
 * If near is an entry, entries far from its row are left out, and the caller
 * has to find out: the index on numbers is a summary, so by it many times as
 * many rows are read.  False: there is no such entry, and nothing was read.
 */
bool
tl_open_block(TlLeafReader *reader, const TlPlace *from, const TlPlace *until,
			  bool has_events, const TlPlace *near)
{
	static const char *const unwanted[] = {"enable_hashjoin",
		"enable_mergejoin", "enable_material", "enable_seqscan", "jit"};
	ParamListInfo bounds = near == NULL ? makeParamList(BOUNDS) :
										  make_near_bounds(near);
	int			nesting;

	if (bounds == NULL)
		return false;
	nesting = NewGUCNestLevel();
	for (int i = 0; i < (int) lengthof(unwanted); i++)
		(void) set_config_option(unwanted[i], "off", PGC_USERSET,
								 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
								 false);
	read_leaves(reader, bounds, from, until, true, has_events);
	AtEOXact_GUC(true, nesting);
	return true;
}

/* The next leaf, or false at the end */
bool
tl_next_leaf(TlLeafReader *reader, TlLeaf *leaf)
{
	if (reader->next == reader->count)
		return false;
	*leaf = reader->leaves[reader->next++];
	return true;
}

void
tl_close_leaves(TlLeafReader *reader)
{
	pfree(reader->leaves);
	if (reader->own != NULL)
		pfree(reader->own);
}
