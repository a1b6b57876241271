/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "bounds.h"
#include "http-answer.h"
#include "parse-util.h"
#include "string-util.h"

enum {
        STATE_STATUS, /* lines: of the head, */
        STATE_FIELD,
        STATE_CHUNK_SIZE, /* of a chunked body, */
        STATE_CHUNK_END,
        STATE_TRAILER,
        STATE_LENGTH, /* and bytes of the body: as many as are left, */
        STATE_CHUNK,
        STATE_CLOSE, /* or until the connection ends */
        STATE_DONE,
};

static bool is_status_line(const char *line, unsigned *ret) {
        const char *p = startswith(line, "HTTP/1.");

        if (!p || !strchr("01", p[0]) || p[0] == '\0' || p[1] != ' ')
                return false;
        p += 2;
        for (size_t i = 0; i < 3; i++)
                if (p[i] < '0' || p[i] > '9')
                        return false;
        if ((p[3] != ' ' && p[3] != '\0') || p[0] == '0')
                return false;

        *ret = (unsigned) (p[0] - '0') * 100 + (unsigned) (p[1] - '0') * 10 + (unsigned) (p[2] - '0');
        return true;
}

/* The value of the named field, without the blanks around it, if the line is that; cuts them off the line. */
static char *field_value(char *line, const char *name) {
        size_t n = strlen(name), k;
        char *value;

        if (strncasecmp(line, name, n) != 0 || line[n] != ':')
                return NULL;

        value = line + n + 1 + strspn(line + n + 1, " \t");
        k = strlen(value);
        while (k > 0 && strchr(" \t", value[k - 1]))
                value[--k] = '\0';
        return value;
}

static void copy_value(const char *value, char ret[static HTTP_FIELD_MAX]) {
        size_t n = strlen(value);

        if (n < HTTP_FIELD_MAX)
                memcpy(ret, value, n + 1);
}

/* Two lengths, and a coding that we do not know, are how answers are smuggled; and nothing that is said twice is believed once. */
static int take_field(HttpAnswer *a, char *line) {
        uint64_t length;
        char *value;

        if ((value = field_value(line, "Content-Length"))) {
                if (parse_uint64(value, &length) < 0 || (a->has_length && length != a->left))
                        return -EPROTO;
                a->left = length;
                a->has_length = true;
        } else if ((value = field_value(line, "Transfer-Encoding"))) {
                if (strcasecmp(value, "chunked") != 0 || a->chunked)
                        return -EPROTO;
                a->chunked = true;
        } else if ((value = field_value(line, "Retry-After")))
                copy_value(value, a->retry_after);
        else if ((value = field_value(line, "Date")))
                copy_value(value, a->date);

        return 0;
}

static int end_of_head(HttpAnswer *a) {
        /* An interim answer; the one that counts follows. 101 is one that was not asked for. */
        if (a->status / 100 == 1) {
                if (a->status == 101)
                        return -EPROTO;
                a->status = 0;
                a->retry_after[0] = a->date[0] = '\0';
                a->has_length = a->chunked = false;
                a->left = 0;
                a->state = STATE_STATUS;
                return 0;
        }
        if (a->status == 204 || a->status == 304)
                a->state = STATE_DONE;
        else if (a->chunked)
                a->state = STATE_CHUNK_SIZE;
        else if (a->has_length) {
                if (a->left > a->max_size)
                        return -EFBIG;
                a->state = a->left > 0 ? STATE_LENGTH : STATE_DONE;
        } else
                a->state = STATE_CLOSE;

        return 0;
}

/* "1a2b", or "1a2b;extension=value". */
static int take_chunk_size(HttpAnswer *a, const char *line) {
        static const char digits[] = "0123456789abcdef";
        uint64_t size = 0;
        size_t n = 0;

        for (; line[n]; n++) {
                const char *digit = strchr(digits, line[n] >= 'A' && line[n] <= 'F' ? line[n] - 'A' + 'a' : line[n]);

                if (!digit)
                        break;
                if (n >= 15)
                        return -EFBIG;
                size = size * 16 + (uint64_t) (digit - digits);
        }
        if (n == 0 || (line[n] != '\0' && line[n] != ';' && line[n] != ' ' && line[n] != '\t'))
                return -EPROTO;
        if (size > a->max_size - a->size)
                return -EFBIG;

        a->left = size;
        a->state = size > 0 ? STATE_CHUNK : STATE_TRAILER;
        return 0;
}

static int take_line(HttpAnswer *a) {
        char *line = a->line;

        switch (a->state) {
        case STATE_STATUS:
                if (!is_status_line(line, &a->status))
                        return -EPROTO;
                a->state = STATE_FIELD;
                return 0;
        case STATE_FIELD:
                return line[0] == '\0' ? end_of_head(a) : take_field(a, line);
        case STATE_CHUNK_SIZE:
                return take_chunk_size(a, line);
        case STATE_CHUNK_END:
                if (line[0] != '\0')
                        return -EPROTO;
                a->state = STATE_CHUNK_SIZE;
                return 0;
        default: /* STATE_TRAILER */
                if (line[0] == '\0')
                        a->state = STATE_DONE;
                return 0;
        }
}

/* Bytes of a line, up to its end at most. Returns how many were taken, or a negative errno. */
static ssize_t feed_line(HttpAnswer *a, const char *data, size_t n) {
        static const char begin[] = "HTTP/1.";
        const char *newline = memchr(data, '\n', n);
        size_t k = newline ? (size_t) (newline - data) : n, kept;
        int r;

        if (memchr(data, '\0', k))
                return -EPROTO;
        a->n_outside += k + !!newline;
        if (a->n_outside > HTTP_OUTSIDE_MAX)
                return -EPROTO;

        if (a->n_line < sizeof(a->line) - 1) {
                kept = MIN(k, sizeof(a->line) - 1 - a->n_line);
                memcpy(a->line + a->n_line, data, kept);
                a->line[a->n_line + kept] = '\0';
        }
        a->n_line += k;
        /* What is not HTTP need not have lines. */
        if (a->state == STATE_STATUS && strncmp(a->line, begin, MIN(a->n_line, strlen(begin))) != 0)
                return -EPROTO;
        if (!newline)
                return (ssize_t) k;

        if (a->n_line < sizeof(a->line) && a->n_line > 0 && a->line[a->n_line - 1] == '\r')
                a->line[a->n_line - 1] = '\0';
        r = take_line(a);
        a->n_line = 0;
        a->line[0] = '\0';
        return r < 0 ? r : (ssize_t) k + 1;
}

static int append(HttpAnswer *a, const char *data, size_t n) {
        if (n > a->max_size - a->size)
                return -EFBIG;

        if (a->size + n + 1 > a->allocated) {
                size_t allocated = MAX(a->allocated * 2, a->size + n + 1);
                char *bigger = realloc(a->body, allocated);

                if (!bigger)
                        return -ENOMEM;
                a->body = bigger;
                a->allocated = allocated;
        }

        memcpy(a->body + a->size, data, n);
        a->size += n;
        a->body[a->size] = '\0';
        return 0;
}

static ssize_t feed_body(HttpAnswer *a, const char *data, size_t n) {
        size_t k = a->state == STATE_CLOSE ? n : (size_t) MIN((uint64_t) n, a->left);
        int r;

        r = append(a, data, k);
        if (r < 0)
                return r;
        if (a->state != STATE_CLOSE) {
                a->left -= k;
                if (a->left == 0)
                        a->state = a->state == STATE_CHUNK ? STATE_CHUNK_END : STATE_DONE;
        }

        return (ssize_t) k;
}

int http_answer_feed(HttpAnswer *a, const char *data, size_t n) {
        assert(a);
        assert(data || n == 0);

        while (n > 0 && a->state != STATE_DONE) {
                ssize_t k = a->state >= STATE_LENGTH ? feed_body(a, data, n) : feed_line(a, data, n);

                if (k < 0)
                        return (int) k;
                data += k;
                n -= (size_t) k;
        }

        return a->state == STATE_DONE;
}

int http_answer_end(HttpAnswer *a) {
        assert(a);

        if (a->state == STATE_CLOSE)
                a->state = STATE_DONE;

        return a->state == STATE_DONE ? 1 : -ECONNRESET;
}

void http_answer_done(HttpAnswer *a) {
        free(a->body);
        *a = (HttpAnswer) {};
}
