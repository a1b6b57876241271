/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "drop-in.h"
#include "fd-util.h"
#include "log.h"
#include "network-cmdline.h"
#include "phase-early.h"
#include "proc-cmdline.h"

/* Bad input costs the item, never the others: each step is tried, whatever became of those before. */
int phase_early(const char *early) {
        _cleanup_(options_freep) Options *o = NULL;
        _cleanup_(words_freep) char **cmdline = NULL;
        _cleanup_close_ int fd = -EBADF;
        int r;

        r = proc_cmdline_words(&cmdline);
        if (r < 0)
                return log_error_errno(r, "Cannot read the kernel command line, its options have no effect: %m");
        r = options_load(cmdline, /* metadata= */ NULL, /* metadata_address= */ NULL, &o);
        if (r < 0)
                return log_oom();
        warn_about_problems(o, /* early= */ true);

        fd = unit_dir_open(early);
        if (fd < 0)
                return log_error_errno(fd, "Cannot open '%s': %m", early);

        if (options_get_bool(o, OPTION_NO_METADATA)) {
                r = unit_link(fd, "scaleway-metadata.service", "/dev/null");
                if (r < 0)
                        log_warning_errno(r, "Cannot mask scaleway-metadata.service, metadata will be fetched: %m");
        }

        r = drop_in_write_options(o, "scaleway-metadata.service", fd, "50-scaleway.conf");
        if (r < 0)
                log_warning_errno(r, "Cannot write the settings of scaleway-metadata.service, using its own: %m");
        /* Names of their own: of two drop-ins with one name systemd reads only one, and emergency.service has a
         * shipped one, as scaleway-metadata.service has the one above. */
        r = drop_in_write_options(o, "emergency.service", fd, "60-scaleway-failure.conf");
        if (r < 0)
                log_warning_errno(r, "Cannot write the settings of emergency.service, using its own: %m");
        r = drop_in_write_log_level(o, fd, "40-scaleway-log-level.conf");
        if (r < 0)
                log_warning_errno(r, "Cannot write the log level of the units, using 'info': %m");
        r = network_cmdline_prepare(cmdline, fd);
        if (r < 0)
                log_warning_errno(r, "Cannot write settings for the network, using DHCP on every Ethernet NIC: %m");

        return 0;
}
