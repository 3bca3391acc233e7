-- Trigger functions that guard tables (src/ledger/guard.c,
-- src/base/lifecycle.c).  97_tables.sql enables the triggers ALWAYS: they also
-- fire under session_replication_role = replica.

CREATE FUNCTION trainledger_internal.refuse_change() RETURNS trigger
AS 'MODULE_PATHNAME', 'tl_refuse_change' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION trainledger_internal.refuse_change IS
'Trigger that refuses whatever it is fired for (TL409): the books are append-only.';

CREATE FUNCTION trainledger_internal.refuse_plain_update() RETURNS trigger
AS 'MODULE_PATHNAME', 'tl_refuse_plain_update' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION trainledger_internal.refuse_plain_update IS
'Trigger that refuses updates which do not come from the posting engine (TL409).';

CREATE FUNCTION trainledger_internal.refuse_outside_functions() RETURNS trigger
AS 'MODULE_PATHNAME', 'tl_refuse_outside_functions' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION trainledger_internal.refuse_outside_functions IS
'Trigger that refuses updates which do not come from a write function of trainledger (TL409).';

CREATE FUNCTION trainledger_internal.lifecycle() RETURNS trigger
AS 'MODULE_PATHNAME', 'tl_lifecycle' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION trainledger_internal.lifecycle IS
'Trigger that lets a state move only as its arguments allow: the column, and moves such as draft>published (TL409).';
