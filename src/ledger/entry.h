/*-------------------------------------------------------------------------
 *
 * entry.h
 *		An entry as a row and a row as an entry.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/ledger/entry.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef TL_ENTRY_H
#define TL_ENTRY_H

#include "executor/tuptable.h"

#include "ledger/posting.h"


extern void tl_take_entry(TupleTableSlot *slot, TlEntry *entry);
extern void tl_take_entry_list(const Datum *values, const bool *nulls,
							   TlEntry *entry);
extern int	tl_entry_list(const TlEntry *entry, Datum *values, bool *nulls);
extern void tl_entry_values(const TlEntry *entry, TlRelation relation,
							int column_count, Datum *values, bool *nulls);
extern Datum tl_entry_datum(const TlEntry *entry);

#endif							/* TL_ENTRY_H */
