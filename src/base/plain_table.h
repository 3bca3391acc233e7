/*-------------------------------------------------------------------------
 *
 * plain_table.h
 *		Whether rows of a table may be written without SQL.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/base/plain_table.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef TL_PLAIN_TABLE_H
#define TL_PLAIN_TABLE_H

#include "nodes/execnodes.h"
#include "nodes/parsenodes.h"
#include "utils/rel.h"

#include "base/trainledger.h"

/* What the executor needs to maintain the indexes of a table */
typedef struct TlIndexes
{
	EState	   *estate;
	ResultRelInfo *info;
} TlIndexes;

extern bool tl_is_plain_table(Relation table);
extern bool tl_is_plain_column(TupleDesc columns, AttrNumber number,
							   bool optional);
extern int	tl_count_columns(TupleDesc columns);
extern bool tl_insert_fires_nothing(Relation table);
extern bool tl_may_write(Relation table, AclMode rights);
extern TlIndexes tl_open_indexes(Relation table);
extern void tl_close_indexes(TlIndexes *indexes);

#endif							/* TL_PLAIN_TABLE_H */
