/*-------------------------------------------------------------------------
 *
 * direct.h
 *		Writing postings without SQL.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/ledger/direct.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef TL_DIRECT_H
#define TL_DIRECT_H

#include "ledger/books.h"
#include "ledger/posting.h"


extern bool tl_direct_applies(const TlBooks *books);
extern int	tl_direct_write(TlBooks *books, const TlAccount *const *accounts,
							int account_count, TlEntry *const *entries,
							int entry_count);

#endif							/* TL_DIRECT_H */
