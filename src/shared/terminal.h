/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a terminal is able to show, how wide text is on it, and its raw mode. */

#include "macro.h"

/* To be called first in main(): takes the user's locale, with UTF-8 for character widths in any case. */
void terminal_setup(void);

typedef enum ColorMode { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER } ColorMode;
void terminal_set_color_mode(ColorMode mode);

typedef enum Color {
        COLOR_NORMAL,
        COLOR_BOLD,
        COLOR_GREY,
        COLOR_RED,
        COLOR_GREEN,
        COLOR_YELLOW,
        COLOR_BLUE,
        _COLOR_MAX,
} Color;
/* The escape sequence, or "" when standard output shows no colours (not a terminal, $NO_COLOR, TERM=dumb). */
const char *color(Color c);
bool colors_enabled(void);

/* Signs that plain ASCII can't show, with a substitute for locales without UTF-8. */
typedef enum Glyph {
        GLYPH_BULLET,        /* ● */
        GLYPH_DASH,          /* – */
        GLYPH_ELLIPSIS,      /* … */
        GLYPH_ARROW,         /* → */
        GLYPH_TREE_BRANCH,   /* ├─ */
        GLYPH_TREE_LAST,     /* └─ */
        GLYPH_TREE_VERTICAL, /* │  */
        GLYPH_BAR_FULL,      /* █ */
        _GLYPH_MAX,
} Glyph;
const char *glyph(Glyph g);
bool locale_is_utf8(void);

/* The size of the terminal on standard output (or error, or input); $COLUMNS and $LINES override it, 80 × 24 when
 * there is none. */
unsigned terminal_columns(void);
unsigned terminal_rows(void);
/* Of this very terminal. Returns 0, or a negative errno when it is none. */
int terminal_size(int fd, unsigned *ret_rows, unsigned *ret_columns);

/* Columns that UTF-8 text takes; escape sequences take none, a byte that is no character takes one. */
size_t text_width(const char *s) _pure_;
size_t text_width_n(const char *s, size_t n) _pure_;
/* A copy at most `width` columns wide, ending in "…" when something was cut. Control
 * characters become "?", so that nobody's file or image name can play with the terminal. */
char *text_ellipsize(const char *s, size_t width);
/* The same without a limit. */
char *text_sanitize(const char *s);

/* Raw mode of the terminal, taken back by terminal_restore, at exit, and by the signals of a crash. One at a time. */
int terminal_make_raw(int fd);
void terminal_restore(void);
bool terminal_is_raw(void);
