#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""scaleway-nbd against real servers (nbdkit, nbd-server, qemu-nbd) and hostile ones, on 127.0.0.1, without the kernel's driver.

usage: test-nbd-programs.py BUILD-ROOT"""
import contextlib
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../lib'))
import unittests

PROGRAM = None
SIZE = 1 << 20
OPTION_REPLY_MAGIC = 0x3e889045565a9
NEWSTYLE = b'NBDMAGICIHAVEOPT' + struct.pack('>H', 3)
NBD_OPT_GO = 7
NBD_REP_ACK, NBD_REP_INFO, NBD_REP_ERR_UNSUP = 1, 3, 0x80000001


def run(*arguments, **environment):
    """Returns (exit status, stdout, stderr, seconds)."""
    begin = time.monotonic()
    p = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=60, env={**os.environ, **environment})
    return p.returncode, p.stdout, p.stderr, time.monotonic() - begin


def probe(port, *arguments, export=''):
    return run('probe', *arguments, f'nbd://127.0.0.1:{port}/{export}')


def free_port():
    with socket.create_server(('127.0.0.1', 0)) as s:
        return s.getsockname()[1]


def wait_port(port, process):
    for _ in range(200):
        if process.poll() is not None:
            raise AssertionError(f'{process.args[0]} ended with {process.returncode}')
        # Not by connecting: qemu-nbd without -t takes one client and goes.
        with open('/proc/net/tcp', encoding='ascii') as f:
            if any(line.split()[1].endswith(f':{port:04X}') and line.split()[3] == '0A' for line in list(f)[1:]):
                return
        time.sleep(0.05)
    raise AssertionError(f'{process.args[0]} does not listen')


@contextlib.contextmanager
def server(*command, port):
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True) as process:
        try:
            wait_port(port, process)
            yield
        finally:
            process.send_signal(signal.SIGKILL)


def option_reply(option, reply, data=b'', length=None):
    return struct.pack('>QIII', OPTION_REPLY_MAGIC, option, reply, len(data) if length is None else length) + data


def info_export(size, flags=1):
    return option_reply(NBD_OPT_GO, NBD_REP_INFO, struct.pack('>HQH', 0, size, flags))


def oldstyle(size, flags=0):
    return b'NBDMAGIC' + struct.pack('>QQI', 0x00420281861253, size, flags) + bytes(124)


def receive(connection, n):
    data = b''
    while len(data) < n:
        more = connection.recv(n - len(data))
        if not more:
            raise ConnectionResetError
        data += more
    return data


def receive_option(connection):
    """Client flags were read before; returns (option, data)."""
    _, option, n = struct.unpack('>QII', receive(connection, 16))
    return option, receive(connection, n)


@contextlib.contextmanager
def claimed_device(test, index):
    """A /dev in which nbdN is a device that somebody has claimed."""
    with tempfile.TemporaryDirectory() as d:
        with open(d + '/file', 'wb') as f:
            f.truncate(1 << 20)
        done = subprocess.run(['losetup', '--find', '--show', d + '/file'], capture_output=True, text=True)
        if done.returncode != 0:
            test.skipTest('no loop device: ' + done.stderr)
        device = done.stdout.strip()
        try:
            os.symlink(device, d + f'/nbd{index}')
            test.environment['SCALEWAY_DEV'] = d
            fd = os.open(device, os.O_RDONLY | os.O_EXCL)
            try:
                yield
            finally:
                os.close(fd)
        finally:
            subprocess.run(['losetup', '--detach', device], check=True)


class FakeServer:
    """Every client is handed to talk(connection, stopped); counts them."""

    def __init__(self, talk):
        self.talk, self.clients, self.stopped = talk, 0, threading.Event()
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.serve)

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.clients += 1
            with connection, contextlib.suppress(OSError):
                self.talk(connection, self.stopped)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.listener.close()


def says(data):
    """A server that sends all of it and then waits for the client to go."""
    def talk(connection, stopped):
        connection.sendall(data)
        while connection.recv(4096):
            pass
    return talk


def drip(connection, stopped):
    for byte in oldstyle(SIZE):
        connection.sendall(bytes([byte]))
        if stopped.wait(1):
            return


def flood(connection, stopped):
    """Answers NBD_OPT_GO with information without end."""
    connection.sendall(NEWSTYLE)
    junk = option_reply(NBD_OPT_GO, NBD_REP_INFO, struct.pack('>H', 0x7fff) + bytes(30)) * 2000
    while not stopped.is_set():
        connection.sendall(junk)


def refuses(connection, stopped):
    """Knows no NBD_OPT_GO, and closes the connection upon NBD_OPT_EXPORT_NAME, as old servers do."""
    connection.sendall(NEWSTYLE)
    receive(connection, 4)
    while True:
        option, _ = receive_option(connection)
        if option == 1:
            return
        connection.sendall(option_reply(option, NBD_REP_ERR_UNSUP))


class RealServers(unittest.TestCase):
    def assert_offers(self, port, style, export=''):
        status, out, err, seconds = probe(port, export=export)
        self.assertEqual((status, err), (0, ''))
        self.assertIn(f'size: {SIZE}\n', out)
        self.assertIn(f'style: {style}\n', out)
        self.assertIn('HAS_FLAGS', out)
        self.assertLess(seconds, 5)
        return out

    def test_nbdkit(self):
        for style, option in ('newstyle', '-n'), ('oldstyle', '-o'):
            port = free_port()
            with self.subTest(style), server('nbdkit', '-f', option, '-i', '127.0.0.1', '-p', str(port), 'memory', str(SIZE),
                                             port=port):
                self.assertIn('SEND_FLUSH', self.assert_offers(port, style))
                # The first session was left without a goodbye; the second must work all the same.
                self.assert_offers(port, style)

    def test_nbdkit_read_only(self):
        port = free_port()
        with server('nbdkit', '-f', '-r', '-i', '127.0.0.1', '-p', str(port), 'memory', str(SIZE), port=port):
            self.assertIn('READ_ONLY', self.assert_offers(port, 'newstyle'))

    def test_nbd_server(self):
        port = free_port()
        with tempfile.TemporaryDirectory() as d:
            with open(d + '/disk', 'wb') as f:
                f.truncate(SIZE)
            with open(d + '/config', 'w', encoding='ascii') as f:
                f.write(f'[generic]\nlistenaddr = 127.0.0.1\nport = {port}\n[root]\nexportname = {d}/disk\nflush = true\n')
            # In the foreground, with -d, it takes one client and goes.
            command = ('nbd-server', '-d', '-C', d + '/config')
            with server(*command, port=port):
                self.assertIn('SEND_FLUSH', self.assert_offers(port, 'newstyle', 'root'))
            with server(*command, port=port):
                status, out, err, _ = probe(port, export='other')
            self.assertEqual((status, out), (1, ''))
            self.assertEqual(err, f"Cannot probe 'nbd://127.0.0.1:{port}/other': the server has no export 'other'\n")

    def test_qemu_nbd(self):
        port = free_port()
        with tempfile.TemporaryDirectory() as d:
            with open(d + '/disk', 'wb') as f:
                f.truncate(SIZE)
            with server('qemu-nbd', '-t', '-e', '4', '-f', 'raw', '-b', '127.0.0.1', '-p', str(port), '-x', 'a/b é', d + '/disk',
                        port=port):
                out = self.assert_offers(port, 'newstyle', 'a/b%20%C3%A9')
                self.assertRegex(out, r'minimum block size: [1-9]')
                status, _, err, _ = probe(port)
                self.assertEqual((status, "the server has no export ''" in err), (1, True))


# Of the second, the connection takes a part first; the message says what was left for the handshake.
WITHIN_1_S = r'within (1|0\.\d+) s'


class HostileServers(unittest.TestCase):
    def assert_fails(self, talk, reason, seconds_max=1.5, timeout='1'):
        with FakeServer(talk) as fake:
            status, out, err, seconds = probe(fake.port, '--timeout', timeout)
        self.assertEqual((status, out), (1, ''))
        self.assertEqual(err.count('\n'), 1, err)
        self.assertTrue(err.startswith(f"Cannot probe 'nbd://127.0.0.1:{fake.port}/': "), err)
        self.assertRegex(err, reason)
        self.assertLess(seconds, seconds_max)

    def test_closes_at_once(self):
        self.assert_fails(lambda connection, stopped: None, 'the server closed the connection')

    def test_silent(self):
        self.assert_fails(says(b''), 'the server did not finish the NBD handshake ' + WITHIN_1_S)

    def test_silent_default_limit(self):
        with FakeServer(says(NEWSTYLE)) as fake:
            status, _, err, seconds = probe(fake.port)
        self.assertEqual(status, 1)
        self.assertIn('within 10 s', err)
        self.assertTrue(9 < seconds < 12, seconds)

    def test_drips(self):
        self.assert_fails(drip, r'within (3|2\.\d+) s', seconds_max=4, timeout='3')

    def test_floods(self):
        self.assert_fails(flood, WITHIN_1_S, seconds_max=2.5)

    def test_silent_after_options(self):
        self.assert_fails(says(NEWSTYLE), WITHIN_1_S)

    def test_wrong_magic(self):
        self.assert_fails(says(b'SSH-2.0-OpenSSH_9.2p1 Debian\r\n' + bytes(200)), 'does not keep to the NBD protocol')

    def test_size_zero(self):
        self.assert_fails(says(oldstyle(0)), 'size 0')
        self.assert_fails(says(NEWSTYLE + info_export(0) + option_reply(NBD_OPT_GO, NBD_REP_ACK)), 'size 0')

    def test_size_too_large(self):
        self.assert_fails(says(oldstyle(1 << 63)), 'impossible size')
        self.assert_fails(says(NEWSTYLE + info_export(1 << 63) + option_reply(NBD_OPT_GO, NBD_REP_ACK)), 'impossible size')

    def test_huge_reply_length(self):
        self.assert_fails(says(NEWSTYLE + option_reply(NBD_OPT_GO, NBD_REP_INFO, length=0xffffffff) + bytes(100000)),
                          'does not keep to the NBD protocol')

    def test_refuses_export(self):
        self.assert_fails(refuses, 'the server closed the connection')

    def test_refused(self):
        port = free_port()
        status, _, err, seconds = probe(port)
        self.assertEqual((status, err), (1, f"Cannot probe 'nbd://127.0.0.1:{port}/': connection refused\n"))
        self.assertLess(seconds, 1)

    def test_oldstyle_without_flags(self):
        with FakeServer(says(oldstyle(SIZE))) as fake:
            status, out, _, _ = probe(fake.port)
        self.assertEqual(status, 0)
        self.assertIn('flags: 0x0001 HAS_FLAGS\n', out)


class Commands(unittest.TestCase):
    """With a sysfs of our own."""

    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.environment = {'SCALEWAY_SYS': self.directory.name + '/sys', 'SCALEWAY_RUN': self.directory.name + '/run'}

    def call(self, *arguments):
        return run(*arguments, **self.environment)

    def device(self, index, **attributes):
        d = f'{self.environment["SCALEWAY_SYS"]}/block/nbd{index}'
        os.makedirs(d)
        for name, value in attributes.items():
            with open(f'{d}/{name}', 'w', encoding='ascii') as f:
                f.write(f'{value}\n')

    def record(self, index, **values):
        d = self.environment['SCALEWAY_RUN'] + '/scaleway/nbd'
        os.makedirs(d, exist_ok=True)
        with open(f'{d}/{index}.json', 'w', encoding='ascii') as f:
            json.dump({'uri': 'nbd://10.1.0.44:4320', 'identifier': None, 'size': 2048 * 512, 'block_size': 512, 'flags': 1,
                       'oldstyle': True, **values}, f)

    def test_check(self):
        self.device(0, pid=321, size=2048)
        self.device(1, size=0)
        self.device(2, pid=321, size=0)
        self.device(3, pid='x', size=1)
        for name in '0', 'nbd0', '/dev/nbd0':
            self.assertEqual(self.call('check', name)[:3], (0, '321\n', ''))
        for name in '1', '2', '15':
            self.assertEqual(self.call('check', name)[:3], (2, '', ''))
        self.assertEqual(self.call('check', '3')[0], 1)
        for name in '16', '00', 'nbd', '/dev/nbd0p1', '-1', '':
            self.assertEqual(self.call('check', '--', name)[0], 1, name)

    def test_list(self):
        self.assertEqual(self.call('list')[:3], (0, '', ''))
        self.device(0, pid=321, size=2048, backend='')
        self.device(1, size=0)
        self.device(11, pid=321, size=4, backend='8f3c')
        self.record(0)
        self.assertEqual(self.call('list')[:3], (0, 'nbd0 1048576 nbd://10.1.0.44:4320 -\nnbd11 2048 - 8f3c\n', ''))

    def test_status(self):
        """For people and as JSON, in the initrd and by the static program of the booted system."""
        supervisor = subprocess.Popen(['@xnbd-client', '1000'], executable=shutil.which('sleep'))
        self.addCleanup(supervisor.wait)
        self.addCleanup(supervisor.kill)
        self.device(0, pid=321, size=2048, backend='abc')
        self.record(0, identifier='abc', pid=supervisor.pid, link='down', reconnects=3, since=1795792656, reason='no route to host\x1b[2J')
        self.device(2, pid=322, size=4096)
        self.record(2, pid=supervisor.pid, link='up', reconnects=1, since=1795792656, reason='the server closed the connection', path={'spoilt': 1})
        self.device(3, pid=323, size=4096)
        self.record(3)
        self.device(4, size=0)
        self.record(4, link='up')
        self.device(5, pid=324, size=4096)
        self.record(5, link='sideways')
        # What is left of a supervisor that was killed; that another process has its number by now does not count.
        self.device(6, pid=325, size=4096)
        self.record(6, pid=os.getpid(), link='up', reconnects=1, since=1795792656)
        self.device(7, pid=326, size=4096)
        self.record(7, pid=1 << 22, link='up', since=1795792656)
        # Its supervisor cannot know.
        self.device(8, pid=327, size=4096)
        self.record(8, pid=supervisor.pid, link=None, since=1795792656, reason='the server did not finish')
        lines = ['nbd0: link down since 2026-11-27 15:17:36 UTC, to nbd://10.1.0.44:4320, 1048576 bytes; 3 reconnects; '
                 'the reason: no route to host?[2J',
                 'nbd2: link up since 2026-11-27 15:17:36 UTC, to nbd://10.1.0.44:4320, 2097152 bytes; 1 reconnects; '
                 'last reason: the server closed the connection',
                 'nbd3: attached to nbd://10.1.0.44:4320, 2097152 bytes; nobody looks after its link',
                 'nbd5: attached to -, 2097152 bytes; nobody looks after its link',
                 'nbd6: attached to nbd://10.1.0.44:4320, 2097152 bytes; nobody looks after its link',
                 'nbd7: attached to nbd://10.1.0.44:4320, 2097152 bytes; nobody looks after its link',
                 'nbd8: link not known to live since 2026-11-27 15:17:36 UTC, to nbd://10.1.0.44:4320, 2097152 bytes; 0 reconnects; '
                 'the reason: the server did not finish']  # fmt: skip
        static = self.directory.name + '/scaleway-nbd'
        os.symlink(os.path.abspath(os.path.join(os.path.dirname(PROGRAM), 'scaleway-exit')), static)
        for program in PROGRAM, static:
            with self.subTest(program):
                def call(*arguments):
                    p = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=60, env={**os.environ, **self.environment})
                    return p.returncode, p.stdout, p.stderr

                status, out, err = call('status')
                self.assertEqual((status, out.splitlines()), (0, lines))
                self.assertIn('nbd5: failed to read the record', err)
                devices = json.loads(call('status', '--json')[1])
                self.assertEqual([d['device'] for d in devices], ['nbd0', 'nbd2', 'nbd3', 'nbd5', 'nbd6', 'nbd7', 'nbd8'])
                self.assertEqual(devices[0], {'device': 'nbd0', 'size': 1048576, 'uri': 'nbd://10.1.0.44:4320', 'identifier': 'abc', 'link': 'down',
                                              'since': 1795792656, 'pid': supervisor.pid, 'reconnects': 3, 'reason': 'no route to host\x1b[2J'})
                self.assertEqual([devices[2][key] for key in ('link', 'reason', 'pid')], [None, None, 0])
                self.assertEqual([(d['link'], d['pid']) for d in devices[4:]], [(None, 0)] * 2 + [(None, supervisor.pid)])
                self.assertEqual(call('resize', '0')[0], 1)
                self.assertIn('Cannot resize nbd0: nobody looks after its link', call('resize', '0')[2])
                self.assertEqual(call('check', '0')[:2], (0, '321\n'))
                self.assertEqual(call('status', 'x')[0], 1)

    def test_attached_already(self):
        uri = 'nbd://10.1.0.44:4320'
        self.device(0, pid=321, size=2048, backend='')
        self.record(0)
        self.device(1, pid=321, size=2048, backend='8f3c')
        self.record(1, identifier='8f3c')
        self.device(2, pid=321, size=4096, backend='8f3c')
        self.record(2, identifier='8f3c')
        self.assertEqual(self.call('attach', '0', uri)[:3], (0, '', f"nbd0: already attached to '{uri}'\n"))
        self.assertEqual(self.call('attach', '--identifier=', '0', uri)[0], 0)
        # The same volume may have moved to another server.
        self.assertEqual(self.call('attach', '--identifier=8f3c', 'nbd1', uri + '1')[0], 0)
        for arguments in (('0', uri + '1'), ('--identifier=8f3c', '0', uri), ('1', uri), ('--identifier=8f3d', '1', uri),
                          ('--identifier=8f3c', '2', uri)):
            status, _, err, seconds = self.call('attach', *arguments)
            self.assertEqual((status, err.count('\n')), (1, 2))
            self.assertIn(f"the device is attached to '{uri}'", err)
            self.assertLess(seconds, 2)

    def test_attached_without_record(self):
        self.device(0, pid=321, size=2048, backend='8f3c')
        status, _, err, seconds = self.call('attach', '--timeout=2', '--identifier=8f3c', '0', 'nbd://10.1.0.44')
        self.assertEqual(status, 1)
        self.assertIn('another program', err)
        self.assertTrue(1.9 < seconds < 4, seconds)

    def test_attach_many(self):
        """One that is there, one that is not, one that is something else: each has its own outcome."""
        uri = 'nbd://10.1.0.44:4320'
        for index in range(3):
            self.device(index, pid=321, size=2048, backend='')
            self.record(index)
        status, out, err, _ = self.call('attach', '0', uri, '2', uri)
        self.assertEqual((status, out), (0, ''))
        self.assertEqual(sorted(err.splitlines()), [f"nbd{i}: already attached to '{uri}'" for i in (0, 2)])

        status, _, err, seconds = self.call('attach', '0', uri, '1', uri + '1', '2', uri)
        self.assertEqual(status, 1)
        lines = err.splitlines()
        self.assertEqual(lines[-1], '1 of 3 volumes not attached: nbd1')
        self.assertEqual(sorted(line for line in lines if line.startswith('nbd')),
                         [f"nbd{i}: already attached to '{uri}'" for i in (0, 2)])
        self.assertEqual(sum('Cannot attach nbd1' in line for line in lines), 2, err)
        self.assertLess(seconds, 2)

        # What the failure path shows is why, and not how many.
        failure = self.directory.name + '/failure'
        run('attach', '0', uri, '1', uri + '1', **self.environment, SCALEWAY_FAILURE_FILE=failure)
        with open(failure, encoding='utf-8') as f:
            self.assertIn('Cannot attach nbd1', f.read())

    def test_attach_many_identifiers(self):
        uri = 'nbd://10.1.0.44:4320'
        self.device(3, pid=321, size=2048, backend='8f3c')
        self.record(3, identifier='8f3c')
        self.device(4, pid=321, size=2048, backend='')
        self.record(4)
        both = ('3', uri, '4', uri)
        self.assertEqual(self.call('attach', '--identifier=8f3c', '--identifier=', *both)[0], 0)
        status, _, err, _ = self.call('attach', '--identifier=', '--identifier=8f3c', *both)
        self.assertEqual((status, err.splitlines()[-1]), (1, '2 of 2 volumes not attached: nbd3 nbd4'))

    def test_attach_many_at_once(self):
        """Each waits for its own time to be over, and not for that of the others."""
        volumes = []
        for index in range(16):
            self.device(index, pid=321, size=2048, backend='8f3c')
            volumes += [str(index), 'nbd://10.1.0.44']
        status, _, err, seconds = self.call('attach', '--timeout=1', *volumes)
        self.assertEqual((status, err.count('gave up')), (1, 16))
        self.assertTrue(err.splitlines()[-1].startswith('16 of 16 volumes not attached: nbd0 nbd1 '), err)
        self.assertTrue(0.9 < seconds < 8, seconds)

    def test_detach_free(self):
        self.record(4)
        self.assertEqual(self.call('detach', '4')[:3], (0, '', 'nbd4: not attached\n'))
        self.assertEqual(os.listdir(self.environment['SCALEWAY_RUN'] + '/scaleway/nbd'), [])

    def test_detach_in_use(self):
        """B10: what the kernel has claimed stays, unless it is said otherwise; then it is netlink's affair, which there is none of here."""
        with claimed_device(self, 4):
            self.device(4, pid=321, size=2048)
            self.record(4)
            for arguments in ('4',), ('/dev/nbd4',), ('all',):
                status, out, err, _ = self.call('detach', *arguments)
                self.assertEqual((status, out, err.count('\n')), (1, '', 1), err)
                self.assertIn("nbd4 is in use, not detaching it: unmount what is on it, or say '/run/initramfs/usr/bin/scaleway-nbd detach --force 4'", err)
            self.assertNotIn('in use', self.call('detach', '--force', '4')[2])
        self.assertNotIn('in use', self.call('detach', '4')[2])

    def test_usage(self):
        uri = 'nbd://10.1.0.44:4320'
        many = [word for index in range(17) for word in (str(index), uri)]
        for arguments in ((), ('frob',), ('attach', '0'), ('attach', '0', uri, '1'), ('attach', '0', uri, '0', uri),
                          ('attach', *many), ('attach', *many[:4], '--identifier=a'), ('detach', '0', '1'),
                          ('attach', '--timeout=0', '0', uri),
                          ('attach', '--timeout=1s', '0', uri), ('supervise', '--root=maybe', '0', uri), ('attach', '--dead-timeout=-1', '0', uri),
                          ('attach', '--identifier=a b', '0', uri), ('attach', '--identifier=' + 'x' * 256, '0', uri),
                          ('attach', '0', 'http://10.1.0.44/'), ('attach', '0', 'device://dev/vda'), ('probe', 'nbd://'),
                          ('list', 'x'), ('--frob',)):
            status, out, err, seconds = self.call(*arguments)
            self.assertEqual((status, out, err.count('\n')), (1, '', 1), (arguments, err))
            self.assertLess(seconds, 1)

    def test_help(self):
        for option in '--help', '--version':
            status, out, err, _ = self.call(option)
            self.assertEqual((status, err), (0, ''))
            self.assertIn('scaleway-nbd', out)


def main():
    global PROGRAM
    PROGRAM = os.path.join(sys.argv[1], 'scaleway-nbd')
    missing = [name for name in ('nbdkit', 'nbd-server', 'qemu-nbd') if not shutil.which(name)]
    if missing:
        print('missing: ' + ' '.join(missing))
        sys.exit(77)
    unittests.main(sys.argv[2:])


class Xnbd(unittest.TestCase):
    """rows: D4, the stand-in for xnbd-client, as images call it. It has a handshake of its own."""

    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.environment = {'SCALEWAY_SYS': self.directory.name + '/sys', 'SCALEWAY_RUN': self.directory.name + '/run'}
        self.program = self.directory.name + '/xnbd-client'
        os.symlink(os.path.abspath(os.path.join(os.path.dirname(PROGRAM), 'scaleway-exit')), self.program)

    device, record = Commands.device, Commands.record

    def xnbd(self, *arguments):
        p = subprocess.run([self.program, *arguments], capture_output=True, text=True, timeout=60, env={**os.environ, **self.environment})
        return p.returncode, p.stdout, p.stderr

    def test_check(self):
        """0 and the pid of who looks after it, 2 if it is free, something else if it is no such device."""
        self.device(0, pid=321, size=2048)
        self.device(1, size=0)
        supervisor = subprocess.Popen(['@xnbd-client', '100'], executable='/bin/sleep')
        self.addCleanup(supervisor.wait)
        self.addCleanup(supervisor.kill)
        self.device(2, pid=321, size=2048)
        self.record(2, pid=supervisor.pid)
        told = supervisor.pid
        self.device(3, pid=321, size=2048)
        self.record(3, pid=0x7ffffffe)
        # Somebody else who has got its number.
        self.device(4, pid=321, size=2048)
        self.record(4, pid=os.getpid())
        os.symlink('/dev/nbd2p1', self.directory.name + '/link')
        for arguments, answer in ((('-c', '/dev/nbd0'), (0, '321\n', '')), (('--check', '/dev/nbd0'), (0, '321\n', '')), (('--check=/dev/nbd0p1',), (0, '321\n', '')),
                                  (('-c', '/dev/nbd2'), (0, f'{told}\n', '')), (('-c', self.directory.name + '/link'), (0, f'{told}\n', '')),
                                  (('-c', '/dev/nbd3'), (0, '321\n', '')), (('-c', '/dev/nbd4'), (0, '321\n', '')), (('-c', '/dev/nbd1'), (2, '', '')), (('-c', '/dev/nbd15'), (2, '', ''))):
            with self.subTest(arguments):
                self.assertEqual(self.xnbd(*arguments), answer)
        for name in '/dev/nbd16', '/dev/null', 'nbd0', '0', '', '/dev/nbd':
            with self.subTest(name):
                status, out, err = self.xnbd('-c', name)
                self.assertEqual((status, out, err.count('\n')), (1, '', 1))

    def test_attached_already(self):
        self.device(1, pid=321, size=2048)
        self.assertEqual(self.xnbd('10.1.2.3', '4000', '-b', '4096', '/dev/nbd1')[:2], (0, ''))
        self.assertEqual(self.xnbd('-C', '/dev/nbd1', 'server.test', '4000')[:2], (0, ''))

    def test_detach_in_use(self):
        """B10, N3: as detach of scaleway-nbd, even when a shutdown has begun; but images detach the root at its end."""
        with claimed_device(self, 4):
            self.device(4, pid=321, size=2048)
            status, out, err = self.xnbd('-d', '/dev/nbd4p1')
            self.assertEqual((status, out, err.count('\n')), (1, '', 1), err)
            self.assertIn('nbd4 is in use, not detaching it', err)
            for mark, refused in ('scaleway/shutdown/poweroff', True), ('scaleway/exit', False):
                path = os.path.join(self.environment['SCALEWAY_RUN'], mark)
                os.makedirs(os.path.dirname(path), exist_ok=True)
                open(path, 'w').close()
                self.assertEqual('in use' in self.xnbd('-d', '/dev/nbd4')[2], refused, mark)
                os.unlink(path)
            # The last steps of an image: "/" is read-only, but it is the root alone that cannot be unmounted.
            script = 'mount --bind / / && mount -o remount,bind,ro / && cd / && exec "$@"'
            for root, refused in (False, True), (True, False):
                self.record(4, root=root)
                done = subprocess.run(['unshare', '--mount', '--propagation', 'private', 'sh', '-c', script, 'sh', self.program, '-d', '/dev/nbd4'],
                                      capture_output=True, text=True, timeout=60, env={**os.environ, **self.environment})
                self.assertEqual('in use' in done.stderr, refused, (root, done.stderr))
                self.assertIn('nbd4', done.stderr)

    def test_supervise_what_is_not_there(self):
        """By hand, in the booted system; the name alone does not make it xnbd-client."""
        program = self.directory.name + '/scaleway-nbd'
        os.symlink(os.readlink(self.program), program)
        self.record(4)
        for executable, arguments, expected, words in ((program, ('scaleway-nbd', 'supervise', '4'), 1, 'nbd4: nothing has begun to look after it'),
                                             (self.program, ('@xnbd-client', 'supervise', '/dev/nbd4'), 2, 'Cannot supervise nbd4: it is not attached'),
                                             (program, ('scaleway-nbd', 'supervise', '4', 'nbd://10.1.2.3'), 1, 'Say status')):
            with self.subTest(arguments):
                done = subprocess.run(arguments, executable=executable, capture_output=True, text=True, timeout=60, env={**os.environ, **self.environment})
                self.assertEqual((done.returncode, done.stdout, done.stderr.count('\n')), (expected, '', 1), done.stderr)
                self.assertIn(words, done.stderr)

    def test_detach_what_is_free(self):
        self.device(1, size=0)
        self.assertEqual(self.xnbd('-d', '/dev/nbd1')[:2], (0, ''))

    def test_failures_are_told(self):
        port = free_port()
        for arguments, words in (((f'{port}', '/dev/nbd1'), 'HOST, PORT and DEVICE are wanted'), (('127.0.0.1', 'x', '/dev/nbd1'), "'x' is no port"),
                                 (('--getsize64', '127.0.0.1', f'{port}'), 'connection refused'), (('--getsize64', 'server.test', '1'), 'is no address')):
            with self.subTest(arguments):
                status, out, err = self.xnbd(*arguments)
                self.assertEqual((status, out), (1, ''))
                self.assertIn(words, err)

    def test_version(self):
        status, out, err = self.xnbd('--version')
        self.assertEqual((status, out.split()[0], err), (0, 'xnbd-client', ''))

    def assert_size(self, *arguments):
        self.assertEqual(self.xnbd('--getsize64', *arguments), (0, f'{SIZE}\n', ''))

    def test_real_servers(self):
        with tempfile.TemporaryDirectory() as d:
            with open(d + '/disk', 'wb') as f:
                f.truncate(SIZE)
            for option in '-n', '-o':
                port = free_port()
                with self.subTest('nbdkit ' + option), server('nbdkit', '-f', option, '-i', '127.0.0.1', '-p', str(port), 'memory', str(SIZE), port=port):
                    self.assert_size('127.0.0.1', str(port))
                    # The next one of several that answers.
                    self.assertEqual(self.xnbd('--getsize64', '127.0.0.1', str(free_port()), '127.0.0.1', str(port))[:2], (0, f'{SIZE}\n'))
            port = free_port()
            with server('qemu-nbd', '-t', '-e', '4', '-f', 'raw', '-b', '127.0.0.1', '-p', str(port), '-x', 'a/b é', d + '/disk', port=port):
                self.assert_size('127.0.0.1', str(port), '--exportname', 'a/b é')
                status, _, err = self.xnbd('--getsize64', '127.0.0.1', str(port))
                self.assertEqual((status, "the server has no export ''" in err), (1, True))
            port = free_port()
            with open(d + '/config', 'w', encoding='ascii') as f:
                f.write(f'[generic]\nlistenaddr = 127.0.0.1\nport = {port}\n[root]\nexportname = {d}/disk\n')
            with server('nbd-server', '-d', '-C', d + '/config', port=port):
                self.assert_size('127.0.0.1', str(port), '-n', 'root')

    def test_hostile_servers(self):
        for talk, words in ((says(NEWSTYLE + option_reply(NBD_OPT_GO, NBD_REP_INFO, length=0xffffffff)), 'does not keep to the NBD protocol'),
                            (flood, 'without end'), (refuses, 'closed the connection'), (says(b'SSH-2.0-x' + bytes(200)), 'NBD magic')):
            with self.subTest(words), FakeServer(talk) as fake:
                begin = time.monotonic()
                status, out, err = self.xnbd('--getsize64', '127.0.0.1', str(fake.port))
                self.assertEqual((status, out), (1, ''))
                self.assertIn(words, err)
                self.assertLess(time.monotonic() - begin, 3)


if __name__ == '__main__':
    main()
