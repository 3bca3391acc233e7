-- The feed: how far its consumers are (contract, section 17)

/*
 * After the last event that was acknowledged; its kind is "end" where everything
 * up to a booking was skipped, because that is after every kind.  No consumer
 * has a row before it acknowledges something.
 */
CREATE TABLE trainledger.feed_consumer (
	consumer text COLLATE "C" CONSTRAINT feed_consumer_pkey PRIMARY KEY,
	booking_no bigint NOT NULL,
	kind text COLLATE "C" NOT NULL,
	id bigint NOT NULL,
	entry_no bigint NOT NULL,
	created_at timestamptz NOT NULL,
	acknowledged_at timestamptz NOT NULL
);
COMMENT ON TABLE trainledger.feed_consumer IS
'Consumers of the feed, and how far each has acknowledged it.';
COMMENT ON COLUMN trainledger.feed_consumer.consumer IS 'Name that the consumer calls itself.';
COMMENT ON COLUMN trainledger.feed_consumer.booking_no IS 'Booking of the last event that was acknowledged.';
COMMENT ON COLUMN trainledger.feed_consumer.kind IS 'Kind of that event, such as E1; end: everything up to the booking was skipped.';
COMMENT ON COLUMN trainledger.feed_consumer.id IS 'Of an entry the account, else the id of the event.';
COMMENT ON COLUMN trainledger.feed_consumer.entry_no IS 'Of an entry its number in the account; 0 for other kinds.';
COMMENT ON COLUMN trainledger.feed_consumer.created_at IS 'When the consumer acknowledged something for the first time.';
COMMENT ON COLUMN trainledger.feed_consumer.acknowledged_at IS 'When it did so last.';

CREATE TRIGGER functions_only BEFORE UPDATE OR DELETE
	ON trainledger.feed_consumer FOR EACH STATEMENT
	EXECUTE FUNCTION trainledger_internal.refuse_outside_functions(
		'Use the functions of the feed, such as feed_ack.');
COMMENT ON TRIGGER functions_only ON trainledger.feed_consumer IS
'Consumers are changed by feed_ack() and feed_drop() only.';

CREATE TRIGGER never_emptied BEFORE TRUNCATE
	ON trainledger.feed_consumer FOR EACH STATEMENT
	EXECUTE FUNCTION trainledger_internal.refuse_change(
		'Use the functions of the feed, such as feed_drop.');
COMMENT ON TRIGGER never_emptied ON trainledger.feed_consumer IS
'Consumers are removed one by one.';
