-- Corrections of training tokens: voids and mistaken expiries

/*
 * Its key is kept with the party's, not with the entry: how much is booked off
 * is not part of the request.
 */
CREATE FUNCTION trainledger_internal.void_training_tokens(
	issue_id uuid,
	notes text DEFAULT '',
	idempotency_key uuid DEFAULT NULL) RETURNS trainledger.token_issue
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	lot trainledger.token_lot;
	account trainledger.account;
	left_over trainledger.amount;
BEGIN
	PERFORM require_given('issue_id', issue_id::text);
	PERFORM check_notes('notes', notes);
	lot := find_lot(issue_id);
	IF take_key(lot.party_id, idempotency_key, 'void_training_tokens',
		jsonb_build_array(lot.id, coalesce(notes, ''))) IS NOT NULL
	THEN
		RETURN issue(lot.id);
	END IF;
	lot := lock_lot(lot.id);
	PERFORM require_active(training_type(lot.token_type_id), 'issue_id');
	PERFORM require_not_expired(lot);
	SELECT a.* INTO account FROM trainledger.account a
	WHERE a.id = lot.account_id;
	left_over := account.balance::numeric - account.held::numeric
		+ lapsed(account.id)::numeric;
	IF left_over <= 0::trainledger.amount THEN
		PERFORM refuse('TL409', 'nothing is left of the token issue',
			CASE WHEN account.balance > left_over THEN
				format('Its balance is %s, all of which is held.',
					   account.balance)
			ELSE format('Its balance is %s.', account.balance) END,
			'Only what is left of an issue can be voided.', 'issue_id');
	END IF;
	PERFORM move_lots(
		'adjust'::trainledger.operation, ARRAY[lot.account_id],
		ARRAY[(-left_over)::trainledger.amount], coalesce(notes, ''), NULL::timestamptz[],
		NULL::uuid[], NULL::bigint[]);
	PERFORM keep_result(lot.party_id, idempotency_key, lot.id::text);
	RETURN issue(lot.id);
END;
$$;
COMMENT ON FUNCTION trainledger_internal.void_training_tokens IS
'Books off all that is left of an issue at that moment and no hold keeps back; nothing left: TL409. Level operator.';

CREATE FUNCTION trainledger_internal.set_training_tokens_expiry(
	issue_id uuid, expires_on date, reason text) RETURNS trainledger.token_issue
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, trainledger_internal, pg_temp
AS $$
DECLARE
	lot trainledger.token_lot;
	new_expiry timestamptz;
	last_entry_at timestamptz;
BEGIN
	PERFORM require_given('issue_id', issue_id::text);
	PERFORM require_given('reason', substring(reason FROM '[^[:space:]]'));
	PERFORM check_notes('reason', reason);
	PERFORM check_expires_on(expires_on);
	new_expiry := end_of_day(expires_on);
	lot := lock_lot(issue_id);
	PERFORM check_to_come(expires_on);
	SELECT a.last_entry_at INTO last_entry_at FROM trainledger.account a
	WHERE a.id = lot.account_id;
	IF new_expiry <= last_entry_at THEN
		PERFORM refuse('TL400', 'expiry is before the last entry',
			format('The last entry of the issue is of %s.',
				   to_char(last_entry_at AT TIME ZONE 'UTC',
						   'YYYY-MM-DD"T"HH24:MI:SS"Z"')),
			'Give a day whose end is after the last entry.', 'expires_on');
	END IF;
	PERFORM require_not_expired(lot);
	IF new_expiry IS NOT DISTINCT FROM lot.expires_at THEN
		RETURN issue(lot.id);
	END IF;
	IF new_expiry IS NULL OR new_expiry > lot.expires_at THEN
		PERFORM require_not_suspended(party(lot.party_id), 'issue_id');
	END IF;
	PERFORM change_expiry(lot, new_expiry, reason);
	RETURN issue(lot.id);
END;
$$;
COMMENT ON FUNCTION trainledger_internal.set_training_tokens_expiry IS
'Corrects a mistaken expiry of an issue, to 23:59:59 UTC of a day, earlier or later, or with null to never. Level admin.';
