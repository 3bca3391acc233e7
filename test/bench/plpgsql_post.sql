-- (b) for post.
SELECT * FROM twin.post(:account, 'add', :amount, 'bench',
	'a posting of the bench',
	'2020-01-01'::timestamptz + :us * interval '1 microsecond',
	(:head::text || :tail::text)::uuid);
