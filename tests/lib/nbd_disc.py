# SPDX-License-Identifier: MIT
"""Says when a client takes its leave of an NBD server. Of the bench's three servers one keeps that to itself, and one that was killed
cannot tell, so the network is listened to: `nbd_disc.py INTERFACE PORT` prints a line for each NBD_CMD_DISC that comes in."""

import ctypes
import socket
import struct
import sys

ETH_P_ALL, ETH_P_IP, ETH_P_IPV6 = 0x0003, 0x0800, 0x86DD
SO_ATTACH_FILTER = 26
REQUEST = struct.Struct(">IHHQQI")
NBD_REQUEST_MAGIC, NBD_CMD_DISC = 0x25609513, 2
LENGTH_MAX = 256  # of a frame that is looked at


def accept_short_frames(listener):
    """Data comes faster than Python looks at it. Classic BPF: ld len; jgt #max to the second return; ret all; ret nothing."""
    program = [(0x80, 0, 0, 0), (0x25, 1, 0, LENGTH_MAX), (0x06, 0, 0, LENGTH_MAX), (0x06, 0, 0, 0)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *instruction) for instruction in program))
    listener.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HP", len(program), ctypes.addressof(code)))


def payload(frame, port):
    """Of a TCP segment to that port; nothing if it is something else."""
    (kind,) = struct.unpack_from(">H", frame, 12)
    if kind == ETH_P_IP:
        end = 14 + struct.unpack_from(">H", frame, 16)[0]
        protocol, segment = frame[23], 14 + (frame[14] & 15) * 4
    elif kind == ETH_P_IPV6:
        end = 54 + struct.unpack_from(">H", frame, 18)[0]
        protocol, segment = frame[20], 54
    else:
        return b""
    if protocol != socket.IPPROTO_TCP or struct.unpack_from(">H", frame, segment + 2)[0] != port:
        return b""
    return frame[segment + (frame[segment + 12] >> 4) * 4 : end]


def is_disconnect(data):
    """The kernel sends it by itself or behind other requests; there is nothing after it."""
    return len(data) >= REQUEST.size and REQUEST.unpack(data[-REQUEST.size :])[0:3:2] == (NBD_REQUEST_MAGIC, NBD_CMD_DISC)


def main():
    interface, port = sys.argv[1], int(sys.argv[2])
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL)) as listener:
        accept_short_frames(listener)
        listener.bind((interface, ETH_P_ALL))
        print("ready", flush=True)
        while True:
            frame, address = listener.recvfrom(LENGTH_MAX)
            if address[2] != socket.PACKET_OUTGOING and is_disconnect(payload(frame, port)):
                print("NBD_CMD_DISC", flush=True)


if __name__ == "__main__":
    main()
