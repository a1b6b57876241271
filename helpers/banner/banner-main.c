/* SPDX-License-Identifier: MIT */
/* Runs first of all, from scaleway-banner.service, before udev and the network; nothing waits for it. It expects
 * /proc, but does without any file of it that is missing. It leaves only text on the console: which initrd and
 * kernel this is and what machine they run on, so that the console of a server that does not come up says at least
 * that. */

#include <errno.h>
#include <stdio.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "bounds.h"
#include "console-out.h"
#include "cpu-info.h"
#include "fileio.h"
#include "log.h"
#include "main-func.h"
#include "program-options.h"
#include "mask.h"
#include "parse-util.h"
#include "string-util.h"

static const char banner[] =
                "Welcome to Scaleway' initrd\n"
                "\n"
                " ██████   ██████   █████   ██       ███████  ██   ██   █████   ██   ██\n"
                "██       ██       ██   ██  ██       ██       ██   ██  ██   ██   ██ ██\n"
                " █████   ██       ███████  ██       █████    ██ █ ██  ███████    ███\n"
                "     ██  ██       ██   ██  ██       ██       ███ ███  ██   ██    ███\n"
                "██████    ██████  ██   ██  ███████  ███████  ██   ██  ██   ██    ███\n"
                "\n"
                ">>> Initrd build: " PROJECT_VERSION " (" BUILD_COMMIT ") - " BUILD_DATE "\n";

static const char usage[] = "scaleway-banner\n\n"
                            "Shows on the console which initrd, kernel and machine this is.";

/* Reads a file of /proc (in a test: of $SCALEWAY_PROC). A missing or unreadable one is told at debug level and
 * gives NULL. */
static char *read_proc(const char *name, size_t max) {
        const char *proc = secure_getenv("SCALEWAY_PROC");
        _cleanup_free_ char *path = NULL;
        char *text;
        int r;

        r = asprintf_to(&path, "%s/%s", isempty(proc) ? "/proc" : proc, name);
        if (r >= 0)
                r = read_file(path, max, &text, NULL);
        if (r < 0) {
                log_debug_errno(r, "Failed to read '%s' of /proc, going on without: %m", name);
                return NULL;
        }

        return text;
}

static int show_kernel(void) {
        _cleanup_free_ char *cmdline = NULL, *masked = NULL, *version = NULL;
        struct utsname u;
        int r;

        if (uname(&u) >= 0) {
                r = asprintf_to(&version, "%s (%s)", u.release, u.machine);
                if (r < 0)
                        return r;
                r = console_value(stdout, "Kernel version", version);
                if (r < 0)
                        return r;
        }

        cmdline = read_proc("cmdline", BANNER_CMDLINE_MAX);
        if (!cmdline)
                return 0;

        r = mask_command_line(cmdline, &masked);
        if (r < 0)
                return r;

        return console_value(stdout, "Kernel cmdline", masked);
}

/* Memory that the kernel manages, MiB; 0 if it cannot be told. */
static uint64_t memory_mib(void) {
        _cleanup_free_ char *text = read_proc("meminfo", PROC_MEMINFO_MAX);
        const char *p = text ? startswith(text, "MemTotal:") : NULL;
        struct sysinfo info;

        if (p) {
                _cleanup_free_ char *number = NULL;
                uint64_t kib;

                p += strspn(p, " \t");
                number = strndup(p, strcspn(p, " \t\n"));
                if (number && parse_uint64(number, &kib) >= 0)
                        return kib / 1024;
        }

        return sysinfo(&info) < 0 ? 0 : (uint64_t) info.totalram * info.mem_unit / (1024 * 1024);
}

static int show_memory(void) {
        _cleanup_free_ char *value = NULL;
        uint64_t mib = memory_mib();
        int r;

        if (mib == 0)
                return 0;

        r = asprintf_to(&value, "%llu MiB", (unsigned long long) mib);
        if (r < 0)
                return r;

        return console_value(stdout, "Memory", value);
}

static int show_cpu(void) {
        _cleanup_free_ char *text = read_proc("cpuinfo", PROC_CPUINFO_MAX), *board = NULL, *value = NULL;
        _cleanup_(cpu_info_done) CpuInfo cpu = {};
        const char *model;
        int r;

        if (text) {
                r = cpu_info_parse(text, &cpu);
                if (r < 0)
                        return r;
        }
        if (cpu.n_cores == 0)
                cpu.n_cores = (unsigned) MAX(sysconf(_SC_NPROCESSORS_ONLN), 1L);

        model = cpu.model;
        if (!model) {
                board = read_proc("device-tree/model", BANNER_CMDLINE_MAX);
                model = isempty(board) ? "unknown" : board;
        }

        r = asprintf_to(&value, "%s, %u %s", model, cpu.n_cores, cpu.n_cores == 1 ? "core" : "cores");
        if (r < 0)
                return r;

        return console_value(stdout, "CPU", value);
}

static int run(int argc, char *argv[]) {
        int r;

        log_setup(LOG_TARGET_AUTO);

        r = program_options_none(argc, argv, usage);
        if (r <= 0)
                return r;

        (void) fputs(banner, stdout);

        r = show_kernel();
        if (r >= 0)
                r = show_memory();
        if (r >= 0)
                r = show_cpu();
        if (r < 0)
                return log_oom();

        r = console_flush(stdout);
        if (r < 0)
                return log_error_errno(r, "Failed to write to the console: %m");

        return 0;
}

DEFINE_MAIN_FUNCTION(run)
