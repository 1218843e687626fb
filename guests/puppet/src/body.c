/* Bodies of messages. A script travels in a body as bytes after "\0P", or, in a
   JSON body, as a string: "0P:<hex>", or "0Q:<hex>:<text>" where the text is
   what the string would be without its script. With ! in place of the hex there
   is a script that cannot be read: the delivery is a fault before its line is logged. */
#include "puppet.h"

static i32 hex_value(u8 c) {
  return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Says whether at i a string begins that is marked "0x: with one of the marks. */
static u32 marked(const u8 *b, u32 n, u32 i, u8 one, u8 other) {
  return n - i >= 4 && b[i] == '"' && b[i + 1] == '0' && (b[i + 2] == one || b[i + 2] == other) && b[i + 3] == ':';
}

script find_script(const u8 *body, u32 n) {
  script s = {0, 0};
  if (n >= 2 && body[0] == 0 && body[1] == 'P') {
    s.p = body + 2;
    s.e = body + n;
    return s;
  }
  if (!n || body[0] != '#') return s;
  for (u32 i = 0; i < n; i++) {
    if (!marked(body, n, i, 'P', 'Q')) continue;
    u32 from = i + 4, to = from;
    if (from < n && body[from] == '!') __builtin_trap(); /* a script that cannot be read */
    while (to < n && hex_value(body[to]) >= 0) to++;
    u8 *code = try_alloc((to - from) / 2);
    if (!code) return s;
    s.p = s.e = code;
    for (; from + 1 < to; from += 2) *(u8 *)s.e++ = (u8)(hex_value(body[from]) << 4 | hex_value(body[from + 1]));
    return s;
  }
  return s;
}

/* Returns where the marked string that begins at i ends (after its quote), or 0
   if it has no end. A backslash quotes any character that does not end a line. */
static u32 string_end(const u8 *b, u32 n, u32 i) {
  for (u32 j = i + 4; j < n;) {
    if (b[j] == '"') return j + 1;
    if (b[j] != '\\') {
      j++;
      continue;
    }
    if (++j >= n || b[j] == '\n' || b[j] == '\r') return 0;
    if (n - j >= 3 && b[j] == 0xe2 && b[j + 1] == 0x80 && (b[j + 2] & 0xfe) == 0xa8) return 0; /* U+2028, U+2029 */
    j += utf_next(b + j, n - j).bytes;
  }
  return 0;
}

/* Returns the end of the hex of "0Q:<hex>: at i, after its colon, or 0. */
static u32 carried_end(const u8 *b, u32 n, u32 i) {
  u32 j = i + 4;
  while (j < n && hex_value(b[j]) >= 0) j++;
  return j < n && b[j] == ':' ? j + 1 : 0;
}

void put_body(const u8 *b, u32 n) {
  static const u8 dots[] = "\"...\"";
  u32 units = 0;
  put_char('"');
  for (u32 i = 0; i < n;) {
    u32 end;
    if (marked(b, n, i, 'P', 'T') && (end = string_end(b, n, i))) {
      for (u32 k = 0; k < 5; k++, units++) {
        utf_step one = {1, 1, 0};
        if (units < BODY_SHOWN) put_unit(dots + k, one, 1);
      }
      i = end;
      continue;
    }
    utf_step s = utf_next(b + i, n - i);
    if (units < BODY_SHOWN) put_unit(b + i, s, BODY_SHOWN - units);
    units += s.units;
    if (marked(b, n, i, 'Q', 'Q') && (end = carried_end(b, n, i))) i = end;
    else i += s.bytes;
  }
  put_char('"');
  if (units > BODY_SHOWN) {
    put_text("...(");
    put_num(units);
    put_text(" bytes)"); /* the other player's word for its units */
  }
}

void script_body(const u8 *tag, u32 tag_len, const u8 *code, u32 code_len, u32 *p, u32 *n) {
  static const char hex[] = "0123456789abcdef";
  if (code_len > 0x3fffffffu) __builtin_trap();
  u8 *o = must_alloc(tag_len + 2 * code_len + 11), *start = o;
  *o++ = '#';
  *o++ = '[';
  memcpy(o, tag, tag_len);
  o += tag_len;
  memcpy(o, ",[\"0P:", 6);
  o += 6;
  for (u32 i = 0; i < code_len; i++) {
    *o++ = (u8)hex[code[i] >> 4];
    *o++ = (u8)hex[code[i] & 15];
  }
  memcpy(o, "\"]]", 3);
  *p = ADDR(start);
  *n = tag_len + 2 * code_len + 11;
}
