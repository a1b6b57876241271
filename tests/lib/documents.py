# SPDX-License-Identifier: MIT
"""Metadata documents, and the text form of them as the platform prints it.

flatten() is written from the documented rules alone and shares nothing with the C code under test."""

import copy
import json

SERVER_ID = "bbbbbbbb-0000-4000-8000-000000000042"
ROOT_VOLUME_ID = "cccccccc-0000-4000-8000-000000000042"
ORGANIZATION = "8abcdef0-1234-4000-8000-000000000001"

# The shape of a 2016 server that boots from NBD, the last generation that did.
SERVER = {
    "tags": [],
    "state_detail": "booting kernel",
    "public_ip": {"dynamic": True, "id": "dddddddd-0000-4000-8000-000000000042", "address": "203.0.113.42"},
    "ssh_public_keys": [
        {
            "key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExampleExampleExampleExampleExampleExampleExam user@example",
            "fingerprint": "256 00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff  user@example (ED25519)",
        }
    ],
    "private_ip": "10.42.0.10",
    "timezone": "UTC",
    "id": SERVER_ID,
    "extra_networks": [],
    "name": "bench server",
    "hostname": "bench-server",
    "bootscript": {
        "kernel": "kernel/x86_64",
        "title": "x86_64 bench",
        "default": True,
        "dtb": "",
        "public": True,
        "initrd": "initrd/x86_64",
        "bootcmdargs": "LINUX_COMMON scaleway boot=local nbd.max_part=16",
        "architecture": "x86_64",
        "organization": "11111111-1111-4111-8111-111111111111",
        "id": "eeeeeeee-0000-4000-8000-000000000042",
    },
    "location": {
        "platform_id": "14",
        "hypervisor_id": "10",
        "cluster_id": "1",
        "node_id": "7",
        "zone_id": "par1",
    },
    "volumes": {},
    "ipv6": None,
    "organization": ORGANIZATION,
    "commercial_type": "C2S",
}


def volume(uri, size=0, name="root", id=ROOT_VOLUME_ID):
    return {
        "name": name,
        "modification_date": "2016-06-14T09:29:04.000001+00:00",
        "export_uri": uri,
        "volume_type": "l_ssd",
        "creation_date": "2016-06-14T09:29:04.000001+00:00",
        "organization": ORGANIZATION,
        "server": {"id": SERVER_ID, "name": "bench server"},
        "id": id,
        "size": size,
    }


def server(root_uri=None, tags=(), **fields):
    """A document; root_uri becomes volume 0, fields replace whole top-level fields."""
    document = copy.deepcopy(SERVER)
    document["tags"] = list(tags)
    if root_uri is not None:
        document["volumes"]["0"] = volume(root_uri)
    document.update(fields)
    return document


SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%_+=:,./-")


def quote(text):
    """What Python 2's pipes.quote() did."""
    if text and all(c in SAFE for c in text):
        return text
    return "'" + text.replace("'", "'\"'\"'") + "'"


def flatten(document, quote_objects=True):
    """The text form of GET /conf. quote_objects=False is how servers from before 2014-11 got the lines of objects."""
    lines = []

    def emit(name, value):
        if value is None:
            lines.append(f"{name}=")
        elif isinstance(value, bool):
            lines.append(f"{name}={value}")
        elif isinstance(value, dict):
            keys = " ".join(k.upper() for k in value)
            lines.append(f"{name}={quote(keys) if quote_objects else keys}")
            for key, item in value.items():
                emit(f"{name}_{key.upper()}", item)
        elif isinstance(value, list):
            lines.append(f"{name}={len(value)}")
            for i, item in enumerate(value):
                emit(f"{name}_{i}", item)
        else:
            lines.append(f"{name}={quote(str(value))}")

    for key, value in document.items():
        emit(key.upper(), value)
    return "".join(line + "\n" for line in lines)


def load(path):
    with open(path, encoding="utf-8") as f:
        return json.load(f)
