/* SPDX-License-Identifier: MIT */
#pragma once

/* systemd-network-generator(8) refuses forms of ip= that the kernel and dracut take, and ends without doing anything
 * then. What this writes makes it do what they mean: into early_fd a drop-in for its service that gives it the words
 * as it reads them, and below /run/systemd/network drop-ins with our DHCP settings for the files that it will write.
 * If no word is for it, that service is masked. Logs what it cannot do. Returns 0, also if there is nothing to do, or
 * a negative errno. */
int network_cmdline_prepare(char *const *cmdline, int early_fd);
