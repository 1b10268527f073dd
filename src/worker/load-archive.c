/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <string.h>

#include "compress.h"
#include "digest.h"
#include "load-archive.h"
#include "manifest.h"
#include "path-util.h"
#include "reclaim.h"
#include "string-util.h"
#include "strv.h"
#include "tar-reader.h"

#define DOCUMENTS_SIZE_MAX (256 * MIB)
#define FILES_MAX 100000

static const TarLimits archive_limits = {
        .path = 4095,
        .depth = 16,
        .entries = FILES_MAX,
        .xattrs = MIB,
        .content = 4096 * GIB,
};

static const DecompressLimits archive_decompress_limits = {
        .output = 4096 * GIB,
        .free_output = 512 * MIB,
        .ratio = 1000,
};

static int out_of_memory(Error *error) {
        return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
}

static LoadFile *append_file(LoadArchive *archive, const char *path) {
        if (array_reserve(&archive->files, &archive->allocated, archive->n_files + 1, sizeof(LoadFile)) < 0)
                return NULL;
        LoadFile *file = &archive->files[archive->n_files];
        *file = (LoadFile){ .path = strdup(path), .compression = COMPRESSION_NONE };
        if (!file->path)
                return NULL;
        archive->n_files++;
        return file;
}

/* The hex digits that the file is named by: "blobs/sha256/<hex>", "<hex>.tar", "<hex>.json", "<hex>/layer.tar". */
static bool name_digest(const char *path, char ret[static DIGEST_LENGTH + 1]) {
        const char *hex = startswith(path, "blobs/sha256/") ?: path;

        if (strspn(hex, "0123456789abcdef") != DIGEST_HEX_LENGTH)
                return false;
        snprintf(ret, DIGEST_LENGTH + 1, "sha256:%.*s", DIGEST_HEX_LENGTH, hex);
        return true;
}

/* ---- documents ---- */

static bool looks_like_json(const PeekSource *source) {
        size_t i = 0;

        while (i < source->size && strchr(" \t\r\n", source->head[i]))
                i++;
        return i < source->size && (source->head[i] == '{' || source->head[i] == '[');
}

static int read_document(LoadArchive *archive, LoadFile *file, const Source *source, uint64_t size,
                         Error *error) {
        const void *data;
        ssize_t n;

        archive->documents_size += size;
        if (archive->documents_size > DOCUMENTS_SIZE_MAX)
                return error_set(error, ERROR_LIMIT, "the archive has more than %llu bytes of JSON in it",
                                 (unsigned long long) DOCUMENTS_SIZE_MAX);
        file->text = malloc(size + 1);
        if (!file->text)
                return out_of_memory(error);
        while ((n = source_next(source, &data, error)) > 0) {
                n = MIN((size_t) n, size - file->size);
                memcpy(file->text + file->size, data, n);
                file->size += n;
        }
        file->text[file->size] = 0;
        return MIN(n, (ssize_t) 0);
}

/* ---- blobs ---- */

static void on_progress(void *userdata, const char *id, const char *status, uint64_t current,
                        uint64_t total) {
        worker_progress(((LoadArchive *) userdata)->worker, id, status, current, total);
}

static bool on_cancelled(void *userdata) {
        return worker_cancelled() || ((LoadArchive *) userdata)->stopped;
}

int load_archive_open(LoadArchive *archive, Error *error) {
        ContentHooks hooks = { .progress = on_progress, .cancelled = on_cancelled, .userdata = archive };

        return content_open(archive->worker->request.state_directory, &hooks, &archive->content, error);
}

static int append_blob(void *userdata, const void *data, size_t size, Error *error) {
        LoadFile *file = userdata;

        if (worker_cancelled())
                return worker_set_cancelled(error);
        return blob_writer_append(file->writer, data, size, error);
}

/* Some layers need not be unpacked, or not yet: the file's name says that it is here already. */
static bool is_probably_here(LoadArchive *archive, const char *claimed) {
        return content_has_layer(archive->content, claimed, NULL) ||
               content_has_blob(archive->content, claimed, NULL);
}

static int store_blob(LoadArchive *archive, LoadFile *file, PeekSource *peek, uint64_t size, Error *error) {
        char claimed[DIGEST_LENGTH + 1];
        bool has_claim = name_digest(file->path, claimed);
        bool is_blob = startswith(file->path, "blobs/sha256/");
        ImageLayer layer = { .size = size };
        Source source = peek_source(peek);
        Sink sink = { .write = append_blob, .userdata = file };

        if (size > image_limits()->layer_size)
                return image_limit_exceeded(error, "LayerSize", "it has %llu bytes, and %llu is the maximum",
                                            (unsigned long long) size,
                                            (unsigned long long) image_limits()->layer_size);
        file->compression = compression_detect(peek->head, peek->size);
        int r = blob_writer_open(archive->content, is_blob && has_claim ? claimed : NULL, size, false,
                                 &file->writer, error);
        if (r < 0)
                return r;
        if (!has_claim || !is_probably_here(archive, claimed)) {
                r = unpack_start(archive->content, &layer, file->writer, has_claim ? claimed : file->path,
                                 &file->unpack, error);
                if (r < 0)
                        return r;
        }
        r = source_copy(&source, &sink, NULL, error);
        if (r < 0)
                return r;
        file->added_blob = !has_claim || !content_has_blob(archive->content, claimed, NULL);
        r = blob_writer_commit(file->writer, error);
        if (r >= 0 && free_and_strdup(&file->digest, blob_writer_digest(file->writer)) < 0)
                r = out_of_memory(error);
        return r;
}

/* A transfer and its unpacking come to an end; only one can be the first to fail. */
static int finish_blob(LoadArchive *archive, LoadFile *file, Error *error) {
        int r = 0;

        if (file->unpack) {
                r = unpack_wait(file->unpack, &file->diff_id, NULL, error);
                file->unpack = NULL;
                file->added_layer = r >= 0;
        }
        file->writer = blob_writer_free(file->writer);
        return r;
}

/* ---- entries ---- */

static int take_link(LoadFile *file, const TarEntry *entry, Error *error) {
        const char *slash = entry->type == TAR_SYMLINK ? strrchr(entry->path, '/') : NULL;
        _cleanup_free_ char *joined =
                slash ? format_string("%.*s/%s", (int) (slash - entry->path), entry->path, entry->link)
                      : strdup(entry->link);
        _cleanup_free_ char *plain = joined ? path_normalize(joined) : NULL;

        if (!plain)
                return out_of_memory(error);
        file->alias = strdup(plain + (plain[0] == '/'));
        return file->alias ? 0 : out_of_memory(error);
}

/* "VERSION" beside each layer of old archives, and the like: too short for a tar. */
static bool is_note(const TarEntry *entry, const PeekSource *peek) {
        return entry->size < 512 && !startswith(entry->path, "blobs/") &&
               compression_detect(peek->head, peek->size) == COMPRESSION_NONE;
}

static int take_entry(LoadArchive *archive, TarReader *reader, const TarEntry *entry, Error *error) {
        _cleanup_(peek_source_done) PeekSource peek = { .input = tar_reader_source(reader) };

        if (entry->type == TAR_DIRECTORY)
                return 0;
        if (entry->type != TAR_FILE && entry->type != TAR_SYMLINK && entry->type != TAR_HARDLINK)
                return error_set(error, ERROR_CORRUPT, "\"%.100s\" has no place in an image archive",
                                 entry->path);
        LoadFile *file = append_file(archive, entry->path);
        if (!file)
                return out_of_memory(error);
        if (entry->type != TAR_FILE)
                return take_link(file, entry, error);
        int r = peek_source_fill(&peek, COMPRESSION_MAGIC_MAX, error);
        if (r < 0)
                return r;
        if (looks_like_json(&peek) &&
            entry->size <= MAX(image_limits()->config_size, image_limits()->manifest_size)) {
                Source source = peek_source(&peek);
                return read_document(archive, file, &source, entry->size, error);
        }
        if (is_note(entry, &peek))
                return 0;
        return store_blob(archive, file, &peek, entry->size, error);
}

static int compare_files(const void *a, const void *b) {
        return strcmp(((const LoadFile *) a)->path, ((const LoadFile *) b)->path);
}

static int read_entries(LoadArchive *archive, TarReader *reader, Error *error) {
        TarEntry entry;
        int r;

        while ((r = tar_reader_next(reader, &entry, error)) > 0) {
                r = take_entry(archive, reader, &entry, error);
                if (r < 0)
                        return error_prefix(error, r, "can't read \"%.100s\" of the archive", entry.path);
        }
        if (r < 0)
                return r;
        /* The writers' followers hold pointers to writers, not to files: sorting moves only the latter. */
        if (archive->n_files > 0)
                qsort(archive->files, archive->n_files, sizeof(LoadFile), compare_files);
        return 0;
}

int load_archive_read(LoadArchive *archive, int fd, Error *error) {
        _cleanup_(fd_source_done) FdSource input = {};
        _cleanup_(decompressor_freep) Decompressor *decompressor = NULL;
        _cleanup_(tar_reader_freep) TarReader *reader = NULL;

        if (fd_source_init(&input, fd, worker_cancel_fd(), "the archive") < 0)
                return out_of_memory(error);
        Source source = fd_source(&input);
        if (decompressor_new(&source, &archive_decompress_limits, &decompressor) < 0)
                return out_of_memory(error);
        source = decompressor_source(decompressor);
        if (tar_reader_new(&source, &archive_limits, &reader) < 0)
                return out_of_memory(error);
        int r = read_entries(archive, reader, error);
        if (r < 0)
                return r;
        /* Up to the end: a check sum stands there, and who writes into a pipe wants it read. */
        const void *data;
        ssize_t n;
        while ((n = source_next(&source, &data, error)) > 0)
                ;
        return n;
}

LoadFile *load_archive_find(LoadArchive *archive, const char *path) {
        for (unsigned hops = 0; path && hops < 10; hops++) {
                LoadFile key = { .path = (char *) path };
                LoadFile *file = archive->n_files == 0 ? NULL
                                                       : bsearch(&key, archive->files, archive->n_files,
                                                                 sizeof(LoadFile), compare_files);
                if (!file || !file->alias)
                        return file;
                path = file->alias;
        }
        return NULL;
}

LoadFile *load_archive_find_blob(LoadArchive *archive, const char *digest) {
        _cleanup_free_ char *path = string_join("blobs/sha256/", digest_hex(digest));
        LoadFile *file = path ? load_archive_find(archive, path) : NULL;
        char actual[DIGEST_TEXT_SIZE];

        if (!file || !file->text)
                return file; /* a blob's digest was verified when it was stored */
        digest_of(file->text, file->size, actual);
        return streq(actual, digest) ? file : NULL;
}

int load_archive_need_layer(LoadArchive *archive, LoadFile *file, const char *diff_id, Error *error) {
        if (!file->digest)
                return error_set(error, ERROR_CORRUPT, "\"%.100s\" in the archive is not a layer",
                                 file->path);
        int r = finish_blob(archive, file, error);
        if (r < 0)
                return error_prefix(error, r, "can't unpack layer \"%.100s\"", file->path);
        if (!file->diff_id) {
                bool existed = content_has_layer(archive->content, diff_id, NULL);
                /* An uncompressed layer is its own diff id, so this one is known to be right. */
                if (existed && file->compression == COMPRESSION_NONE && !streq(file->digest, diff_id))
                        return error_set(error, ERROR_CORRUPT, "layer \"%.100s\" is not %s", file->path,
                                         diff_id);
                ImageLayer layer = { .digest = file->digest, .diff_id = (char *) diff_id };
                r = unpack_start(archive->content, &layer, NULL, diff_id, &file->unpack, error);
                if (r >= 0)
                        r = finish_blob(archive, file, error);
                if (r < 0)
                        return error_prefix(error, r, "can't unpack layer \"%.100s\"", file->path);
                file->added_layer = !existed;
        }
        if (!streq(file->diff_id, diff_id))
                return error_set(error, ERROR_CORRUPT,
                                 "layer \"%.100s\" is wrong: its uncompressed digest is %s, not %s",
                                 file->path, file->diff_id, diff_id);
        return 0;
}

/* It was unpacked on the chance that it is a layer; what became of that does not matter. */
int load_archive_need_blob(LoadArchive *archive, LoadFile *file, Error *error) {
        char digest[DIGEST_TEXT_SIZE];

        (void) finish_blob(archive, file, NULL);
        if (file->digest)
                return 0;
        if (!file->text)
                return error_set(error, ERROR_CORRUPT, "\"%.100s\" in the archive is not a blob",
                                 file->path);
        digest_of(file->text, file->size, digest);
        bool existed = content_has_blob(archive->content, digest, NULL);
        int r = content_add_blob(archive->content, file->text, file->size, &file->digest, error);
        file->added_blob = r >= 0 && !existed;
        return r;
}

/* Nothing is listed that was here before, so this never takes more than the archive brought. */
static void reclaim_unneeded(LoadArchive *archive) {
        _cleanup_strv_free_ char **blobs = NULL, **layers = NULL;

        for (size_t i = 0; i < archive->n_files; i++) {
                LoadFile *file = &archive->files[i];
                if (file->added_blob && file->digest)
                        (void) strv_extend(&blobs, digest_hex(file->digest));
                if (file->added_layer && file->diff_id)
                        (void) strv_extend(&layers, digest_hex(file->diff_id));
        }
        if (blobs || layers)
                (void) content_reclaim(archive->content, blobs, layers, NULL, false, NULL, NULL);
}

void load_archive_done(LoadArchive *archive) {
        static const Error stop = { .kind = ERROR_CANCELLED };

        archive->stopped = true;
        for (size_t i = 0; i < archive->n_files; i++)
                if (archive->files[i].writer)
                        blob_writer_abort(archive->files[i].writer, false, &stop);
        for (size_t i = 0; i < archive->n_files; i++)
                (void) finish_blob(archive, &archive->files[i], NULL);
        reclaim_unneeded(archive);
        for (size_t i = 0; i < archive->n_files; i++) {
                LoadFile *file = &archive->files[i];
                free(file->path);
                free(file->alias);
                free(file->text);
                free(file->digest);
                free(file->diff_id);
        }
        free(archive->files);
}
