#!/usr/bin/python3 -I
"""Posts the feed of trainledger to a URL, signed as Standard Webhooks says.

The settings are in the environment:

  TRAINLEDGER_FEED_CONSUMER     the consumer, as feed_read() knows it
  TRAINLEDGER_FEED_URL          where to post
  TRAINLEDGER_FEED_SECRET_FILE  a file with the secret, whsec_ and base64; with
                                several lines each event has that many signatures
  TRAINLEDGER_FEED_DATABASE     how to connect, as libpq reads it; what it does
                                not say is in PGHOST, PGSERVICE and the like
  TRAINLEDGER_FEED_BATCH        events read at a time (500)
  TRAINLEDGER_FEED_TIMEOUT      seconds for a request and its answer (15)
  TRAINLEDGER_FEED_MIN_BACKOFF  seconds before the first try again (0.5)
  TRAINLEDGER_FEED_MAX_BACKOFF  seconds between tries at most (300)
  TRAINLEDGER_FEED_POLL         seconds between looks at an idle feed (1)
  TRAINLEDGER_FEED_ALLOW_HTTP   yes: http also to other machines

An event is acknowledged when it and all before it were answered with 2xx, so
every event arrives at least once, in order. SIGTERM and SIGINT stop the worker.

Exit status: 0 stopped, 69 the receiver answered 410, 75 another worker of this
consumer is running, 78 a setting is wrong.

Needs Python 3.9 and psycopg2 (Debian: python3-psycopg2).
"""
# Copyright (c) 2026, trainledger contributors

import base64
import binascii
import contextlib
import email.utils
import hashlib
import hmac
import http.client
import os
import random
import select
import signal
import ssl
import stat
import sys
import time
import urllib.parse

import psycopg2
import psycopg2.extensions

GONE, BUSY, WRONG_SETTING = 69, 75, 78

ANSWER_LIMIT = 64 * 1024    # bytes of an answer that are read
ACK_SECONDS = 1             # between acknowledgements while events are delivered
STOP_SECONDS = 5            # for what is under way when the worker is stopped
STATEMENT_SECONDS = 120     # for a statement of the database
RECONNECT_SECONDS = 30      # between attempts to connect at most

# A server that vanished is noticed within a minute. target_session_attrs finds
# the primary where several hosts are named.
CONNECTION = {
    'application_name': 'trainledger_feed', 'client_encoding': 'UTF8',
    'connect_timeout': '10', 'keepalives_idle': '30',
    'keepalives_interval': '10', 'keepalives_count': '3',
    'tcp_user_timeout': '60000', 'target_session_attrs': 'read-write'}

# The server, too, notices a vanished worker and lets go of its lock.
SESSION = """
SET default_transaction_isolation = 'read committed';
SET tcp_keepalives_idle = 30;
SET tcp_keepalives_interval = 10;
SET tcp_keepalives_count = 3;
LISTEN trainledger_feed
"""
# The lock is of the session: a worker that died does not hold it.
LOCK = """
SELECT pg_catalog.pg_try_advisory_lock(
    pg_catalog.hashtextextended('trainledger_feed ' || %s, 0))
"""
READ = """
SELECT "position", event ->> 'id', event::text
FROM trainledger.feed_read(%s, %s)
"""
ACK = 'SELECT trainledger.feed_ack(%s, %s)'


class Fatal(Exception):
    """Ends the worker with a message and an exit status."""

    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


class Busy(Exception):
    """Another session has the lock of the consumer."""


class Failed(Exception):
    """The receiver did not take an event."""

    def __init__(self, problem, retry_after=0):
        super().__init__(problem)
        self.retry_after = retry_after


def say(message):
    print('trainledger_feed: ' + message, file=sys.stderr, flush=True)


def back_off(first, most, failures):
    """Twice as long each time, with jitter, so that workers do not march in step."""
    return min(most, first * 2 ** min(failures - 1, 30)) * random.uniform(0.5, 1)


# ----------------------------------------------------------------------------
# Settings
# ----------------------------------------------------------------------------

class Settings:
    def __init__(self, environment):
        self.environment = environment
        self.consumer = self.text('CONSUMER')
        self.batch = int(self.number('BATCH', 500, 1, 10000))
        self.timeout = self.number('TIMEOUT', 15, 0.01, 3600)
        self.min_backoff = self.number('MIN_BACKOFF', 0.5, 0.001, 3600)
        self.max_backoff = self.number('MAX_BACKOFF', 300, 0.001, 86400)
        self.poll = self.number('POLL', 1, 0.01, 3600)
        self.url = self.read_url()
        self.secrets = self.read_secrets()
        self.connection = self.read_connection()

    def text(self, name, default=None):
        value = self.environment.get('TRAINLEDGER_FEED_' + name) or default
        if value is None:
            raise self.wrong(name, 'is not set')
        return value

    def number(self, name, default, least, most):
        try:
            value = float(self.text(name, str(default)))
        except ValueError:
            value = -1
        if not least <= value <= most:
            raise self.wrong(name, f'must be a number from {least} to {most}')
        return value

    def wrong(self, name, problem):
        return Fatal(WRONG_SETTING, f'TRAINLEDGER_FEED_{name} {problem}')

    # A URL may have a token in its path: no message shows it.
    def read_url(self):
        text = self.text('URL')
        try:
            url = urllib.parse.urlsplit(text)
            port = url.port
            (url.hostname or '').encode('idna')
        except ValueError:
            raise self.wrong('URL', 'is not a URL') from None
        if (url.scheme not in ('http', 'https') or not url.hostname or port == 0
                or not text.isascii() or not text.isprintable() or ' ' in text):
            raise self.wrong('URL', 'must be an https URL, in ASCII')
        if '@' in url.netloc or url.fragment:
            raise self.wrong('URL', 'must not have a user or a fragment')
        if (url.scheme == 'http' and self.text('ALLOW_HTTP', 'no') != 'yes'
                and url.hostname not in ('localhost', '127.0.0.1', '::1')):
            raise self.wrong('URL', 'must be https, unless it is on this machine')
        return url

    def read_secrets(self):
        name = self.text('SECRET_FILE')
        try:
            with open(name, encoding='ascii') as file:
                mode = os.fstat(file.fileno()).st_mode
                lines = file.read(65536).split()
        except (OSError, ValueError) as error:
            problem = getattr(error, 'strerror', None) or 'it is not ASCII'
            raise self.wrong('SECRET_FILE', f'cannot be read: {problem}') from None
        if mode & stat.S_IROTH:
            raise self.wrong('SECRET_FILE', 'can be read by everybody: chmod 600')
        try:
            secrets = [base64.b64decode(line[6:], validate=True)
                       for line in lines if line.startswith('whsec_')]
        except binascii.Error:
            secrets = []
        if (not secrets or len(secrets) != len(lines)
                or not all(24 <= len(secret) <= 64 for secret in secrets)):
            raise self.wrong('SECRET_FILE', 'must have whsec_ and 24 to 64 bytes '
                             'in base64 in each line')
        return secrets

    # What libpq says of a wrong string may show the password in it.
    def read_connection(self):
        try:
            given = psycopg2.extensions.parse_dsn(self.text('DATABASE', ''))
        except psycopg2.Error:
            raise self.wrong('DATABASE', 'is not a connection string') from None
        return {**CONNECTION, **given}


# ----------------------------------------------------------------------------
# The receiver
# ----------------------------------------------------------------------------

class WholeLines:
    """The file that http.client reads an answer from.

    http.client takes the end of a connection for the end of a header, also in
    the middle of a line.
    """

    def __init__(self, file):
        self.file = file
        self.is_begun = False

    def __getattr__(self, name):
        return getattr(self.file, name)

    def readline(self, limit):
        line = self.file.readline(limit)
        if not line.endswith(b'\n') and (line or self.is_begun):
            raise http.client.IncompleteRead(line)
        self.is_begun = True
        return line


class Answer(http.client.HTTPResponse):
    def __init__(self, *arguments, **named):
        super().__init__(*arguments, **named)
        self.fp = WholeLines(self.fp)


class Receiver:
    def __init__(self, settings):
        url = settings.url
        self.name = f'{url.scheme}://{url.netloc}'
        self.path = urllib.parse.urlunsplit(('', '', url.path or '/', url.query, ''))
        self.secrets = settings.secrets
        self.timeout = settings.timeout
        self.is_limited = False
        if url.scheme == 'https':
            self.connection = http.client.HTTPSConnection(
                url.hostname, url.port, timeout=self.timeout,
                context=ssl.create_default_context())
        else:
            self.connection = http.client.HTTPConnection(
                url.hostname, url.port, timeout=self.timeout)
        self.connection.response_class = Answer
        signal.signal(signal.SIGALRM, self.at_alarm)

    def at_alarm(self, *_):
        if self.is_limited:
            raise TimeoutError

    # A socket's own timeout begins again with every byte. The alarm ends the
    # whole, and comes again where it was swallowed.
    @contextlib.contextmanager
    def limit(self):
        self.is_limited = True
        try:
            signal.setitimer(signal.ITIMER_REAL, self.timeout, 1)
            yield
        finally:
            self.is_limited = False
            signal.setitimer(signal.ITIMER_REAL, 0)

    def hurry(self):
        """A request that is under way has a few seconds left."""
        if self.is_limited:
            left, _ = signal.getitimer(signal.ITIMER_REAL)
            signal.setitimer(signal.ITIMER_REAL, min(left, STOP_SECONDS) or 0.001, 1)

    def close(self):
        self.connection.close()

    def is_open(self):
        """Whether there is a connection and the other side has not closed it."""
        sock = self.connection.sock
        if sock is not None and select.select([sock], [], [], 0)[0]:
            self.close()
        return self.connection.sock is not None

    def headers(self, event_id, body):
        now = str(int(time.time()))
        signed = b'.'.join((event_id.encode(), now.encode(), body))
        signatures = (hmac.digest(secret, signed, hashlib.sha256)
                      for secret in self.secrets)
        return {
            'content-type': 'application/cloudevents+json',
            'user-agent': 'trainledger_feed',
            'webhook-id': event_id,
            'webhook-timestamp': now,
            'webhook-signature': ' '.join(
                'v1,' + base64.b64encode(s).decode() for s in signatures)}

    def post(self, event_id, body):
        """Posts an event. Raises Failed, or Fatal if no more are wanted."""
        was_open = self.is_open()
        try:
            try:
                self.post_once(event_id, body)
            except ConnectionError:
                # A connection that was idle may be closed at any moment.
                if not was_open:
                    raise
                self.close()
                self.post_once(event_id, body)
        except Exception as error:
            self.close()
            raise self.failure(error) from None

    @staticmethod
    def failure(error):
        if isinstance(error, (Failed, Fatal)):
            return error
        if isinstance(error, TimeoutError):
            return Failed('does not answer in time')
        if isinstance(error, http.client.HTTPException):
            return Failed(f'gives no whole answer ({type(error).__name__})')
        if isinstance(error, OSError):
            return Failed(f'cannot be reached ({error.strerror or error})')
        return error

    def post_once(self, event_id, body):
        with self.limit():
            self.connection.request('POST', self.path, body,
                                    self.headers(event_id, body))
            answer = self.connection.getresponse()
            if answer.status == http.client.GONE:
                raise Fatal(GONE, f'{self.name} answered 410: it wants no more')
            if not 200 <= answer.status <= 299:
                raise Failed(f'answers {answer.status}',
                             seconds_until(answer.headers.get('retry-after')))
            answer.read(ANSWER_LIMIT)
            if answer.read(1):
                raise Failed(f'answers with more than {ANSWER_LIMIT} bytes')
            if answer.length:
                raise Failed('gives no whole answer')
            if answer.will_close:
                self.close()


def seconds_until(retry_after):
    """Retry-After is a number of seconds or a date."""
    try:
        if retry_after.strip().isdecimal():
            return int(retry_after)
        return email.utils.parsedate_to_datetime(retry_after).timestamp() - time.time()
    except (AttributeError, TypeError, ValueError, OverflowError):
        return 0


# ----------------------------------------------------------------------------
# The worker
# ----------------------------------------------------------------------------

class Worker:
    def __init__(self, settings):
        self.settings = settings
        self.receiver = Receiver(settings)
        self.database = None
        self.deadline = 0           # of the statement that runs
        self.had_lock = False
        self.losses = 0             # of the database, since it last answered
        self.failures = 0           # of the receiver, since it last took an event
        self.not_before = 0         # when to try the receiver again
        self.state = None           # what was said last
        self.delivered = None       # the last position to acknowledge
        self.acknowledged_at = 0
        self.is_stopping = False
        self.wake, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, self.stop)
        signal.signal(signal.SIGINT, self.stop)

    def stop(self, *_):
        self.is_stopping = True
        self.deadline = min(self.deadline, time.monotonic() + STOP_SECONDS)
        self.receiver.hurry()

    def change(self, state):
        """Says in which state the worker is, if that is news."""
        if state != self.state:
            say(state)
        self.state = state

    def run(self):
        while not self.is_stopping:
            try:
                self.connect()
                self.work()
            except (psycopg2.Error, Busy) as error:
                self.lose(error)
        self.disconnect()
        self.receiver.close()
        say('stopped')

    # ------------------------------------------------------------------
    # The database
    # ------------------------------------------------------------------

    def connect(self):
        # libpq tries one host after the other in time only if it may block.
        psycopg2.extensions.set_wait_callback(None)
        self.database = psycopg2.connect(**self.settings.connection)
        psycopg2.extensions.set_wait_callback(self.wait_for_server)
        self.database.autocommit = True
        self.ask(SESSION)
        if not self.ask(LOCK, self.settings.consumer)[0][0]:
            # After a loss the server may not know yet that we are gone.
            if self.had_lock:
                raise Busy
            raise Fatal(BUSY, 'another worker of consumer '
                        f'{self.settings.consumer!a} is running')
        self.change(f'{"goes on" if self.had_lock else "started"}: consumer '
                    f'{self.settings.consumer!a} to {self.receiver.name}')
        self.had_lock = True

    def disconnect(self):
        if self.database is not None:
            self.database.close()
        self.database = None
        self.delivered = None

    def lose(self, error):
        """What was read is read again: from where it was last acknowledged."""
        self.disconnect()
        self.losses += 1
        if isinstance(error, Busy):
            problem = 'another worker of this consumer is running'
        else:
            problem = error.diag.message_primary or str(error) or 'connection lost'
            problem = problem.splitlines()[0]
            if error.pgcode:
                problem += f' ({error.pgcode})'
        self.change(f'waits for the database: {problem}')
        self.pause(back_off(0.5, RECONNECT_SECONDS, self.losses))

    def wait_for_server(self, database):
        """What psycopg2 calls while a statement runs, so that signals count."""
        while True:
            state = database.poll()
            if state == psycopg2.extensions.POLL_OK:
                return
            left = self.deadline - time.monotonic()
            if left <= 0:
                raise psycopg2.OperationalError('the database does not answer')
            writes = state == psycopg2.extensions.POLL_WRITE
            select.select([self.wake] if writes else [self.wake, database],
                          [database] if writes else [], [], left)
            self.drain()

    def ask(self, statement, *arguments):
        self.deadline = time.monotonic() + (
            STOP_SECONDS if self.is_stopping else STATEMENT_SECONDS)
        with self.database.cursor() as cursor:
            cursor.execute(statement, arguments or None)
            return cursor.fetchall() if cursor.description else []

    def drain(self):
        with contextlib.suppress(BlockingIOError):
            os.read(self.wake, 4096)

    def pause(self, seconds, until_notice=False):
        """Waits, unless the worker stops, and sees when the database goes."""
        end = time.monotonic() + seconds
        files = [self.wake] + ([self.database] if self.database else [])
        while not self.is_stopping:
            left = max(0, end - time.monotonic())
            ready = select.select(files, [], [], left)[0]
            self.drain()
            if self.database in ready:
                self.database.poll()
                if until_notice and self.database.notifies:
                    return
            if left == 0:
                return

    # ------------------------------------------------------------------
    # The feed
    # ------------------------------------------------------------------

    def work(self):
        while not self.is_stopping:
            self.database.notifies.clear()
            events = self.ask(READ, self.settings.consumer, self.settings.batch)
            self.losses = 0
            try:
                for position, event_id, event in events:
                    self.deliver(event_id, event.encode())
                    self.delivered = position
                    if time.monotonic() - self.acknowledged_at >= ACK_SECONDS:
                        self.acknowledge()
            except Stopped:
                pass
            finally:
                if not self.database.closed:
                    self.acknowledge()
            if not events and not self.database.notifies:
                self.pause(self.settings.poll, until_notice=True)

    def acknowledge(self):
        if self.delivered is not None:
            self.ask(ACK, self.settings.consumer, self.delivered)
            self.delivered = None
        self.acknowledged_at = time.monotonic()

    def deliver(self, event_id, body):
        """Returns when the receiver has taken the event."""
        while True:
            self.pause(max(0, self.not_before - time.monotonic()))
            if self.is_stopping:
                raise Stopped
            try:
                self.receiver.post(event_id, body)
                break
            except Failed as failure:
                self.acknowledge()
                self.put_off(failure)
        if self.failures:
            self.change(f'{self.receiver.name} takes events again')
        self.failures = 0
        self.not_before = 0

    def put_off(self, failure):
        most = self.settings.max_backoff
        self.failures += 1
        wait = max(back_off(self.settings.min_backoff, most, self.failures),
                   min(failure.retry_after, most))
        self.not_before = time.monotonic() + wait
        self.change(f'{self.receiver.name} {failure}')


class Stopped(Exception):
    """The worker was told to stop."""


def main():
    if len(sys.argv) > 1:
        print(__doc__, end='')
        return 0
    try:
        Worker(Settings(os.environ)).run()
    except Fatal as error:
        say(str(error))
        return error.status
    return 0


if __name__ == '__main__':
    sys.exit(main())
