/*-------------------------------------------------------------------------
 *
 * tree.c
 *		The Merkle tree of the log: hashes, appending, roots and proofs
 *		(RFC 6962, sections 2.1 to 2.1.2).
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/log/tree.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <openssl/evp.h>

#include "port/pg_bitutils.h"

#include "log/tree.h"

/* ---------------------------------------------------------------------
 * Hashes
 * ---------------------------------------------------------------------
 */

/*
 * SHA-256 of two pieces, one after the other.  The context is kept for the
 * session: making one costs as much as a short digest.
 */
TlHash
tl_sha256(const uint8 *first, size_t first_length,
		  const void *second, size_t second_length)
{
	static EVP_MD_CTX *context = NULL;
	static EVP_MD *sha256 = NULL;
	TlHash		hash;

	if (sha256 == NULL)
		sha256 = EVP_MD_fetch(NULL, "SHA2-256", NULL);
	if (context == NULL)
		context = EVP_MD_CTX_new();
	if (sha256 == NULL || context == NULL ||
		!EVP_DigestInit_ex2(context, sha256, NULL) ||
		!EVP_DigestUpdate(context, first, first_length) ||
		!EVP_DigestUpdate(context, second, second_length) ||
		!EVP_DigestFinal_ex(context, hash.bytes, NULL))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not compute a SHA-256 digest")));
	return hash;
}

TlHash
tl_leaf_hash(const char *leaf, size_t length)
{
	static const uint8 prefix = 0x00;

	return tl_sha256(&prefix, 1, leaf, length);
}

TlHash
tl_node_hash(const TlHash *left, const TlHash *right)
{
	uint8		head[1 + TL_HASH_BYTES];

	head[0] = 0x01;
	memcpy(head + 1, left->bytes, TL_HASH_BYTES);
	return tl_sha256(head, sizeof(head), right->bytes, TL_HASH_BYTES);
}

/* ---------------------------------------------------------------------
 * Appending
 * ---------------------------------------------------------------------
 */

/*
 * Append a complete node of so many levels at the end of the tree.  It joins
 * with its left neighbour as long as that is as large.  The tree's size must be
 * a multiple of the node's.
 */
void
tl_append_node(TlPeaks *peaks, int level, TlHash hash, TlNodeMade made,
			   void *context)
{
	int64		number = peaks->size >> level;

	Assert((number << level) == peaks->size);
	peaks->size += INT64CONST(1) << level;
	if (made != NULL)
		made(context, level, number, &hash);
	while (number & 1)
	{
		hash = tl_node_hash(&peaks->hashes[--peaks->count], &hash);
		number >>= 1;
		level++;
		if (made != NULL)
			made(context, level, number, &hash);
	}
	peaks->hashes[peaks->count++] = hash;
}

/* The root of the tree; of an empty one the digest of nothing */
TlHash
tl_peaks_root(const TlPeaks *peaks)
{
	TlHash		root;

	if (peaks->count == 0)
		return tl_sha256(NULL, 0, NULL, 0);
	root = peaks->hashes[peaks->count - 1];
	for (int i = peaks->count - 2; i >= 0; i--)
		root = tl_node_hash(&peaks->hashes[i], &root);
	return root;
}

/* ---------------------------------------------------------------------
 * Reading
 * ---------------------------------------------------------------------
 */

/* The peaks of the first so many leaves of a tree */
void
tl_read_peaks(int64 size, TlReadNode read, void *context, TlPeaks *peaks)
{
	int64		start = 0;

	peaks->size = size;
	peaks->count = 0;
	while (start < size)
	{
		int			level = pg_leftmost_one_pos64(size - start);

		peaks->hashes[peaks->count++] = read(context, level, start >> level);
		start += INT64CONST(1) << level;
	}
}

/* The hash of the leaves from start up to end, of which start is aligned */
static TlHash
read_range(int64 start, int64 end, TlReadNode read, void *context)
{
	TlHash		hashes[TL_TREE_LEVELS];
	int			count = 0;

	while (start < end)
	{
		int			level = pg_leftmost_one_pos64(end - start);

		hashes[count++] = read(context, level, start >> level);
		start += INT64CONST(1) << level;
	}
	for (; count > 1; count--)
		hashes[count - 2] = tl_node_hash(&hashes[count - 2],
										 &hashes[count - 1]);
	return hashes[0];
}

/*
 * Where a tree of the leaves from start up to end is parted: the left part is
 * the largest power of two that is less than the whole.
 */
static int64
middle(int64 start, int64 end)
{
	return start + (INT64CONST(1) << pg_leftmost_one_pos64(end - start - 1));
}

static void
reverse(TlPath *path)
{
	for (int i = 0, j = path->count - 1; i < j; i++, j--)
	{
		TlHash		kept = path->hashes[i];

		path->hashes[i] = path->hashes[j];
		path->hashes[j] = kept;
	}
}

/* What proves that a leaf is in the tree of this size, from the leaf upwards */
void
tl_inclusion_path(int64 leaf, int64 size, TlReadNode read, void *context,
				  TlPath *path)
{
	int64		start = 0;
	int64		end = size;

	path->count = 0;
	while (end - start > 1)
	{
		int64		parted = middle(start, end);
		bool		is_left = leaf < parted;

		path->hashes[path->count++] =
			is_left ? read_range(parted, end, read, context) :
					  read_range(start, parted, read, context);
		if (is_left)
			end = parted;
		else
			start = parted;
	}
	reverse(path);
}

/*
 * What proves that the tree of the old size is the beginning of the tree of
 * this size.  The old size is neither 0 nor larger.
 */
void
tl_consistency_path(int64 old_size, int64 size, TlReadNode read, void *context,
					TlPath *path)
{
	int64		start = 0;
	int64		end = size;

	path->count = 0;
	while (old_size != end)
	{
		int64		parted = middle(start, end);
		bool		is_left = old_size <= parted;

		path->hashes[path->count++] =
			is_left ? read_range(parted, end, read, context) :
					  read_range(start, parted, read, context);
		if (is_left)
			end = parted;
		else
			start = parted;
	}
	/* whoever checks has the root of the old tree, if that is one node */
	if (start > 0)
		path->hashes[path->count++] = read_range(start, end, read, context);
	reverse(path);
}
