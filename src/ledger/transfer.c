/*-------------------------------------------------------------------------
 *
 * transfer.c
 *		Transfers of tokens from one credit account to another of the same type
 *		(contract, section 6).
 *
 * A transfer is two postings that are booked together or not at all, checked
 * and written as ledger.c does it for one.  Accounts are updated in the order
 * of their ids, so transfers in opposite directions cannot deadlock.  Both
 * entries have the same time, so at any instant the accounts together have what
 * they had before.
 *
 * If the second account has changed since it was read, the first is updated
 * already.  The next attempt starts again from the balance before that and
 * updates it once more, in the same transaction.  Meanwhile nobody else can
 * post to the first account, so it cannot happen that the same transfer is then
 * found to be booked: it would have updated the first account too.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/ledger/transfer.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "ledger/ledger.h"
#include "ledger/rows.h"

/* One of the two accounts of a transfer, and its entry */
typedef struct Side
{
	const char *argument;		/* names the account in a refusal */
	int64		id;
	TlAccount	account;
	TlEntry    *entry;
	bool		is_updated;		/* by an attempt that was lost later */
} Side;

typedef struct Transfer
{
	const TlRequest *request;
	Side		from;
	Side		to;
	TlTokenType type;
} Transfer;

/* Blame an argument for a refusal, in place of the engine's. */
static bool
blame(TlRefusal *refusal, const char *argument)
{
	refusal->argument = argument;
	return false;
}

/* Read the account of a side, as it was before an attempt that was lost. */
static bool
read_side(TlBooks *books, Side *side, TlRefusal *refusal)
{
	bool		found = tl_read_account(books, side->id, &side->account);

	if (!tl_check_found(found, side->id, &side->account, refusal))
		return blame(refusal, side->argument);
	if (side->is_updated)
	{
		side->account.balance -= side->entry->delta;
		side->account.entry_count--;
	}
	return true;
}

/* Fill in what both entries have in common. */
static void
start_side(const Transfer *transfer, Side *side, const Side *other,
		   TlAmount delta)
{
	tl_start_entry(transfer->request, delta, side->entry);
	side->entry->account_id = side->id;
	side->entry->has_other_account = true;
	side->entry->other_account_id = other->id;
}

/* The key was used before: return both entries, or refuse (TL422). */
static bool
replay(Transfer *transfer, bool rounds, const TlEntry *first,
	   TlRefusal *refusal)
{
	TlEntry    *to_entry = transfer->to.entry;

	if (!tl_replay_key(rounds, first, transfer->from.entry, refusal))
		return false;
	if (transfer->from.is_updated || transfer->to.is_updated ||
		!tl_read_received(first, to_entry))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("transfer has one entry only"),
				 errdetail("Entry %lld of account %lld has none on account %lld.",
						   (long long) first->entry_no,
						   (long long) first->account_id,
						   (long long) transfer->to.id),
				 errhint("Look for what reconcile() reports.")));
	to_entry->is_replay = true;
	return true;
}

/* Check what the accounts, their type and the receiver allow. */
static bool
check_accounts(Transfer *transfer, TlBooks *books, TlRefusal *refusal)
{
	Side	   *from = &transfer->from;
	Side	   *to = &transfer->to;
	bool		is_suspended;

	if (from->account.is_lot || to->account.is_lot)
	{
		const Side *lot = from->account.is_lot ? from : to;

		tl_refuse_lot(refusal, lot->id);
		return blame(refusal, lot->argument);
	}
	if (memcmp(&from->account.token_type_id, &to->account.token_type_id,
			   UUID_LEN) != 0)
		return tl_refuse(refusal, TL_CONFLICT, to->argument,
						 "accounts have different token types",
						 "Transfer between accounts of one token type.",
						 "Accounts %lld and %lld are not of one type.",
						 (long long) from->id, (long long) to->id);
	is_suspended = tl_is_suspended(books, to->account.party_id);
	if (!tl_check_acquire(&transfer->type, to->account.party_id, true,
						  is_suspended, refusal))
		return blame(refusal, transfer->type.is_active ? to->argument :
														 from->argument);
	return tl_check_within(&transfer->type, &from->account,
						   from->entry->delta, &from->entry->balance,
						   refusal) &&
		tl_check_within(&transfer->type, &to->account, to->entry->delta,
						&to->entry->balance, refusal);
}

/*
 * Write both sides.  Returns NULL, or the side that has changed since it was
 * read.
 */
static Side *
write_sides(Transfer *transfer, TlBooks *books)
{
	bool		ascends = transfer->from.id < transfer->to.id;
	Side	   *sides[] = {
		ascends ? &transfer->from : &transfer->to,
		ascends ? &transfer->to : &transfer->from,
	};
	const TlAccount *accounts[] = {&sides[0]->account, &sides[1]->account};
	TlEntry    *entries[] = {sides[0]->entry, sides[1]->entry};
	TimestampTz now = Max(transfer->request->now,
						  Max(accounts[0]->last_entry_at,
							  accounts[1]->last_entry_at));
	int			written;

	for (int i = 0; i < 2; i++)
	{
		TlAccount  *account = &sides[i]->account;

		account->balance = entries[i]->balance;
		account->last_entry_at = entries[i]->created_at = now;
		entries[i]->entry_no = ++account->entry_count;
	}
	written = tl_write_postings(books, accounts, 2, entries, 2);
	sides[0]->is_updated |= written > 0;
	sides[1]->is_updated |= written > 1;
	return written > 1 ? NULL : sides[written > 0 ? 1 : 0];
}

/*
 * One attempt: true if the transfer is booked, now or earlier with the same
 * key.  *lost is set to the side that somebody else has changed.
 */
static bool
attempt(Transfer *transfer, TlBooks *books, Side **lost, TlRefusal *refusal)
{
	const TlRequest *request = transfer->request;
	Side	   *from = &transfer->from;
	Side	   *to = &transfer->to;
	TlEntry		first;
	TlAmount	amount = 0;
	bool		rounds;

	*lost = NULL;
	if (!read_side(books, from, refusal) || !read_side(books, to, refusal))
		return false;
	if (!tl_read_type(books, &from->account.token_type_id, &transfer->type))
		tl_refuse_without_type(from->id);

	rounds = tl_round_request(request, transfer->type.scale, &amount, refusal);
	start_side(transfer, from, to, -amount);
	start_side(transfer, to, from, amount);
	to->entry->has_dedup = false;
	to->entry->keyed_call = 0;
	if (request->has_key &&
		tl_read_dedup(books, &request->key, from->id, &first))
		return replay(transfer, rounds, &first, refusal);
	if (!rounds)
		return false;
	if (!request->has_key && request->has_recorded_at)
	{
		if (tl_is_duplicate(books, NULL, from->entry, refusal))
			return false;
		from->entry->has_dedup = true;
	}
	if (!check_accounts(transfer, books, refusal))
		return false;
	*lost = write_sides(transfer, books);
	return *lost == NULL;
}

/* Somebody else was faster: wait for the account, or fail with 40001. */
static void
wait_for(const Side *lost, int64 *locked_id)
{
	if (IsolationUsesXactSnapshot())
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("could not serialize access due to concurrent update")));
	tl_lock_account(lost->id, *locked_id);
	*locked_id = lost->id;
}

/*
 * Book a transfer that has passed tl_check_request().  Must run as the owner of
 * the extension.  False: *refusal says why, and the caller must raise it,
 * because one account may have been written.
 */
bool
tl_ledger_transfer(const TlRequest *request, int64 from_id, int64 to_id,
				   TlEntry *from_entry, TlEntry *to_entry, TlRefusal *refusal)
{
	Transfer	transfer = {
		.request = request,
		.from = {
			.argument = "from_account_id",
			.id = from_id,
			.entry = from_entry,
		},
		.to = {.argument = "to_account_id", .id = to_id, .entry = to_entry},
	};
	TlBooks		books;
	bool		booked;
	bool		fresh;			/* use a new snapshot, not the statement's */
	int64		locked_id = 0;
	Side	   *lost;

	tl_books_open(&books, true);
	fresh = books.is_changed;
	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		tl_books_push_snapshot(fresh);
		booked = attempt(&transfer, &books, &lost, refusal);
		PopActiveSnapshot();
		if (lost != NULL)
			wait_for(lost, &locked_id);
		else if (booked || fresh || IsolationUsesXactSnapshot())
			break;
		fresh = true;
	}
	tl_books_close(&books);
	return booked;
}
