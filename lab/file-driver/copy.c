/* SPDX-License-Identifier: Apache-2.0 */
/*
 * copy - copies a file in slices, keeping holes, with a digest for each chunk.  See file.h.
 *
 * The sums file has one line per chunk: 64 hex digits, all '0' for a chunk of zeros.  Invariant: a
 * line is written only after its chunk is on disk (fdatasync between), so after a crash everything
 * that the lines speak for is there, and the copy goes on behind it.
 */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK_SIZE 4096

static const char zero_sum[] = "0000000000000000000000000000000000000000000000000000000000000000";

/* A copy at work. */
struct work {
    struct protector_handle *h;
    const struct copy *copy;
    int from;
    int to;
    int sums;
    struct text expect; /* the expected lines, or empty */
    struct text lines;  /* of this slice, not written yet */
    char *buffer;
    int64_t chunk;  /* next one */
    int64_t chunks; /* in all */
};

static int64_t chunk_count(int64_t size_bytes)
{
    return (size_bytes + FILE_CHUNK_SIZE - 1) / FILE_CHUNK_SIZE;
}

static size_t chunk_size(const struct work *work)
{
    int64_t rest = work->copy->size_bytes - work->chunk * FILE_CHUNK_SIZE;

    return rest < FILE_CHUNK_SIZE ? (size_t)rest : FILE_CHUNK_SIZE;
}

static int is_zero(const char *data, size_t size)
{
    return size == 0 || (data[0] == 0 && memcmp(data, data + 1, size - 1) == 0);
}

int64_t copy_done_bytes(const char *sums, int64_t size_bytes)
{
    struct stat st;
    int64_t done;

    if (stat(sums, &st) != 0)
        return 0;
    done = st.st_size / FILE_SUM_SIZE * FILE_CHUNK_SIZE;
    return done < size_bytes ? done : size_bytes;
}

enum protector_status copy_digest(struct protector_handle *h, const char *sums,
                                  char ret[PROTECTOR_KEY_SIZE], struct protector_error *error)
{
    struct text text;
    enum protector_status status = small_read_raw(sums, FILE_SUMS_MAX, &text, error);

    if (status != PROTECTOR_OK)
        return status;
    h->host->digest(h->host->data, text.data, text.size, ret);
    text_free(&text);
    return PROTECTOR_OK;
}

/* ---- begin ---- */

/* Cuts the target to what the sums speak for, so that nothing half written stays behind it. */
static enum protector_status work_trim(struct work *work, struct protector_error *error)
{
    const struct copy *copy = work->copy;
    int64_t done = work->chunk * FILE_CHUNK_SIZE;

    if (ftruncate(work->sums, work->chunk * FILE_SUM_SIZE) != 0)
        return small_fail(error, "cut", copy->sums);
    if (copy->in_place || copy->to == NULL)
        return PROTECTOR_OK;
    if (done > copy->size_bytes)
        done = copy->size_bytes;
    if (ftruncate(work->to, done) != 0 || ftruncate(work->to, copy->size_bytes) != 0)
        return small_fail(error, "size", copy->to);
    return PROTECTOR_OK;
}

static enum protector_status work_open(struct work *work, struct protector_error *error)
{
    const struct copy *copy = work->copy;
    int create = copy->in_place ? 0 : O_CREAT;
    struct stat st;

    work->from = open(copy->from, O_RDONLY | O_CLOEXEC);
    if (work->from < 0)
        return small_fail(error, "open", copy->from);
    if (copy->to == NULL) /* from the disk, not from what was just written to it */
        (void)posix_fadvise(work->from, 0, 0, POSIX_FADV_DONTNEED);
    if (copy->to != NULL && (work->to = open(copy->to, O_RDWR | create | O_CLOEXEC, 0640)) < 0)
        return small_fail(error, "open", copy->to);
    work->sums = open(copy->sums, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (work->sums < 0 || fstat(work->sums, &st) != 0)
        return small_fail(error, "open", copy->sums);
    work->chunks = chunk_count(copy->size_bytes);
    work->chunk = st.st_size / FILE_SUM_SIZE;
    if (work->chunk > work->chunks)
        work->chunk = work->chunks;
    if (copy->expect != NULL) {
        enum protector_status status =
            small_read_raw(copy->expect, FILE_SUMS_MAX, &work->expect, error);

        if (status != PROTECTOR_OK)
            return status;
    }
    work->buffer = malloc(FILE_CHUNK_SIZE);
    if (work->buffer == NULL)
        abort();
    return work_trim(work, error);
}

static void work_close(struct work *work)
{
    lock_drop(work->from);
    lock_drop(work->to);
    lock_drop(work->sums);
    text_free(&work->expect);
    text_free(&work->lines);
    free(work->buffer);
}

/* ---- chunks ---- */

/* Is 'sum' what the next chunk must have? */
static enum protector_status expect_check(const struct work *work, const char *sum,
                                          struct protector_error *error)
{
    size_t at = (size_t)work->chunk * FILE_SUM_SIZE;

    if (work->copy->expect == NULL)
        return PROTECTOR_OK;
    if (at + FILE_SUM_SIZE <= work->expect.size &&
        memcmp(work->expect.data + at, sum, FILE_SUM_SIZE - 1) == 0)
        return PROTECTOR_OK;
    return protector_fail(error, PROTECTOR_PERMANENT,
                          "%s is damaged: chunk %lld does not have the digest that was recorded",
                          work->copy->from, (long long)work->chunk);
}

/* All of it, also when the system takes it in parts; -1 with errno. */
static int write_at(int fd, const char *data, size_t size, off_t at)
{
    while (size > 0) {
        ssize_t n = pwrite(fd, data, size, at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -1;
        data += n;
        size -= (size_t)n;
        at += n;
    }
    return 0;
}

/* Makes the next chunk of the target zeros where it could hold something else. */
static enum protector_status zero_write(struct work *work, struct protector_error *error)
{
    off_t at = work->chunk * FILE_CHUNK_SIZE;
    size_t size = chunk_size(work);

    if (!work->copy->in_place)
        return PROTECTOR_OK; /* a hole already */
    if (fallocate(work->to, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, (off_t)size) == 0)
        return PROTECTOR_OK;
    memset(work->buffer, 0, size);
    if (write_at(work->to, work->buffer, size, at) != 0)
        return small_fail(error, "write", work->copy->to);
    return PROTECTOR_OK;
}

/* Writes the buffer as the next chunk; blocks of zeros of a new file stay holes. */
static enum protector_status data_write(struct work *work, size_t size,
                                        struct protector_error *error)
{
    off_t begin = work->chunk * FILE_CHUNK_SIZE;

    if (work->copy->to == NULL)
        return PROTECTOR_OK;
    for (size_t at = 0; at < size; at += BLOCK_SIZE) {
        size_t block = size - at < BLOCK_SIZE ? size - at : BLOCK_SIZE;

        if (!work->copy->in_place && is_zero(work->buffer + at, block))
            continue;
        if (write_at(work->to, work->buffer + at, block, begin + (off_t)at) != 0)
            return small_fail(error, "write", work->copy->to);
    }
    return PROTECTOR_OK;
}

/* Fills the buffer with the next chunk; what lies behind the end of the file reads as zeros. */
static enum protector_status data_read(struct work *work, size_t size,
                                       struct protector_error *error)
{
    size_t got = 0;

    while (got < size) {
        ssize_t n = pread(work->from, work->buffer + got, size - got,
                          work->chunk * FILE_CHUNK_SIZE + (off_t)got);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return small_fail(error, "read", work->copy->from);
        if (n == 0)
            break;
        got += (size_t)n;
    }
    memset(work->buffer + got, 0, size - got);
    return PROTECTOR_OK;
}

/* The first chunk, from the next one on, that may hold data. */
static int64_t data_chunk(const struct work *work)
{
    off_t at = lseek(work->from, work->chunk * FILE_CHUNK_SIZE, SEEK_DATA);

    if (at >= 0)
        return at / FILE_CHUNK_SIZE;
    return errno == ENXIO ? work->chunks : work->chunk;
}

static enum protector_status chunk_zero(struct work *work, struct protector_error *error)
{
    enum protector_status status = expect_check(work, zero_sum, error);

    if (status == PROTECTOR_OK)
        status = zero_write(work, error);
    if (status == PROTECTOR_OK)
        text_add(&work->lines, "%s\n", zero_sum);
    return status;
}

static enum protector_status chunk_data(struct work *work, struct protector_error *error)
{
    size_t size = chunk_size(work);
    char sum[PROTECTOR_KEY_SIZE];
    enum protector_status status = data_read(work, size, error);

    if (status != PROTECTOR_OK)
        return status;
    if (is_zero(work->buffer, size))
        return chunk_zero(work, error);
    work->h->host->digest(work->h->host->data, work->buffer, size, sum);
    status = expect_check(work, sum, error);
    if (status == PROTECTOR_OK)
        status = data_write(work, size, error);
    if (status == PROTECTOR_OK)
        text_add(&work->lines, "%s\n", sum);
    return status;
}

/* Does chunks until the slice is over. */
static enum protector_status slice_run(struct work *work, struct protector_error *error)
{
    int64_t limit = work->chunk + FILE_SLICE_LINES;
    enum protector_status status = PROTECTOR_OK;
    int64_t data = -1;

    while (status == PROTECTOR_OK && work->chunk < work->chunks && work->chunk < limit) {
        if (data < work->chunk)
            data = data_chunk(work);
        status = data > work->chunk ? chunk_zero(work, error) : chunk_data(work, error);
        if (status != PROTECTOR_OK)
            break;
        work->chunk++;
        if (work->h->host->mono_ms(work->h->host->data) >= work->copy->until_ms)
            break;
    }
    return status;
}

/* Puts data, then sums on disk. */
static enum protector_status slice_end(struct work *work, struct protector_error *error)
{
    const struct copy *copy = work->copy;
    off_t at = lseek(work->sums, 0, SEEK_END);

    if (copy->to != NULL && fdatasync(work->to) != 0)
        return small_fail(error, "sync", copy->to);
    if (copy->to != NULL)
        file_step(work->h, "synced %s", copy->to);
    if (work->lines.size > 0 &&
        (at < 0 || write_at(work->sums, work->lines.data, work->lines.size, at) != 0))
        return small_fail(error, "write", copy->sums);
    if (fdatasync(work->sums) != 0)
        return small_fail(error, "sync", copy->sums);
    file_step(work->h, "synced %s", copy->sums);
    return work->chunk >= work->chunks ? PROTECTOR_OK : PROTECTOR_PENDING;
}

enum protector_status copy_run(struct protector_handle *h, const struct copy *copy,
                               struct protector_error *error)
{
    struct work work = {.h = h, .copy = copy, .from = -1, .to = -1, .sums = -1};
    enum protector_status status = work_open(&work, error);

    if (status == PROTECTOR_OK)
        status = slice_run(&work, error);
    if (status == PROTECTOR_OK)
        status = slice_end(&work, error);
    if (status == PROTECTOR_PENDING)
        (void)protector_fail(error, status, "copied %lld of %lld chunks of %s",
                             (long long)work.chunk, (long long)work.chunks, copy->from);
    work_close(&work);
    return status;
}
