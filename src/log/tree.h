/*-------------------------------------------------------------------------
 *
 * tree.h
 *		The Merkle tree of the log: hashes and shape (RFC 6962, section 2.1).
 *		Knows nothing of tables.
 *
 * A node is named by its level, 0 for leaves, and its number in that level.
 * Node n of level l stands for the leaves from n * 2^l on, and is complete once
 * all 2^l of them are there; then its hash never changes.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/log/tree.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef TL_LOG_TREE_H
#define TL_LOG_TREE_H

#include "postgres.h"

#define TL_HASH_BYTES		32

typedef struct TlHash
{
	uint8		bytes[TL_HASH_BYTES];
} TlHash;

/* Trees have fewer than 2^62 leaves, so a path has fewer hashes than this. */
#define TL_TREE_LEVELS		64

/*
 * The complete nodes that make up a tree, from the largest to the smallest: one
 * for each bit of its size.  A leaf can be appended, and the root computed,
 * from these alone.
 */
typedef struct TlPeaks
{
	int64		size;			/* leaves */
	int			count;
	TlHash		hashes[TL_TREE_LEVELS];
} TlPeaks;

/* Called with every complete node that an append makes, or NULL */
typedef void (*TlNodeMade)(void *context, int level, int64 number,
						   const TlHash *hash);

/* Returns the hash of a complete node */
typedef TlHash (*TlReadNode)(void *context, int level, int64 number);

/* Hashes of a proof, in its order */
typedef struct TlPath
{
	int			count;
	TlHash		hashes[TL_TREE_LEVELS];
} TlPath;

extern TlHash tl_sha256(const uint8 *first, size_t first_length,
						const void *second, size_t second_length);
extern TlHash tl_leaf_hash(const char *leaf, size_t length);
extern TlHash tl_node_hash(const TlHash *left, const TlHash *right);

static inline bool
tl_same_hash(const TlHash *a, const TlHash *b)
{
	return memcmp(a, b, sizeof(TlHash)) == 0;
}

extern void tl_append_node(TlPeaks *peaks, int level, TlHash hash,
						   TlNodeMade made, void *context);
extern TlHash tl_peaks_root(const TlPeaks *peaks);

extern void tl_read_peaks(int64 size, TlReadNode read, void *context,
						  TlPeaks *peaks);
extern void tl_inclusion_path(int64 leaf, int64 size, TlReadNode read,
							  void *context, TlPath *path);
extern void tl_consistency_path(int64 old_size, int64 size, TlReadNode read,
								void *context, TlPath *path);

#endif							/* TL_LOG_TREE_H */
