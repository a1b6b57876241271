# SPDX-License-Identifier: MIT
"""The bench's control plane itself: a test that trusts a wrong simulator proves nothing."""

import http.client
import json
import os
import socket
import tempfile
import time

import documents
from controlplane import ControlPlane, Remote
from testing import check, equal

DOCUMENT = {
    "id": "x",
    "name": "it's a server",
    "tags": ["INITRD_DEBUG=1", "some tag"],
    "public_ip": None,
    "ipv6": None,
    "extra_networks": [],
    "ssh_public_keys": [{"key": "ssh-rsa AAAA", "fingerprint": "f"}],
    "bootscript": {"dtb": "", "default": True, "public": False},
    "volumes": {"1": {"size": 20000000000}, "0": {"export_uri": "nbd://10.1.0.44:4320"}},
    "location": {"zone_id": "par1"},
    "nothing": {},
}
TEXT = """ID=x
NAME='it'"'"'s a server'
TAGS=2
TAGS_0=INITRD_DEBUG=1
TAGS_1='some tag'
PUBLIC_IP=
IPV6=
EXTRA_NETWORKS=0
SSH_PUBLIC_KEYS=1
SSH_PUBLIC_KEYS_0='KEY FINGERPRINT'
SSH_PUBLIC_KEYS_0_KEY='ssh-rsa AAAA'
SSH_PUBLIC_KEYS_0_FINGERPRINT=f
BOOTSCRIPT='DTB DEFAULT PUBLIC'
BOOTSCRIPT_DTB=''
BOOTSCRIPT_DEFAULT=True
BOOTSCRIPT_PUBLIC=False
VOLUMES='1 0'
VOLUMES_1=SIZE
VOLUMES_1_SIZE=20000000000
VOLUMES_0=EXPORT_URI
VOLUMES_0_EXPORT_URI=nbd://10.1.0.44:4320
LOCATION=ZONE_ID
LOCATION_ZONE_ID=par1
NOTHING=''
"""


def plane(**arguments):
    return ControlPlane([("127.0.0.1", 0)], json.loads(json.dumps(DOCUMENT)), **arguments)


def ask(server, method, path, body=None, headers=None, source_port=None, connection=None):
    own = connection or connect(server, source_port)
    own.request(method, path, body, headers or {})
    answer = own.getresponse()
    result = answer.status, answer.read(), dict(answer.getheaders())
    if connection is None:
        own.close()
    return result


def connect(server, source_port=None):
    source = ("127.0.0.1", source_port) if source_port else None
    return http.client.HTTPConnection("127.0.0.1", server.ports[0], timeout=5, source_address=source)


def low_port():
    for port in range(600, 1023):
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise RuntimeError("no free port below 1024")


def test_documents(bench):
    with plane() as server:
        status, body, headers = ask(server, "GET", "/conf")
        equal((status, body.decode()), (200, TEXT), "text form")
        equal(headers["Server"], "Tengine", "Server")
        equal(headers["Connection"], "keep-alive", "keep-alive is the default")
        status, body, headers = ask(server, "GET", "/conf?format=json")
        equal((status, json.loads(body)), (200, DOCUMENT), "JSON form")
        equal(json.loads(ask(server, "GET", "/")[1])["api"], "api-metadata", "GET /")
        equal(ask(server, "GET", "/elsewhere")[0], 404, "unknown path")
        equal(ask(server, "POST", "/conf")[0], 405, "POST /conf")
    old = documents.flatten({"public_ip": {"dynamic": True, "id": "i"}}, quote_objects=False)
    equal(old, "PUBLIC_IP=DYNAMIC ID\nPUBLIC_IP_DYNAMIC=True\nPUBLIC_IP_ID=i\n", "form from before 2014-11")


def test_state(bench):
    with plane() as server:
        connection = connect(server)
        for state in ("kernel-started", "booted"):
            status, body, _ = ask(server, "PATCH", "/state", json.dumps({"state_detail": state}), connection=connection)
            equal((status, body.decode()), (200, f"STATE_DETAIL={state}\n"), "answer")
        equal(server.document["state_detail"], "booted", "kept in the document")
        equal(len({r["port"] for r in server.records()}), 1, "both over one connection")
        for body in ("", "{", "[]", '{"state_detail": 1}', "\xff"):
            equal(ask(server, "PATCH", "/state", body.encode("latin-1"))[0], 400, f"refused: {body!r}")
        equal([r["body"] for r in server.records()][:2],
              ['{"state_detail": "kernel-started"}', '{"state_detail": "booted"}'], "log")
        equal(ask(server, "PATCH", "/state?format=json", '{"state_detail": "x"}')[1], b'{"state_detail": "x"}', "JSON")


def test_user_data(bench):
    with plane(user_data={"cloud-init": b"#cloud-config\n\x00"}) as server:
        status, body, _ = ask(server, "GET", "/user_data")
        equal(status, 403, "a source port from 1024 up is refused")
        check(b"1024" in body, "the refusal says why")
        if os.geteuid() != 0:
            return

        def low(*arguments, **named):
            return ask(server, *arguments, source_port=low_port(), **named)[:2]

        equal(low("GET", "/user_data"), (200, b"USER_DATA=1\nUSER_DATA_0=cloud-init\n"), "list, text")
        equal(low("GET", "/user_data?format=json"), (200, b'{"user_data": ["cloud-init"]}'), "list, JSON")
        equal(low("GET", "/user_data/cloud-init"), (200, b"#cloud-config\n\x00"), "raw bytes")
        equal(low("GET", "/user_data/none"), (404, b"Invalid key"), "missing key")
        plain = {"Content-Type": "text/plain"}
        equal(low("PATCH", "/user_data/k", body=b"v", headers=plain), (204, b""), "set")
        equal(low("GET", "/user_data/k"), (200, b"v"), "was set")
        equal(low("DELETE", "/user_data/k"), (204, b""), "delete")
        equal(low("GET", "/user_data/k")[0], 404, "was deleted")
        equal(low("GET", "/vendor_data/cloud-init")[0], 404, "vendor data")
        server.user_data_limit = (2, 60)
        equal([low("GET", "/user_data")[0] for _ in range(4)], [200, 200, 429, 429], "rate limit")


def fails(server, kind):
    try:
        ask(server, "GET", "/conf?format=json")
    except OSError as e:
        return isinstance(e, kind)
    except http.client.HTTPException as e:
        return isinstance(e, kind)
    return False


def test_faults(bench):
    with plane() as server:
        def with_fault(**fault):
            server.set_faults([fault])

        with_fault(kind="status", status=429, retry_after=7, count=2, path="/conf")
        equal(ask(server, "GET", "/")[0], 200, "another path")
        status, _, headers = ask(server, "GET", "/conf")
        equal((status, headers["Retry-After"]), (429, "7"), "429")
        equal([ask(server, "GET", "/conf?format=json")[0] for _ in range(2)], [429, 200], "counted")
        with_fault(kind="status", status=503, method="PATCH")
        equal(ask(server, "GET", "/state")[0], 405, "another method")
        equal(ask(server, "PATCH", "/state", '{"state_detail": "x"}')[0], 503, "503")
        with_fault(kind="reset")
        check(fails(server, ConnectionResetError), "reset")
        with_fault(kind="close")
        check(fails(server, http.client.RemoteDisconnected), "closed without an answer")
        with_fault(kind="garbage", size=100)
        equal(len(ask(server, "GET", "/conf")[1]), 100, "garbage")
        with_fault(kind="deep", depth=10)
        equal(ask(server, "GET", "/conf")[1], b'{"tags":[[[[[[[[[[]]]]]]]]]]}', "deep")
        with_fault(kind="huge", size=300_000)
        equal(len(json.loads(ask(server, "GET", "/conf")[1])["id"]), 300_000 - 9, "huge")
        with_fault(kind="redirect", location="http://192.0.2.1/")
        equal(ask(server, "GET", "/conf")[2]["Location"], "http://192.0.2.1/", "redirect")
        with_fault(kind="truncate")
        check(fails(server, http.client.IncompleteRead), "truncated")
        with_fault(kind="notjson")
        check(b"It works" in ask(server, "GET", "/conf")[1], "HTML")
        with_fault(kind="drip", rate=500)
        start = time.monotonic()
        equal(ask(server, "GET", "/")[0], 200, "drip")
        check(time.monotonic() - start > 0.2, "drips slowly")
        with_fault(kind="hang")
        connection = http.client.HTTPConnection("127.0.0.1", server.ports[0], timeout=0.3)
        try:
            ask(server, "GET", "/conf", connection=connection)
            raise AssertionError("hang: got an answer")
        except TimeoutError:
            connection.close()
        kinds = {r["fault"] for r in server.records()}
        check({"hang", "reset", "status 429", "drip", None} <= kinds, f"faults are in the log: {kinds}")


def test_late_service(bench):
    with plane() as server:
        server.set_faults([{"kind": "refuse", "seconds": 0.5}])
        time.sleep(0.2)
        check(fails(server, ConnectionRefusedError), "refused while the service is not there")
        time.sleep(0.6)
        equal(ask(server, "GET", "/conf")[0], 200, "the service came late")


def test_bad_requests(bench):
    with plane() as server:
        for request in (b"GET /conf\r\n\r\n", b"GET conf HTTP/1.1\r\nHost: x\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n",
                        b"GET / HTTP/1.1\r\nHost: x\r\nbroken\r\n\r\n", b"\x00" * 20000):
            with socket.create_connection(("127.0.0.1", server.ports[0]), 5) as s:
                s.sendall(request)
                check(s.recv(100).startswith(b"HTTP/1.1 400 "), f"400 for {request[:40]!r}")
        big = b"PATCH /state HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n"
        with socket.create_connection(("127.0.0.1", server.ports[0]), 5) as s:
            s.sendall(big)
            check(s.recv(100).startswith(b"HTTP/1.1 413 "), "413")


def test_control_and_log(bench):
    with tempfile.TemporaryDirectory() as folder:
        log, control = os.path.join(folder, "log"), os.path.join(folder, "control")
        with open(os.path.join(folder, "file"), "wb") as f:
            f.write(b"0123456789")
        with plane(log_path=log) as server:
            server.control(control)
            remote = Remote(control)
            remote.set_document({"id": "y"})
            equal(ask(server, "GET", "/conf")[1], b"ID=y\n", "document replaced at run time")
            remote.set_faults([{"kind": "status", "status": 500}])
            equal(ask(server, "GET", "/conf")[0], 500, "fault set at run time")
            remote.set_faults([])
            remote.set_static({"/static/": folder})
            equal(ask(server, "GET", "/static/file")[1], b"0123456789", "file")
            equal(ask(server, "GET", "/static/file", headers={"Range": "bytes=7-"})[:2], (206, b"789"), "range")
            equal(ask(server, "GET", "/static/../../etc/passwd")[0], 404, "outside of the folder")
            try:
                remote.set_faults([{"kind": "unheard-of"}])
                raise AssertionError("an unknown fault was taken")
            except ValueError:
                pass
            equal([r["status"] for r in remote.records(since=1)], [500, 200, 206, 404], "log")
            remote.close()
        with open(log, encoding="utf-8") as f:
            equal([json.loads(line)["status"] for line in f], [200, 500, 200, 206, 404], "log file")
