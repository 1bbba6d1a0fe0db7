# SPDX-License-Identifier: Apache-2.0
"""What the library asks of its host, for a command line: as the program `protector` does it."""
import getpass
import signal
import sys
import time

SLICE_S = 0.1  # how soon Ctrl-C is seen while the library waits


class Host:
    """Time, the environment, progress on standard error, questions.

    Progress is a bar that stays in one line on a terminal, else a line for each change.
    """

    def __init__(self, getenv, err):
        self.getenv, self.err = getenv, err
        self.interrupted = self.bar_open = False
        self.last, self.before = '', None

    def __enter__(self):
        """Ctrl-C ends the next wait: what was begun is written down, and any command goes on."""
        try:
            self.before = signal.signal(signal.SIGINT, self.interrupt)
        except ValueError:
            pass  # no main thread: nobody types there
        return self

    def __exit__(self, *_):
        if self.before is not None:
            signal.signal(signal.SIGINT, self.before)
        self.close_bar()

    def interrupt(self, *_):
        self.interrupted = True

    def wait(self, ms):
        end = time.monotonic() + ms / 1000
        while not self.interrupted and time.monotonic() < end:
            time.sleep(min(SLICE_S, max(0, end - time.monotonic())))
        return self.interrupted

    def event(self, event):
        if event.get('event') == 'progress':
            self.progress(event)
        elif event.get('text') is not None:
            self.say('%s: %s' % (event['event'], event['text']))

    def progress(self, event):
        percent, step = int(event.get('progress') or 0), event.get('step')
        line = '%s %d%% %s%s' % (event.get('type') or '', percent, event.get('status') or '',
                                 ' ' + step if step else '')
        if line == self.last:
            return
        self.last = line
        if self.err.isatty():
            self.err.write('\r\033[K[%-20s] %s' % ('#' * (percent // 5), line))
            self.bar_open = True
        else:
            self.err.write(line + '\n')
        self.err.flush()

    def say(self, text):
        """A line of its own."""
        self.close_bar()
        self.err.write(text + '\n')
        self.err.flush()

    def close_bar(self):
        if self.bar_open:
            self.err.write('\n')
            self.err.flush()
        self.bar_open = False

    def ask(self, question, secret):
        """None when there is nobody to ask."""
        if not sys.stdin.isatty():
            return None
        ours = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            if secret:
                return getpass.getpass(question)
            self.err.write(question)
            self.err.flush()
            line = sys.stdin.readline()
            return line.rstrip('\n') if line else None
        except KeyboardInterrupt:
            self.interrupted = True
            return None
        except EOFError:
            return None
        finally:
            signal.signal(signal.SIGINT, ours)
