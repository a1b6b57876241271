/* SPDX-License-Identifier: MIT */
/* Tells the control plane how far the boot has come, and reads and writes user data.
 *
 * In the initrd it runs from scaleway-state@STATE.service, after the metadata is there; nothing waits for it, and if
 * the platform cannot be reached it goes on through switch-root until its timeout. So whatever it needs afterwards is
 * opened before the first try: after that it opens no file by its path, and resolves no name, the addresses being
 * numeric. It leaves the last state taken in /run/scaleway/state. Images call it by hand and from scripts, also by its
 * older name scw-update-server-state. The host has the same from the static program in /run/initramfs, see helpers/exit. */
#include "main-func.h"
#include "signal-state.h"

DEFINE_MAIN_FUNCTION(signal_state_run)
