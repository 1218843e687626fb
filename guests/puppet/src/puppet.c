/* The puppet: a vat whose messages are scripts of syscalls. ../README.md says
   what it does; this file is its one export. */
#include "puppet.h"

delivery now;
u64 reg[REGISTERS];
u32 incarnation, start_flags;
u32 mode;

/* take_capdata makes the capdata at p the delivery's body and slots. */
static void take_capdata(const u8 *p) {
  now.slot_count = ((const u32 *)p)[0];
  now.body_len = ((const u32 *)p)[1];
  now.slots = (const u64 *)(p + 8);
  now.body = p + 8 + 8 * now.slot_count;
}

static void put_capdata(void) {
  put_text(" body=");
  put_body(now.body, now.body_len);
  put_text(" slots=");
  put_vrefs(now.slots, now.slot_count < 64 ? now.slot_count : 64);
}

/* refuse answers a delivery that memory cannot hold. Of a message the first 16 bytes are enough. */
static i32 refuse(u32 len) {
  static const char why[] = "#{\"#error\":\"message too large for this vat\",\"name\":\"Error\"}";
  line_begin();
  put_text("too large: ");
  put_num(len);
  line_end();
  if (now.result) {
    cc_record r = {now.result, CC_REJECTED, 0, ADDR(why), sizeof why - 1, 0, 0};
    cc_resolve(ADDR(&r), 1);
  }
  return 0;
}

static void put_notify(const u8 *in) {
  u32 n = ((const u32 *)in)[0];
  if (mode & MODE_ABI && ((const u32 *)in)[1]) put_text(" more");
  const u8 *p = in + 8;
  for (u32 i = 0; i < n; i++) {
    u64 promise = *(const u64 *)p;
    u32 how = ((const u32 *)p)[2], size = ((const u32 *)p)[3];
    if (i) put_char(';');
    put_char(' ');
    put_vref(promise);
    put_text(how == CC_REJECTED ? " rejected" : how == CC_OBJECT && mode & MODE_ABI ? " object" : " fulfilled");
    take_capdata(p + 16);
    put_capdata();
    reg[15] = promise;
    p += 16 + ((size + 7) & ~7u);
  }
}

CC_EXPORT("crankcase_deliver") i32 deliver(u32 kind, u32 len) {
  static const char *const names[CC_KINDS] = {"?", "startVat", "message", "notify", "dropExports", "retireExports", "retireImports", "bringOutYourDead"};
  if (kind == 0 || kind >= CC_KINDS) return 0;
  arena_reset();
  now = (delivery){.kind = kind};
  if (kind == CC_MESSAGE) {
    u64 head[2];
    cc_read(ADDR(head), 0, sizeof head);
    now.target = head[0];
    now.result = head[1];
  }
  u8 *in = try_alloc(len);
  if (!in) return refuse(len);
  cc_read(ADDR(in), 0, len);

  script own = {0, 0}; /* the script in the body */
  line_begin();
  put_text(names[kind]);
  switch (kind) {
  case CC_START_VAT:
    incarnation = ((const u32 *)in)[0];
    start_flags = ((const u32 *)in)[1];
    take_capdata(in + 8);
    put_capdata();
    own = find_script(now.body, now.body_len);
    break;
  case CC_MESSAGE:
    take_capdata(in + 16);
    put_text(" target=");
    put_vref(now.target);
    put_text(" result=");
    put_vref(now.result);
    put_capdata();
    own = find_script(now.body, now.body_len);
    break;
  case CC_NOTIFY: put_notify(in); break;
  case CC_DROP_EXPORTS:
  case CC_RETIRE_EXPORTS:
  case CC_RETIRE_IMPORTS:
    now.slot_count = *(const u32 *)in;
    now.slots = (const u64 *)(in + 8);
    put_char(' ');
    put_vrefs(now.slots, now.slot_count);
    break;
  }
  line_end();

  u32 p, n;
  saved_script(kind, &p, &n);
  run((script){PTR(p), PTR(p) + n});
  if (!now.stop) run(own);
  keep_saved();
  return (i32)now.ret;
}
