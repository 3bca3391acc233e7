/*-------------------------------------------------------------------------
 *
 * check.c
 *		What a request must hold, by itself and against its account (contract,
 *		section 6): a number that can be booked, bounds, what holds keep back,
 *		the expected balance.
 *
 * Nothing here reads or writes a table but tl_takes_too_much(), which may ask
 * for holds that are over.  ledger.c says in which order requests are refused.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/ledger/check.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/int.h"
#include "utils/timestamp.h"

#include "ledger/ledger.h"
#include "ledger/rows.h"

/* An amount for a message: canonical text, palloc'd */
static const char *
amount_text(TlAmount value)
{
	char	   *text = palloc(TL_AMOUNT_BUFLEN);

	tl_amount_to_text(value, text);
	return text;
}

/* Whether a decimal text is zero: all digits before the exponent are 0 */
bool
tl_is_zero(const char *decimal)
{
	for (; *decimal && *decimal != 'e' && *decimal != 'E'; decimal++)
	{
		if (*decimal >= '1' && *decimal <= '9')
			return false;
	}
	return true;
}

static bool
refuse_range(const TlRequest *request, TlRefusal *refusal)
{
	return tl_refuse(refusal, TL_INVALID, "amount", "amount is out of range",
					 "An amount has at most 13 digits before the point.",
					 "The amount is %.64s.", request->amount);
}

/*
 * Check what can be checked without reading a table (TL400).  The amount of an
 * adjustment or an opening may be negative.  Only an opening may be zero,
 * because any other posting of zero would change nothing.
 */
bool
tl_check_request(const TlRequest *request, TlRefusal *refusal)
{
	bool		is_signed = (request->operation == TL_OP_ADJUST ||
							 request->operation == TL_OP_INIT);
	TlRounding	toward_zero = TL_ROUND_FLOOR;
	TlDecimalStatus status;
	TlAmount	ignored;

	/* out of range here: too large at any scale and with any rounding */
	if (request->amount[0] == '-')
		toward_zero = TL_ROUND_CEIL;
	status = tl_decimal_to_amount(request->amount, strlen(request->amount),
								  true, 0, toward_zero, &ignored);
	if (status == TL_DECIMAL_SYNTAX)
		return tl_refuse(refusal, TL_INVALID, "amount",
						 "amount is not a number",
						 "Give a finite decimal number.",
						 "The amount is %.64s.", request->amount);
	if (status != TL_DECIMAL_OK)
		return refuse_range(request, refusal);
	if (!is_signed && request->amount[0] == '-' && !tl_is_zero(request->amount))
		return tl_refuse(refusal, TL_INVALID, "amount", "amount is negative",
						 request->operation == TL_OP_TRANSFER ?
						 "Exchange the accounts to transfer in the other direction." :
						 "Use subtract to take tokens off, or adjust for a signed amount.",
						 "The amount of %s is %.64s.",
						 tl_operation_names[request->operation],
						 request->amount);
	if (request->operation != TL_OP_INIT && tl_is_zero(request->amount))
		return tl_refuse(refusal, TL_INVALID, "amount", "amount is zero",
						 "Give an amount other than zero.",
						 "The amount of %s is %.64s.",
						 tl_operation_names[request->operation],
						 request->amount);
	if (request->has_recorded_at && TIMESTAMP_NOT_FINITE(request->recorded_at))
		return tl_refuse(refusal, TL_INVALID, "recorded_at",
						 "recorded_at is not finite",
						 "Give the time by the client's clock.",
						 "The argument recorded_at is infinite.");
	if (request->expected != NULL &&
		tl_decimal_to_amount(request->expected, strlen(request->expected),
							 true, TL_AMOUNT_SCALE, TL_ROUND_HALF_AWAY,
							 &ignored) == TL_DECIMAL_SYNTAX)
		return tl_refuse(refusal, TL_INVALID, "balance_expected",
						 "expected balance is not a number",
						 "Give a finite decimal number, or null.",
						 "The expected balance is %.64s.", request->expected);
	return true;
}

/*
 * Compute the signed change that a request asks for, rounded to a scale.
 * False (TL400): it is out of range, or zero after rounding.
 */
bool
tl_round_request(const TlRequest *request, int scale, TlAmount *delta,
				 TlRefusal *refusal)
{
	TlAmount	amount;

	if (tl_decimal_to_amount(request->amount, strlen(request->amount), true,
							 scale, request->rounding,
							 &amount) != TL_DECIMAL_OK)
		return refuse_range(request, refusal);
	if (amount == 0 && request->operation != TL_OP_INIT)
		return tl_refuse(refusal, TL_INVALID, "amount",
						 "amount is zero after rounding",
						 "Give an amount that is not zero at the token type's scale.",
						 "The amount is %.64s and the token type has %d decimals.",
						 request->amount, scale);

	/* no overflow: the amount of these cannot be negative */
	if (request->operation == TL_OP_SUBTRACT ||
		request->operation == TL_OP_CAPTURE)
		amount = -amount;
	*delta = amount;
	return true;
}

static bool
is_above(const TlTokenType *type, TlAmount balance)
{
	return balance > type->upper ||
		(balance == type->upper && !type->upper_inclusive);
}

static bool
is_below(const TlTokenType *type, TlAmount balance)
{
	return balance < type->lower ||
		(balance == type->lower && !type->lower_inclusive);
}

static bool
refuse_above(const TlTokenType *type, TlAmount balance, TlAmount delta,
			 TlRefusal *refusal)
{
	return tl_refuse(refusal, TL_ABOVE_UPPER_BOUND, "amount",
					 "balance out of upper bound",
					 "Add less, or have the bounds of the token type changed.",
					 "The balance is %s, the change %s and the upper bound %s.",
					 amount_text(balance), amount_text(delta),
					 amount_text(type->upper));
}

static bool
refuse_below(const TlTokenType *type, TlAmount balance, TlAmount held,
			 TlAmount delta, TlRefusal *refusal)
{
	const char *of_which = "";

	if (held > 0)
		of_which = psprintf("of which %s are held, ", amount_text(held));
	return tl_refuse(refusal, TL_BELOW_LOWER_BOUND, "amount",
					 "balance out of lower bound",
					 held > 0 ?
					 "Take less, add to the balance first, or release a hold." :
					 "Take less, or add to the balance first.",
					 "The balance is %s, %sthe change %s and the lower bound %s.",
					 amount_text(balance), of_which, amount_text(delta),
					 amount_text(type->lower));
}

/* Whether the opening balance of an account is within bounds (TL054, TL055) */
bool
tl_check_opening(const TlTokenType *type, TlAmount delta, TlRefusal *refusal)
{
	if (is_above(type, delta))
		return refuse_above(type, 0, delta, refusal);
	return !is_below(type, delta) || refuse_below(type, 0, 0, delta, refusal);
}

/* Whether what is left of a balance besides what is held is below the bound */
static bool
is_held_back(const TlTokenType *type, TlAmount balance, TlAmount held)
{
	TlAmount	available;

	return pg_sub_s64_overflow(balance, held, &available) ||
		is_below(type, available);
}

/*
 * Whether a lower balance would take what holds keep back.  Those whose end has
 * passed keep back nothing, whether they were closed or not; they are looked
 * for only if the rest would not do.
 */
bool
tl_takes_too_much(const TlTokenType *type, TlAccount *account,
				  TlAmount balance)
{
	if (!is_held_back(type, balance, account->held - account->lapsed))
		return false;
	if (account->held == 0 || account->knows_lapsed)
		return true;
	account->lapsed = tl_read_lapsed(account->id);
	account->knows_lapsed = true;
	return is_held_back(type, balance, account->held - account->lapsed);
}

/*
 * Add delta to the balance of an account and check the type's bounds (TL054,
 * TL055).  The lower one is for what holds do not keep back.  A move that ends
 * outside may pass if it leads towards the inside: a changed bound can leave a
 * balance outside, and it must be able to return.  An overflow is out of bounds
 * too.
 */
bool
tl_check_within(const TlTokenType *type, TlAccount *account, TlAmount delta,
				TlAmount *result, TlRefusal *refusal)
{
	bool		overflows = pg_add_s64_overflow(account->balance, delta,
												result);

	if (delta > 0 && (overflows || is_above(type, *result)))
		return refuse_above(type, account->balance, delta, refusal);
	if (delta < 0 && (overflows || tl_takes_too_much(type, account, *result)))
		return refuse_below(type, account->balance,
							account->held - account->lapsed, delta, refusal);
	return true;
}

/* A capture takes what was granted when it was held: bounds do not matter. */
bool
tl_check_bounds(const TlRequest *request, const TlTokenType *type,
				TlAccount *account, TlAmount delta, TlAmount *result,
				TlRefusal *refusal)
{
	if (request->operation != TL_OP_CAPTURE)
		return tl_check_within(type, account, delta, result, refusal);
	return !pg_add_s64_overflow(account->balance, delta, result) ||
		refuse_below(type, account->balance, 0, delta, refusal);
}

/* Raise a lower bound below zero to 0: a lot is never overdrawn. */
void
tl_bound_lot(TlTokenType *type)
{
	if (type->lower < 0)
	{
		type->lower_inclusive = true;
		type->lower = 0;
	}
}

/*
 * Check that the type is active (TL058) and, if the posting adds tokens, that
 * the party is not suspended (TL409).
 */
bool
tl_check_acquire(const TlTokenType *type, int64 party_id, bool acquires,
				 bool is_suspended, TlRefusal *refusal)
{
	if (!type->is_active)
		return tl_refuse(refusal, TL_REJECTED, "token_type", "transaction rejected",
						 "Activate the token type first.",
						 "The token type is not active.");
	if (acquires && is_suspended)
		return tl_refuse(refusal, TL_CONFLICT, "party_id", "party is suspended",
						 "A suspended party keeps what it has and acquires nothing.",
						 "Party %lld is suspended.", (long long) party_id);
	return true;
}

/*
 * Compare a balance with the expected one, rounded to the type's scale: clients
 * compute it in floating point.  A number out of range is never the balance.
 */
bool
tl_check_expected(const TlRequest *request, int scale, TlAmount balance,
				  TlRefusal *refusal)
{
	TlAmount	expected;

	if (request->expected == NULL)
		return true;
	if (tl_decimal_to_amount(request->expected, strlen(request->expected),
							 true, scale, TL_ROUND_HALF_AWAY,
							 &expected) == TL_DECIMAL_OK &&
		expected == balance)
		return true;

	return tl_refuse(refusal, TL_BALANCE_MISMATCH, "balance_expected",
					 "balance mismatch",
					 "Read the balance and decide again.",
					 "The balance would be %s and was expected to be %.64s.",
					 amount_text(balance), request->expected);
}
