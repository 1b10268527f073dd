/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>

#include "human.h"
#include "progress.h"
#include "table.h"
#include "terminal.h"
#include "test.h"
#include "time-util.h"

static const TableColumn columns[] = {
        { "NAME", 4, 0 }, { "IMAGE", 6, 2 }, { "STATE", 0, 0 }, { "PORTS", 5, 3 }
};

static size_t total(const size_t *w) {
        size_t sum = 0, n = 0;

        for (size_t i = 0; i < ELEMENTSOF(columns); i++) {
                sum += w[i];
                n += w[i] > 0;
        }
        return sum + (n > 0 ? n - 1 : 0) * TABLE_GAP;
}

static void test_fit(void) {
        for (size_t width = 1; width < 120; width++) {
                size_t w[] = { 20, 40, 7, 30 };
                table_fit(w, columns, ELEMENTSOF(columns), width);
                CHECK(total(w) <= width);
                CHECK(w[0] > 0);
        }

        size_t enough[] = { 20, 40, 7, 30 };
        table_fit(enough, columns, ELEMENTSOF(columns), 103);
        CHECK(enough[0] == 20 && enough[1] == 40 && enough[2] == 7 && enough[3] == 30);

        /* The widest shrinks first, what has no minimum keeps its width. */
        size_t some[] = { 20, 40, 7, 30 };
        table_fit(some, columns, ELEMENTSOF(columns), 83);
        CHECK(some[0] == 20 && some[2] == 7 && some[1] + some[3] == 50 && some[1] >= 24 && some[3] >= 24);

        /* Too narrow for all: the least important is left out. */
        size_t few[] = { 20, 40, 7, 30 };
        table_fit(few, columns, ELEMENTSOF(columns), 25);
        CHECK(few[3] == 0 && few[1] > 0 && few[2] == 7);
}

static void test_print(void) {
        _cleanup_(table_freep) Table *table = NULL;
        _cleanup_free_ char *text = NULL, *narrow = NULL;
        size_t size;

        CHECK(table_new(columns, ELEMENTSOF(columns), &table) == 0);
        CHECK(table_add(table, (const char *[]){ "web", "nginx:latest", "running", "8080" }) == 0);
        CHECK(table_add(table, (const char *[]){ "a\nb\x1b[2J", "a-very-long-name-of-an-image", "exited 1",
                                                 NULL }) == 0);
        FILE *out = open_memstream(&text, &size);
        CHECK(table_print(table, out, true, 0) == 0);
        fclose(out);
        CHECK_STRING(text, "NAME     IMAGE                         STATE     PORTS\n"
                           "web      nginx:latest                  running   8080\n"
                           "a?b?[2J  a-very-long-name-of-an-image  exited 1  \n");
        out = open_memstream(&narrow, &size);
        CHECK(table_print(table, out, false, 30) == 0);
        fclose(out);
        for (char *line = strtok(narrow, "\n"); line; line = strtok(NULL, "\n"))
                CHECK(text_width(line) <= 30);
}

static void test_text(void) {
        _cleanup_free_ char *cut = text_ellipsize("Grüße aus Köln", 8),
                            *wide = text_ellipsize("容器容器容器", 7),
                            *clean = text_sanitize("a\tb\x07\xff");

        CHECK(text_width("Grüße") == 5 && text_width("容器") == 4 && text_width("\x1b[31mred\x1b[0m") == 3);
        CHECK(cut && text_width(cut) <= 8 && strncmp(cut, "Grü", 4) == 0);
        CHECK(wide && text_width(wide) <= 7);
        CHECK_STRING(clean, "a?b??");
}

static void test_human(void) {
        char b[HUMAN_MAX];

        CHECK_STRING(format_size_short(0, b), "0B");
        CHECK_STRING(format_size_short(3565158, b), "3.4M");
        CHECK_STRING(format_size_short(61 * MIB, b), "61M");
        CHECK_STRING(format_size_short(1024 * KIB - 1, b), "1.0M");
        CHECK_STRING(format_size(50855936, b), "48.5 MiB");
        CHECK_STRING(format_size(640, b), "640 B");
        CHECK_STRING(format_size_part(512 * KIB, 6 * MIB, b), "0.5/6.0 MiB");
        CHECK_STRING(format_size_part(5, 640, b), "5/640 B");
        CHECK_STRING(format_ago(10, 10 + 2 * USEC_PER_DAY + USEC_PER_HOUR, b), "2d ago");
        CHECK_STRING(format_ago(0, 10, b), "never");
        CHECK_STRING(format_cpu_time(11 * USEC_PER_MSEC, b), "11ms");
}

static void test_progress_lines(void) {
        ProgressItem item = {
                .id = (char *) "sha256:7c9d41aabbccddeeff00112233445566778899aabbccddeeff0011223344556",
                .status = (char *) "downloading",
                .current = 12 * MIB,
                .total = 30 * MIB,
                .rate = 9 * MIB
        };

        for (size_t width = 10; width < 150; width++) {
                _cleanup_free_ char *line = progress_format_line(&item, width);
                CHECK(line && text_width(line) <= width);
        }
        _cleanup_free_ char *line = progress_format_line(&item, 100);
        CHECK(strstr(line, "7c9d41aabbcc") && strstr(line, "12.0/30.0 MiB") &&
              strstr(line, "9.0 MiB/s  3 s left"));
        item.current = item.total;
        item.status = (char *) "done";
        _cleanup_free_ char *done = progress_format_line(&item, 100);
        CHECK(strstr(done, "30.0 MiB") && strstr(done, "done"));
}

static void test_plain_progress(void) {
        _cleanup_(progress_freep) Progress *progress = NULL;
        FILE *out = tmpfile();
        char text[256] = {};

        CHECK(out && progress_new(out, PROGRESS_AUTO, &progress) == 0);
        CHECK(progress_update(progress, "sha256:abcdef0123456789", "downloading", 10, 100) == 0);
        CHECK(progress_update(progress, "sha256:abcdef0123456789", "done", 0, 0) == 0);
        CHECK(progress_update(progress, "sha256:abcdef0123456789", "done", 0, 0) == 0);
        progress_finish(progress, NULL);
        rewind(out);
        CHECK(fread(text, 1, sizeof(text) - 1, out) > 0);
        CHECK_STRING(text, "abcdef012345: done, 100 B\n");
        CHECK(progress_items(progress) == 1 && progress_bytes(progress) == 100);
        fclose(out);
}

int main(void) {
        terminal_setup();
        terminal_set_color_mode(COLOR_NEVER);
        test_fit();
        test_print();
        test_text();
        test_human();
        test_progress_lines();
        test_plain_progress();
        return TEST_RESULT();
}
