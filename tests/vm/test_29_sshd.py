# SPDX-License-Identifier: MIT
"""A person logs in by ssh: with the root mounted, without one, and after a failure."""

import re

import documents
import nbd
import ssh
from process import wait_until
from testing import absent, check, contains, equal, options, rows

WAIT = r"^INITRD_DROPBEAR=1: "
SHOWN = r"^>>> SSH: root can log in with (\d) keys?; this server's host key is (SHA256:\S{43}) \(ED25519\)$"
USER_DATA = "/user_data/ssh-host-fingerprints"
KEPT = "/var/lib/scaleway/initrd-ssh-host-key"


def tag(public):
    return f"AUTHORIZED_KEY={public.replace(' ', '_')}"


def metadata(*publics):
    return {"ssh_public_keys": [{"key": public, "fingerprint": "is not looked at"} for public in publics]}


def refused(client, key, **arguments):
    done = client.run("true", key=key, **arguments)
    equal(done.returncode, 255, f"exit status of ssh: {done.stderr}")
    contains(done.stderr, r"Permission denied \(publickey\)", "what the client says")


def call(client, key, **arguments):
    """continue-boot; the server may close the connection before it has told that it worked."""
    done = client.run("continue-boot", key=key, **arguments)
    check(done.returncode in (0, 255) and "waits for continue-boot" not in done.stderr, f"continue-boot: {done.returncode} {done.stderr}")


@rows("A17")
@options(timeout=900)
def test_login(bench):
    """Keys of the metadata and of a tag, and nothing else; the boot waits; what is left afterwards; the same host key in the next
    boot, which goes on by itself."""
    client = ssh.Client(bench)
    in_metadata, in_tag = client.make("metadata"), client.make("tag", "ecdsa")
    client.make("stranger")
    tags = ["INITRD_DROPBEAR=1", tag(in_tag)]
    vm = bench.boot(tags=tags, metadata=metadata(in_metadata), user_data={})
    shown = vm.wait_for(SHOWN, 240)
    equal(shown[1], "2", "how many keys there are")
    vm.wait_for(WAIT, 60)
    client.wait("metadata")
    equal(client.fingerprint(), shown[2], "the host key's fingerprint on the console")
    for name in ("metadata", "tag"):
        equal(client.run("id -u; echo $SHELL; pwd", key=name).stdout, "0\n/bin/bash\n/root\n", f"who logs in with the key of the {name}")
    wait_until(lambda: bench.requests("PATCH", USER_DATA), 30, "the fingerprint in the user data")
    set_by = bench.requests("PATCH", USER_DATA)
    equal([(r["body"], r["status"] // 100) for r in set_by], [(f"256 {shown[2]} root@initrd (ED25519)\n", 2)], "user data")
    refused(client, "stranger")
    refused(client, None, options=["PubkeyAuthentication=no", "PreferredAuthentications=password,keyboard-interactive"])
    contains(client.run(flags=["-W", "127.0.0.1:22"], key="metadata").stderr, "prohibited", "a port that is to be forwarded")
    session = client.session("systemctl is-active scaleway-continue.service", "scw-metadata --cached ID", "exit", key="metadata")
    for pattern in (r"INITRD_DROPBEAR=1: the root is mounted", r"dropbear# ", "^activating", f"^{bench.document['id']}"):
        contains(session, pattern, "an interactive session")
    equal(bench.wait_states(), ["kernel-started", "booted"], "states while the boot waits")
    absent(vm.console.text, "login: ", "the boot has gone on")
    session = client.start("sleep 1000", flags=["-tt"], key="tag")
    call(client, "metadata")
    vm.wait_login()
    equal(session.process.wait(30), 255, "the session that was left open")
    equal(vm.run("pgrep dropbear; ss -Hltn 'sport = :22'; ls -d /run/scaleway/sshd /run/scaleway/continue 2>/dev/null; echo end"), "end\n",
          "what is left on the host")
    equal(vm.run(f"stat -c '%U %G %a %s' {KEPT}"), "root root 600 83\n", "the host key on the root")
    equal(bench.final_states(), ["kernel-started", "booted"], "states")
    vm.run("sync; mount -o remount,ro / || true")

    vm = bench.boot(tags=[*tags, "INITRD_DROPBEAR_TIMEOUT=30"], metadata=metadata(in_metadata))
    vm.wait_for(WAIT, 240)
    vm.wait_for(r"^It goes on by itself in 30 s\.$", 20)
    contains(vm.console.text, f"host key is {re.escape(shown[2])}", "the host key of the second boot")
    client.wait("tag", strict="yes")
    bench.wait_booted()
    equal(bench.requests("PATCH", USER_DATA), [], "user data that are there already")


@rows("A16", "A17", "B8")
@options(timeout=600)
def test_without_a_root(bench):
    """boot=none: somebody mounts it by ssh. Then the shell of INITRD_POST_SHELL=1 on the console, which another call leaves."""
    client = ssh.Client(bench)
    key = client.make("mine")
    vm = bench.boot(tags=["boot=none", "INITRD_DROPBEAR=1", "INITRD_POST_SHELL=1"], metadata=metadata(key),
                    user_data={"ssh-host-fingerprints": "256 SHA256:of-the-host root@host (ED25519)\n"})  # fmt: skip
    vm.wait_for(r"^boot=none: ", 240)
    client.wait("mine")
    contains(client.run("continue-boot", key="mine").stderr, "Nothing is mounted on '/sysroot'", "without a root")
    session = client.session("udevadm settle --timeout=20; mount /dev/nbd0 /sysroot", "exit", key="mine")
    contains(session, r"^boot=none# ", "the prompt")
    call(client, "mine")
    vm.wait_for(r"^post-shell# $", 60)
    contains(client.run("cat /run/scaleway/step", key="mine").stdout, "^post-shell$", "the step")
    call(client, "mine")
    bench.wait_booted()
    equal(bench.requests("PATCH", USER_DATA), [], "the host's user data")
    contains(vm.console.text, "ssh-host-fingerprints are the host's", "the console")
    absent(vm.console.text, WAIT, "a third wait")
    absent(vm.run(f"ls {KEPT} 2>&1 || true"), f"^{KEPT}$", "a host key that was made without a root")


@rows("A17", "C4")
@options(timeout=600)
def test_after_a_failure(bench):
    """No root: the server can be reached, waits without a limit, and reboots when it is told to."""
    client = ssh.Client(bench)
    key = client.make("mine")
    nobody = f"nbd://10.42.0.1:{nbd.PORT}"
    vm = bench.boot(nbd=None, tags=["INITRD_DROPBEAR=1"], overlay=nbd.shorter(3),
                    faults=[{"kind": "status", "status": 403, "path": "/user_data*"}],
                    metadata={"volumes": {"0": documents.volume(nobody)}, **metadata(key)})  # fmt: skip
    vm.wait_for(r"^Root can log in by ssh\. When continue-boot is called there, the server reboots\.\n"
                r"It waits for that without a limit of time\.\nPress Enter for a shell here\.$", 240)  # fmt: skip
    client.wait("mine")
    session = client.session("systemctl --failed --no-pager | cat", "exit", key="mine")
    for pattern in (r"^The boot has failed: Cannot attach nbd0", "failed# ", r"scaleway-nbd@0\.service.*failed"):
        contains(session, pattern, "a session")
    contains(vm.console.text, r"not told the host key's fingerprint: it answers 403", "user data that are refused")
    check(vm.running(), "the server has not waited")
    call(client, "mine")
    bench.wait_failed(r"Cannot attach nbd0 to .*refused")


@rows("A17")
def test_from_the_console(bench):
    """Enter gets a shell there. Nobody is waited for any more who could not come: the server is killed. One key is
    none, and a time that is none is no limit."""
    client = ssh.Client(bench)
    vm = bench.boot(tags=["INITRD_DROPBEAR=1", "INITRD_DROPBEAR_TIMEOUT=soon", "AUTHORIZED_KEY=ssh-ed25519_AAAA"],
                    metadata=metadata(client.make("mine")))  # fmt: skip
    at = vm.wait_for(r"^Press Enter for a shell\.$", 240).end()
    for pattern in (r"AUTHORIZED_KEY= \(server tag 3\) is left out: it is none of the kind",
                    r"INITRD_DROPBEAR_TIMEOUT='soon' \(server tag\) is no number of seconds", SHOWN):  # fmt: skip
        contains(vm.console.text, pattern, "the console")
    vm.send("\n")
    vm.wait_for(r"^dropbear# $", 60, at)
    vm.send("systemctl kill --signal=KILL scaleway-sshd.service\n")
    bench.wait_booted()
