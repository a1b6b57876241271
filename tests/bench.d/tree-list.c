/* SPDX-License-Identifier: MIT */

/* What is in a tree, for `tests/bench stream --vm`: the same program lists it in the guest and on the host, and the two lists are
 * compared.
 *
 *     tree-list DIRECTORY
 *
 * One line an entry, in the order of names: type and mode, owner, time, then size, links and a checksum of the contents,
 * or where a symlink leads to, or the number of a device; the path. Names of one file are told by the first of them. */

#include <fcntl.h>
#include <fts.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINKED_MAX 65536

typedef struct Linked {
        ino_t inode;
        char *path;
} Linked;

static Linked linked[LINKED_MAX];
static size_t n_linked;

static int by_name(const FTSENT **a, const FTSENT **b) {
        return strcmp((*a)->fts_name, (*b)->fts_name);
}

/* Path under which the file was met first. */
static const char *first_of(ino_t inode, const char *path) {
        for (size_t i = 0; i < n_linked; i++)
                if (linked[i].inode == inode)
                        return linked[i].path;
        if (n_linked == LINKED_MAX)
                return "?";
        linked[n_linked] = (Linked) { inode, strdup(path) };
        return linked[n_linked++].path;
}

/* FNV-1a, in words of eight bytes: it is to be quick on an emulated processor. 0 if it cannot be read. */
static uint64_t checksum(const char *path) {
        static unsigned char buffer[1 << 20];
        uint64_t sum = 14695981039346656037U;
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n;

        if (fd < 0)
                return 0;
        while ((n = read(fd, buffer, sizeof buffer)) > 0) {
                memset(buffer + n, 0, (size_t) -n % 8);
                for (ssize_t i = 0; i < n; i += 8) {
                        uint64_t word;

                        memcpy(&word, buffer + i, 8);
                        sum = (sum ^ word) * 1099511628211U;
                        sum ^= sum >> 29;
                }
        }
        (void) close(fd);
        return n < 0 ? 0 : sum;
}

static void print(const FTSENT *e, const char *path) {
        const struct stat *st = e->fts_statp;

        printf("%06o %u:%u %lld ", st->st_mode, st->st_uid, st->st_gid, (long long) st->st_mtime);
        if (S_ISREG(st->st_mode))
                printf("%lld %u %016" PRIx64 " %s ", (long long) st->st_size, (unsigned) st->st_nlink,
                       checksum(e->fts_accpath), st->st_nlink > 1 ? first_of(st->st_ino, path) : "-");
        else if (S_ISLNK(st->st_mode)) {
                char target[4096];
                ssize_t n = readlink(e->fts_accpath, target, sizeof target - 1);

                target[n < 0 ? 0 : n] = '\0';
                printf("-> %s ", target);
        } else if (!S_ISDIR(st->st_mode))
                printf("%llx ", (unsigned long long) st->st_rdev);
        printf("%s\n", path);
}

int main(int argc, char *argv[]) {
        char *roots[] = { (char *) ".", NULL };
        FTS *fts;

        if (argc != 2 || chdir(argv[1]) < 0) {
                fprintf(stderr, "usage: tree-list DIRECTORY\n");
                return 1;
        }
        fts = fts_open(roots, FTS_PHYSICAL, by_name);
        if (!fts)
                return 1;
        for (FTSENT *e; (e = fts_read(fts));)
                if (e->fts_info == FTS_ERR || e->fts_info == FTS_DNR || e->fts_info == FTS_NS) {
                        fprintf(stderr, "%s: cannot be read\n", e->fts_path);
                        return 1;
                } else if (e->fts_level > 0 && e->fts_info != FTS_DP)
                        print(e, e->fts_path + 2);
        (void) fts_close(fts);
        return 0;
}
