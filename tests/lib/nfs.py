# SPDX-License-Identifier: MIT
"""An NFS server over the test's root image, beside the control plane: nfs-ganesha and an rpcbind of its own."""

import os
import subprocess

from process import Child, find, need, wait_until
from testing import absent

PATH = "/srv/root"  # for clients
PORT = 2049
MOUNTD_PORT = 20048
READY = "NFS SERVER INITIALIZED"

# rpcbind is found by a socket below /run, so that is one of its own; the image's mount goes with its namespace.
SCRIPT = """
mount -t tmpfs tmpfs /run
mount -o loop "$1" "$2"
rpcbind -f -w & exec ganesha.nfsd -F -L /dev/stderr -f "$3" -p "$4"
"""

# Without a period of grace a first client need not wait for those that a server that was started again would know.
CONFIGURATION = """
NFS_CORE_PARAM {{ NFS_Port = {port}; MNT_Port = {mountd}; Protocols = {speaks}; Enable_NLM = false; Enable_RQUOTA = false;
                  mount_path_pseudo = true; }}
NFS_KRB5 {{ Active_krb5 = false; }}
NFSv4 {{ Graceless = true; RecoveryBackend = fs; RecoveryRoot = "{folder}/recovery"; Only_Numeric_Owners = true; {minor} }}
EXPORT_DEFAULTS {{ Squash = No_Root_Squash; SecType = sys; Transports = TCP; }}
EXPORT {{ Export_Id = 1; Path = "{mounted}"; Pseudo = {path}; Protocols = {protocols}; Access_Type = {access};
          FSAL {{ Name = VFS; }} CLIENT {{ Clients = {clients}; Access_Type = RW; }} }}
LOG {{ Default_Log_Level = EVENT; }}
"""


class Server:
    """speaks: versions of the server. protocols: of the export. clients: who may have it, an address or a network. minor: minor versions of 4."""

    def __init__(self, bench, speaks="3, 4", protocols="3, 4", clients="*", minor=None):
        need("ganesha.nfsd", "rpcbind", "mount")
        self.bench = bench
        self.folder = os.path.join(bench.folder, "nfs")
        self.mounted = os.path.join(self.folder, "mounted")
        for name in ("mounted", "recovery"):
            os.makedirs(os.path.join(self.folder, name), exist_ok=True)
        self.configuration = os.path.join(self.folder, "ganesha.conf")
        with open(self.configuration, "w", encoding="utf-8") as f:
            f.write(CONFIGURATION.format(
                port=PORT, mountd=MOUNTD_PORT, folder=self.folder, mounted=self.mounted, path=PATH, speaks=speaks, protocols=protocols,
                access="NONE", clients=clients, minor=f"minor_versions = {minor};" if minor else ""))  # fmt: skip
        self.child = None
        bench.callback(self.stop)

    @property
    def source(self):
        return f"{self.bench.first_nic.host}:{PATH}"

    def start(self):
        argv = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-euc", SCRIPT, "sh", self.bench.disk, self.mounted,
                self.configuration, os.path.join(self.folder, "pid")]  # fmt: skip
        self.child = Child(argv, os.path.join(self.bench.folder, "ganesha.log"), self.bench.network.prefix)
        wait_until(lambda: READY in self.child.output(), 30, "nfs-ganesha", self.child)
        absent(self.child.output(), "CRIT :Config File", "errors of ganesha's configuration")
        return self

    def stop(self):
        if self.child:
            self.child.kill()
            self.child = None
            wait_until(lambda: not self._loop_device(), 10, "unmounted image")

    def _loop_device(self):
        return subprocess.run([find("losetup"), "-j", self.bench.disk], capture_output=True, text=True, check=False).stdout.strip()

    def read(self, path):
        """A file of the export, as the server sees it."""
        with open(f"/proc/{self.child.pid}/root{self.mounted}{path}", encoding="utf-8") as f:
            return f.read()
