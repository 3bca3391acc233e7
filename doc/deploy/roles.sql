/*
 * Roles for the faces of trainledger: run it with psql, as a superuser, in
 * the database that has the extension.
 *
 * trainledger_web is the login of PostgREST and of PostGraphile. It has no
 * rights of its own (NOINHERIT) and becomes the role that a token names.
 */
CREATE ROLE trainledger_web LOGIN NOINHERIT;
CREATE ROLE trainledger_learner NOLOGIN;
CREATE ROLE trainledger_reader NOLOGIN;
CREATE ROLE trainledger_operator NOLOGIN;
CREATE ROLE trainledger_admin NOLOGIN;
GRANT trainledger_learner, trainledger_reader, trainledger_operator,
	trainledger_admin TO trainledger_web;

SELECT trainledger.grant_access('trainledger_learner', 'learner');
SELECT trainledger.grant_access('trainledger_reader', 'reader');
SELECT trainledger.grant_access('trainledger_operator', 'operator');
SELECT trainledger.grant_access('trainledger_admin', 'admin');

-- A request that waits or works longer than this is given up.
ALTER ROLE trainledger_web SET statement_timeout = '30s';
ALTER ROLE trainledger_web SET idle_in_transaction_session_timeout = '30s';
