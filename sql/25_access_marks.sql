-- Levels of access (contract, section 15) and who is calling (section 12).
-- A role has a level if it may execute the marker function of the level:
-- pg_dump dumps such grants.

CREATE TYPE trainledger.access_level AS ENUM
	('learner', 'reader', 'operator', 'admin', 'monitor');
COMMENT ON TYPE trainledger.access_level IS
'Level of access of a role: learner (its own rows), reader (all rows), operator (the day''s work), admin (types, catalogue, access). Each has what the one before it has. A monitor reads ledger_metrics and nothing else, and no level includes it.';

CREATE FUNCTION trainledger.learner_access() RETURNS boolean
AS 'MODULE_PATHNAME', 'tl_access_mark' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION trainledger.learner_access IS
'Marker: a role that may execute this has level learner. Given and taken by grant_access() and revoke_access().';

CREATE FUNCTION trainledger.reader_access() RETURNS boolean
AS 'MODULE_PATHNAME', 'tl_access_mark' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION trainledger.reader_access IS
'Marker: a role that may execute this has level reader. Given and taken by grant_access() and revoke_access().';

CREATE FUNCTION trainledger.operator_access() RETURNS boolean
AS 'MODULE_PATHNAME', 'tl_access_mark' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION trainledger.operator_access IS
'Marker: a role that may execute this has level operator. Given and taken by grant_access() and revoke_access().';

CREATE FUNCTION trainledger.admin_access() RETURNS boolean
AS 'MODULE_PATHNAME', 'tl_access_mark' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION trainledger.admin_access IS
'Marker: a role that may execute this has level admin. Given and taken by grant_access() and revoke_access().';

CREATE FUNCTION trainledger.monitor_access() RETURNS boolean
AS 'MODULE_PATHNAME', 'tl_access_mark' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION trainledger.monitor_access IS
'Marker: a role that may execute this may read ledger_metrics. Given and taken by grant_access() and revoke_access().';

CREATE FUNCTION trainledger.has_level(level trainledger.access_level)
RETURNS boolean
AS 'MODULE_PATHNAME', 'tl_has_level'
LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION trainledger.has_level IS
'Whether the calling role has at least this level of access.';

CREATE FUNCTION trainledger.current_party() RETURNS bigint
AS 'MODULE_PATHNAME', 'tl_current_party' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION trainledger.current_party IS
'Party that is asking: the claim party_id of request.jwt.claims or, where there are no claims, the setting trainledger.party_id; else null.';
