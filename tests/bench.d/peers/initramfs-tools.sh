#!/bin/sh
# SPDX-License-Identifier: MIT
# An initrd of Debian's initramfs-tools with the hook of nbd-client: a shell script over busybox and klibc.
# Runs in the tree of the peers. Arguments: kernel version, result, compression level of zstd.
set -eu

conf=$(mktemp -d)
trap 'rm -rf "$conf"' EXIT
cp -a /etc/initramfs-tools/. "$conf/"
cat >"$conf/initramfs.conf" <<EOF
MODULES=list
BUSYBOX=y
COMPRESS=zstd
COMPRESSLEVEL=$3
DEVICE=
NFSROOT=auto
RUNSIZE=10%
FSTYPE=ext4
EOF
printf '%s\n' virtio_net virtio_pci nbd ext4 >"$conf/modules"
mkinitramfs -d "$conf" -o "$2" "$1"

if ! lsinitramfs "$2" | grep 'sbin/nbd-client$' >/dev/null; then
        echo "initramfs-tools: nbd-client is not in the initrd" >&2
        exit 1
fi
