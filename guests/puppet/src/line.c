/* Lines of the log. A line is built in the arena and grows there; if memory
   ends, the line does. */
#include "puppet.h"

/* The host cuts a text at 64 KiB, so a longer one goes out in parts. All but
   the last have level 0. */
#define PART 32768
#define LEVEL_PART 0
#define LEVEL_LINE 1

u32 echo = 1;
static u8 *line;
static u32 len, cap;
static u64 stored; /* lines in the vatstore so far */

void line_begin(void) {
  len = 0;
  cap = 1024;
  line = try_alloc(cap);
  if (!line) cap = 0;
}

void put_char(u8 c) {
  if (len == cap) {
    u8 *more = cap && cap < 0x40000000u ? try_alloc(2 * cap) : 0;
    if (!more) return;
    memcpy(more, line, len);
    line = more;
    cap *= 2;
  }
  line[len++] = c;
}

void put_text(const char *s) {
  while (*s) put_char((u8)*s++);
}

void put_num(u64 v) {
  u8 digits[20];
  u32 n = 0;
  do {
    digits[n++] = (u8)('0' + v % 10);
    v /= 10;
  } while (v);
  while (n) put_char(digits[--n]);
}

static void put_escaped(u8 c) {
  static const char hex[] = "0123456789abcdef";
  if (c == '"' || c == '\\') {
    put_char('\\');
    put_char(c);
  } else if (c < 32 || c > 126) {
    put_char('\\');
    put_char('x');
    put_char((u8)hex[c >> 4]);
    put_char((u8)hex[c & 15]);
  } else {
    put_char(c);
  }
}

static void put_replacement(void) {
  put_escaped(0xef);
  put_escaped(0xbf);
  put_escaped(0xbd);
}

void put_unit(const u8 *p, utf_step s, u32 left) {
  if (s.surrogate || s.units > left) { /* a half of a pair: what is cut in the middle, too */
    put_replacement();
    return;
  }
  for (u32 i = 0; i < s.bytes; i++) put_escaped(p[i]);
}

void put_quoted(const u8 *p, u32 n, u32 max) {
  put_char('"');
  for (u32 i = 0, units = 0; i < n && units < max;) {
    utf_step s = utf_next(p + i, n - i);
    put_unit(p + i, s, max - units);
    i += s.bytes;
    units += s.units;
  }
  put_char('"');
}

void put_vref(u64 v) {
  if (!v) {
    put_text("none");
    return;
  }
  put_char((u8) "opd?"[v >> 1 & 3]);
  put_char(v & 1 ? '+' : '-');
  if (v & 8) put_char('d');
  put_num(v >> 4);
}

void put_vrefs(const u64 *v, u32 n) {
  put_char('[');
  for (u32 i = 0; i < n; i++) {
    if (i) put_char(' ');
    put_vref(v[i]);
  }
  put_char(']');
}

void log_text(const u8 *p, u32 n) {
  while (n > PART) {
    u32 part = PART;
    while (part > PART - 4 && (p[part] & 0xc0) == 0x80) part--; /* not inside a character */
    cc_console(LEVEL_PART, ADDR(p), part);
    p += part;
    n -= part;
  }
  cc_console(LEVEL_LINE, ADDR(p), n);
}

void say_text(const u8 *p, u32 n) {
  if (echo & 1) log_text(p, n);
  if (mode & MODE_STORE) {
    u8 key[] = "log.000000000000";
    u64 v = stored++;
    for (u32 i = sizeof key - 2; v && i >= 4; i--, v /= 10) key[i] = (u8)('0' + v % 10);
    cc_vatstore_set(ADDR(key), sizeof key - 1, ADDR(p), n);
  }
}

void line_end(void) { say_text(line, len); }
