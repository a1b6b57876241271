# SPDX-License-Identifier: MIT
"""The web server that hands out images, beside the NBD server: nginx, which has ranges and validators, and https if it is given
a certificate. And the authority that signs one."""

import os
import re
import subprocess

from process import Child, find, need, wait_until

PORT, TLS_PORT = 8080, 8443
# One process, so that it is gone when it is killed.
CONFIG = """
master_process off;
daemon off;
user root;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
events {{}}
http {{
    log_format requests '$remote_addr "$request" $status $body_bytes_sent range="$http_range" if-range="$http_if_range"';
    access_log {log} requests;
    default_type application/octet-stream;
    sendfile on;
    client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3; uwsgi_temp_path {folder}/t4;
    scgi_temp_path {folder}/t5;
    server {{
        listen {host}:{port};
        {tls}
        root {www};
        {limit}
        # Elsewhere, and over https if there is any.
        location /moved/ {{ rewrite ^/moved/(.*)$ {base}/$1 redirect; }}
    }}
}}
"""
RECORD = re.compile(r'^(\S+) "(\S+) (\S+) \S+" (\d+) (\d+) range="(.*)" if-range="(.*)"$')


class WebServer:
    """Over a folder of the test, from which add() and write() fill it. url() says where a file is, moved() where one is told of it."""

    def __init__(self, bench, certificate=None, limit=None):
        """certificate: (certificate, key), as paths. limit: (bytes, bytes/s): after so many of each answer, so slow."""
        need("nginx")
        self.folder = os.path.join(bench.folder, "www")
        os.makedirs(self.folder, exist_ok=True)
        self.host = bench.first_nic.host
        self.log = os.path.join(bench.folder, "www.log")
        self._state = os.path.join(bench.folder, "nginx")
        os.makedirs(self._state, exist_ok=True)
        self._bench = bench
        self._certificate = certificate
        self.child = None
        bench.callback(self.kill)
        self.start(limit)

    def start(self, limit=None):
        config = os.path.join(self._state, "nginx.conf")
        tls = limits = ""
        if self._certificate:
            tls = "listen {}:{} ssl; ssl_certificate {}; ssl_certificate_key {};".format(self.host, TLS_PORT, *self._certificate)
        if limit:
            limits = "limit_rate_after {}; limit_rate {};".format(*limit)
        with open(config, "w", encoding="utf-8") as f:
            f.write(CONFIG.format(folder=self._state, log=self.log, host=self.host, port=PORT, tls=tls, www=self.folder, limit=limits,
                                  base=self.url("").rstrip("/")))  # fmt: skip
        self.child = Child([find("nginx"), "-c", config], os.path.join(self._state, "output"), self._bench.network.prefix)
        wait_until(lambda: self._bench.network.listening(PORT), 10, f"web server on port {PORT}", self.child)

    def kill(self):
        """In the middle of an answer, whose request is in no log then."""
        if self.child:
            self.child.kill()
            self.child = None

    def add(self, path, name):
        """A file, by a link."""
        self.remove(name)
        os.symlink(os.path.abspath(path), os.path.join(self.folder, name))

    def write(self, name, data, size=None):
        """size: with a hole behind it."""
        self.remove(name)
        with open(os.path.join(self.folder, name), "wb") as f:
            f.write(data)
            if size is not None:
                f.truncate(size)

    def remove(self, name):
        path = os.path.join(self.folder, name)
        if os.path.lexists(path):
            os.unlink(path)

    def url(self, name):
        return f"https://{self.host}:{TLS_PORT}/{name}" if self._certificate else f"http://{self.host}:{PORT}/{name}"

    def moved(self, name):
        return f"http://{self.host}:{PORT}/moved/{name}"

    def requests(self):
        """Those that are answered: {"client", "method", "path", "status", "bytes", "range", "if_range"}."""
        with open(self.log, encoding="utf-8") as f:
            found = [RECORD.match(line) for line in f]
        names = ("client", "method", "path", "status", "bytes", "range", "if_range")
        result = [dict(zip(names, m.groups(), strict=True)) for m in found]
        return [{**r, "status": int(r["status"]), "bytes": int(r["bytes"])} for r in result]


def authority(folder, name):
    """Returns the paths of (CA's certificate, (server's certificate, its key)); the server is name, an IP address."""
    need("openssl")

    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=bench CA")
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=server")
    with open(os.path.join(folder, "names"), "w", encoding="utf-8") as f:
        f.write(f"subjectAltName=IP:{name}\n")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", "server.pem",
            "-days", "2", "-extfile", "names")  # fmt: skip
    ca, certificate, key = (os.path.join(folder, n) for n in ("ca.pem", "server.pem", "server.key"))
    return ca, (certificate, key)
