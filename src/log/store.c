/*-------------------------------------------------------------------------
 *
 * store.c
 *		Blocks and nodes of the log, as they are kept in tables.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/log/store.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "port/pg_bitutils.h"
#include "port/pg_bswap.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "base/trainledger.h"
#include "log/store.h"

/* Bytes of a leaf in log_block.names: its index, its kind, its id */
#define NAME_BYTES			(1 + 2 + 8)

/* ---------------------------------------------------------------------
 * Values of rows
 * ---------------------------------------------------------------------
 */

static void
refuse_log_row(const char *table, const char *which, int64 number)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("the log is damaged"),
			 errdetail("The row of trainledger.%s for %s " INT64_FORMAT
					   " is missing, has nulls or has another length.",
					   table, which, number),
			 errhint("verify() says what was changed.")));
}

static Datum
make_bytea(const void *bytes, int length)
{
	bytea	   *made = palloc(VARHDRSZ + length);

	SET_VARSIZE(made, VARHDRSZ + length);
	memcpy(VARDATA(made), bytes, length);
	return PointerGetDatum(made);
}

/* Number of hashes that a tree of so many leaves has as peaks */
static int
count_peaks(int size)
{
	return pg_popcount((char *) &size, sizeof(size));
}

/* ---------------------------------------------------------------------
 * Blocks
 * ---------------------------------------------------------------------
 */

/* Types of the columns of log_block as they are read; only names may be null */
static const Oid block_types[] = {INT8OID, INT8OID, TEXTOID, INT8OID, INT8OID,
								  INT4OID, BYTEAOID, BYTEAOID, BYTEAOID};

#define BLOCK_COLUMNS		lengthof(block_types)
#define BLOCK_NAMES			(BLOCK_COLUMNS - 1)

static void
read_block(HeapTuple row, TupleDesc columns, TlBlock *block)
{
	Datum		values[BLOCK_COLUMNS];
	bool		nulls[BLOCK_COLUMNS];
	bytea	   *hash;
	bytea	   *prefixes;

	heap_deform_tuple(row, columns, values, nulls);
	block->number = DatumGetInt64(values[0]);
	for (size_t i = 0; i < BLOCK_COLUMNS; i++)
	{
		tl_require_column_type("log_block", columns, (int) i + 1,
							   block_types[i]);
		if (nulls[i] && i != BLOCK_NAMES)
			refuse_log_row("log_block", "block", block->number);
	}
	tl_read_place(&values[1], &block->first);
	block->peaks.size = DatumGetInt32(values[5]);
	hash = DatumGetByteaPP(values[6]);
	prefixes = DatumGetByteaPP(values[7]);

	block->peaks.count = count_peaks(block->peaks.size);
	if (block->peaks.size < 1 || block->peaks.size > TL_BLOCK_LEAVES ||
		VARSIZE_ANY_EXHDR(hash) !=
			(size_t) block->peaks.count * TL_HASH_BYTES ||
		VARSIZE_ANY_EXHDR(prefixes) !=
			(size_t) block->peaks.size * TL_PREFIX_BYTES)
		refuse_log_row("log_block", "block", block->number);
	memcpy(block->peaks.hashes, VARDATA_ANY(hash), VARSIZE_ANY_EXHDR(hash));
	memcpy(block->prefixes, VARDATA_ANY(prefixes),
		   VARSIZE_ANY_EXHDR(prefixes));
	initStringInfo(&block->names);
	if (!nulls[BLOCK_NAMES])
	{
		bytea	   *bytes = DatumGetByteaPP(values[BLOCK_NAMES]);

		appendBinaryStringInfo(&block->names, VARDATA_ANY(bytes),
							   VARSIZE_ANY_EXHDR(bytes));
	}
}

static bool
select_block(SPIPlanPtr *plan, const char *where, int64 number, TlBlock *block)
{
	Oid			type = INT8OID;
	Datum		value = Int64GetDatum(number);

	if (*plan == NULL)
		tl_saved_plan(plan,
					  psprintf("SELECT b.block_no, b.booking_no, b.kind, b.id,"
							   " b.entry_no, b.size, b.hash, b.prefixes, b.names"
							   " FROM trainledger.log_block b %s",
							   where),
					  1, &type, CURSOR_OPT_GENERIC_PLAN);
	SPI_execute_plan(*plan, &value, NULL, true, 1);
	if (SPI_processed == 0)
		return false;
	read_block(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, block);
	SPI_freetuptable(SPI_tuptable);
	return true;
}

/* The last block, or false where the log is empty */
bool
tl_last_block(TlBlock *block)
{
	static SPIPlanPtr plan;

	return select_block(&plan,
						"WHERE b.block_no OPERATOR(pg_catalog.>=) $1"
						" ORDER BY b.block_no DESC LIMIT 1",
						0, block);
}

bool
tl_find_block(int64 number, TlBlock *block)
{
	static SPIPlanPtr plan;

	return select_block(&plan, "WHERE b.block_no OPERATOR(pg_catalog.=) $1",
						number, block);
}

/*
 * The block in which a leaf of this place is, if it is in the log: the last
 * one that does not begin after it; -1 if there is none.  Blocks are in the
 * order of their first leaves, so they need no index on those.
 */
int64
tl_block_of(const TlPlace *place)
{
	TlBlock    *block = palloc(sizeof(TlBlock));
	int64		from = 0;
	int64		until = tl_last_block(block) ? block->number + 1 : 0;

	while (from < until)
	{
		int64		middle = from + (until - from) / 2;

		if (!tl_find_block(middle, block))
			refuse_log_row("log_block", "block", middle);
		if (tl_compare_places(&block->first, place) <= 0)
			from = middle + 1;
		else
			until = middle;
	}
	pfree(block);
	return from - 1;
}

/* Write a block, which is in the table already or not */
void
tl_save_block(const TlBlock *block, bool is_new)
{
	static SPIPlanPtr insert,
				update;
	static const Oid types[] = {INT8OID, INT4OID, BYTEAOID, BYTEAOID, BYTEAOID,
								INT8OID, TEXTOID, INT8OID, INT8OID};
	Datum		values[] = {
		Int64GetDatum(block->number),
		Int32GetDatum((int32) block->peaks.size),
		make_bytea(block->peaks.hashes, block->peaks.count * TL_HASH_BYTES),
		make_bytea(block->prefixes, block->peaks.size * TL_PREFIX_BYTES),
		make_bytea(block->names.data, block->names.len),
		Int64GetDatum(block->first.booking_no),
		CStringGetTextDatum(block->first.kind),
		Int64GetDatum(block->first.id),
		Int64GetDatum(block->first.entry_no),
	};
	char		nulls[] = {' ', ' ', ' ', ' ', block->names.len > 0 ? ' ' : 'n',
						   ' ', ' ', ' ', ' '};
	SPIPlanPtr	plan;

	if (is_new)
		plan = tl_saved_plan(&insert,
							 "INSERT INTO trainledger.log_block"
							 " (block_no, size, hash, prefixes, names,"
							 " booking_no, kind, id, entry_no)"
							 " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
							 lengthof(types), types, 0);
	else
		plan = tl_saved_plan(&update,
							 "UPDATE trainledger.log_block"
							 " SET size = $2, hash = $3, prefixes = $4,"
							 " names = $5"
							 " WHERE block_no OPERATOR(pg_catalog.=) $1",
							 5, types, 0);
	if (SPI_execute_plan(plan, values, nulls, false, 0) < 0 ||
		SPI_processed != 1)
		tl_refuse_rewritten("log_block");
}

/* Append a leaf to a block that has room */
void
tl_add_leaf(TlBlock *block, const TlLeaf *leaf)
{
	int			index = (int) block->peaks.size;

	if (index == 0)
		block->first = leaf->place;
	memcpy(block->prefixes + index * TL_PREFIX_BYTES, leaf->hash.bytes,
		   TL_PREFIX_BYTES);
	if (leaf->place.entry_no == 0)
	{
		uint64		id = pg_hton64((uint64) leaf->place.id);

		appendStringInfoChar(&block->names, (char) index);
		appendBinaryStringInfo(&block->names, leaf->place.kind, 2);
		appendBinaryStringInfo(&block->names, (char *) &id, sizeof(id));
	}
	tl_append_node(&block->peaks, 0, leaf->hash, NULL, NULL);
}

/* The next of a block's leaves that are no entries; *offset begins as 0 */
bool
tl_next_name(const TlBlock *block, int *offset, TlLeafName *name)
{
	const char *bytes = block->names.data + *offset;
	uint64		id;

	if (*offset + NAME_BYTES > block->names.len)
		return false;
	name->index = (unsigned char) bytes[0];
	memcpy(name->kind, bytes + 1, 2);
	name->kind[2] = '\0';
	memcpy(&id, bytes + 3, sizeof(id));
	name->id = (int64) pg_ntoh64(id);
	*offset += NAME_BYTES;
	return true;
}

/* The place behind the last leaf: nothing that is sealed stands there */
void
tl_end_of_log(TlPlace *place)
{
	bool		is_null;

	memset(place, 0, sizeof(*place));
	SPI_execute("SELECT trainledger_internal.sealed_upto()", true, 1);
	place->booking_no = 1 + DatumGetInt64(
		SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1,
					  &is_null));
	SPI_freetuptable(SPI_tuptable);
}

/* ---------------------------------------------------------------------
 * Nodes
 *
 * Nodes are read by tiles (C2SP tlog-tiles): tile n of row r has the 256 nodes
 * of level 8 * r from n * 256 on.  The other levels are computed from these.
 * ---------------------------------------------------------------------
 */

#define TILE_BITS			8
#define TILE_NODES			(1 << TILE_BITS)

/* Tiles that are kept: a path needs one of each row */
#define KEPT_TILES			8

typedef struct Tile
{
	bool		is_read;
	int			row;
	int64		number;
	int			count;
	TlHash		hashes[TILE_NODES];
	TlPlace		places[TILE_NODES]; /* of leaves, in row 0 */
} Tile;

struct TlStore
{
	bool		has_tail;
	TlBlock		tail;			/* the last block, once it was asked for */
	const TlPlace *near;		/* an entry in the next block to be read */
	int			next;			/* tile to be replaced next */
	Tile		tiles[KEPT_TILES];
};

/* Keep a node, if it is of a level that has a table */
void
tl_save_node(int level, int64 number, const TlHash *hash)
{
	static SPIPlanPtr plan;
	static const Oid types[] = {INT2OID, INT8OID, BYTEAOID};
	Datum		values[] = {Int16GetDatum((int16) level), Int64GetDatum(number),
							make_bytea(hash->bytes, TL_HASH_BYTES)};

	if (level != 16 && level != 24)
		return;
	tl_saved_plan(&plan,
				  "INSERT INTO trainledger.log_node (level, node_no, hash)"
				  " VALUES ($1, $2, $3)",
				  lengthof(types), types, 0);
	if (SPI_execute_plan(plan, values, NULL, false, 0) < 0 ||
		SPI_processed != 1)
		tl_refuse_rewritten("log_node");
}

TlStore *
tl_open_store(void)
{
	return palloc0(sizeof(TlStore));
}

/*
 * Compute the hashes of a block's leaves from the rows of the books.  False if
 * they are not those that were sealed, or if near is not among the rows.
 */
static bool
read_leaves(Tile *tile, const TlBlock *block, const TlPlace *until,
			const TlPlace *near)
{
	TlLeafReader reader = {0};
	TlLeaf		leaf;
	bool		is_same = true;

	tile->count = 0;
	if (!tl_open_block(&reader, &block->first, until, block->names.len > 0,
					   near))
		return false;
	while (is_same && tl_next_leaf(&reader, &leaf))
	{
		is_same = tile->count < block->peaks.size &&
			memcmp(leaf.hash.bytes,
				   block->prefixes + tile->count * TL_PREFIX_BYTES,
				   TL_PREFIX_BYTES) == 0;
		if (is_same)
		{
			tile->places[tile->count] = leaf.place;
			tile->hashes[tile->count++] = leaf.hash;
		}
	}
	tl_close_leaves(&reader);
	return is_same;
}

static void
read_leaf_tile(Tile *tile, const TlPlace *near)
{
	TlBlock		block;
	TlBlock		next;

	if (!tl_find_block(tile->number, &block))
		refuse_log_row("log_block", "block", tile->number);
	if (!tl_find_block(tile->number + 1, &next))
		tl_end_of_log(&next.first);
	if (near != NULL && read_leaves(tile, &block, &next.first, near) &&
		tile->count == block.peaks.size)
		return;
	if (!read_leaves(tile, &block, &next.first, NULL))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("the books are not what was sealed"),
				 errdetail("Block " INT64_FORMAT " of the log has another leaf %d.",
						   tile->number, tile->count),
				 errhint("verify() says what was changed.")));
}

/* Read nodes of level 8, 16 or 24 from their tables */
static void
read_node_tile(Tile *tile)
{
	static SPIPlanPtr blocks,
				nodes;
	static const Oid types[] = {INT8OID, INT8OID, INT4OID};
	int64		first = tile->number << TILE_BITS;
	Datum		values[] = {Int64GetDatum(first),
							Int64GetDatum(first + TILE_NODES),
							Int32GetDatum(tile->row * TILE_BITS)};
	SPIPlanPtr	plan;
	const char *table = tile->row == 1 ? "log_block" : "log_node";

	if (tile->row == 1)
		plan = tl_saved_plan(&blocks,
							 "SELECT b.block_no, b.hash"
							 " FROM trainledger.log_block b"
							 " WHERE b.block_no OPERATOR(pg_catalog.>=) $1"
							 " AND b.block_no OPERATOR(pg_catalog.<) $2"
							 " AND b.size OPERATOR(pg_catalog.=) 256"
							 " AND $3 OPERATOR(pg_catalog.=) 8"
							 " ORDER BY b.block_no",
							 lengthof(types), types, CURSOR_OPT_GENERIC_PLAN);
	else
		plan = tl_saved_plan(&nodes,
							 "SELECT n.node_no, n.hash"
							 " FROM trainledger.log_node n"
							 " WHERE n.node_no OPERATOR(pg_catalog.>=) $1"
							 " AND n.node_no OPERATOR(pg_catalog.<) $2"
							 " AND n.level OPERATOR(pg_catalog.=) $3"
							 " ORDER BY n.node_no",
							 lengthof(types), types, CURSOR_OPT_GENERIC_PLAN);
	SPI_execute_plan(plan, values, NULL, true, 0);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		HeapTuple	row = SPI_tuptable->vals[i];
		TupleDesc	columns = SPI_tuptable->tupdesc;
		bool		is_null;
		int64		number = DatumGetInt64(SPI_getbinval(row, columns, 1,
														 &is_null));
		Datum		value = SPI_getbinval(row, columns, 2, &is_null);
		bytea	   *hash;

		tl_require_column_type(table, columns, 2, BYTEAOID);
		hash = is_null ? NULL : DatumGetByteaPP(value);
		if (number != first + (int64) i || hash == NULL ||
			VARSIZE_ANY_EXHDR(hash) != TL_HASH_BYTES)
			refuse_log_row(table, "node", first + (int64) i);
		memcpy(tile->hashes[i].bytes, VARDATA_ANY(hash), TL_HASH_BYTES);
	}
	tile->count = (int) SPI_processed;
	SPI_freetuptable(SPI_tuptable);
}

static const Tile *
find_tile(TlStore *store, int row, int64 number)
{
	Tile	   *tile;

	for (int i = 0; i < KEPT_TILES; i++)
	{
		tile = &store->tiles[i];
		if (tile->is_read && tile->row == row && tile->number == number)
			return tile;
	}
	tile = &store->tiles[store->next];
	store->next = (store->next + 1) % KEPT_TILES;
	tile->is_read = true;
	tile->row = row;
	tile->number = number;
	tile->count = 0;
	if (row == 0)
		read_leaf_tile(tile, store->near);
	else
		read_node_tile(tile);
	return tile;
}

/* Which of a block's leaves stands at this place, or -1 */
int
tl_find_in_block(TlStore *store, int64 number, const TlPlace *place)
{
	const Tile *tile;

	store->near = place->entry_no > 0 ? place : NULL;
	tile = find_tile(store, 0, number);
	store->near = NULL;
	for (int i = 0; i < tile->count; i++)
	{
		if (tl_compare_places(&tile->places[i], place) == 0)
			return i;
	}
	return -1;
}

/*
 * A node below a block's, if it is one of the last block's peaks.  Every proof
 * under the latest checkpoint needs these, and a row has them.
 */
static const TlHash *
find_peak(TlStore *store, int level, int64 number)
{
	const TlPeaks *peaks = &store->tail.peaks;
	int64		start;
	int			place = 0;

	if (!store->has_tail && !tl_last_block(&store->tail))
		return NULL;
	store->has_tail = true;
	start = store->tail.number * TL_BLOCK_LEAVES;
	for (int of_level = TL_BLOCK_BITS; of_level >= 0; of_level--)
	{
		int64		leaves = INT64CONST(1) << of_level;

		if ((peaks->size & leaves) == 0)
			continue;
		if (of_level == level && start >> level == number)
			return &peaks->hashes[place];
		start += leaves;
		place++;
	}
	return NULL;
}

/* The hash of a complete node of the log; see TlReadNode */
TlHash
tl_stored_node(void *context, int level, int64 number)
{
	int			row = Min(level / TILE_BITS, 3);
	int			above = level - row * TILE_BITS;
	int64		first = number << above;
	const TlHash *peak = row == 0 ? find_peak(context, level, number) : NULL;

	if (peak != NULL)
		return *peak;
	if (above >= TILE_BITS)		/* level 32 and above: no tree is that large */
	{
		TlHash		left = tl_stored_node(context, level - 1, 2 * number);
		TlHash		right = tl_stored_node(context, level - 1, 2 * number + 1);

		return tl_node_hash(&left, &right);
	}
	else
	{
		const Tile *tile = find_tile(context, row, first >> TILE_BITS);
		int			begin = (int) (first & (TILE_NODES - 1));
		int			count = 1 << above;
		TlHash		hashes[TILE_NODES];

		if (begin + count > tile->count)
			refuse_log_row(row <= 1 ? "log_block" : "log_node", "node", first);
		memcpy(hashes, &tile->hashes[begin], count * sizeof(TlHash));
		for (; count > 1; count /= 2)
		{
			for (int i = 0; i < count / 2; i++)
				hashes[i] = tl_node_hash(&hashes[2 * i], &hashes[2 * i + 1]);
		}
		return hashes[0];
	}
}
