/* Reading and writing of bodies: smallcaps, which is JSON where a string that
 * begins with a character from ! to - has a meaning of its own. */
#include "sdk.h"

enum { MAX_DEPTH = 64 };

/* ---- reading ---- */

typedef struct {
  char *p, *end;
  const cc_ref *slots;
  u32 slot_count, depth;
} reader;

static int value(reader *r, cc_value *v);

static void skip_space(reader *r) {
  while (r->p < r->end && (*r->p == ' ' || *r->p == '\t' || *r->p == '\n' || *r->p == '\r')) r->p++;
}

static int next_is(reader *r, char c) {
  skip_space(r);
  if (r->p == r->end || *r->p != c) return 0;
  r->p++;
  return 1;
}

static int word(reader *r, const char *w) {
  u32 n = cc_strlen(w);
  if ((u32)(r->end - r->p) < n || !cc_same(r->p, n, w, n)) return 0;
  r->p += n;
  return 1;
}

static int is_digit(char c) { return c >= '0' && c <= '9'; }

static int hex4(reader *r, u32 *out) {
  if (r->end - r->p < 4) return 0;
  u32 n = 0;
  for (int i = 0; i < 4; i++) {
    char c = *r->p++;
    if (is_digit(c)) n = n << 4 | (u32)(c - '0');
    else if ((c | 32) >= 'a' && (c | 32) <= 'f') n = n << 4 | (u32)((c | 32) - 'a' + 10);
    else return 0;
  }
  *out = n;
  return 1;
}

static char *put_utf8(char *w, u32 c) {
  if (c < 0x80) {
    *w++ = (char)c;
  } else if (c < 0x800) {
    *w++ = (char)(0xc0 | c >> 6);
    *w++ = (char)(0x80 | (c & 63));
  } else if (c < 0x10000) {
    *w++ = (char)(0xe0 | c >> 12);
    *w++ = (char)(0x80 | (c >> 6 & 63));
    *w++ = (char)(0x80 | (c & 63));
  } else {
    *w++ = (char)(0xf0 | c >> 18);
    *w++ = (char)(0x80 | (c >> 12 & 63));
    *w++ = (char)(0x80 | (c >> 6 & 63));
    *w++ = (char)(0x80 | (c & 63));
  }
  return w;
}

/* The length of the UTF-8 character at p, or 0 if it is malformed. */
static u32 utf8_len(const u8 *p, const u8 *end) {
  u32 n, c, least;
  if (*p < 0x80) return 1;
  if ((*p & 0xe0) == 0xc0) n = 2, c = *p & 31, least = 0x80;
  else if ((*p & 0xf0) == 0xe0) n = 3, c = *p & 15, least = 0x800;
  else if ((*p & 0xf8) == 0xf0) n = 4, c = *p & 7, least = 0x10000;
  else return 0;
  if ((u32)(end - p) < n) return 0;
  for (u32 i = 1; i < n; i++) {
    if ((p[i] & 0xc0) != 0x80) return 0;
    c = c << 6 | (p[i] & 63);
  }
  return c < least || c > 0x10ffff || (c >= 0xd800 && c < 0xe000) ? 0 : n;
}

static int escape(reader *r, char **w) {
  if (r->p == r->end) return 0;
  char c = *r->p++;
  switch (c) {
  case '"': case '\\': case '/': *(*w)++ = c; return 1;
  case 'b': *(*w)++ = '\b'; return 1;
  case 'f': *(*w)++ = '\f'; return 1;
  case 'n': *(*w)++ = '\n'; return 1;
  case 'r': *(*w)++ = '\r'; return 1;
  case 't': *(*w)++ = '\t'; return 1;
  case 'u': break;
  default: return 0;
  }
  u32 u, low;
  if (!hex4(r, &u)) return 0;
  if (u >= 0xd800 && u < 0xe000) { /* half of a pair is no character */
    if (u >= 0xdc00 || r->end - r->p < 6 || r->p[0] != '\\' || r->p[1] != 'u') return 0;
    r->p += 2;
    if (!hex4(r, &low) || low < 0xdc00 || low >= 0xe000) return 0;
    u = 0x10000 + ((u - 0xd800) << 10) + (low - 0xdc00);
  }
  *w = put_utf8(*w, u);
  return 1;
}

/* A JSON string after its opening quote, unescaped where it stands. */
static int string(reader *r, const char **text, u32 *len) {
  char *w = r->p;
  *text = w;
  while (r->p < r->end) {
    char c = *r->p;
    if (c == '"') {
      r->p++;
      *len = (u32)(w - *text);
      return 1;
    }
    if (c == '\\') {
      r->p++;
      if (!escape(r, &w)) return 0;
      continue;
    }
    u32 n = (u8)c < 0x20 ? 0 : utf8_len((const u8 *)r->p, (const u8 *)r->end);
    if (n == 0) return 0;
    while (n--) *w++ = *r->p++;
  }
  return 0;
}

static int number(reader *r, cc_value *v) {
  char *start = r->p;
  int negative = 0, overflow = 0;
  u64 m = 0;
  i32 exponent = 0;
  if (*r->p == '-') negative = 1, r->p++;
  if (r->p == r->end || !is_digit(*r->p)) return 0;
  if (*r->p == '0' && r->p + 1 < r->end && is_digit(r->p[1])) return 0;
  int fraction = 0;
  for (; r->p < r->end; r->p++) {
    char c = *r->p;
    if (c == '.' && !fraction) {
      if (r->p + 1 == r->end || !is_digit(r->p[1])) return 0;
      fraction = 1;
      continue;
    }
    if (!is_digit(c)) break;
    u64 d = (u64)(c - '0');
    if (m > (~0ull - d) / 10) overflow = 1;
    m = m * 10 + d;
    exponent -= fraction;
  }
  if (r->p < r->end && (*r->p | 32) == 'e') {
    r->p++;
    int minus = 0;
    i32 e = 0;
    if (r->p < r->end && (*r->p == '+' || *r->p == '-')) minus = *r->p++ == '-';
    if (r->p == r->end || !is_digit(*r->p)) return 0;
    for (; r->p < r->end && is_digit(*r->p); r->p++)
      if (e < 1000000) e = e * 10 + (*r->p - '0');
    exponent += minus ? -e : e;
  }
  v->text = start;
  v->len = (u32)(r->p - start);
  v->type = CC_FLOAT;
  if (overflow) return 1;
  /* 1e3 and 2.50e1 are integers too */
  for (; m && exponent < 0 && m % 10 == 0; exponent++) m /= 10;
  for (; m && exponent > 0; exponent--) {
    if (m > ~0ull / 10) return 1;
    m *= 10;
  }
  if ((m && exponent) || m > (u64)0x7fffffffffffffff + (u64)negative) return 1;
  v->type = CC_INT;
  v->number = (i64)(negative ? 0 - m : m);
  return 1;
}

/* "$3" and "$3.Alleged: purse": slot 3. */
static int slot(const reader *r, cc_value *v, u32 promise) {
  u32 n = 0, i = 1;
  for (; i < v->len && is_digit(v->text[i]); i++) {
    if (n > 100000000) return 0;
    n = n * 10 + (u32)(v->text[i] - '0');
  }
  if (i == 1 || (v->text[1] == '0' && i > 2) || (i < v->len && v->text[i] != '.') || n >= r->slot_count) return 0;
  v->ref = r->slots[n];
  v->type = promise ? CC_PROMISE : CC_OBJECT;
  return (cc_kind(v->ref) == CC_KIND_PROMISE) == promise;
}

static int bigint(const cc_value *v) {
  if (v->len < 2) return 0;
  for (u32 i = 1; i < v->len; i++)
    if (!is_digit(v->text[i])) return 0;
  return 1;
}

/* Gives a string that was read its meaning in smallcaps. */
static int meaning(const reader *r, cc_value *v) {
  v->type = CC_STRING;
  if (v->len == 0 || v->text[0] < '!' || v->text[0] > '-') return 1;
  switch (v->text[0]) {
  case '$': return slot(r, v, 0);
  case '&': return slot(r, v, 1);
  case '!': v->text++, v->len--; return 1;
  case '%': v->type = CC_SYMBOL, v->text++, v->len--; return 1;
  case '-':
    v->type = CC_BIGINT;
    return bigint(v);
  case '+':
    v->type = CC_BIGINT;
    if (!bigint(v)) return 0;
    v->text++, v->len--;
    return 1;
  case '#':
    v->text++, v->len--;
    if (cc_is(v, "undefined")) v->type = CC_UNDEFINED;
    else if (cc_is(v, "NaN") || cc_is(v, "Infinity") || cc_is(v, "-Infinity")) v->type = CC_FLOAT;
    else return 0;
    return 1;
  }
  return 0; /* reserved */
}

/* Elements up to the closing bracket; fields if it is a }. */
static int elements(reader *r, cc_value *v, char close) {
  const cc_value **tail = &v->first;
  if (next_is(r, close)) return 1;
  do {
    cc_value *e = cc_alloc(sizeof *e);
    if (close == '}') {
      if (!next_is(r, '"') || !string(r, &e->key, &e->key_len) || !next_is(r, ':')) return 0;
    }
    if (!value(r, e)) return 0;
    *tail = e;
    tail = &e->next;
    v->len++;
  } while (next_is(r, ','));
  return next_is(r, close);
}

/* Names of fields are escaped like strings; #error and #tag make other values. */
static int record(reader *r, cc_value *v) {
  v->type = CC_RECORD;
  if (!elements(r, v, '}')) return 0;
  const cc_value *error = cc_get(v, "#error"), *tag = cc_get(v, "#tag");
  if (error->type == CC_STRING) {
    *v = (cc_value){.type = CC_ERROR, .text = error->text, .len = error->len, .key = v->key, .key_len = v->key_len};
    return 1;
  }
  if (tag->type == CC_STRING) {
    *v = (cc_value){.type = CC_TAGGED, .text = tag->text, .len = tag->len, .first = cc_get(v, "payload"), .key = v->key, .key_len = v->key_len};
    return 1;
  }
  for (const cc_value *f = v->first; f; f = f->next) {
    if (f->key_len == 0 || f->key[0] < '!' || f->key[0] > '-') continue;
    if (f->key[0] != '!') return 0;
    ((cc_value *)f)->key++;
    ((cc_value *)f)->key_len--;
  }
  return 1;
}

static int value(reader *r, cc_value *v) {
  skip_space(r);
  if (r->p == r->end || r->depth == MAX_DEPTH) return 0;
  int ok;
  switch (*r->p) {
  case '"':
    r->p++;
    return string(r, &v->text, &v->len) && meaning(r, v);
  case '[': case '{':
    r->depth++;
    v->type = CC_ARRAY;
    ok = *r->p++ == '[' ? elements(r, v, ']') : record(r, v);
    r->depth--;
    return ok;
  case 't': v->type = CC_BOOL, v->number = 1; return word(r, "true");
  case 'f': v->type = CC_BOOL; return word(r, "false");
  case 'n': v->type = CC_NULL; return word(r, "null");
  }
  return number(r, v);
}

const cc_value *cc_decode(char *body, u32 len, const cc_ref *slots, u32 slot_count) {
  if (len == 0 || body[0] != '#') return 0;
  reader r = {body + 1, body + len, slots, slot_count, 0};
  cc_value *v = cc_alloc(sizeof *v);
  if (!value(&r, v)) return 0;
  skip_space(&r);
  return r.p == r.end ? v : 0;
}

/* ---- looking at values ---- */

static const cc_value absent; /* CC_UNDEFINED */

const cc_value *cc_at(const cc_value *v, u32 i) {
  if (v->type != CC_ARRAY || i >= v->len) return &absent;
  for (v = v->first; i--; v = v->next) {}
  return v;
}

const cc_value *cc_get(const cc_value *v, const char *name) {
  const cc_value *found = &absent;
  if (v->type != CC_RECORD) return found;
  u32 n = cc_strlen(name);
  for (v = v->first; v; v = v->next)
    if (cc_same(v->key, v->key_len, name, n)) found = v;
  return found;
}

int cc_is(const cc_value *v, const char *text) {
  return v->type == CC_STRING && cc_same(v->text, v->len, text, cc_strlen(text));
}

int cc_int_in(const cc_value *v, i64 min, i64 max, i64 *n) {
  if (v->type != CC_INT || v->number < min || v->number > max) return 0;
  *n = v->number;
  return 1;
}

/* ---- text ---- */

void cc_add_text(cc_text *t, const char *s, u32 len) {
  if (len > t->cap - t->len) {
    u32 cap = t->cap * 2 + len + 64;
    char *grown = cc_alloc(cap);
    for (u32 i = 0; i < t->len; i++) grown[i] = t->text[i];
    t->text = grown;
    t->cap = cap;
  }
  for (u32 i = 0; i < len; i++) t->text[t->len++] = s[i];
}

void cc_add(cc_text *t, const char *s) { cc_add_text(t, s, cc_strlen(s)); }

void cc_add_int(cc_text *t, i64 v) {
  char digits[20];
  u32 n = sizeof digits;
  u64 u = v < 0 ? 0 - (u64)v : (u64)v;
  do digits[--n] = (char)('0' + u % 10); while (u /= 10);
  if (v < 0) digits[--n] = '-';
  cc_add_text(t, digits + n, sizeof digits - n);
}

/* ---- writing ---- */

static void raw(cc_body *b, const char *s, u32 len) {
  cc_text t = {b->text, b->len, b->cap};
  cc_add_text(&t, s, len);
  b->text = t.text, b->len = t.len, b->cap = t.cap;
}

static void lit(cc_body *b, const char *s) { raw(b, s, cc_strlen(s)); }

static void element(cc_body *b) { /* what comes before a value */
  if (b->comma) raw(b, ",", 1);
  b->comma = 1;
}

static void plain_int(cc_body *b, i64 v) {
  cc_text t = {b->text, b->len, b->cap};
  cc_add_int(&t, v);
  b->text = t.text, b->len = t.len, b->cap = t.cap;
}

/* What stands between the quotes of a JSON string, with the fewest escapes. */
static void escaped(cc_body *b, const char *s, u32 len) {
  static const char hex[] = "0123456789abcdef", letters[] = "btn\0fr"; /* 8 to 13 */
  u32 done = 0;
  for (u32 i = 0; i < len; i++) {
    u8 c = (u8)s[i];
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    raw(b, s + done, i - done);
    done = i + 1;
    if (c >= 0x20) {
      raw(b, "\\", 1);
      raw(b, s + i, 1);
    } else if (c >= 8 && c <= 13 && c != 11) {
      raw(b, "\\", 1);
      raw(b, letters + (c - 8), 1);
    } else {
      lit(b, "\\u00");
      raw(b, hex + (c >> 4), 1);
      raw(b, hex + (c & 15), 1);
    }
  }
  raw(b, s + done, len - done);
}

static void quoted(cc_body *b, const char *prefix, const char *s, u32 len) {
  raw(b, "\"", 1);
  lit(b, prefix);
  escaped(b, s, len);
  raw(b, "\"", 1);
}

static const char *escape_prefix(const char *s, u32 len) { return len && s[0] >= '!' && s[0] <= '-' ? "!" : ""; }

cc_body cc_data(void) {
  cc_body b = {0};
  lit(&b, "#");
  return b;
}

cc_body cc_call(const char *method) {
  cc_body b = cc_data();
  cc_open(&b, '[');
  cc_put_string(&b, method);
  cc_open(&b, '[');
  b.call = 1;
  return b;
}

void cc_put_undefined(cc_body *b) { element(b), lit(b, "\"#undefined\""); }
void cc_put_null(cc_body *b) { element(b), lit(b, "null"); }
void cc_put_bool(cc_body *b, int v) { element(b), lit(b, v ? "true" : "false"); }
void cc_put_int(cc_body *b, i64 v) { element(b), plain_int(b, v); }
void cc_put_text(cc_body *b, const char *s, u32 len) { element(b), quoted(b, escape_prefix(s, len), s, len); }
void cc_put_string(cc_body *b, const char *s) { cc_put_text(b, s, cc_strlen(s)); }

static u32 slot_of(cc_body *b, cc_ref r) {
  for (u32 i = 0; i < b->slot_count; i++)
    if (b->slots[i] == r) return i;
  if (b->slot_count == b->slot_cap) {
    b->slot_cap = b->slot_cap * 2 + 8;
    cc_ref *grown = cc_alloc(b->slot_cap * sizeof *grown);
    for (u32 i = 0; i < b->slot_count; i++) grown[i] = b->slots[i];
    b->slots = grown;
  }
  b->slots[b->slot_count] = r;
  return b->slot_count++;
}

void cc_put_object(cc_body *b, cc_ref r, const char *interface) {
  element(b);
  lit(b, "\"$");
  plain_int(b, slot_of(b, r));
  if (interface) {
    lit(b, ".Alleged: ");
    escaped(b, interface, cc_strlen(interface));
  }
  raw(b, "\"", 1);
}

void cc_put_promise(cc_body *b, cc_ref r) {
  element(b);
  lit(b, "\"&");
  plain_int(b, slot_of(b, r));
  raw(b, "\"", 1);
}

void cc_put_error(cc_body *b, const char *text, u32 len) {
  element(b);
  lit(b, "{\"#error\":");
  quoted(b, escape_prefix(text, len), text, len);
  lit(b, ",\"name\":\"Error\"}");
}

void cc_open(cc_body *b, char bracket) { element(b), raw(b, &bracket, 1), b->comma = 0; }
void cc_close(cc_body *b, char bracket) { raw(b, &bracket, 1), b->comma = 1; }

void cc_key_text(cc_body *b, const char *name, u32 len) {
  element(b);
  quoted(b, escape_prefix(name, len), name, len);
  raw(b, ":", 1);
  b->comma = 0;
}

void cc_key(cc_body *b, const char *name) { cc_key_text(b, name, cc_strlen(name)); }

static void put_elements(cc_body *b, const cc_value *v, char open, char close) {
  cc_open(b, open);
  for (const cc_value *e = v->first; e; e = e->next) {
    if (open == '{') cc_key_text(b, e->key, e->key_len);
    cc_put_value(b, e);
  }
  cc_close(b, close);
}

void cc_put_value(cc_body *b, const cc_value *v) {
  switch (v->type) {
  case CC_UNDEFINED: cc_put_undefined(b); return;
  case CC_NULL: cc_put_null(b); return;
  case CC_BOOL: cc_put_bool(b, (int)v->number); return;
  case CC_INT: cc_put_int(b, v->number); return;
  case CC_FLOAT: /* a number, or NaN, Infinity, -Infinity */
    element(b);
    if (is_digit(v->text[v->len - 1])) raw(b, v->text, v->len);
    else quoted(b, "#", v->text, v->len);
    return;
  case CC_BIGINT: element(b), quoted(b, v->text[0] == '-' ? "" : "+", v->text, v->len); return;
  case CC_STRING: cc_put_text(b, v->text, v->len); return;
  case CC_SYMBOL: element(b), quoted(b, "%", v->text, v->len); return;
  case CC_OBJECT: cc_put_object(b, v->ref, 0); return;
  case CC_PROMISE: cc_put_promise(b, v->ref); return;
  case CC_ARRAY: put_elements(b, v, '[', ']'); return;
  case CC_RECORD: put_elements(b, v, '{', '}'); return;
  case CC_ERROR: cc_put_error(b, v->text, v->len); return;
  case CC_TAGGED:
    cc_open(b, '{');
    lit(b, "\"#tag\":");
    cc_put_text(b, v->text, v->len);
    cc_key(b, "payload");
    cc_put_value(b, v->first);
    cc_close(b, '}');
    return;
  }
}
