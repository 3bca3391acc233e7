-- (b) for credit_add.
SELECT * FROM twin.credit_add(:party, :amount, 'bench',
	'a posting of the bench',
	'2020-01-01'::timestamptz + :us * interval '1 microsecond',
	(:head::text || :tail::text)::uuid);
