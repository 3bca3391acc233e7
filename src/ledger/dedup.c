/*-------------------------------------------------------------------------
 *
 * dedup.c
 *		Detection of repeated requests by idempotency key or fingerprint
 *		(contract, section 4).
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/ledger/dedup.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <openssl/evp.h>

#include "miscadmin.h"
#include "port/pg_bswap.h"
#include "utils/hsearch.h"

#include "ledger/ledger.h"
#include "ledger/rows.h"

/* Keys and fingerprints of the entries that a batch has booked so far */
typedef struct DedupKey
{
	pg_uuid_t	dedup;
	int64		account_id;
} DedupKey;

typedef struct DedupEntry
{
	DedupKey	key;			/* must be first */
	const TlEntry *entry;
} DedupEntry;

/*
 * Make a hash table of a batch's keys and fingerprints, in the current memory
 * context, for tl_find_dedup() and tl_is_duplicate().
 */
HTAB *
tl_make_dedups(int count)
{
	HASHCTL		control = {
		.keysize = sizeof(DedupKey),
		.entrysize = sizeof(DedupEntry),
		.hcxt = CurrentMemoryContext,
	};

	return hash_create("trainledger batch", count + 1, &control,
					   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

void
tl_remember_dedup(HTAB *batch, const TlEntry *entry)
{
	DedupKey	key = {.dedup = entry->dedup, .account_id = entry->account_id};
	DedupEntry *made = hash_search(batch, &key, HASH_ENTER, NULL);

	made->entry = entry;
}

/*
 * Find the entry of the same account with the same key or fingerprint, first in
 * the batch (NULL if there is no batch), then in the table.  An entry from the
 * table is put into *stored.  Returns NULL if there is none.
 */
const TlEntry *
tl_find_dedup(TlBooks *books, HTAB *batch, const TlEntry *entry,
			  TlEntry *stored)
{
	const pg_uuid_t *dedup = &entry->dedup;
	int64		account_id = entry->account_id;

	if (batch != NULL)
	{
		DedupKey	key = {.dedup = *dedup, .account_id = account_id};
		DedupEntry *found = hash_search(batch, &key, HASH_FIND, NULL);

		if (found != NULL)
			return found->entry;
	}
	return tl_read_dedup(books, dedup, account_id, stored) ? stored : NULL;
}

static bool
same_text(const text *a, const text *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return VARSIZE_ANY_EXHDR(a) == VARSIZE_ANY_EXHDR(b) &&
		memcmp(VARDATA_ANY(a), VARDATA_ANY(b), VARSIZE_ANY_EXHDR(a)) == 0;
}

static bool
same_texts(const TlEntry *asked, const TlEntry *booked)
{
	return same_text(asked->source, booked->source) &&
		same_text(asked->description, booked->description) &&
		same_text(asked->device, booked->device);
}

/*
 * Whether a requested entry equals the request of a booked one.  Where texts
 * were emptied, what is left counts.
 */
bool
tl_same_request(const TlEntry *asked, const TlEntry *booked)
{
	return asked->keyed_call == booked->keyed_call &&
		asked->operation == booked->operation &&
		asked->delta == booked->delta &&
		asked->has_other_account == booked->has_other_account &&
		asked->other_account_id == booked->other_account_id &&
		asked->has_recorded_at == booked->has_recorded_at &&
		(!asked->has_recorded_at ||
		 asked->recorded_at == booked->recorded_at) &&
		(same_texts(asked, booked) || tl_is_redacted(booked));
}

static void
digest_number(EVP_MD_CTX *context, int64 number)
{
	uint64		bytes = pg_hton64((uint64) number);

	EVP_DigestUpdate(context, &bytes, sizeof(bytes));
}

/* The length comes first, so different lists of texts give different bytes. */
static void
digest_text(EVP_MD_CTX *context, const text *value)
{
	digest_number(context, value ? (int64) VARSIZE_ANY_EXHDR(value) : -1);
	if (value)
		EVP_DigestUpdate(context, VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
}

/*
 * Set entry->dedup to the fingerprint of its request, by which a duplicate is
 * found: 48 bits of recorded_at in milliseconds since 1970, then 80 bits of
 * SHA-256 over the fields that tl_same_request() compares.  If a different
 * request has the same fingerprint, the next attempt gives another one.
 */
static void
make_fingerprint(TlEntry *entry, int attempt)
{
	static EVP_MD *sha256 = NULL;
	static EVP_MD_CTX *context = NULL;
	unsigned char digest[EVP_MAX_MD_SIZE];
	int64		epoch_msec = (int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) *
		(USECS_PER_DAY / 1000);
	int64		msec = entry->recorded_at / 1000 -
		(entry->recorded_at % 1000 < 0) + epoch_msec;
	uint64		prefix = pg_hton64((uint64) msec << 16);

	/* allocated once and kept for the life of the session */
	if (sha256 == NULL)
		sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	if (context == NULL)
		context = EVP_MD_CTX_new();
	if (sha256 == NULL || context == NULL ||
		EVP_DigestInit_ex2(context, sha256, NULL) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not initialize SHA-256")));

	digest_number(context, attempt);
	digest_number(context, entry->operation);
	digest_number(context, entry->delta);
	digest_number(context, entry->other_account_id);
	digest_number(context, entry->recorded_at);
	digest_text(context, entry->source);
	digest_text(context, entry->description);
	digest_text(context, entry->device);
	if (EVP_DigestFinal_ex(context, digest, NULL) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not compute SHA-256")));

	memcpy(entry->dedup.data, &prefix, 6);
	memcpy(entry->dedup.data + 6, digest, UUID_LEN - 6);
}

static void
refuse_duplicate(TlRefusal *refusal, const TlEntry *entry)
{
	tl_refuse(refusal, TL_DUPLICATE, "recorded_at", "duplicate transaction",
			  "It is booked already; where it is meant twice, give another recorded_at or idempotency keys.",
			  "Entry %lld of account %lld records the same transaction.",
			  (long long) entry->entry_no, (long long) entry->account_id);
}

/*
 * Whether an equal request without a key is booked (TL056), in the table or in
 * the batch (NULL if there is no batch).  If not, entry->dedup is set to the
 * fingerprint to book the entry with.
 */
bool
tl_is_duplicate(TlBooks *books, HTAB *batch, TlEntry *entry,
				TlRefusal *refusal)
{
	TlEntry		stored;

	for (int attempt = 0;; attempt++)
	{
		const TlEntry *first;

		CHECK_FOR_INTERRUPTS();
		make_fingerprint(entry, attempt);
		first = tl_find_dedup(books, batch, entry, &stored);
		if (first == NULL)
			return false;
		if (tl_same_request(entry, first))
		{
			refuse_duplicate(refusal, first);
			return true;
		}
		/* a different request has this fingerprint: try the next one */
	}
}
