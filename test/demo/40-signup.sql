-- Self-signup tokens: the requests of the learning system's document, with
-- values instead of its placeholders.

\echo
\echo 'SELF-SIGNUP TOKENS'
\echo '=================='
\echo 'Requests and answers are those of the learning system, printed one element per'
\echo 'line.'

SET trainledger.clock = '2023-04-28T09:00:00Z';
SELECT FROM trainledger.add_catalog_item('course', 'SAFETY-1', 'Safety at work') \g /dev/null
SELECT FROM trainledger.add_catalog_item('team', 'TEAM-7', 'Team seven') \g /dev/null
SELECT FROM trainledger.add_party('person', 'Learner one', id => 91) \g /dev/null
SELECT FROM trainledger.add_party('person', 'Learner two', id => 92) \g /dev/null

\set request 'POST /tokens'
\set call create_tokens
\set body '<Tokens> <Token> <TokenCode>WELCOME-2023</TokenCode> <TokenType>1</TokenType> <TokenTypeId>SAFETY-1</TokenTypeId> <Active>true</Active> <MaximumActivations>1</MaximumActivations> <TokenExpiration>2023-12-31 23:59:59</TokenExpiration> </Token> <Token> <TokenCode>Q&amp;A</TokenCode> <TokenType>2</TokenType> <TokenTypeId>TEAM-7</TokenTypeId> <Active>false</Active> <MaximumActivations>50</MaximumActivations> </Token> </Tokens>'
\ir document.psql
SELECT id AS one FROM trainledger.signup_token WHERE code = 'WELCOME-2023' \gset
SELECT id AS two FROM trainledger.signup_token WHERE code = 'Q&A' \gset

\set request 'GET /tokens'
\set call tokens
\set body ''
\ir document.psql

\set request 'PUT /tokens?source=MyApp, only the elements that are there change'
\set call update_tokens
\set body '<Tokens> <Token> <TokenId>' :two '</TokenId> <Active>true</Active> <TokenExpiration>2024-02-29 00:00:00</TokenExpiration> </Token> </Tokens>'
\ir document.psql

\set request 'GET /tokens/' :two
\set call token
\set body :two
\ir document.psql

-- Errors

\set request 'POST /tokens, the second token has an unknown type: 400'
\set call create_tokens
\set body '<Tokens> <Token> <TokenCode>SUMMER-2023</TokenCode> <TokenType>1</TokenType> <TokenTypeId>SAFETY-1</TokenTypeId> <MaximumActivations>5</MaximumActivations> </Token> <Token> <TokenCode>AUTUMN-2023</TokenCode> <TokenType>7</TokenType> <TokenTypeId>SAFETY-1</TokenTypeId> <MaximumActivations>5</MaximumActivations> </Token> </Tokens>'
\ir document.psql

\set request 'POST /tokens, with an entity that refers to a file: 400'
\set body '<!DOCTYPE Tokens [<!ENTITY e SYSTEM "file:///etc/passwd">]> <Tokens> <Token> <TokenCode>&e;</TokenCode> </Token> </Tokens>'
\ir document.psql

\set request 'POST /tokens, the code exists already: 409'
\set body '<Tokens> <Token> <TokenCode>welcome-2023</TokenCode> <TokenType>1</TokenType> <TokenTypeId>SAFETY-1</TokenTypeId> <MaximumActivations>5</MaximumActivations> </Token> </Tokens>'
\ir document.psql

\set request 'GET /tokens/4711: 404'
\set call token
\set body 4711
\ir document.psql

-- Learners

\echo
\echo 'LEARNERS CLAIM THEM'
\echo '==================='
\set ECHO queries
SELECT party_id, created_at FROM trainledger.claim_signup_token('welcome-2023', 91);

-- again: the same claim, and no activation is used
SELECT party_id, created_at FROM trainledger.claim_signup_token('WELCOME-2023', 91);

SELECT p.name, i.kind, i.code, t.activations, t.maximum_activations
FROM trainledger.signup_claim c
JOIN trainledger.signup_token t ON t.id = c.signup_token_id
JOIN trainledger.enrolment e ON e.id = c.enrolment_id
JOIN trainledger.catalog_item i ON i.id = e.item_id
JOIN trainledger.party p ON p.id = c.party_id;

\set ON_ERROR_STOP off
SELECT * FROM trainledger.claim_signup_token('WELCOME-2023', 92);
\set ON_ERROR_STOP on

-- without a code, the server makes one
SELECT code FROM trainledger.create_signup_token(1, 'SAFETY-1', 10);
\set ECHO none
RESET trainledger.clock;
