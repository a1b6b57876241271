/* SPDX-License-Identifier: MIT */
#pragma once

#include "time-util.h"

/* Every bound on what comes from outside, is waited for, or is kept: seconds, bytes, depth, count, each with its reason. What is a fact of a
 * protocol or of a format and no choice of ours (the size of a packet, a header or a digest) stands where that is spoken. Bounds of
 * systemd's on whole units (TimeoutStartSec=) are in the units, above those of the programs that run in them, with a reason there.
 *
 * _MAX counts bytes where nothing else is said, without a NUL at the end. Names that end in _USEC and _SEC say their unit; times without are
 * usec_t. */

/* Options, command line, settings */

#define PROC_CMDLINE_MAX (64U * 1024U)      /* no kernel has a longer one (COMMAND_LINE_SIZE is at most 4096), but a test seam may */
#define OPTION_VALUE_MAX 4096U              /* longer values are bad ones: more than a path, a URL or a command line has */
#define OPTION_SHOWN_MAX 200U               /* of a value, in a message or a comment: two lines of a console */
#define OPTION_TIMEOUT_MAX 86400U           /* seconds, of an option that takes some: a day; whoever wants more wants none */
#define IP_FIELDS_MAX 16                    /* of one ip=: the kernel knows 10 */
#define MODULES_MAX 32U                     /* INITRD_MODULES=: each is loaded before the root is mounted */
#define MODULES_WARNINGS_MAX 4U             /* each is a line of the console */
#define MODULE_NAME_MAX 55U                 /* MODULE_NAME_LEN of the kernel, without the end */
#define VOLUME_IDENTIFIER_MAX 64U           /* a UUID has 36 */
#define UNIT_SIZE_MAX (64U * 1024U)         /* of our own units and rules, when they are copied: the largest has 5K */
#define UNIT_NAME_SIZE 256U                 /* with the NUL: UNIT_NAME_MAX of systemd */

/* Metadata. A larger body is refused before it is read to its end. */

#define METADATA_SIZE_MAX (1U << 20)        /* more than any server has: 16 volumes, a few keys, some tens of tags */
#define METADATA_DEPTH_MAX 16U              /* levels; real ones have 4, and jansson goes one function call deeper for each */
#define METADATA_TAGS_MAX 512U              /* some tens are many */
#define METADATA_VOLUMES_MAX 16U            /* as many NBD devices as there are: nbds_max=16 */
#define METADATA_SSH_KEYS_MAX 512U          /* of an organization */
/* A value costs jansson up to 300 bytes and the text form at least one line, a byte of JSON can be half a value: this, not the size of the
 * document, is what bounds memory. The largest real document has some 400. */
#define METADATA_VALUES_MAX 65536U
#define METADATA_KEY_MAX 64U                /* the longest seen is "dynamic_ip_required" */
#define METADATA_TEXT_MAX (4U << 20)        /* of the text form, however long the names that a document repeats in every line */
#define METADATA_USELESS_RETRIES 3U         /* what is useless is not expected to get better, but a service may be just starting */

/* The platform: metadata service, states, user data */

#define HTTP_CONNECT_TIMEOUT (5 * USEC_PER_SEC)   /* two SYNs that are lost: sent again after 1 and 3 s */
#define HTTP_TIMEOUT (15 * USEC_PER_SEC)          /* of one request, for some KiB: what takes longer is tried anew */
#define HTTP_SLOW_BYTES_PER_SECOND 64L            /* what comes more slowly, */
#define HTTP_SLOW_SECONDS 5L                      /* measured over this time, is given up: it drips */
#define HTTP_HEADERS_MAX (64U << 10)              /* of all header lines: libcurl bounds one, not their number */
#define HTTP_STILL_TIMEOUT (5 * USEC_PER_SEC)     /* without libcurl: an answer that stands still is given up */
#define HTTP_OUTSIDE_MAX (64U << 10)              /* the same without libcurl: heads, lines between chunks, trailers, all together */
#define HTTP_FIELD_MAX 64U                        /* with the NUL: of Retry-After and Date, which have 29 at most */
#define HTTP_RETRY_AFTER_MAX (60 * USEC_PER_SEC)  /* a server that asks for more is asked again all the same: the boot waits for it */
#define HTTP_RACE_MAX 4U                          /* requests at once: one for each address of the service, and there are two */
#define HTTP_HEAD_START (250 * USEC_PER_MSEC)     /* RFC 8305, section 5: the recommended pause before the next address is tried as well */
/* Right after a change of the network others follow (address, then route), and a connection that is as young as this knows them. */
#define HTTP_WAKE_AFTER (300 * USEC_PER_MSEC)
#define PLATFORM_ANSWER_MAX (1U << 20)            /* a longer answer is -EFBIG; user data have 1 MiB at most */
#define PLATFORM_CONNECT_TIMEOUT (3 * USEC_PER_SEC) /* of one of two addresses: the other one waits for it */
#define PLATFORM_BUSY_PAUSE (1 * USEC_PER_SEC)    /* after a 429 without Retry-After: asking five times a second is what brought it */
#define ADDRESS_FILE_MAX 256U                     /* an address, and a newline */
#define RETRY_PAUSE_MIN (200 * USEC_PER_MSEC)     /* the first pause, which doubles each time, */
#define RETRY_PAUSE_MAX (5 * USEC_PER_SEC)        /* up to this: a service that is back is found soon */
#define RETRY_BURST (50 * USEC_PER_MSEC)          /* changes come in bursts (link, address, routes); tries are at least this far apart */
#define RETRY_LAST_TRY (2 * USEC_PER_SEC)         /* what a last try gets at the end */
#define STATE_LENGTH_MAX 128U                     /* of a state that is signalled: what the platform takes */
#define STATE_FILE_MAX 256U                       /* the last state, and a newline */
#define BOOTED_TIMEOUT "3600"                     /* seconds for "booted"; as long as the host would go on with it (scaleway-booted@.service) */
#define USER_DATA_KEY_MAX 255U                    /* of a key: one part of a path */
#define USERDATA_TIMEOUT_DEFAULT 60U              /* seconds: a person waits */
#define USERDATA_SHOWN_MAX 120U                   /* of what the service says, in a message */
#define FINGERPRINT_PUBLISH_USEC (20 * USEC_PER_SEC) /* of all requests; nothing waits for them */

/* Network */

#define NETWORK_SIGNAL_WAIT (2 * USEC_PER_SEC)    /* for a state that is under way before the NICs go down */
#define NETWORKD_STATE_MAX (64U * 1024U)          /* what systemd-networkd knows of a link, leases included: some hundred bytes */
#define NICS_MAX 64U                              /* a server has a few; of more, those that the folder tells first */
#define UTAB_MAX (64 * 1024U)                     /* libmount's, a line a mount with options for user space */
#define MASTERS_MAX 4U                            /* bridge over bond over VLAN over NIC; the kernel allows 8 */
#define DEFAULT_ROUTES_MAX 256U                   /* no server has so many; what comes after is not told */
#define RTNL_MESSAGES_MAX 256U                    /* a NIC has a few addresses and routes; what comes after is not seen */
#define RTNL_DUMP_REPEATS 3U                      /* of a dump that something has changed meanwhile */
#define HOST_TEXT_MAX 253U                        /* RFC 1035: a name in text form */
#define HOST_LABEL_MAX 63U                        /* RFC 1035 */
#define DOMAIN_LENGTH_MAX 253U                    /* RFC 1035, section 2.3.4, without the dot at the end */
#define RESOLV_CONF_SERVERS_MAX 3U                /* limits of the C library's resolver, resolv.conf(5) */
#define RESOLV_CONF_DOMAINS_MAX 6U                /* likewise */
#define RESOLV_CONF_WORDS_MAX 32U                 /* servers of all NICs; what comes after is not looked at */

/* Clock */

#define CLOCK_TIMEOUT_DEFAULT 3U                  /* seconds: what TLS and the files of the root are worth to a boot */
#define CLOCK_WRONG_BY_MIN ((int64_t) USEC_PER_SEC) /* below, nobody needs to hear of it */
#define NTP_SERVERS_MAX 4U                        /* of DHCP, or arguments; all are asked at once */
#define NTP_ADDRESSES_MAX 2U                      /* of a name, of which others may be unreachable: one of IPv4 and one of IPv6, as a rule */
#define NTP_RETRY_AFTER (1 * USEC_PER_SEC)        /* a packet is lost now and then */
#define NTP_FALLBACK_AFTER (1 * USEC_PER_SEC)     /* servers of DHCP that have not answered by then get company */
#define NTP_REMEMBERED 3U                         /* requests whose answer still counts: as many as there are in the time */
#define NTP_TOLERANCE (10 * USEC_PER_MSEC)        /* what two clocks that run alike may differ by in a second */
#define NTP_STRATUM_MAX 15U                       /* RFC 5905: 16 is not synchronized */
#define NTP_DISTANCE_MAX (5U << 16)               /* in 1/65536 s; what systemd-timesyncd takes as well; a good server is at some milliseconds */

/* NBD */

#define NBD_TRY_TIMEOUT_USEC (10 * USEC_PER_SEC)  /* for the TCP connection, and again for the handshake, of one try */
#define NBD_HANDSHAKE_REASON_MAX 200U             /* of a reason that may come from a server: one console line */
#define NBD_EXPORT_NAME_MAX 4096U                 /* NBD protocol: a string is at most 4096 bytes */
#define NBD_MESSAGE_MAX 8192U                     /* to the kernel: the sockets and a name */
#define NBD_IDENTIFIER_MAX 255U                   /* no limit of the kernel, but it shows it in one page of sysfs */
#define NBD_ANSWER_TIMEOUT_SEC 10                 /* of the kernel, which waits for a grace period of RCU three times */
#define WATCHDOG_STACK_SIZE (128U << 10)          /* of a thread that waits: with memory locked all of it is taken at once, and the default is 8 MiB */
#define EXPORT_DEVICE_MAX 255U                    /* far more than any name below /dev */
#define SWITCH_DEVICES_MAX 16U                    /* as many as there are devices; a line may come again */
#define SWITCH_TELL_USEC (20 * USEC_PER_SEC)      /* for all supervisors together; one in the middle of a try to reach its server takes some seconds */
#define NOTIFY_KEPT_MAX 16U                       /* descriptors that systemd keeps for a unit (FileDescriptorStoreMax=2): more than there can be */
/* Of all tries for a volume that is not the root's, counted from the moment at which those for the root begin: what one that is dead costs
 * the boot at most. */
#define NBD_OTHER_TIMEOUT_SEC "20"
#define NBD_OTHER_TIMEOUT_WAIT_SEC "300"          /* the same where the boot has been told to wait for them */

/* NBD volumes of the initrd and of the booted system */

#define NBD_INDEX_MAX 15U                         /* nbd0 to nbd15: the platform's limit, and what stock kernels make room for */
#define ATTACH_MANY_MAX 16U                       /* as many as there are devices */
#define NBD_ATTACH_TIMEOUT_SEC 300U               /* of all tries for one volume, unless the option says otherwise */
#define NBD_TIMEOUT_SEC_MAX 31536000U             /* of that option: a year */
#define NBD_DEAD_TIMEOUT_SEC_MAX 1000000000U      /* the kernel counts in ticks of a clock of up to 1000 Hz, far below 2^64 */
#define NBD_DEAD_TIMEOUT_ROOT_SEC 315360000U      /* how long I/O waits for a new connection: ten years, waiting is all that a system without its root can do */
#define NBD_DEAD_TIMEOUT_OTHER_SEC 600U           /* the same for another volume, whose users may do without */
/* With TIMEOUT=0 in CONNECT this is after how long the kernel looks again at a request that was under way when the link was lost, and sends
 * it over the new one; it does not end the connection to a server that needs longer for an answer. The kernel rounds up by as much as a
 * second, so what was under way goes on at most 1.5 s after a reconnect. */
#define NBD_IO_TIMEOUT_MSEC 500U
#define NBD_PAUSE_FIRST_USEC (100 * USEC_PER_MSEC)/* between two tries; it doubles each time, */
#define NBD_PAUSE_MAX_USEC (5 * USEC_PER_SEC)     /* up to this */
#define NBD_WARN_INTERVAL_USEC (15 * USEC_PER_SEC)/* between two lines that say that it is still tried */
#define NBD_PERMANENT_TRIES_MAX 3U                /* of what does not get better by itself: a server may be just starting */
#define NBD_BUSY_TIMEOUT_USEC (5 * USEC_PER_SEC)  /* udev opens a device when it appears and when it changes, and while it is open the kernel says EBUSY */
#define NBD_BUSY_PAUSE_USEC (50 * USEC_PER_MSEC)  /* between two tries then; it doubles each time */
#define NBD_READY_TIMEOUT_USEC (10 * USEC_PER_SEC)/* until sysfs has the size of what was attached */
#define NBD_FREE_TIMEOUT_USEC (2 * USEC_PER_SEC)  /* until a device that was disconnected is free */
#define NBD_POLL_PAUSE_USEC (20 * USEC_PER_MSEC)  /* between two looks at sysfs, which tells nobody */
#define NBD_DETACH_WAIT_USEC (15 * USEC_PER_SEC)  /* for a supervisor to leave a device: above what one try to reach the server may take */
#define NBD_RESIZE_WAIT_USEC (30 * USEC_PER_SEC)  /* likewise, for it to take a new size */
#define NBD_URI_PRINT_MAX 300U                    /* of a URI in a message or a list */
#define NBD_CONTROL_LINE_MAX 512U                 /* with the NUL: a question to a supervisor, or its answer */
#define NBD_CLIENT_TIMEOUT_USEC (5 * USEC_PER_SEC)/* for whoever asks a supervisor to have said what; it does one thing at a time */
#define RECORD_MAX (64U << 10)                    /* of a record in /run, some hundred bytes; and of a process's command line */
#define NBD_REASON_MAX 256U                       /* with the NUL: why a link was lost, one line */
#define NBD_REPLY_MAX 4096U                       /* of one reply in the handshake, without libnbd: it has a few bytes, or an error message */
#define NBD_REPLIES_MAX 32U                       /* replies to one option: a server may tell more than was asked for */
#define XNBD_SERVERS_MAX 16U                      /* of xnbd-client's arguments: the old program took two */
#define XNBD_SHOWN_MAX 100U                       /* of an argument, in a message */
#define XNBD_TRY_USEC (5 * USEC_PER_SEC)          /* between two tries it always were five seconds; one alone gets the time of a handshake */
#define XNBD_FOR_EVER_USEC (3650 * 86400 * USEC_PER_SEC)/* what people asked for without a number: until it works */

/* A link that is lost, and who looks after it */

#define TCP_STALL_TICK_USEC USEC_PER_SEC          /* how often it is looked whether the path is dead */
#define TCP_STALL_TICKS_MAX 3U                    /* ticks without an acknowledgement, with data under way: a server that is slow acknowledges */
#define TCP_STALL_SLACK_USEC (20 * USEC_PER_MSEC) /* the kernel's clock of acknowledgements has milliseconds and less */
#define SUPERVISOR_CONNECT_TIMEOUT_USEC USEC_PER_SEC/* of one try: the first SYN, as a server that is back may have missed it */
/* For the handshake, so that a server's machine that is lost in the middle of it does not keep us from its return; each time that it is not
 * enough in a row it is doubled, for a server may be slow. */
#define SUPERVISOR_HANDSHAKE_TIMEOUT_USEC (3 * USEC_PER_SEC)
#define SUPERVISOR_PAUSE_USEC (200 * USEC_PER_MSEC)/* between two tries: the root stands still meanwhile */
#define SUPERVISOR_PAUSE_REFUSED_USEC (2 * USEC_PER_SEC)/* the same with a server that has another volume, or no longer this one */
#define SUPERVISOR_WARN_INTERVAL_USEC (10 * USEC_PER_SEC)/* between two lines that say the same */
#define SUPERVISOR_NEWS_TIMEOUT_USEC (2 * USEC_PER_SEC)/* for the kernel to say that it has seen the end of the old socket */
#define SUPERVISOR_REPAIR_AFTER_USEC (3 * USEC_PER_SEC)/* the host's network manager may be about to bring back what it has taken away */
#define SUPERVISOR_REPAIR_INTERVAL_USEC (5 * USEC_PER_SEC)/* from one repair of the network to the next */
#define SUPERVISOR_LARGER_ALLOWED_USEC (600 * USEC_PER_SEC)/* after a person has asked for a new size, which the server may get later */
#define SUPERVISOR_INVALID_MAX 5U                 /* times that the kernel takes no connection, before it is given up */
#define SUPERVISOR_REPEAT_MAX 5U                  /* how often a link that may not be the kernel's is handed over once more */
#define SUPERVISOR_START_USEC (10 * USEC_PER_SEC) /* for a supervisor that is started by hand to have taken its volume over */
#define SUPERVISOR_FDS_MAX 1024                   /* what its caller has open is closed up to here, one by one, where the kernel has no close_range(2) (before 5.9) */
/* How long a shutdown may last with the link down, of a minute in which it is to end: some seconds have gone before the link is known to be
 * dead, and if the way back is reached at the last moment it needs some more. */
#define SHUTDOWN_WATCH_USEC (40 * USEC_PER_SEC)
/* So long after its beginning no shutdown of systemd's is under way any more: it gives up after half an hour, and then the machine is ended by
 * force (JobTimeoutSec= of reboot.target and poweroff.target). scaleway-shutdown@.timer takes the mark away at the same time, so that the next one
 * leaves its own. */
#define SHUTDOWN_OVER_USEC (35 * 60 * USEC_PER_SEC)
#define UTMP_RECORDS_MAX 4096U                    /* of /run/utmp; a session has one */
#define SOFTLEVEL_MAX 256U                        /* a word */

/* The way back: a minute, by a clock that stops while what is written gets through */

#define EXIT_CLOCK_MAX_USEC (300 * USEC_PER_SEC)  /* so much later may the end be at most */
#define EXIT_PROGRESS_KIB 64U                     /* less than that */
#define EXIT_PROGRESS_USEC (5 * USEC_PER_SEC)     /* in so much time is no progress */
#define EXIT_TELL_USEC (10 * USEC_PER_SEC)        /* after so much it is said */
#define EXIT_LONG_DEAD_LINKS_USEC (3 * USEC_PER_SEC)/* counted from the start: for links that have been dead for long, */
#define EXIT_LONG_DEAD_SEC 20U                    /* which is so many seconds, */
#define EXIT_LINKS_USEC (10 * USEC_PER_SEC)       /* and for others */
#define EXIT_PROCESSES_USEC (3 * USEC_PER_SEC)    /* for processes to end, and once more after SIGKILL */
#define EXIT_GIVE_UP_USEC (8 * USEC_PER_SEC)      /* for what waits for a dead volume to be told */
#define EXIT_SWAP_USEC (8 * USEC_PER_SEC)         /* of one step */
#define EXIT_SYNC_USEC (10 * USEC_PER_SEC)        /* likewise; what gets through goes on, see above */
#define EXIT_UNMOUNTS_USEC (40 * USEC_PER_SEC)    /* counted from the start: all that is mounted */
#define EXIT_UNMOUNT_USEC (10 * USEC_PER_SEC)     /* for one of them */
#define EXIT_DETACH_USEC (48 * USEC_PER_SEC)      /* counted from the start: the old root is let go of */
#define EXIT_END_USEC (53 * USEC_PER_SEC)         /* counted from the start: reboot(2), with some seconds left for the volumes */
#define EXIT_SYSRQ_AFTER_USEC (5 * USEC_PER_SEC)  /* after a reboot(2) that has hung */
#define EXIT_FLUSH_USEC (10 * USEC_PER_SEC)       /* for one volume */
#define EXIT_DISCONNECT_USEC (5 * USEC_PER_SEC)   /* likewise */
#define EXIT_REPAIR_USEC (2 * USEC_PER_SEC)       /* from one repair of the network to the next */
#define EXIT_PAUSE_USEC (100 * USEC_PER_MSEC)     /* between two looks at the links */
#define EXIT_POLL_USEC (20 * USEC_PER_MSEC)       /* between two looks at processes, where the kernel has no descriptors of them (before 5.3), or poll() fails */
#define EXIT_SWAPS_MAX 65536U                     /* of /proc/swaps; a line each */
#define EXIT_DEVICE_ROUNDS_MAX 8U                 /* devices on devices: what is free may be so only after what is on it */
#define EXIT_DEVICES_ROUNDS_MAX 16U               /* looks at what is left of loop devices and arrays, one on the other */
#define EXIT_STOP_USEC (5 * USEC_PER_SEC)         /* for one of them */
#define EXIT_MOUNTINFO_MAX (16U << 20)            /* container hosts have thousands of mounts */
#define EXIT_MOUNTS_MAX 1024U                     /* at a time */
#define EXIT_MOUNT_ROUNDS_MAX 32U                 /* so many times that */
#define EXIT_MAPPER_LIST_SIZE 65536U              /* of the names that the device mapper tells */
#define EXIT_MAPPER_ROUNDS_MAX 16U                /* one on the other */
#define EXIT_ANCESTORS_MAX 64U                    /* processes above ours, which are spared */
#define PROC_STAT_MAX 4096U                       /* of /proc/PID/stat, some hundred bytes */
#define PROC_PID_CMDLINE_MAX 65536U               /* only its first word counts */
#define EXIT_HOLD_MAX ((size_t) 48 << 20)         /* held in memory for the beginning of a shutdown: systemd and its libraries are a third of that; Debian 13 */
#define EXIT_HOLD_LOOK_USEC (60 * USEC_PER_SEC)   /* how often it is looked whether the first process runs something else by now */
#define EXIT_MAPS_MAX (1U << 20)                  /* of /proc/1/maps, a line of 100 bytes for each part */
#define EXIT_PARTS_MAX 256U                       /* parts of files; systemd has some tens */

/* Disks, LVM, LUKS: what is on them was written by somebody else */

#define DEVICE_RECHECK_USEC (250 * USEC_PER_MSEC) /* a link in /dev that no event of udev announces */
#define ROOT_FIND_USEC (20 * USEC_PER_SEC)        /* after the disk is there: table, lvm; with the wait for it less than the unit's limit */
#define ROOT_ACTIVATE_USEC (2 * USEC_PER_SEC)     /* between two tries to activate a volume whose disk may not be there yet */
#define ROOT_CLEAR_USEC (5 * USEC_PER_SEC)        /* what is in the clear on a disk that is there has its name by then */
#define ROOT_STEPS_MAX 2U                         /* disk, partition, logical volume; one step more is that into what is encrypted */
#define ROOT_MAPPING_USEC (20 * USEC_PER_SEC)     /* until what was unlocked is there: udev probes it */
#define ROOT_SKIP_MAX 8U                          /* partitions that are tried beside the first */
#define VOLUME_DEPTH_MAX 16U                      /* devices on devices: a file system on LVM on LUKS on an array of partitions is at five */
#define LUKS_NAME_MAX 127U                        /* DM_NAME_LEN of the kernel */
#define LUKS_ATTRIBUTE_MAX 256U                   /* of sysfs: a name or a UUID */
#define LVM_NAME_MAX 127U                         /* LVM's own rules for names, lvm(8) */
#define LVM_SHOWN_MAX 200U                        /* of the names that a message lists */
#define LIVE_LABEL_MAX 64U                        /* longer than a label of any file system, in a message */
#define LIVE_SIGNATURES_MAX 256U                  /* more than a disk can have */
#define LIVE_PARTITION_USEC (5 * USEC_PER_SEC)    /* for the kernel and udev to make its node */
#define LIVE_LOOK_USEC (60 * USEC_PER_SEC)        /* some 70 MiB are read, or LVM is asked */
#define LIVE_MKFS_USEC (300 * USEC_PER_SEC)       /* with lazy inode tables it takes seconds; the last look before it is in this time */
#define UNLOCK_TRIES_MAX 100U                     /* of an option; three are usual */
#define UNLOCK_STARTS_MAX 8U                      /* units that are started before a person is asked */
#define UNLOCK_START_USEC (10 * USEC_PER_SEC)     /* for systemctl, which does not wait for them*/
#define UNLOCK_PAUSE_USEC (1 * USEC_PER_SEC)      /* who asks again at once when nobody can answer would fill the console */

/* Files and directories of the root */

#define ROOT_FILE_MAX (1U << 20)                  /* larger ones are none that an initrd edits */
#define SYMLINKS_MAX 40U                          /* in one path: path_resolution(7) */
#define CHASE_DEPTH_MAX 64U                       /* directories that are held open: no path of ours has 10 */
#define TREE_DEPTH_MAX 512U                       /* directories inside one another that are emptied, each held open; an archive makes half as many */
#define BOOT_ENTRIES_MAX 4096U                    /* in /boot: four for each kernel */
#define ROOT_MOUNTINFO_MAX (1U << 20)             /* some tens of mounts, of 100 bytes each */
#define PROC_FDINFO_MAX 4096U                     /* some lines */
#define PASSWORD_WAIT_USEC (10 * USEC_PER_SEC)    /* until the kernel has random numbers: early, but not for ever */
#define HOST_KEY_MAX 1024U                        /* an Ed25519 key has 83 bytes */
#define FINGERPRINT_FILE_MAX 256U                 /* a line */
#define DROPBEARKEY_USEC (8 * USEC_PER_SEC)       /* below the unit's limit: it makes a key in some milliseconds, once there are random numbers */

/* Keys of people who may log in */

#define SSH_KEY_TEXT_MAX 2900U                    /* dropbear passes over lines above 3000 bytes */
#define SSH_RSA_BITS_MIN 1024U                    /* what dropbear takes */
#define SSH_RSA_BITS_MAX 16384U                   /* what fits into such a line is less */
#define SSH_APPLICATION_MAX 255U                  /* of a security key: "ssh:" and a name */
#define SSH_KEYS_MAX 64U                          /* more are left out, which is a problem of its own */
#define SSH_PROBLEMS_MAX 4U                       /* each is a line of the console; what is beyond is only counted, in one more line */

/* Downloads */

#define DOWNLOAD_CONNECT_TIMEOUT_MS 10000L        /* a server far away that has lost two SYNs */
#define DOWNLOAD_TRIES_MAX 100U                   /* connections for one archive: after so many the server is given up, however far it got */
#define DOWNLOAD_RESTARTS_MAX 3U                  /* how often it may begin again after something had come */
#define DOWNLOAD_STALL_MAX (20 * USEC_PER_SEC)    /* of one connection that brings next to nothing: */
#define DOWNLOAD_STALL_BYTES_PER_SECOND 3000U     /* less than this on average, over that time */
#define DOWNLOAD_ERROR_BODY_MAX (64U << 10)       /* of an answer that is not the archive */
#define DOWNLOAD_RETRY_AFTER_MAX (300 * USEC_PER_SEC) /* what is more is no pause but a refusal, which the time for the whole tells */
#define REDIRECTS_MAX 10U                         /* a mirror is three away */
#define VERIFY_KEY_MAX 65536U                     /* a public key in PEM form has 3K at most */
#define SIGNATURE_MAX 2048U                       /* an RSA signature by a key of 16384 bits */
#define STREAM_MEMORY_MAX ((rlim_t) 768 << 20)    /* what all threads, decompressors and libarchive may take together */
/* More than "xz -9" and "zstd --ultra -22" want (65 and 128 MiB). With several threads xz takes one of them less rather than more memory
 * than this. */
#define DECODER_MEMORY_MAX ((uint64_t) 192 << 20)
#define DECODER_ZSTD_WINDOW_LOG_MAX 27            /* 128 MiB, likewise */
/* What may be read without anything coming out of it. More than the largest block that a decoder collects before it begins, see decoder.c;
 * empty members, padding and frames that are passed over would else go on for ever. */
#define DECODER_IDLE_MAX ((uint64_t) 256 << 20)
#define MODULES_DEADLINE (240 * USEC_PER_SEC)     /* of all of it, and then there is time to tidy up before the unit's own limit */
#define MODULES_TIMEOUT "3"                       /* seconds: a mirror that is not there is a matter of these, a slow one may take its time */
#define MODULES_ENTRIES_MAX "100000"              /* a distribution's kernel has 6000 modules */

/* Archives */

#define TAR_ENTRIES_MAX 4000000U                  /* a large system has a tenth of it; inodes in memory cost 1 KiB each */
#define TAR_PATH_MAX 4095U                        /* PATH_MAX of the kernel */
#define TAR_COMPONENT_MAX 255U                    /* NAME_MAX of the kernel */
#define TAR_DEPTH_MAX 256U                        /* components */
#define TAR_XATTR_MAX 65536U                      /* of a value: XATTR_SIZE_MAX of the kernel */
#define TAR_XATTRS_MAX 128U                       /* for one entry: a list of names has 64K at most */
#define TAR_ACL_ENTRIES_MAX 4096U                 /* what fits into an extended attribute is twice that */
#define TAR_PADDING_MAX (64U << 20)               /* zeros after the end of the archive: GNU tar fills its last record, of 10 KiB by default */
#define TAR_NAME_SHOWN_MAX 200U                   /* in a message */
/* How often the free space is looked at again: memory may be taken by others, too, and files without contents take some. */
#define SPACE_LOOK_EVERY ((uint64_t) 64 << 20)

/* NFS */

#define NFS_IDLE_USEC (5 * USEC_PER_SEC)          /* how often it is looked whether a shutdown is under way, with the root on NFS, */
#define NFS_PAUSE_USEC (2 * USEC_PER_SEC)         /* and then whether the server is there */
#define NFS_ANSWER_USEC (3 * USEC_PER_SEC)        /* for its answer */
#define NFS_ACQUAINT_USEC (60 * USEC_PER_SEC)     /* how often one that has never answered is asked, while nothing goes down */
#define NFS_REPLY_MAX 1024U                       /* of that; it has 24 bytes, or a reason */
#define NFS_EXPORT_MAX 1024U                      /* MNTPATHLEN of RFC 1813 */
#define NFS_CONNECT_USEC (10 * USEC_PER_SEC)      /* to learn whether the server is there */
#define NFS_MOUNT_USEC (30 * USEC_PER_SEC)        /* of one try: mount(2) has no limit of its own but that of a soft mount */
#define NFS_SECOND_OPINION_USEC (10 * USEC_PER_SEC) /* what version 3 gets when version 4 has said no: there may be nobody who answers for it */
#define NFS_KILLED_USEC (5 * USEC_PER_SEC)        /* what the kernel may need to let go of a process that was killed */
#define NFS_WARN_INTERVAL_USEC (15 * USEC_PER_SEC) /* between two lines that say that the server is still waited for */
#define NFS_VERSIONS_MAX 4U                       /* 4.2, 4.1, 4.0, 3 */
#define NFS_SHOWN_MAX 40U                         /* of an option's value, in a message */
#define NFS_MESSAGE_MAX 300U                      /* of libmount, in a message */

/* Another kernel */

#define KEXEC_STATE_MAX 256U                      /* of /sys/kernel/kexec_loaded and the like */
#define KEXEC_STATE_TIMEOUT_USEC (15 * USEC_PER_SEC) /* a control plane that has not taken the state by then hears it from the second kernel's initrd */
#define KEXEC_STATE_POLL_USEC (50 * USEC_PER_MSEC) /* whether that process has ended */
#define KEXEC_PROGRAM_USEC (60 * USEC_PER_SEC)    /* of kexec(8): it reads kernel and initrd from a disk that may be slow */

/* Console, shells, failure */

#define CONSOLE_VALUE_MAX 4096U                   /* of a line: longer than any kernel command line (COMMAND_LINE_SIZE is at most 4096) */
#define CONSOLE_DRAIN_SEC 2                       /* what a serial console that somebody has stopped is waited for */
#define CONSOLE_HANG_UP_USEC (2 * USEC_PER_SEC)   /* from SIGHUP to SIGKILL, for a shell that is left */
#define LOG_LINE_MAX 900                          /* journald cuts nothing below 48K, /dev/kmsg takes about 1K a record; a line on a serial console should be shorter still */
#define BANNER_CMDLINE_MAX (16U * 1024U)          /* of /proc/cmdline; more than any kernel keeps */
#define PROC_MEMINFO_MAX (64U * 1024U)            /* has 2K */
#define PROC_CPUINFO_MAX (8U * 1024U * 1024U)     /* about 1.5 KiB a core on x86: enough for some thousand */
#define COMMAND_OUTPUT_MAX 65536U                 /* of each stream of lvm and the like, that is kept */
#define COMMAND_MESSAGE_MAX 300U                  /* of its last line, in a message */
#define COMMAND_POLL_USEC (20 * USEC_PER_SEC)     /* how often systemd is told that a person's time is no hang */
/* A shell that does not live that long may have no input, and another one would have none either: somebody has to ask for it. */
#define SHELL_SHORT_LIFE_USEC (2 * USEC_PER_SEC)
#define SHELL_SHORT_LIVES_MAX 3U
#define FAILURE_PAUSE_DEFAULT 10U                 /* seconds for a person to press a key before the server reboots */
#define FAILURE_PAUSE_MAX 3600U                   /* seconds, of an option */
#define FAILURE_SSHD_TIMEOUT_MAX 86400U           /* seconds, of an option */
#define FAILURE_SSHD_WATCH_USEC (30 * USEC_PER_SEC) /* for the ssh server to start: above the unit's own limit */
#define FAILURE_REBOOT_WATCH_USEC (30 * USEC_PER_SEC) /* until systemd has rebooted; then the kernel is asked */
#define FAILURE_REASON_MAX 500U                   /* some lines of a serial console */
#define FAILURE_FILE_MAX 4096U                    /* a line, of which that much is shown */
#define FAILURE_LIST_MAX 8192U                    /* of the failed units' names */
#define FAILURE_LIST_USEC (5 * USEC_PER_SEC)      /* for systemctl to tell them: systemd itself may be what has failed */
#define FAILURE_STATE_REASON_MAX 117U             /* a state may have 128 bytes, scw-signal-state(1); with the word before, and the dots behind */
#define FAILURE_LAST_MOMENT_USEC (3 * USEC_PER_SEC) /* for a state that is under way when the server reboots */
#define FAILURE_POLL_USEC (50 * USEC_PER_MSEC)    /* whether it has ended */
#define GPIO_APPEAR_TIMEOUT (2 * USEC_PER_SEC)    /* the files of a line come with it, or a moment later */
#define GPIO_POLL_PAUSE (20 * USEC_PER_MSEC)      /* sysfs tells nobody when */
