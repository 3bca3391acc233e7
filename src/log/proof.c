/*-------------------------------------------------------------------------
 *
 * proof.c
 *		Where a leaf is in the log, and the hashes that prove it (contract,
 *		section 17).
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/log/proof.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "base/trainledger.h"
#include "log/store.h"

PG_FUNCTION_INFO_V1(tl_log_root);
PG_FUNCTION_INFO_V1(tl_log_inclusion);
PG_FUNCTION_INFO_V1(tl_log_block_of);
PG_FUNCTION_INFO_V1(tl_log_consistency);
PG_FUNCTION_INFO_V1(tl_log_fold);

static Datum
make_hash(const TlHash *hash)
{
	bytea	   *made = palloc(VARHDRSZ + TL_HASH_BYTES);

	SET_VARSIZE(made, VARHDRSZ + TL_HASH_BYTES);
	memcpy(VARDATA(made), hash->bytes, TL_HASH_BYTES);
	return PointerGetDatum(made);
}

static Datum
make_path(const TlPath *path)
{
	Datum		hashes[TL_TREE_LEVELS];

	for (int i = 0; i < path->count; i++)
		hashes[i] = make_hash(&path->hashes[i]);
	return PointerGetDatum(construct_array(hashes, path->count, BYTEAOID, -1,
										   false, TYPALIGN_INT));
}

/* log_root(size bigint) returns bytea: the root of the first so many leaves */
Datum
tl_log_root(PG_FUNCTION_ARGS)
{
	int64		size = PG_GETARG_INT64(0);
	TlPeaks		peaks;
	TlHash		root;

	SPI_connect();
	tl_read_peaks(size, tl_stored_node, tl_open_store(), &peaks);
	root = tl_peaks_root(&peaks);
	SPI_finish();
	PG_RETURN_DATUM(make_hash(&root));
}

/* The number of a leaf in the log, or -1 */
static int64
find_leaf(const TlPlace *place, TlStore *store)
{
	int64		number = tl_block_of(place);
	int			index;

	if (number < 0)
		return -1;
	index = tl_find_in_block(store, number, place);
	return index < 0 ? -1 : number * TL_BLOCK_LEAVES + index;
}

/*
 * log_block_of(booking_no bigint, kind text, id bigint, entry_no bigint)
 * returns bigint: the number of the last block that does not begin after this
 * place; -1 if there is none
 */
Datum
tl_log_block_of(PG_FUNCTION_ARGS)
{
	TlPlace		place = {.booking_no = PG_GETARG_INT64(0),
						 .id = PG_GETARG_INT64(2),
						 .entry_no = PG_GETARG_INT64(3)};
	int64		number;

	text_to_cstring_buffer(PG_GETARG_TEXT_PP(1), place.kind,
						   sizeof(place.kind));
	SPI_connect();
	number = tl_block_of(&place);
	SPI_finish();
	PG_RETURN_INT64(number);
}

/*
 * log_inclusion(booking_no bigint, kind text, id bigint, entry_no bigint,
 * size bigint, OUT index bigint, OUT path bytea[]): the number of a leaf in the
 * log, from 0, and what proves that it is in the tree of this size.  index is
 * null if the leaf is not in the log, path if it is not in that tree.
 */
Datum
tl_log_inclusion(PG_FUNCTION_ARGS)
{
	TlPlace		place = {.booking_no = PG_GETARG_INT64(0),
						 .id = PG_GETARG_INT64(2),
						 .entry_no = PG_GETARG_INT64(3)};
	int64		size = PG_GETARG_INT64(4);
	TlPath		path;
	TlStore    *store;
	TupleDesc	columns;
	int64		index;
	Datum		values[2] = {0};
	bool		nulls[2];

	if (get_call_result_type(fcinfo, NULL, &columns) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	text_to_cstring_buffer(PG_GETARG_TEXT_PP(1), place.kind,
						   sizeof(place.kind));
	SPI_connect();
	store = tl_open_store();
	index = find_leaf(&place, store);
	if (index >= 0 && index < size)
		tl_inclusion_path(index, size, tl_stored_node, store, &path);
	SPI_finish();

	nulls[0] = index < 0;
	nulls[1] = index < 0 || index >= size;
	values[0] = Int64GetDatum(index);
	if (!nulls[1])
		values[1] = make_path(&path);
	PG_RETURN_DATUM(HeapTupleGetDatum(
		heap_form_tuple(BlessTupleDesc(columns), values, nulls)));
}

/*
 * log_consistency(old_size bigint, size bigint) returns bytea[]: what proves
 * that the tree of the old size is the beginning of the other
 */
Datum
tl_log_consistency(PG_FUNCTION_ARGS)
{
	int64		old_size = PG_GETARG_INT64(0);
	int64		size = PG_GETARG_INT64(1);
	TlPath		path;

	if (old_size <= 0 || old_size > size)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a tree of " INT64_FORMAT " leaves begins with none of " INT64_FORMAT,
						size, old_size),
				 errhint("Call prove_consistency().")));
	SPI_connect();
	tl_consistency_path(old_size, size, tl_stored_node, tl_open_store(),
						&path);
	SPI_finish();
	PG_RETURN_DATUM(make_path(&path));
}

/* log_fold(hashes bytea[]) returns bytea: the root of a tree of these hashes */
Datum
tl_log_fold(PG_FUNCTION_ARGS)
{
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(0);
	TlPeaks		peaks = {0};
	TlHash		root;
	Datum	   *elements;
	bool	   *nulls;
	int			count;

	deconstruct_array(array, BYTEAOID, -1, false, TYPALIGN_INT, &elements,
					  &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		TlHash		hash;
		bytea	   *bytes;

		if (nulls[i])
			PG_RETURN_NULL();
		bytes = DatumGetByteaPP(elements[i]);
		if (VARSIZE_ANY_EXHDR(bytes) != TL_HASH_BYTES)
			PG_RETURN_NULL();
		memcpy(hash.bytes, VARDATA_ANY(bytes), TL_HASH_BYTES);
		tl_append_node(&peaks, 0, hash, NULL, NULL);
	}
	root = tl_peaks_root(&peaks);
	PG_RETURN_DATUM(make_hash(&root));
}
