/*
 * trainledger: the books of a training business inside PostgreSQL.
 * Joined by make from the fragments in sql/; see the contract's sections in
 * the comments.  Plain CREATE only: an object that is already there under one
 * of our names must stop the installation, not be taken over.
 */
\echo Use "CREATE EXTENSION trainledger" to load this file. \quit

COMMENT ON SCHEMA trainledger IS
'Books of a training business: typed functions, tables and views. Reads run with the caller''s rights, all writes go through functions.';

CREATE SCHEMA trainledger_api;
COMMENT ON SCHEMA trainledger_api IS
'trainledger

Books of a training business: JSON and XML documents, views and functions. Expose this schema, and only this one, to PostgREST.';
