#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The simulated control plane: the metadata service of the platform, with faults on demand.

    controlplane.py --bind 169.254.42.42:80 --bind '[fd00:42::42]:80' --document metadata.json --log requests.jsonl

As a library: ControlPlane(binds, document).start(). From another process or network namespace: Remote(socket path).

A fault is a dictionary:

    kind        refuse     no listener: connections are refused
                hang       takes the connection (and the request) and never answers
                reset      reads the request, then RST
                close      reads the request, then closes without an answer
                drip       the true answer, one byte each 1/rate s (rate: bytes/s, default 1)
                garbage    200 with random bytes (size, default 4096)
                notjson    200 with a page of HTML
                huge       200 with a JSON string of size bytes (default 100 MB), streamed
                deep       200 with depth (default 100000) nested JSON arrays
                body       200 with the given body, taken as it is
                status     the given status; retry_after adds Retry-After, body replaces the text
                redirect   302 to location
                truncate   Content-Length is larger than the body, then the connection is closed
                headers    an endless header
    method      only this method            path    only this path (without query); a trailing * matches any rest
    count       only the next count requests
    seconds     only that long after it was set (late start of the service: refuse with seconds)

refuse knows seconds only: it concerns the whole service. The first fault that fits a request is used.
"""

import argparse
import collections
import fnmatch
import json
import os
import select
import signal
import socket
import struct
import sys
import threading
import time
import urllib.parse
from email.utils import formatdate

import documents

HEADER_MAX = 16 * 1024
BODY_MAX = 1024 * 1024
LOGGED_BODY_MAX = 4096
IDLE_TIMEOUT = 75
RECORDS_MAX = 100_000
REASONS = {
    200: "OK",
    204: "No Content",
    206: "Partial Content",
    302: "Moved Temporarily",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Not Allowed",
    413: "Request Entity Too Large",
    416: "Requested Range Not Satisfiable",
    429: "Too Many Requests",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
}
KINDS = {
    "refuse", "hang", "reset", "close", "drip", "garbage", "notjson", "huge", "deep", "body", "status", "redirect",
    "truncate", "headers",
}  # fmt: skip


class Request:
    def __init__(self, method, target, headers, body, client, server):
        self.method = method
        self.target = target
        self.path, _, query = target.partition("?")
        self.query = urllib.parse.parse_qs(query)
        self.headers = headers
        self.body = body
        self.client = client
        self.server = server

    @property
    def json_wanted(self):
        return self.query.get("format") == ["json"]


class Answer:
    def __init__(self, status, body=b"", content_type="text/plain", headers=()):
        self.status = status
        self.body = body if isinstance(body, bytes) else body.encode()
        self.content_type = content_type
        self.headers = list(headers)

    def head(self, keep_alive, length=None):
        lines = [
            f"HTTP/1.1 {self.status} {REASONS.get(self.status, 'Unknown')}",
            "Server: Tengine",
            f"Date: {formatdate(usegmt=True)}",
            f"Connection: {'keep-alive' if keep_alive else 'close'}",
        ]
        if self.status != 204:
            lines.append(f"Content-Type: {self.content_type}")
            lines.append(f"Content-Length: {len(self.body) if length is None else length}")
        lines += [f"{k}: {v}" for k, v in self.headers]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()


def answer_json(value):
    return Answer(200, json.dumps(value), "application/json")


class Fault:
    def __init__(self, spec):
        self.spec = dict(spec)
        self.kind = spec["kind"]
        if self.kind not in KINDS:
            raise ValueError(f"unknown fault '{self.kind}'")
        self.method = spec.get("method")
        self.path = spec.get("path")
        self.left = spec.get("count")
        self.until = time.monotonic() + spec["seconds"] if "seconds" in spec else None

    def get(self, key, default=None):
        return self.spec.get(key, default)

    def spent(self):
        return self.left == 0 or (self.until is not None and time.monotonic() >= self.until)

    def fits(self, request):
        if self.kind == "refuse" or self.spent():
            return False
        if self.method is not None and self.method != request.method:
            return False
        return self.path is None or fnmatch.fnmatchcase(request.path, self.path)


class Disconnect(Exception):
    """The connection ends without more ado."""


class ControlPlane:
    def __init__(self, binds, document=None, log_path=None, user_data=None, static=None, quote_objects=True):
        """binds: (host, port) pairs; port 0 takes a free one, see ports. static: path prefix → folder."""
        self.binds = list(binds)
        self.document = documents.server() if document is None else document
        self.user_data = dict(user_data or {})
        self.vendor_data = {}
        self.static = dict(static or {})
        self.quote_objects = quote_objects
        self.user_data_limit = None  # (requests, seconds): more are answered with 429
        self.ports = [port for _, port in self.binds]
        self._recent = collections.deque()
        self._records = []
        self._faults = []
        self._lock = threading.RLock()
        self._stopping = threading.Event()
        self._threads = []
        self._bind_error = None
        self._connections = set()
        self._log = open(log_path, "a", encoding="utf-8") if log_path else None

    # For tests

    def start(self):
        ready = []
        for i in range(len(self.binds)):
            event = threading.Event()
            ready.append(event)
            thread = threading.Thread(target=self._listen, args=(i, event), daemon=True)
            thread.start()
            self._threads.append(thread)
        for event in ready:
            event.wait(5)
        if self._bind_error:
            self.stop()
            raise self._bind_error
        return self

    def stop(self):
        self._stopping.set()
        with self._lock:
            for connection in list(self._connections):
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
        for thread in self._threads:
            thread.join(5)
        if self._log:
            self._log.close()

    def __enter__(self):
        return self.start()

    def __exit__(self, *exc):
        self.stop()

    def set_faults(self, specs):
        faults = [Fault(spec) for spec in specs]
        with self._lock:
            self._faults = faults

    def records(self):
        with self._lock:
            return list(self._records)

    # Connections

    def _refusing(self):
        with self._lock:
            return any(f.kind == "refuse" and not f.spent() for f in self._faults)

    def _listen(self, index, ready):
        host, port = self.binds[index]
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = None
        while not self._stopping.is_set():
            if self._refusing():
                if listener:
                    listener.close()
                    listener = None
                ready.set()
                time.sleep(0.05)
                continue
            if not listener:
                try:
                    listener = self._open(family, host, self.ports[index])
                except OSError as e:
                    self._bind_error = OSError(e.errno, f"Failed to bind {host} port {port}: {e.strerror}")
                    break
                self.ports[index] = listener.getsockname()[1]
                ready.set()
            if not select.select([listener], [], [], 0.05)[0]:
                continue
            try:
                connection, _ = listener.accept()
            except OSError:
                continue
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()
        if listener:
            listener.close()
        ready.set()

    @staticmethod
    def _open(family, host, port):
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listener.bind((host, port))
            listener.listen(64)
        except OSError:
            listener.close()
            raise
        return listener

    def _serve(self, connection):
        with self._lock:
            self._connections.add(connection)
        try:
            connection.settimeout(IDLE_TIMEOUT)
            buffer = bytearray()
            while not self._stopping.is_set():
                request = self._read_request(connection, buffer)
                if request is None or not self._handle(connection, request):
                    break
        except (Disconnect, OSError):
            pass
        finally:
            with self._lock:
                self._connections.discard(connection)
            connection.close()

    def _read_request(self, connection, buffer):
        """None at the end of the connection. Raises Disconnect after answering what is no request."""
        while b"\r\n\r\n" not in buffer:
            if len(buffer) > HEADER_MAX:
                return self._refuse(connection, 400, "header too large")
            chunk = connection.recv(65536)
            if not chunk:
                return None
            buffer += chunk
        end = buffer.index(b"\r\n\r\n")
        lines = bytes(buffer[:end]).decode("latin-1").split("\r\n")
        del buffer[: end + 4]

        words = lines[0].split(" ")
        headers = {}
        for line in lines[1:]:
            key, colon, value = line.partition(":")
            if not colon or key != key.strip():
                return self._refuse(connection, 400, f"bad header {line!r}")
            headers[key.lower()] = value.strip()
        if len(words) != 3 or not words[1].startswith("/") or words[2] not in ("HTTP/1.0", "HTTP/1.1"):
            return self._refuse(connection, 400, f"bad request line {lines[0]!r}")
        if words[2] == "HTTP/1.1" and "host" not in headers:
            return self._refuse(connection, 400, "no Host")
        if "transfer-encoding" in headers:
            return self._refuse(connection, 400, "no chunked requests here")

        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > BODY_MAX:
            return self._refuse(connection, 413, f"bad Content-Length {length!r}")
        while len(buffer) < int(length):
            chunk = connection.recv(65536)
            if not chunk:
                return None
            buffer += chunk
        body = bytes(buffer[: int(length)])
        del buffer[: int(length)]

        headers[":keep-alive"] = str(
            headers.get("connection", "").lower() == "keep-alive"
            if words[2] == "HTTP/1.0"
            else headers.get("connection", "").lower() != "close"
        )
        client, server = connection.getpeername(), connection.getsockname()
        return Request(words[0], words[1], headers, body, client[:2], server[:2])

    def _refuse(self, connection, status, why):
        answer = Answer(status, why + "\n")
        self._record(None, status, why, connection)
        connection.sendall(answer.head(False) + answer.body)
        raise Disconnect

    def _record(self, request, status, fault=None, connection=None):
        client = request.client if request else connection.getpeername()[:2]
        server = request.server if request else connection.getsockname()[:2]
        record = {
            "time": time.monotonic(),
            "wall": time.time(),
            "client": client[0],
            "port": client[1],
            "server": server[0],
            "method": request.method if request else None,
            "target": request.target if request else None,
            "path": request.path if request else None,
            "headers": {k: v for k, v in request.headers.items() if k[0] != ":"} if request else {},
            "body": request.body[:LOGGED_BODY_MAX].decode("utf-8", "replace") if request else "",
            "status": status,
            "fault": fault,
        }
        with self._lock:
            if len(self._records) < RECORDS_MAX:
                self._records.append(record)
            if self._log and not self._log.closed:
                self._log.write(json.dumps(record) + "\n")
                self._log.flush()

    # Requests

    def _take_fault(self, request):
        with self._lock:
            for fault in self._faults:
                if fault.fits(request):
                    if fault.left is not None:
                        fault.left -= 1
                    return fault
        return None

    def _handle(self, connection, request):
        """Returns whether the connection stays open."""
        keep_alive = request.headers[":keep-alive"] == "True"
        fault = self._take_fault(request)
        if fault:
            return getattr(self, "_fault_" + fault.kind)(connection, request, fault, keep_alive)
        answer = self.answer(request)
        self._send(connection, request, answer, keep_alive)
        return keep_alive

    def _send(self, connection, request, answer, keep_alive, fault=None):
        self._record(request, answer.status, fault)
        body = b"" if request.method == "HEAD" or answer.status == 204 else answer.body
        connection.sendall(answer.head(keep_alive) + body)

    def answer(self, request):
        path = request.path.rstrip("/") or "/"
        with self._lock:
            if path == "/":
                return answer_json({"api": "api-metadata", "description": "Metadata API, simulated", "version": "12.23.0"})
            if path == "/conf":
                return self._conf(request)
            if path == "/state":
                return self._state(request)
            if path == "/user_data" or path.startswith("/user_data/"):
                return self._user_data(request, path[len("/user_data/"):])
            if path.startswith("/vendor_data/"):
                return self._privileged(request) or self._stored(self.vendor_data, path[len("/vendor_data/"):])
            for prefix, folder in self.static.items():
                if request.path.startswith(prefix):
                    return self._file(request, folder, request.path[len(prefix):])
        return Answer(404, "Not found\n")

    def _conf(self, request):
        if request.method not in ("GET", "HEAD"):
            return Answer(405, "Method not allowed\n")
        if request.json_wanted:
            return answer_json(self.document)
        return Answer(200, documents.flatten(self.document, self.quote_objects))

    def _state(self, request):
        if request.method != "PATCH":
            return Answer(405, "Method not allowed\n")
        try:
            state = json.loads(request.body)["state_detail"]
        except (ValueError, KeyError, TypeError, UnicodeDecodeError):
            return Answer(400, "Invalid JSON: an object with state_detail is expected\n")
        if not isinstance(state, str) or len(state) > 255:
            return Answer(400, "Invalid state_detail\n")
        self.document["state_detail"] = state
        if request.json_wanted:
            return answer_json({"state_detail": state})
        return Answer(200, f"STATE_DETAIL={documents.quote(state)}\n")

    def _privileged(self, request):
        """None if the request may pass."""
        if request.client[1] >= 1024:
            return Answer(403, "Access denied: use a source port below 1024\n")
        if self.user_data_limit:
            limit, seconds = self.user_data_limit
            now = time.monotonic()
            while self._recent and self._recent[0] < now - seconds:
                self._recent.popleft()
            if len(self._recent) >= limit:
                return Answer(429, "Too many requests\n", headers=[("Retry-After", str(seconds))])
            self._recent.append(now)
        return None

    @staticmethod
    def _stored(store, key):
        if key not in store:
            return Answer(404, "Invalid key")
        return Answer(200, store[key])

    def _user_data(self, request, key):
        refused = self._privileged(request)
        if refused:
            return refused
        key = urllib.parse.unquote(key)
        if request.method in ("GET", "HEAD"):
            if key:
                return self._stored(self.user_data, key)
            if request.json_wanted:
                return answer_json({"user_data": list(self.user_data)})
            return Answer(200, documents.flatten({"user_data": list(self.user_data)}))
        if not key:
            return Answer(405, "Method not allowed\n")
        if request.method == "PATCH":
            if request.headers.get("content-type", "").split(";")[0] != "text/plain":
                return Answer(400, "Content-Type must be text/plain\n")
            self.user_data[key] = request.body
            return Answer(204)
        if request.method == "DELETE":
            return Answer(204) if self.user_data.pop(key, None) is not None else Answer(404, "Invalid key")
        return Answer(405, "Method not allowed\n")

    @staticmethod
    def _file(request, folder, name):
        """Served from memory: test files are small. Range: bytes=N- is what a resumed download asks for."""
        root = os.path.realpath(folder)
        path = os.path.realpath(os.path.join(root, urllib.parse.unquote(name).lstrip("/")))
        if os.path.commonpath([root, path]) != root or not os.path.isfile(path):
            return Answer(404, "Not found\n")
        with open(path, "rb") as f:
            data = f.read()
        wanted = request.headers.get("range", "")
        if wanted.startswith("bytes=") and wanted.endswith("-") and wanted[6:-1].isdecimal():
            start = int(wanted[6:-1])
            if start >= len(data):
                return Answer(416, headers=[("Content-Range", f"bytes */{len(data)}")])
            where = f"bytes {start}-{len(data) - 1}/{len(data)}"
            return Answer(206, data[start:], "application/octet-stream", [("Content-Range", where)])
        return Answer(200, data, "application/octet-stream", [("Accept-Ranges", "bytes")])

    # Faults: each returns whether the connection stays open.

    def _fault_hang(self, connection, request, fault, keep_alive):
        self._record(request, None, "hang")
        connection.settimeout(None)
        while connection.recv(65536):
            pass
        return False

    def _fault_reset(self, connection, request, fault, keep_alive):
        self._record(request, None, "reset")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return False

    def _fault_close(self, connection, request, fault, keep_alive):
        self._record(request, None, "close")
        return False

    def _fault_drip(self, connection, request, fault, keep_alive):
        answer = self.answer(request)
        self._record(request, answer.status, "drip")
        for byte in answer.head(False) + answer.body:
            connection.sendall(bytes([byte]))
            if self._stopping.wait(1 / fault.get("rate", 1)):
                break
        return False

    def _fault_garbage(self, connection, request, fault, keep_alive):
        answer = Answer(200, os.urandom(fault.get("size", 4096)), "application/json")
        self._send(connection, request, answer, keep_alive, "garbage")
        return keep_alive

    def _fault_notjson(self, connection, request, fault, keep_alive):
        page = "<html><head><title>Welcome</title></head><body>It works!</body></html>\n"
        self._send(connection, request, Answer(200, page, "text/html"), keep_alive, "notjson")
        return keep_alive

    def _fault_huge(self, connection, request, fault, keep_alive):
        size = fault.get("size", 100_000_000)
        self._record(request, 200, "huge")
        connection.sendall(Answer(200, content_type="application/json").head(False, size))
        connection.sendall(b'{"id":"')
        chunk = b"A" * 65536
        left = size - 9
        while left > 0:
            connection.sendall(chunk[:left])
            left -= len(chunk)
        connection.sendall(b'"}')
        return False

    def _fault_deep(self, connection, request, fault, keep_alive):
        depth = fault.get("depth", 100_000)
        answer = Answer(200, '{"tags":' + "[" * depth + "]" * depth + "}", "application/json")
        self._send(connection, request, answer, keep_alive, "deep")
        return keep_alive

    def _fault_body(self, connection, request, fault, keep_alive):
        answer = Answer(200, fault.get("body", ""), fault.get("content_type", "application/json"))
        self._send(connection, request, answer, keep_alive, "body")
        return keep_alive

    def _fault_status(self, connection, request, fault, keep_alive):
        status = fault.get("status", 503)
        headers = [("Retry-After", str(fault.get("retry_after")))] if "retry_after" in fault.spec else []
        answer = Answer(status, fault.get("body", REASONS.get(status, "Error") + "\n"), headers=headers)
        self._send(connection, request, answer, keep_alive, f"status {status}")
        return keep_alive

    def _fault_redirect(self, connection, request, fault, keep_alive):
        answer = Answer(fault.get("status", 302), "Moved\n", headers=[("Location", fault.get("location"))])
        self._send(connection, request, answer, keep_alive, "redirect")
        return keep_alive

    def _fault_truncate(self, connection, request, fault, keep_alive):
        answer = self.answer(request)
        self._record(request, answer.status, "truncate")
        connection.sendall(answer.head(False, len(answer.body) + fault.get("size", 1000)) + answer.body)
        return False

    def _fault_headers(self, connection, request, fault, keep_alive):
        self._record(request, 200, "headers")
        connection.sendall(b"HTTP/1.1 200 OK\r\nServer: Tengine\r\n")
        line = b"X-Filler: " + b"x" * 1000 + b"\r\n"
        while not self._stopping.is_set():
            connection.sendall(line)
        return False

    # Control from another process: one JSON object a line, one answer a line.

    def control(self, path):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        listener.listen(8)

        def accept():
            while not self._stopping.is_set():
                connection, _ = listener.accept()
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

        def serve(connection):
            with connection, connection.makefile("rw", encoding="utf-8") as stream:
                for line in stream:
                    try:
                        answer = {"result": self._command(json.loads(line))}
                    except Exception as e:  # the caller is a test: it gets the reason and fails there
                        answer = {"error": f"{type(e).__name__}: {e}"}
                    stream.write(json.dumps(answer) + "\n")
                    stream.flush()

        threading.Thread(target=accept, daemon=True).start()

    def _command(self, message):
        do = message["do"]
        if do == "records":
            return self.records()[message.get("since", 0):]
        with self._lock:
            if do == "faults":
                self.set_faults(message["faults"])
            elif do == "document":
                self.document = message["document"]
            elif do == "user-data":
                self.user_data = {k: v.encode() for k, v in message["user_data"].items()}
            elif do == "user-data-limit":
                self.user_data_limit = message["limit"]
            elif do == "static":
                self.static = message["static"]
            elif do != "ping":
                raise ValueError(f"unknown command '{do}'")
        return None


class Remote:
    """A control plane in another process, by its control socket."""

    def __init__(self, path, timeout=10):
        deadline = time.monotonic() + timeout
        while True:
            self._socket = socket.socket(socket.AF_UNIX)
            try:
                self._socket.connect(path)
                break
            except OSError:
                self._socket.close()
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
        self._stream = self._socket.makefile("rw", encoding="utf-8")
        self._lock = threading.Lock()

    def _call(self, do, **arguments):
        with self._lock:
            self._stream.write(json.dumps({"do": do, **arguments}) + "\n")
            self._stream.flush()
            answer = json.loads(self._stream.readline())
        if "error" in answer:
            raise ValueError(answer["error"])
        return answer["result"]

    def ping(self):
        self._call("ping")

    def set_faults(self, faults):
        self._call("faults", faults=list(faults))

    def set_document(self, document):
        self._call("document", document=document)

    def set_user_data(self, user_data):
        self._call("user-data", user_data=user_data)

    def set_user_data_limit(self, limit):
        self._call("user-data-limit", limit=limit)

    def set_static(self, static):
        self._call("static", static=static)

    def records(self, since=0):
        return self._call("records", since=since)

    def close(self):
        self._stream.close()
        self._socket.close()


def parse_bind(text):
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal():
        raise argparse.ArgumentTypeError(f"'{text}' is not HOST:PORT")
    return host.strip("[]"), int(port)


def main():
    parser = argparse.ArgumentParser(description="Simulated control plane", epilog=__doc__.split("\n\n", 3)[3],
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bind", type=parse_bind, action="append", required=True, metavar="HOST:PORT")
    parser.add_argument("--document", help="metadata document, JSON; default: a server without volumes")
    parser.add_argument("--fault", type=json.loads, action="append", default=[], help="a fault as JSON object")
    parser.add_argument("--user-data", type=json.loads, default={}, help="a JSON object of strings")
    parser.add_argument("--static", action="append", default=[], metavar="PREFIX=DIR", help="serve files below DIR")
    parser.add_argument("--log", help="append each request as a line of JSON")
    parser.add_argument("--control", help="path of a Unix socket that takes commands (see Remote)")
    arguments = parser.parse_args()

    plane = ControlPlane(
        arguments.bind,
        documents.load(arguments.document) if arguments.document else None,
        arguments.log,
        {k: v.encode() for k, v in arguments.user_data.items()},
        dict(s.split("=", 1) for s in arguments.static),
    )
    plane.set_faults(arguments.fault)
    if arguments.control:
        plane.control(arguments.control)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    plane.start()
    try:
        signal.pause()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
