/* Decoding of scripts. It is total: an unknown tag is 0, missing bytes are 0, a
   length is cut to what is left, and nesting ends at a depth. */
#include "puppet.h"

/* Operands, by their tag. A pair pushes two arguments, a pointer and a length. */
enum {
  IMMEDIATE = 0, /* LEB */
  REGISTER,      /* byte */
  SLOT,          /* LEB i: slot i of the delivery, 0 if there is none */
  BLOB,          /* LEB n, n bytes; a pair */
  RESULT,
  TARGET,
  MEMORY_SIZE, /* in bytes */
  SCRATCH,     /* a pair: a buffer that lasts */
  ANSWER,      /* a pair: the last answer */
  LIST,        /* LEB n, n operands; a pair: an array of u64 */
  BATCH,       /* LEB n, n x (promise, kind, body pair, slots pair); a pair: records of resolve */
  BODY,        /* a pair: this delivery's body */
  KIND,
  CAPDATA, /* body pair, slots pair; a pair: encoded capdata */
  SLOT_COUNT,
  SLOTS,        /* a pair: this delivery's slots, or the references of a GC delivery */
  POINTER_OF,   /* a pair */
  LENGTH_OF,    /* a pair */
  INCARNATION,
  FLAGS,
  ANSWER_SLOT,  /* LEB i: slot i of the last answer of call_now */
  OBJECT_BATCH, /* BATCH, where a record of kind 2 gets the body that every object has */
  SCRIPT_BODY,  /* LEB n, n bytes of JSON (the method), LEB m, m bytes of script; a pair: a body */
};

#define OPERAND_DEPTH 32

static const char object_body[] = "#\"$0.Alleged: x\"";

u64 args[PENDING];
static u32 pending;
static u32 depth;
u8 scratch[256];

u8 next_byte(script *s) { return s->p < s->e ? *s->p++ : 0; }

u64 next_leb(script *s) {
  u64 v = 0;
  for (u32 shift = 0;; shift += 7) {
    u8 b = next_byte(s);
    if (shift < 64) v |= (u64)(b & 127) << shift;
    if (!(b & 128)) return v;
  }
}

static void push(u64 v) {
  if (pending < PENDING) args[pending++] = v;
}

static void operand(script *s);

/* one decodes an operand and takes its first argument alone. */
static u64 one(script *s) {
  u32 k = pending;
  operand(s);
  u64 v = pending > k ? args[k] : 0;
  pending = k;
  return v;
}

static void pair(script *s, u32 *p, u32 *n) {
  u32 k = pending;
  operand(s);
  *p = pending > k ? (u32)args[k] : 0;
  *n = pending > k + 1 ? (u32)args[k + 1] : 0;
  pending = k;
}

/* count reads a number of bytes or elements; an element takes a byte at least. */
static u32 count(script *s) {
  u64 n = next_leb(s), left = (u64)(s->e - s->p);
  return (u32)(n > left ? left : n);
}

static const u8 *bytes(script *s, u32 *n) {
  *n = count(s);
  const u8 *p = s->p;
  s->p += *n;
  return p;
}

static void list(script *s) {
  u32 n = count(s);
  u64 *a = must_alloc(n * 8);
  for (u32 i = 0; i < n; i++) a[i] = one(s);
  push(ADDR(a));
  push(n);
}

static void batch(script *s, u32 objects) {
  u32 n = count(s);
  cc_record *r = must_alloc(n * sizeof *r);
  memset(r, 0, n * sizeof *r);
  for (u32 i = 0; i < n; i++) {
    r[i].promise = one(s);
    u64 kind = one(s);
    r[i].kind = kind >> 32 ? 0xffffffff : (u32)kind;
    pair(s, &r[i].body, &r[i].body_len);
    pair(s, &r[i].slots, &r[i].slot_count);
    if (objects && r[i].kind == CC_OBJECT) {
      r[i].body = ADDR(object_body);
      r[i].body_len = sizeof object_body - 1;
    }
  }
  push(ADDR(r));
  push(n);
}

static void capdata(script *s) {
  u32 body, body_len, slots, slot_count;
  pair(s, &body, &body_len);
  pair(s, &slots, &slot_count);
  if (slot_count > 0xfffffff || body_len > 0x3fffffff) __builtin_trap();
  u8 *o = must_alloc(8 + 8 * slot_count + body_len);
  ((u32 *)o)[0] = slot_count;
  ((u32 *)o)[1] = body_len;
  memcpy(o + 8, PTR(slots), 8 * slot_count);
  memcpy(o + 8 + 8 * slot_count, PTR(body), body_len);
  push(ADDR(o));
  push(8 + 8 * slot_count + body_len);
}

static void operand(script *s) {
  if (depth >= OPERAND_DEPTH) return;
  depth++;
  switch (next_byte(s) & 31) {
  case IMMEDIATE: push(next_leb(s)); break;
  case REGISTER: push(reg[next_byte(s) % REGISTERS]); break;
  case SLOT: {
    u64 i = next_leb(s);
    push(i < now.slot_count ? now.slots[i] : 0);
    break;
  }
  case BLOB: {
    u32 n;
    const u8 *p = bytes(s, &n);
    push(ADDR(p));
    push(n);
    break;
  }
  case RESULT: push(now.result); break;
  case TARGET: push(now.target); break;
  case MEMORY_SIZE: push((u64)__builtin_wasm_memory_size(0) << 16); break;
  case SCRATCH: push(ADDR(scratch)); push(sizeof scratch); break;
  case ANSWER: push(ADDR(now.answer)); push(now.answer_len); break;
  case LIST: list(s); break;
  case BATCH: batch(s, 0); break;
  case OBJECT_BATCH: batch(s, 1); break;
  case BODY: push(ADDR(now.body)); push(now.body_len); break;
  case KIND: push(now.kind); break;
  case CAPDATA: capdata(s); break;
  case SLOT_COUNT: push(now.slot_count); break;
  case SLOTS: push(ADDR(now.slots)); push(now.slot_count); break;
  case POINTER_OF: {
    u32 p, n;
    pair(s, &p, &n);
    push(p);
    break;
  }
  case LENGTH_OF: {
    u32 p, n;
    pair(s, &p, &n);
    push(n);
    break;
  }
  case INCARNATION: push(incarnation); break;
  case FLAGS: push(start_flags); break;
  case ANSWER_SLOT: {
    u64 i = next_leb(s);
    push(i < now.answer_slot_count ? now.answer_slots[i] : 0);
    break;
  }
  case SCRIPT_BODY: {
    u32 tag_len, code_len, p, n;
    const u8 *tag = bytes(s, &tag_len), *code = bytes(s, &code_len);
    script_body(tag, tag_len, code, code_len, &p, &n);
    push(p);
    push(n);
    break;
  }
  default: push(0); break;
  }
  depth--;
}

void take_args(script *s, u32 n) {
  pending = depth = 0;
  while (pending < n && s->p < s->e) operand(s);
  while (pending < n) args[pending++] = 0;
}
