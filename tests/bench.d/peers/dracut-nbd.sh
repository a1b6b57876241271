#!/bin/sh
# SPDX-License-Identifier: MIT
# An initrd with dracut's own nbd module and systemd-networkd, trimmed to what it needs as its user would do.
# Runs in the tree of the peers. Arguments: kernel version, result, compression level of zstd.
set -eu

dracut --force --quiet --no-hostonly --kver "$1" \
        --modules "systemd systemd-initrd dracut-systemd udev-rules base fs-lib rootfs-block kernel-modules \
kernel-network-modules net-lib network nbd shutdown usrmount systemd-networkd" \
        --drivers "virtio_net nbd virtio_pci ext4" \
        --compress "zstd -$3 -T0 -q" "$2"

# dracut ends with 0 although something is missing. (grep reads to the end: lsinitrd does not like a closed pipe.)
if ! lsinitrd "$2" | grep 'sbin/nbd-client$' >/dev/null; then
        echo "dracut-nbd: nbd-client is not in the initrd" >&2
        exit 1
fi
