/*-------------------------------------------------------------------------
 *
 * verify.c
 *		Compares the rows of the books with what was sealed of them (contract,
 *		section 17).
 *
 * A group is 256 blocks, 65536 leaves: what a node of level 16 stands for.
 * Groups are checked side by side.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/log/verify.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

#include "base/trainledger.h"
#include "log/store.h"

PG_FUNCTION_INFO_V1(tl_log_check_group);

#define GROUP_BLOCKS			256

/*
 * Found leaves of a block that are told apart from the sealed ones.  Whatever
 * else stands in its place was added.
 */
#define MAX_COMPARED			(4 * TL_BLOCK_LEAVES)

typedef struct Checkpoint
{
	int64		size;
	TlHash		root;
	int64		last_booking_no;
} Checkpoint;

typedef struct LeafGroup
{
	ReturnSetInfo *result;
	bool		with_roots;		/* the nodes before the group can be trusted */
	TlStore    *store;
	TlPeaks		peaks;			/* of all leaves before the current block */
	int			count;
	Checkpoint *checkpoints;	/* those that end in the group, by size */
	int			next;			/* the first that was not come to yet */
} LeafGroup;

/* The leaves that the books have for a block */
typedef struct Found
{
	int			count;
	TlLeaf		leaves[MAX_COMPARED];
} Found;

/* ---------------------------------------------------------------------
 * Problems
 * ---------------------------------------------------------------------
 */

/*
 * Return a row.  A leaf that is gone and is known by its position alone has no
 * id; a row of the log's own tables has the table as its kind, and no booking.
 */
static void
report(const LeafGroup *group, const char *problem, const char *kind, int64 id,
	   int64 entry_no, int64 booking_no, const char *detail)
{
	Datum		values[] = {
		CStringGetTextDatum(problem),
		CStringGetTextDatum(kind),
		Int64GetDatum(id),
		Int64GetDatum(entry_no),
		Int64GetDatum(booking_no),
		CStringGetTextDatum(detail),
	};
	bool		nulls[] = {false, false, id < 0, id < 0,
						   booking_no == 0, false};

	tuplestore_putvalues(group->result->setResult, group->result->setDesc,
						 values, nulls);
}

static void
report_leaf(const LeafGroup *group, const char *problem, const TlPlace *place,
			const char *detail)
{
	report(group, problem, place->kind, place->id, place->entry_no,
		   place->booking_no, detail);
}

static void
report_log(const LeafGroup *group, const char *table, int64 number,
		   const char *detail)
{
	report(group, "changed", table, number, 0, 0, detail);
}

/* ---------------------------------------------------------------------
 * What is different in a block
 * ---------------------------------------------------------------------
 */

static bool
has_prefix(const TlBlock *block, int index, const TlLeaf *leaf)
{
	return memcmp(block->prefixes + index * TL_PREFIX_BYTES,
				  leaf->hash.bytes, TL_PREFIX_BYTES) == 0;
}

/*
 * Pair the leaves that were sealed with those that are found: as many as
 * possible, in order, of which the hash begins as it did.  partner[i] is the
 * leaf found for the sealed leaf i, or -1.
 */
static void
pair_leaves(const TlBlock *block, const Found *found, int *partner)
{
	int			sealed = (int) block->peaks.size;
	int			width = found->count + 1;
	uint16	   *longest = palloc0((Size) (sealed + 1) * width *
								  sizeof(uint16));

	/* longest[i][j]: pairs that can be made of the leaves from i and from j */
	for (int i = sealed - 1; i >= 0; i--)
	{
		for (int j = found->count - 1; j >= 0; j--)
			longest[i * width + j] =
				has_prefix(block, i, &found->leaves[j]) ?
					longest[(i + 1) * width + j + 1] + 1 :
					Max(longest[(i + 1) * width + j],
						longest[i * width + j + 1]);
	}
	for (int i = 0, j = 0; i < sealed; i++)
	{
		partner[i] = -1;
		while (j < found->count && !has_prefix(block, i, &found->leaves[j]) &&
			   longest[i * width + j] == longest[i * width + j + 1])
			j++;
		if (j < found->count && has_prefix(block, i, &found->leaves[j]))
			partner[i] = j++;
	}
	pfree(longest);
}

/*
 * What the block says of a sealed leaf: of its first one everything, of an
 * event kind and id, of an entry nothing else (id -1)
 */
static TlPlace
sealed_place(const TlBlock *block, int index)
{
	TlPlace		place = {.kind = "E1", .id = -1};
	TlLeafName	name;
	int			offset = 0;

	if (index == 0)
		return block->first;
	while (tl_next_name(block, &offset, &name))
	{
		if (name.index == index)
		{
			strlcpy(place.kind, name.kind, sizeof(place.kind));
			place.id = name.id;
		}
	}
	return place;
}

static bool
is_same_row(const TlPlace *sealed, const TlPlace *found)
{
	return strcmp(sealed->kind, found->kind) == 0 &&
		(sealed->id < 0 || (sealed->id == found->id &&
							sealed->entry_no == found->entry_no));
}

/*
 * Report the leaves between two pairs: the sealed ones from i up to i_end, and
 * the found ones from j up to j_end.  Those of one row have changed.  Of
 * entries nothing says which they were, so they are taken in their order.
 */
static void
report_gap(const LeafGroup *group, const TlBlock *block, const Found *found,
		   int i, int i_end, int j, int j_end)
{
	bool	   *is_used = palloc0_array(bool, j_end - j + 1);

	for (; i < i_end; i++)
	{
		TlPlace		sealed = sealed_place(block, i);
		int64		leaf = block->number * TL_BLOCK_LEAVES + i;
		int			same = j;

		while (same < j_end &&
			   (is_used[same - j] ||
				!is_same_row(&sealed, &found->leaves[same].place)))
			same++;
		if (same < j_end)
		{
			is_used[same - j] = true;
			report_leaf(group, "changed", &found->leaves[same].place,
						psprintf("Leaf " INT64_FORMAT " of the log was another line.",
								 leaf));
		}
		else
			report_leaf(group, "missing", &sealed,
						psprintf("Leaf " INT64_FORMAT " of the log has no row.",
								 leaf));
	}
	for (int added = j; added < j_end; added++)
	{
		if (!is_used[added - j])
			report_leaf(group, "added", &found->leaves[added].place,
						psprintf("Block " INT64_FORMAT " of the log does not have it.",
								 block->number));
	}
}

static void
report_differences(const LeafGroup *group, const TlBlock *block,
				   const Found *found)
{
	int			sealed = (int) block->peaks.size;
	int			partner[TL_BLOCK_LEAVES];
	int			i = 0;
	int			j = 0;

	pair_leaves(block, found, partner);
	for (int next = 0; next <= sealed; next++)
	{
		int			pair = next < sealed ? partner[next] : found->count;

		if (pair < 0)
			continue;
		report_gap(group, block, found, i, next, j, pair);
		i = next + 1;
		j = pair + 1;
	}
}

/* ---------------------------------------------------------------------
 * Blocks
 * ---------------------------------------------------------------------
 */

static bool
has_all_prefixes(const TlBlock *block, const Found *found)
{
	if (found->count != block->peaks.size)
		return false;
	for (int i = 0; i < found->count; i++)
	{
		if (!has_prefix(block, i, &found->leaves[i]))
			return false;
	}
	return true;
}

/*
 * Whether the block says of its leaves where they stand: it is found by its
 * first one, and names those that are no entries.
 */
static bool
has_same_places(const TlBlock *block, const Found *found)
{
	TlLeafName	name;
	int			offset = 0;
	int			events = 0;

	for (int i = 0; i < found->count; i++)
		events += found->leaves[i].place.entry_no == 0;
	while (tl_next_name(block, &offset, &name))
	{
		const TlPlace *place = &found->leaves[name.index].place;

		if (name.index >= found->count || place->entry_no != 0 ||
			place->id != name.id || strcmp(place->kind, name.kind) != 0)
			return false;
		events--;
	}
	return events == 0 &&
		(found->count == 0 ||
		 (block->first.booking_no == found->leaves[0].place.booking_no &&
		  is_same_row(&block->first, &found->leaves[0].place)));
}

static bool
has_same_peaks(const TlPeaks *a, const TlPeaks *b)
{
	return a->count == b->count &&
		memcmp(a->hashes, b->hashes, a->count * sizeof(TlHash)) == 0;
}

static void
check_checkpoint(const LeafGroup *group, const Checkpoint *checkpoint,
				 const TlPeaks *inner, const TlPlace *place)
{
	TlPeaks		whole = group->peaks;
	TlHash		root;

	memcpy(&whole.hashes[whole.count], inner->hashes,
		   inner->count * sizeof(TlHash));
	whole.count += inner->count;
	root = tl_peaks_root(&whole);
	if (!tl_same_hash(&root, &checkpoint->root))
		report_log(group, "checkpoint", checkpoint->size,
				   "Its root is not that of the log.");
	if (checkpoint->last_booking_no < place->booking_no)
		report_log(group, "checkpoint", checkpoint->size,
				   "It ends before its last leaf.");
}

/*
 * Compare the checkpoints that end with the leaf at this place; inner are the
 * peaks of the leaves in its block.  There may be as many checkpoints as
 * leaves: each is come to once.
 */
static void
check_checkpoints(LeafGroup *group, const TlPeaks *inner, const TlPlace *place)
{
	int64		size = group->peaks.size + inner->size;

	for (; group->next < group->count; group->next++)
	{
		const Checkpoint *checkpoint = &group->checkpoints[group->next];

		if (checkpoint->size > size)
			break;
		if (checkpoint->size == size)
			check_checkpoint(group, checkpoint, inner, place);
	}
}

/* Compare a node of level 16 that blocks make with the one that is kept */
static void
check_node(void *context, int level, int64 number, const TlHash *hash)
{
	const LeafGroup *group = context;
	TlHash		kept;

	if (level != 16)
		return;
	kept = tl_stored_node(group->store, level, number);
	if (!tl_same_hash(&kept, hash))
		report_log(group, "log_node", number,
				   "It is of level 16, and is not what it stands for.");
}

/*
 * Compare a block with the leaves that the books have in its place, and count
 * it to those before the next one
 */
static void
check_block(LeafGroup *group, const TlBlock *block, const Found *found)
{
	TlPeaks		computed = {0};
	bool		is_same_rows = has_all_prefixes(block, found);
	bool		is_same_hash;

	for (int i = 0; i < found->count; i++)
	{
		tl_append_node(&computed, 0, found->leaves[i].hash, NULL, NULL);
		/* what else is different explains other roots */
		if (is_same_rows && group->with_roots)
			check_checkpoints(group, &computed, &found->leaves[i].place);
	}
	is_same_hash = has_same_peaks(&computed, &block->peaks);
	if (!is_same_rows && !is_same_hash)
		report_differences(group, block, found);
	else if (!is_same_rows)
		report_log(group, "log_block", block->number,
				   "The beginnings of hashes in it are not those of its leaves.");
	else if (!is_same_hash)
		report_log(group, "log_block", block->number,
				   "Its hash is not that of its leaves.");
	else if (!has_same_places(block, found))
		report_log(group, "log_block", block->number,
				   "It names other leaves than those that it has.");
	if (group->with_roots && block->peaks.size == TL_BLOCK_LEAVES)
		tl_append_node(&group->peaks, TL_BLOCK_BITS,
					   is_same_rows ? computed.hashes[0] :
									  block->peaks.hashes[0],
					   check_node, group);
}

/* Read the leaves from one place up to another, and check them as a block */
static void
read_block(LeafGroup *group, TlLeafReader *reader, const TlBlock *block,
		   const TlPlace *until, TlLeaf *ahead, bool *has_ahead, Found *found)
{
	found->count = 0;
	while (*has_ahead && tl_compare_places(&ahead->place, until) < 0)
	{
		if (found->count < MAX_COMPARED)
			found->leaves[found->count++] = *ahead;
		else
			report_leaf(group, "added", &ahead->place,
						psprintf("Block " INT64_FORMAT " of the log does not have it.",
								 block->number));
		*has_ahead = tl_next_leaf(reader, ahead);
	}
	check_block(group, block, found);
}

/* ---------------------------------------------------------------------
 * Groups
 * ---------------------------------------------------------------------
 */

static void
load_checkpoints(LeafGroup *group, int64 first_leaf, int64 leaves)
{
	static SPIPlanPtr plan;
	static const Oid types[] = {INT8OID, INT8OID};
	Datum		values[] = {Int64GetDatum(first_leaf),
							Int64GetDatum(first_leaf + leaves)};

	/* a plan of its own, without workers: the caller makes those cheap */
	tl_saved_plan(&plan,
				  "SELECT c.size, c.root, c.last_booking_no"
				  " FROM trainledger.checkpoint c"
				  " WHERE c.size OPERATOR(pg_catalog.>) $1"
				  " AND c.size OPERATOR(pg_catalog.<=) $2"
				  " AND pg_catalog.octet_length(c.root)"
				  " OPERATOR(pg_catalog.=) 32"
				  " ORDER BY c.size",
				  lengthof(types), types, 0);
	SPI_execute_plan(plan, values, NULL, true, 0);
	group->count = (int) SPI_processed;
	group->checkpoints = palloc_array(Checkpoint, group->count + 1);
	for (int i = 0; i < group->count; i++)
	{
		HeapTuple	row = SPI_tuptable->vals[i];
		TupleDesc	columns = SPI_tuptable->tupdesc;
		Checkpoint *checkpoint = &group->checkpoints[i];
		bool		is_null;

		checkpoint->size = DatumGetInt64(SPI_getbinval(row, columns, 1,
													   &is_null));
		memcpy(checkpoint->root.bytes,
			   VARDATA_ANY(DatumGetByteaPP(SPI_getbinval(row, columns, 2,
														 &is_null))),
			   TL_HASH_BYTES);
		checkpoint->last_booking_no =
			DatumGetInt64(SPI_getbinval(row, columns, 3, &is_null));
	}
	SPI_freetuptable(SPI_tuptable);
}

/*
 * Check the blocks of a group from the first one on that is sound.  A block
 * whose successor is missing has no end, and is left out.
 */
static void
check_group(LeafGroup *group, int64 number)
{
	int64		first = number * GROUP_BLOCKS;
	TlBlock    *block = palloc(sizeof(TlBlock));
	TlBlock    *next = palloc(sizeof(TlBlock));
	Found	   *found = palloc(sizeof(Found));
	TlPlace		start;
	TlPlace		until;
	TlPlace		end;
	TlLeafReader reader = {0};
	TlLeaf		ahead;
	bool		has_ahead;

	if (!tl_find_block(first, block))
		return;
	start = block->first;
	if (number == 0)
	{
		int			count;

		/* whatever stands before the first leaf was added */
		start.booking_no = tl_own_numbers(&count)[0].from;
		start.kind[0] = '\0';
	}
	if (!tl_find_block(first + GROUP_BLOCKS, next))
		tl_end_of_log(&next->first);
	until = next->first;
	load_checkpoints(group, first * TL_BLOCK_LEAVES,
					 GROUP_BLOCKS * TL_BLOCK_LEAVES);
	if (group->with_roots)
	{
		group->store = tl_open_store();
		tl_read_peaks(first * TL_BLOCK_LEAVES, tl_stored_node, group->store,
					  &group->peaks);
	}

	tl_open_leaves(&reader, &start, &until);
	has_ahead = tl_next_leaf(&reader, &ahead);
	for (int64 i = first; i < first + GROUP_BLOCKS; i++)
	{
		bool		has_next = tl_find_block(i + 1, next);
		TlBlock    *swap = block;

		if (!has_next && !group->with_roots)
			break;				/* nothing says where it ends */
		end = has_next && i + 1 < first + GROUP_BLOCKS ? next->first : until;
		read_block(group, &reader, block, &end, &ahead, &has_ahead, found);
		if (!has_next)
			break;
		block = next;
		next = swap;
		CHECK_FOR_INTERRUPTS();
	}
	tl_close_leaves(&reader);
}

/*
 * log_check_group(number bigint, with_roots boolean) returns table(problem
 * text, kind text, id bigint, entry_no bigint, booking_no bigint, detail text):
 * what is different in the leaves from number * 65536 on
 */
Datum
tl_log_check_group(PG_FUNCTION_ARGS)
{
	LeafGroup	group = {.result = (ReturnSetInfo *) fcinfo->resultinfo,
						 .with_roots = PG_GETARG_BOOL(1)};

	InitMaterializedSRF(fcinfo, 0);
	SPI_connect();
	check_group(&group, PG_GETARG_INT64(0));
	SPI_finish();
	return (Datum) 0;
}
