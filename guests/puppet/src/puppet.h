/* The puppet's parts and what they share. ../README.md says what a puppet is. */
#ifndef PUPPET_H
#define PUPPET_H

#include "crankcase.h"

#define ADDR(p) ((u32)(p)) /* pointers are numbers in the ABI */
#define PTR(n) ((u8 *)(n))

/* ---- memory.c ---- */
void arena_reset(void);   /* everything allocated since the start of the delivery is gone */
void *try_alloc(u32 n);   /* 8-aligned, uncleared; 0 if memory cannot grow */
void *must_alloc(u32 n);  /* traps instead: for what a script asked for */
void *memcpy(void *d, const void *s, unsigned long n);
void *memset(void *d, int c, unsigned long n);
void *memmove(void *d, const void *s, unsigned long n);

/* ---- saved.c: scripts kept from delivery to delivery, one for each kind ---- */
void save_script(u32 kind, u32 p, u32 n); /* copies the bytes */
void saved_script(u32 kind, u32 *p, u32 *n);
void keep_saved(void);                    /* at the end of a delivery, before the arena is reset */
u32 saved_end(void);                      /* where the arena begins */

/* ---- line.c: one line of the log at a time ---- */
void line_begin(void);
void put_char(u8 c);
void put_text(const char *s);
void put_num(u64 v);
void put_quoted(const u8 *p, u32 n, u32 max); /* the first max UTF-16 units, in quotes, escaped */
void put_vref(u64 v);
void put_vrefs(const u64 *v, u32 n);
void line_end(void);                          /* writes it, as far as the echo mask lets it */
void log_text(const u8 *p, u32 n);            /* writes text as it is, whatever the echo mask */
void say_text(const u8 *p, u32 n);            /* the same if the echo is on */
extern u32 echo;                              /* bit 0: lines go to the console */

/* ---- utf.c: text is measured as JavaScript does, in UTF-16 units ---- */
typedef struct {
  u32 bytes, units;
  u8 surrogate; /* half of a pair on its own */
} utf_step;
utf_step utf_next(const u8 *p, u32 n); /* n > 0; a byte that is no UTF-8 counts as one unit */
void put_unit(const u8 *p, utf_step s, u32 left); /* escaped; left: units that may still be shown */

/* ---- body.c: bodies of messages, and the scripts in them ---- */
typedef struct {
  const u8 *p, *e;
} script;
script find_script(const u8 *body, u32 n);
void put_body(const u8 *body, u32 n); /* with its scripts shown as "..." */
void script_body(const u8 *tag, u32 tag_len, const u8 *code, u32 code_len, u32 *p, u32 *n);
#define BODY_SHOWN 1024 /* UTF-16 units of a body in a line */

/* ---- puppet.c: the delivery at hand ---- */
typedef struct {
  u32 kind;
  u64 target, result;
  const u64 *slots;
  u32 slot_count;
  const u8 *body;
  u32 body_len;
  const u8 *answer; /* of the last vatstore_get, vatstore_next_key, call_now or fill */
  u32 answer_len;
  const u64 *answer_slots;
  u32 answer_slot_count;
  u32 ret;  /* what crankcase_deliver returns */
  u32 stop; /* op return was met */
} delivery;
extern delivery now;

#define REGISTERS 16
extern u64 reg[REGISTERS];
extern u32 incarnation, start_flags;

/* Bits of op mode. */
enum {
  MODE_ABI = 1,  /* lines and registers show what the ABI has and SwingSet has not */
  MODE_STORE = 2 /* lines go to the vatstore too */
};
extern u32 mode;

/* ---- operand.c: decoding; any bytes mean something ---- */
#define PENDING 16
extern u64 args[PENDING]; /* an op's flattened arguments */
u8 next_byte(script *s);
u64 next_leb(script *s);
void take_args(script *s, u32 n);
extern u8 scratch[256];
#define ARG(i) ((u32)args[i])

/* ---- run.c ---- */
void run(script s);

#endif
