-- What every script of a single posting starts with. recorded_at grows as time
-- does, 50 µs for each posting of a client, and is never the same twice. head
-- and tail are 32 digits which make the 16 bytes of the duplicate test, time
-- first, where the client sends them ready made.
\set n :n + 1
\set party random(1, :accounts)
\set account :party * 1024 + mod(:party, 1024)
\set amount random(1, 99999) / 100.0
\set us :start + :n * 50 + :client_id
\set head :us / 1000 * 10000 + random(0, 9999)
\set tail random(1000000000000000, 9999999999999999)
