/*-------------------------------------------------------------------------
 *
 * ledger.c
 *		The rules of posting (contract, section 6): duplicates, idempotency
 *		keys, openings, and the order in which a request is refused (section
 *		4).  check.c has what a request must hold.
 *
 * Postings use optimistic concurrency.  A posting reads the account, looks for
 * a duplicate in the same snapshot, checks the request, and updates the account
 * only if it has not changed since it was read.  If another posting was first,
 * this one locks the account's row and starts again.  So a check is never out
 * of date, and of two equal requests that race, one is found to be a duplicate;
 * neither violates a unique index.  No subtransaction is needed.
 *
 * Under REPEATABLE READ and SERIALIZABLE, losing the race raises 40001, as for
 * any UPDATE.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/ledger/ledger.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

#include "ledger/ledger.h"
#include "ledger/rows.h"

/*
 * An opening can lose three races, each once: to another opening with the same
 * key, to the default type's creation, and to another opening of the account.
 */
#define MAX_LOST_OPENINGS	3

/* ---------------------------------------------------------------------
 * Refusals shared by single postings and batches
 * ---------------------------------------------------------------------
 */

static bool
check_home(int64 id, const char *argument, TlRefusal *refusal)
{
	return tl_keeps_home(id) || tl_refuse_home(refusal, id, argument);
}

/*
 * Check that an account was found (TL404) and that this database keeps it
 * (TL058).  Where it was not found, its id says whose home it is of.
 */
bool
tl_check_found(bool found, int64 account_id, const TlAccount *account,
			   TlRefusal *refusal)
{
	return check_home(found ? account->party_id : account_id, "account_id",
					  refusal) &&
		(found ||
		 tl_refuse(refusal, TL_NOT_FOUND, "account_id", "account not found",
				   "Look the id up in trainledger.account.",
				   "There is no account %lld.", (long long) account_id));
}

bool
tl_refuse_lot(TlRefusal *refusal, int64 account_id)
{
	return tl_refuse(refusal, TL_CONFLICT, "account_id",
					 "account is a lot of training tokens",
					 "Use adjust_training_tokens, redeem_training_tokens and their like.",
					 "Account %lld is not a credit account.",
					 (long long) account_id);
}

static bool
refuse_used_key(TlRefusal *refusal, const char *detail)
{
	return tl_refuse(refusal, TL_KEY_REUSED, "idempotency_key",
					 "idempotency key was used for a different request",
					 "Use a new key for a new request, and the same request to repeat one.",
					 "%s", detail);
}

bool
tl_refuse_key(TlRefusal *refusal, const TlEntry *entry)
{
	return refuse_used_key(refusal,
						   psprintf("The key belongs to entry %lld of account %lld.",
									(long long) entry->entry_no,
									(long long) entry->account_id));
}

static bool
refuse_party(TlRefusal *refusal, int64 party_id)
{
	return tl_refuse(refusal, TL_NOT_FOUND, "party_id", "party not found",
					 "Look the id up in trainledger.party.",
					 "There is no party %lld.", (long long) party_id);
}

static bool
refuse_type_name(TlRefusal *refusal, text *name, const char *hint)
{
	return tl_refuse(refusal, TL_NOT_FOUND, "token_type", "token type not found",
					 hint,
					 "There is no credit token type \"%s\".",
					 text_to_cstring(name));
}

/* ---------------------------------------------------------------------
 * One attempt: true if the entry is booked, now or earlier with the same key
 * ---------------------------------------------------------------------
 */

/* Set as sqlerrcode by an attempt that lost a race and must be repeated */
#define LOST	ERRCODE_T_R_SERIALIZATION_FAILURE

static bool
lose(TlRefusal *refusal)
{
	refusal->sqlerrcode = LOST;
	return false;
}

/*
 * The key was used before: return that entry if it is the same request, else
 * refuse (TL422).
 */
bool
tl_replay_key(bool rounds, const TlEntry *first, TlEntry *entry,
			  TlRefusal *refusal)
{
	if (rounds && tl_same_request(entry, first))
	{
		*entry = *first;
		entry->is_replay = true;
		return true;
	}
	return tl_refuse_key(refusal, first);
}

/* Fill an entry from its request; account, numbers and balance follow later. */
void
tl_start_entry(const TlRequest *request, TlAmount delta, TlEntry *entry)
{
	memset(entry, 0, sizeof(*entry));
	entry->operation = request->operation;
	entry->delta = delta;
	entry->has_recorded_at = request->has_recorded_at;
	entry->recorded_at = request->recorded_at;
	if (request->has_key)
	{
		entry->has_dedup = true;
		entry->dedup = request->key;
		entry->keyed_call = request->call;
	}
	entry->source = request->source;
	entry->description = request->description;
	entry->device = request->device;
	entry->booked_by = request->booked_by;
}

/* Post to an existing account. */
static bool
attempt_on_account(TlBooks *books, const TlRequest *request,
				   const TlAccount *account, const TlTokenType *type,
				   TlEntry *entry, TlRefusal *refusal)
{
	TlEntry		first;
	TlAccount	after = *account;
	const TlAccount *accounts[] = {&after};
	TlEntry    *entries[] = {entry};
	TlAmount	delta = 0;
	bool		rounds = tl_round_request(request, type->scale, &delta,
										  refusal);
	bool		is_suspended;

	tl_start_entry(request, delta, entry);
	entry->account_id = account->id;
	if (request->has_key &&
		tl_read_dedup(books, &request->key, account->id, &first))
		return tl_replay_key(rounds, &first, entry, refusal);
	if (!rounds)
		return false;

	if (request->operation == TL_OP_INIT)
		return tl_refuse(refusal, TL_ALREADY_INITIALISED, "account_name",
						 "account already initialised",
						 "Use add or subtract.",
						 "Account %lld has %lld entries.",
						 (long long) account->id,
						 (long long) account->entry_count);

	if (!request->has_key && request->has_recorded_at)
	{
		if (tl_is_duplicate(books, NULL, entry, refusal))
			return false;
		entry->has_dedup = true;
	}

	if (account->is_lot)
		return tl_refuse_lot(refusal, account->id);
	is_suspended = delta > 0 && tl_is_suspended(books, account->party_id);
	if (!tl_check_acquire(type, account->party_id, delta > 0, is_suspended,
						  refusal) ||
		!tl_check_bounds(request, type, &after, delta, &entry->balance,
					  refusal) ||
		!tl_check_expected(request, type->scale, entry->balance, refusal))
		return false;

	entry->entry_no = ++after.entry_count;
	entry->created_at = Max(request->now, account->last_entry_at);
	after.balance = entry->balance;
	after.held -= request->freed;
	after.last_entry_at = entry->created_at;
	return tl_write_postings(books, accounts, 1, entries, 1) == 1 ||
		lose(refusal);
}

/*
 * Whether a party has not used this key before.  The target account does not
 * exist yet, so a used key belongs to a different request (contract, section
 * 4), which is refused.
 */
static bool
is_new_key(TlBooks *books, const pg_uuid_t *key, int64 party_id,
		   TlRefusal *refusal)
{
	TlEntry		first;
	const char *call;

	if (tl_read_party_key(books, key, party_id, &first))
		return tl_refuse_key(refusal, &first);
	call = tl_read_party_request(key, party_id);
	return call == NULL ||
		refuse_used_key(refusal, psprintf("The key was used for %s.", call));
}

/*
 * Keep the key of an opening with the party's others, in whose index two calls
 * with the same key meet.  The account is written by then, so a key that was
 * used meanwhile is an error at once.
 */
static void
keep_key(const TlRequest *request, int64 party_id)
{
	char	   *call;

	if (tl_write_party_key(&request->key, party_id, request->now))
		return;
	PushActiveSnapshot(GetLatestSnapshot());
	call = tl_read_party_request(&request->key, party_id);
	PopActiveSnapshot();
	if (call == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION),
				 errmsg("no row was inserted into party_request"),
				 errdetail("No other row was in its way."),
				 errhint("Look for a trigger, a rule or forced row security on trainledger.party_request.")));
	refuse_used_key(NULL, psprintf("The key was used for %s.", call));
}

/*
 * Post for a party that does not have the account: only an opening can
 * succeed.  If type is NULL, the default type is created too.
 */
static bool
attempt_without_account(TlBooks *books, const TlRequest *request,
						const TlTarget *target, const TlTokenType *type,
						TlEntry *entry, TlRefusal *refusal)
{
	TlTokenType default_type = {
		.scale = 2,
		.is_active = true,
		.lower = TL_AMOUNT_MIN,
		.upper = TL_AMOUNT_MAX,
		.lower_inclusive = true,
		.upper_inclusive = true,
	};
	const TlTokenType *used = type ? type : &default_type;
	TlAmount	delta = 0;
	pg_uuid_t	type_id = used->id;
	bool		rounds = tl_round_request(request, used->scale, &delta,
										  refusal);
	bool		is_suspended;

	if (!tl_read_party(books, target->party_id, &is_suspended))
		return refuse_party(refusal, target->party_id);
	if (!check_home(target->party_id, "party_id", refusal))
		return false;
	if (request->has_key &&
		!is_new_key(books, &request->key, target->party_id, refusal))
		return false;
	if (!rounds)
		return false;
	if (request->operation != TL_OP_INIT)
		return tl_refuse(refusal, TL_NOT_INITIALISED, "account_name",
						 "account not initialised",
						 "Initialise the account first.",
						 "Party %lld has no account \"%s\" of token type \"%s\".",
						 (long long) target->party_id,
						 text_to_cstring(target->account_name),
						 text_to_cstring(target->type_name));

	tl_start_entry(request, delta, entry);
	if (!tl_check_acquire(used, target->party_id, true, is_suspended, refusal))
		return false;
	if (used->is_archived)
		return tl_refuse(refusal, TL_CONFLICT, "token_type", "token type is archived",
						 "Use a token type that is not archived.",
						 "Token type \"%s\" is archived: no new account is opened.",
						 text_to_cstring(target->type_name));
	entry->balance = delta;
	if (!tl_check_opening(used, delta, refusal) ||
		!tl_check_expected(request, used->scale, entry->balance, refusal))
		return false;

	/* last refusal is above: a refused request must not have written */
	if (type == NULL && !tl_write_default_type(request->now, &type_id))
		return lose(refusal);
	entry->entry_no = 1;
	entry->created_at = request->now;
	if (!tl_write_account(entry, target, &type_id))
		return lose(refusal);
	if (request->has_key)
		keep_key(request, target->party_id);
	return true;
}

static bool
is_default_name(const text *name)
{
	return VARSIZE_ANY_EXHDR(name) == 7 &&
		memcmp(VARDATA_ANY(name), "default", 7) == 0;
}

/* The token type that an account's foreign key refers to is missing. */
void
tl_refuse_without_type(int64 account_id)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("account %lld has no token type", (long long) account_id),
			 errdetail("trainledger.token_type does not have the type of the account."),
			 errhint("If the table was replaced, put it back; else restore the row from a backup.")));
}

static bool
attempt_posting(TlBooks *books, const TlRequest *request,
				const TlTarget *target, int64 *account_id, TlEntry *entry,
				TlRefusal *refusal)
{
	TlAccount	account;
	TlTokenType type;

	if (target->by_id)
	{
		bool		found = tl_read_account(books, target->account_id,
											&account);

		if (!tl_check_found(found, target->account_id, &account, refusal))
			return false;
		if (!tl_read_type(books, &account.token_type_id, &type))
			tl_refuse_without_type(account.id);
	}
	else
	{
		if (!tl_read_credit_type(books, target->type_name, &type))
		{
			const char *hint = "Look the name up in trainledger.token_type.";
			bool		ignored;

			if (is_default_name(target->type_name))
			{
				if (tl_keeps_all_homes())
					return attempt_without_account(books, request, target,
												   NULL, entry, refusal);
				hint = "Make it with add_credit_token_type: it makes itself only where all homes are kept.";
			}
			if (!tl_read_party(books, target->party_id, &ignored))
				return refuse_party(refusal, target->party_id);
			return refuse_type_name(refusal, target->type_name, hint);
		}
		if (!tl_read_named_account(books, target->party_id, &type.id,
								   target->account_name, &account))
			return attempt_without_account(books, request, target, &type,
										   entry, refusal);
		if (!check_home(account.party_id, "party_id", refusal))
			return false;
	}

	*account_id = account.id;
	return attempt_on_account(books, request, &account, &type, entry, refusal);
}

/*
 * No other opening caused the conflict: a trigger or rule suppressed the
 * INSERT, or the id is taken.
 */
void
tl_refuse_opening(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION),
			 errmsg("account was not opened"),
			 errdetail("No other account was in its way."),
			 errhint("Look for a trigger, a rule or forced row security on trainledger.account or trainledger.token_type, or a sequence trainledger.account_id_seq that was set back.")));
}

/*
 * Book a request that has passed tl_check_request().  Must run as the owner of
 * the extension.  True: *entry is the new entry, or that of the first request
 * with this key.  False: *refusal says why, and no entry was written.
 */
bool
tl_ledger_post(const TlRequest *request, const TlTarget *target,
			   TlEntry *entry, TlRefusal *refusal)
{
	TlBooks		books;
	bool		booked;
	bool		fresh;			/* use a new snapshot, not the statement's */
	int64		account_id = 0;
	int64		locked_id = 0;
	int			lost_openings = 0;

	tl_books_open(&books, true);
	fresh = books.is_changed;
	for (;;)
	{
		CHECK_FOR_INTERRUPTS();

		/*
		 * Try the statement's own snapshot first, because it is cheaper.  A
		 * refusal is repeated with a new one: the old may be out of date.
		 */
		tl_books_push_snapshot(fresh);
		booked = attempt_posting(&books, request, target, &account_id,
								  entry, refusal);
		PopActiveSnapshot();

		if (!booked && refusal->sqlerrcode == LOST)
		{
			if (IsolationUsesXactSnapshot())
				ereport(ERROR,
						(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
						 errmsg("could not serialize access due to concurrent update")));

			/* queue for the row, or postings to a hot account starve */
			if (account_id != 0)
			{
				tl_lock_account(account_id, locked_id);
				locked_id = account_id;
			}
			else if (++lost_openings > MAX_LOST_OPENINGS)
				tl_refuse_opening();
		}
		else if (booked || fresh || IsolationUsesXactSnapshot())
			break;
		fresh = true;
	}
	tl_books_close(&books);
	return booked;
}
