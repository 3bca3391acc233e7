/*-------------------------------------------------------------------------
 *
 * store.h
 *		The log in its tables: places of leaves, blocks and nodes.
 *
 * Of 256 leaves each, a row of trainledger.log_block keeps the place of the
 * first, the hash of their node of level 8, and the first bytes of every leaf's
 * hash.  trainledger.log_node keeps the nodes of levels 16 and 24.  The hashes
 * of leaves are computed from the rows of the books when they are needed.
 *
 * All functions need a connection to SPI.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/log/store.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef TL_LOG_STORE_H
#define TL_LOG_STORE_H

#include "executor/spi.h"
#include "lib/stringinfo.h"

#include "log/tree.h"

#define TL_BLOCK_BITS		8
#define TL_BLOCK_LEAVES		(1 << TL_BLOCK_BITS)

/* Bytes of each leaf's hash that a block keeps, to tell which one changed */
#define TL_PREFIX_BYTES		4

/*
 * Where a leaf stands: leaves are in the order of these columns, kind compared
 * by its bytes.  An entry's key is (account_id, entry_no), an event's its id.
 */
typedef struct TlPlace
{
	int64		booking_no;
	char		kind[4];
	int64		id;				/* account_id of an entry */
	int64		entry_no;		/* 0 for an event */
} TlPlace;

typedef struct TlLeaf
{
	TlPlace		place;
	TlHash		hash;
} TlLeaf;

/* What log_block keeps of up to 256 leaves */
typedef struct TlBlock
{
	int64		number;
	TlPlace		first;
	TlPeaks		peaks;			/* of its leaves: one hash if it is full */
	uint8		prefixes[TL_BLOCK_LEAVES * TL_PREFIX_BYTES];
	StringInfoData names;		/* of leaves that are no entries */
} TlBlock;

/* One of the leaves in a block that are no entries: as names lists them */
typedef struct TlLeafName
{
	int			index;
	char		kind[3];
	int64		id;
} TlLeafName;

/* Numbers of bookings from one up to another, which is not among them */
typedef struct TlNumbers
{
	int64		from;
	int64		until;
} TlNumbers;

/* The leaves between two places, in their order */
typedef struct TlLeafReader
{
	/* set by the caller */
	int64		most;			/* end where there are more; 0: never */
	bool		needs_salts;	/* end where a party has none yet */
	bool		with_new;		/* see what the transaction has just made */

	bool		is_cut;			/* there were more */
	bool		is_saltless;	/* a party has none */
	TlNumbers  *own;			/* those of this log, in order; NULL: all */
	int			own_count;
	TlLeaf	   *leaves;
	int64		count;
	int64		room;			/* for so many */
	int64		next;
	bool		is_sorted;		/* as they came */
} TlLeafReader;

typedef struct TlStore TlStore;

/* store.c */
extern bool tl_last_block(TlBlock *block);
extern bool tl_find_block(int64 number, TlBlock *block);
extern int64 tl_block_of(const TlPlace *place);
extern void tl_save_block(const TlBlock *block, bool is_new);
extern void tl_add_leaf(TlBlock *block, const TlLeaf *leaf);
extern bool tl_next_name(const TlBlock *block, int *offset, TlLeafName *name);
extern void tl_save_node(int level, int64 number, const TlHash *hash);
extern TlStore *tl_open_store(void);
extern int	tl_find_in_block(TlStore *store, int64 number,
							 const TlPlace *place);
extern TlHash tl_stored_node(void *store, int level, int64 number);
extern void tl_end_of_log(TlPlace *place);

/* leaves.c */
extern TlNumbers *tl_own_numbers(int *count);
extern int	tl_compare_places(const TlPlace *a, const TlPlace *b);
extern void tl_open_leaves(TlLeafReader *reader, const TlPlace *from,
						   const TlPlace *until);
extern bool tl_open_block(TlLeafReader *reader, const TlPlace *from,
						  const TlPlace *until, bool has_events,
						  const TlPlace *near);
extern bool tl_next_leaf(TlLeafReader *reader, TlLeaf *leaf);
extern void tl_close_leaves(TlLeafReader *reader);
extern void tl_read_place(const Datum *values, TlPlace *place);

#endif							/* TL_LOG_STORE_H */
