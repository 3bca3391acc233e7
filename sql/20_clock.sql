-- Business time, and the home of an id (contract, section 2)

CREATE FUNCTION trainledger.clock() RETURNS timestamptz
AS 'MODULE_PATHNAME', 'tl_clock_sql' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION trainledger.clock IS
'Business time: the wall time of the statement, or the setting trainledger.clock where a superuser has set it.';

CREATE FUNCTION trainledger.home(id bigint) RETURNS integer
AS 'MODULE_PATHNAME', 'tl_home' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION trainledger.home IS
'Home of an id: its low 10 bits, the same for a party and everything that belongs to it.';

CREATE FUNCTION trainledger.home_of(id uuid) RETURNS integer
AS 'MODULE_PATHNAME', 'tl_home_of' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION trainledger.home_of IS
'Home of a generated token-issue id: the low 10 bits of the uuid, as home() is for bigint ids.';
