/* The interpreter: an op is a call of an import, or one of the puppet's own. */
#include "puppet.h"

/* Op codes: 1 to 19 are the imports, from 32 on the puppet's own. */
enum {
  OP_READ = 1, OP_SEND, OP_SUBSCRIBE, OP_RESOLVE, OP_EXIT, OP_VATSTORE_GET, OP_VATSTORE_SET, OP_VATSTORE_DELETE,
  OP_VATSTORE_NEXT_KEY, OP_DROP_IMPORTS, OP_RETIRE_IMPORTS, OP_RETIRE_EXPORTS, OP_ABANDON_EXPORTS, OP_CALL_NOW,
  OP_CONSOLE, OP_ANSWER, OP_FAULT, OP_BUNDLE_LEN, OP_BUNDLE_READ,
  OP_RETURN = 32, OP_TRAP, OP_BURN, OP_SPIN, OP_RECURSE, OP_GROW, OP_SET, OP_ADD, OP_ON, OP_REPEAT, OP_IFEQ, OP_IFNE,
  OP_ECHO, OP_POKE, OP_PEEK, OP_FLOAT, OP_PRINT, OP_RUN, OP_FILL, OP_SHOW, OP_MODE, OP_SAY, OP_LOG, OP_NUMBERS,
};

/* Blocks in blocks. The assembler refuses more; other bytes find that nothing happens. */
#define BLOCK_DEPTH 64
/* UTF-16 units of an answer in a line. A player of scenarios cuts it at 512, when it has put
   the text of scripts back. */
#define ANSWER_SHOWN 8192

static u32 depth;
static double floats; /* what op float works on */

/* block runs the n bytes at p. Args do not survive it. */
static void block(u32 p, u32 n) {
  script s = {PTR(p), PTR(p) + n};
  if (depth >= BLOCK_DEPTH || s.e < s.p) return;
  depth++;
  run(s);
  depth--;
}

static void log_number(const char *what, u64 v) {
  line_begin();
  put_text(what);
  put_num(v);
  line_end();
}

/* keep_answer makes the answer of len bytes, of which dst got the first cap, the delivery's last answer. */
static void keep_answer(u32 len, u32 dst, u32 cap) {
  u32 have = len < cap ? len : cap;
  now.answer = 0;
  now.answer_len = 0;
  if (!len || (mode & MODE_ABI && reg[2] & 1)) return; /* the script wants to call answer itself */
  u8 *p = try_alloc(len);
  if (!p) return;
  memcpy(p, PTR(dst), have);
  if (len > have) cc_answer(ADDR(p) + have, have, len - have);
  now.answer = p;
  now.answer_len = len;
}

static void log_answer(const char *name) {
  line_begin();
  put_text(name);
  put_text(" -> ");
  put_num(reg[1]);
  put_char(' ');
  put_quoted(now.answer, now.answer_len, ANSWER_SHOWN);
  line_end();
}

/* r0 = length of the value (absent: 0, in mode 1 what the call returned: -1); r1 = 1 if there is a value. */
static void store_answered(const char *name, i32 r, u32 dst, u32 cap) {
  now.answer_slots = 0;
  now.answer_slot_count = 0;
  keep_answer(r > 0 ? (u32)r : 0, dst, cap);
  reg[0] = r < 0 && !(mode & MODE_ABI) ? 0 : (u64)(i64)r;
  reg[1] = r >= 0;
  log_answer(name);
}

/* r0 = length of the answer, r1 = 1 if the device failed; the answer kept is its capdata. */
static void device_answered(i32 r) {
  now.answer_slots = 0;
  now.answer_slot_count = 0;
  keep_answer(r > 0 ? (u32)r : 0, 0, 0);
  reg[0] = (u64)(i64)r;
  reg[1] = 0;
  if (now.answer_len >= 16) { /* u32 failed, u32 0, capdata */
    reg[1] = *(const u32 *)now.answer;
    now.answer += 8;
    now.answer_len -= 8;
    u32 n = *(const u32 *)now.answer;
    if (n <= (now.answer_len - 8) / 8) {
      now.answer_slots = (const u64 *)(now.answer + 8);
      now.answer_slot_count = n;
    }
  }
  log_answer("call_now");
}

__attribute__((noinline)) static u32 recurse(u64 n) {
  volatile u8 pad[64];
  pad[n & 63] = (u8)n;
  return n ? recurse(n - 1) + pad[n & 63] : pad[0];
}

static void import_op(u8 op, script *s) {
  switch (op) {
  case OP_READ: take_args(s, 3); cc_read(ARG(0), ARG(1), ARG(2)); break;
  case OP_SEND: take_args(s, 6); cc_send(args[0], ARG(1), ARG(2), ARG(3), ARG(4), args[5]); break;
  case OP_SUBSCRIBE: take_args(s, 1); cc_subscribe(args[0]); break;
  case OP_RESOLVE: take_args(s, 2); cc_resolve(ARG(0), ARG(1)); break;
  case OP_EXIT: take_args(s, 5); cc_exit(ARG(0), ARG(1), ARG(2), ARG(3), ARG(4)); break;
  case OP_VATSTORE_GET: {
    take_args(s, 4);
    u32 dst = ARG(2), cap = ARG(3);
    store_answered("vatstore_get", cc_vatstore_get(ARG(0), ARG(1), dst, cap), dst, cap);
    break;
  }
  case OP_VATSTORE_SET: take_args(s, 4); cc_vatstore_set(ARG(0), ARG(1), ARG(2), ARG(3)); break;
  case OP_VATSTORE_DELETE: take_args(s, 2); cc_vatstore_delete(ARG(0), ARG(1)); break;
  case OP_VATSTORE_NEXT_KEY: {
    take_args(s, 4);
    u32 dst = ARG(2), cap = ARG(3);
    store_answered("vatstore_next_key", cc_vatstore_next_key(ARG(0), ARG(1), dst, cap), dst, cap);
    break;
  }
  case OP_DROP_IMPORTS: take_args(s, 2); cc_drop_imports(ARG(0), ARG(1)); break;
  case OP_RETIRE_IMPORTS: take_args(s, 2); cc_retire_imports(ARG(0), ARG(1)); break;
  case OP_RETIRE_EXPORTS: take_args(s, 2); cc_retire_exports(ARG(0), ARG(1)); break;
  case OP_ABANDON_EXPORTS: take_args(s, 2); cc_abandon_exports(ARG(0), ARG(1)); break;
  case OP_CALL_NOW: take_args(s, 5); device_answered(cc_call_now(args[0], ARG(1), ARG(2), ARG(3), ARG(4))); break;
  case OP_CONSOLE: take_args(s, 3); cc_console(ARG(0), ARG(1), ARG(2)); break;
  case OP_ANSWER: take_args(s, 3); cc_answer(ARG(0), ARG(1), ARG(2)); break;
  case OP_FAULT: take_args(s, 2); cc_fault(ARG(0), ARG(1)); break;
  case OP_BUNDLE_LEN:
    reg[0] = (u64)(i64)cc_bundle_len();
    log_number("bundle_len -> ", reg[0]);
    break;
  case OP_BUNDLE_READ: take_args(s, 3); cc_bundle_read(ARG(0), ARG(1), ARG(2)); break;
  }
}

static void own_op(u8 op, script *s) {
  switch (op) {
  case OP_RETURN:
    take_args(s, 1);
    now.ret = ARG(0) ? ARG(0) : args[0] != 0;
    now.stop = 1;
    break;
  case OP_TRAP: __builtin_trap(); break;
  case OP_BURN:
    take_args(s, 1);
    for (volatile u64 i = 0; i < args[0]; i++) {
    }
    break;
  case OP_SPIN:
    for (;;) __asm__ volatile("");
    break;
  case OP_RECURSE: take_args(s, 1); reg[0] = recurse(args[0]); break;
  case OP_GROW:
    take_args(s, 1);
    reg[0] = (u64)(i64)(i32)__builtin_wasm_memory_grow(0, ARG(0));
    log_number("grow -> ", reg[0]);
    break;
  case OP_SET: {
    u8 r = next_byte(s) % REGISTERS;
    take_args(s, 1);
    reg[r] = args[0];
    break;
  }
  case OP_ADD: {
    u8 r = next_byte(s) % REGISTERS;
    take_args(s, 1);
    reg[r] += args[0];
    break;
  }
  case OP_ON: {
    u8 kind = next_byte(s);
    take_args(s, 2);
    if (kind && kind < CC_KINDS) save_script(kind, ARG(0), ARG(1));
    break;
  }
  case OP_REPEAT: {
    take_args(s, 3);
    u32 p = ARG(1), len = ARG(2);
    for (u64 n = args[0]; n && !now.stop; n--) block(p, len);
    break;
  }
  case OP_IFEQ: {
    take_args(s, 4);
    if (args[0] == args[1]) block(ARG(2), ARG(3));
    break;
  }
  case OP_IFNE: {
    take_args(s, 4);
    if (args[0] != args[1]) block(ARG(2), ARG(3));
    break;
  }
  case OP_ECHO: take_args(s, 1); echo = ARG(0); break;
  case OP_POKE: take_args(s, 2); *PTR(ARG(0)) = (u8)ARG(1); break; /* may trap, as peek may */
  case OP_PEEK: take_args(s, 1); reg[0] = *PTR(ARG(0)); break;
  case OP_FLOAT: {
    take_args(s, 1);
    double d = (double)(i64)args[0];
    floats = floats * d + d / (d - d); /* a NaN, or an infinity */
    memcpy(&reg[0], &floats, 8);
    log_number("float -> ", reg[0]);
    break;
  }
  case OP_PRINT: take_args(s, 1); log_number("", args[0]); break;
  case OP_RUN: take_args(s, 2); block(ARG(0), ARG(1)); break;
  case OP_FILL: {
    take_args(s, 1);
    if (args[0] >> 31) __builtin_trap();
    u32 n = ARG(0);
    u8 *p = must_alloc(n);
    memset(p, 'x', n);
    now.answer = p;
    now.answer_len = n;
    break;
  }
  case OP_SHOW:
    take_args(s, 2);
    line_begin();
    put_quoted(PTR(ARG(0)), ARG(1), 2048);
    line_end();
    break;
  case OP_MODE: take_args(s, 1); mode = ARG(0); break;
  case OP_SAY: take_args(s, 2); say_text(PTR(ARG(0)), ARG(1)); break;
  case OP_LOG: take_args(s, 2); log_text(PTR(ARG(0)), ARG(1)); break;
  case OP_NUMBERS: {
    take_args(s, 2);
    const u64 *v = (const u64 *)ARG(0);
    line_begin();
    for (u32 i = 0; i < ARG(1); i++) {
      if (i) put_char(',');
      put_num(v[i]);
    }
    line_end();
    break;
  }
  }
}

void run(script s) {
  while (s.p < s.e && !now.stop) {
    u8 op = next_byte(&s);
    if (op < OP_RETURN) import_op(op, &s);
    else own_op(op, &s);
  }
}
