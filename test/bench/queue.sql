-- Into the queue, to be booked by whoever drains it.
INSERT INTO public.posting_queue (account_id, delta, source, description, recorded_at)
VALUES (:account, :amount, 'bench', 'a posting of the bench',
	'2020-01-01'::timestamptz + :us * interval '1 microsecond');
