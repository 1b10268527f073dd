/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include "parse-util.h"
#include "string-util.h"
#include "terminal.h"

static bool utf8;
static ColorMode color_mode = COLOR_AUTO;

void terminal_setup(void) {
        (void) setlocale(LC_ALL, "");
        utf8 = streq(nl_langinfo(CODESET), "UTF-8");
        /* Names are UTF-8 whatever the locale says, and their width is needed to align columns. */
        if (!utf8)
                (void) setlocale(LC_CTYPE, "C.UTF-8");
}

bool locale_is_utf8(void) {
        return utf8;
}

void terminal_set_color_mode(ColorMode mode) {
        color_mode = mode;
}

bool colors_enabled(void) {
        static int cached = -1;

        if (color_mode != COLOR_AUTO)
                return color_mode == COLOR_ALWAYS;
        if (cached < 0)
                cached = isatty(STDOUT_FILENO) && isempty(getenv("NO_COLOR")) &&
                         !streq(strempty(getenv("TERM")), "dumb");
        return cached;
}

const char *color(Color c) {
        static const char *const sequences[_COLOR_MAX] = {
                [COLOR_NORMAL] = "\x1b[0m", [COLOR_BOLD] = "\x1b[1m",   [COLOR_GREY] = "\x1b[90m",
                [COLOR_RED] = "\x1b[1;31m", [COLOR_GREEN] = "\x1b[32m", [COLOR_YELLOW] = "\x1b[33m",
                [COLOR_BLUE] = "\x1b[34m",
        };

        return colors_enabled() ? sequences[c] : "";
}

const char *glyph(Glyph g) {
        static const char *const glyphs[_GLYPH_MAX][2] = {
                [GLYPH_BULLET] = { "*", "●" },          [GLYPH_DASH] = { "-", "–" },
                [GLYPH_ELLIPSIS] = { "...", "…" },      [GLYPH_ARROW] = { "->", "→" },
                [GLYPH_TREE_BRANCH] = { "|-", "├─" },   [GLYPH_TREE_LAST] = { "`-", "└─" },
                [GLYPH_TREE_VERTICAL] = { "| ", "│ " }, [GLYPH_BAR_FULL] = { "#", "█" },
        };

        return glyphs[g][utf8];
}

int terminal_size(int fd, unsigned *ret_rows, unsigned *ret_columns) {
        struct winsize size;

        if (ioctl(fd, TIOCGWINSZ, &size) < 0)
                return negative_errno();
        *ret_rows = size.ws_row;
        *ret_columns = size.ws_col;
        return 0;
}

static unsigned dimension(const char *variable, bool rows, unsigned fallback) {
        static const int fds[] = { STDOUT_FILENO, STDERR_FILENO, STDIN_FILENO };
        const char *e = getenv(variable);
        unsigned n, r, c;

        if (e && parse_unsigned(e, &n) >= 0 && n > 0 && n < 10000)
                return n;
        for (size_t i = 0; i < ELEMENTSOF(fds); i++)
                if (terminal_size(fds[i], &r, &c) >= 0 && (rows ? r : c) > 0)
                        return rows ? r : c;
        return fallback;
}

unsigned terminal_columns(void) {
        return dimension("COLUMNS", false, 80);
}

unsigned terminal_rows(void) {
        return dimension("LINES", true, 24);
}

/* ---- text ---- */

/* One step over text: what stands at s, how many bytes it has and how many columns it takes. */
typedef struct Glance {
        size_t bytes;
        unsigned columns;
        bool printable;
} Glance;

static size_t escape_sequence_length(const char *s, size_t n) {
        size_t i = 2;

        if (n < 3 || s[0] != '\x1b' || s[1] != '[')
                return 0;
        while (i < n && (s[i] < '@' || s[i] > '~'))
                i++;
        return i < n ? i + 1 : 0;
}

static Glance glance(const char *s, size_t n) {
        mbstate_t state = {};
        wchar_t wide;

        size_t bytes = mbrtowc(&wide, s, n, &state);
        if (bytes == (size_t) -1 || bytes == (size_t) -2 || bytes == 0)
                return (Glance){ 1, 1, false };
        int columns = wcwidth(wide);
        return columns < 0 ? (Glance){ bytes, 1, false } : (Glance){ bytes, columns, true };
}

size_t text_width_n(const char *s, size_t n) {
        size_t width = 0;

        while (n > 0 && *s) {
                size_t skip = escape_sequence_length(s, n);
                if (skip == 0) {
                        Glance g = glance(s, n);
                        width += g.columns;
                        skip = g.bytes;
                }
                s += skip;
                n -= skip;
        }
        return width;
}

size_t text_width(const char *s) {
        return text_width_n(s, strlen(s));
}

static char *text_copy(const char *s, size_t width) {
        _cleanup_(string_buffer_done) StringBuffer out = {};
        size_t n = strlen(s), used = 0;

        while (n > 0) {
                Glance g = glance(s, n);
                if (used + g.columns > width)
                        break;
                int r = g.printable ? string_buffer_append(&out, s, g.bytes)
                                    : string_buffer_append(&out, "?", 1);
                if (r < 0)
                        return NULL;
                used += g.columns;
                s += g.bytes;
                n -= g.bytes;
        }
        return out.data ? TAKE_PTR(out.data) : strdup("");
}

char *text_sanitize(const char *s) {
        return text_copy(s, SIZE_MAX);
}

char *text_ellipsize(const char *s, size_t width) {
        size_t ellipsis = text_width(glyph(GLYPH_ELLIPSIS));

        if (text_width(s) <= width)
                return text_sanitize(s);
        if (width <= ellipsis)
                return text_copy(s, width);
        _cleanup_free_ char *head = text_copy(s, width - ellipsis);
        return head ? string_join(head, glyph(GLYPH_ELLIPSIS)) : NULL;
}
