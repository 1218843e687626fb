/* A small SDK for vats in freestanding C.
 *
 * A vat defines one `const cc_vat vat` and links sdk.c and smallcaps.c; the
 * SDK exports crankcase_deliver. What it takes care of:
 *
 * - Memory. cc_alloc gives memory that lasts until the delivery ends; nothing
 *   is freed by hand. State that lasts is static variables, or the vatstore.
 * - Untrusted input. A message whose body does not decode, or is larger than
 *   CC_MAX_BODY, is answered by rejecting its result. It never traps.
 * - References. What arrives is dropped again at the next bringOutYourDead,
 *   unless the vat holds it: keep a reference in a static variable, and you
 *   must cc_hold it. Promises that arrive are subscribed to, so that their
 *   names end by themselves.
 * - Names of promises. cc_send and cc_new_promise never give a p+N twice, not
 *   even after an upgrade. */
#pragma once
#include "crankcase.h"

/* Limits of the SDK, far below the kernel's. Override with -D. */
#ifndef CC_MAX_BODY
#define CC_MAX_BODY 65536 /* bytes of a body */
#endif
#ifndef CC_MAX_SLOTS
#define CC_MAX_SLOTS 256 /* references in a message */
#endif
#ifndef CC_MAX_WAITING
#define CC_MAX_WAITING 1024 /* handlers of promises */
#endif
#ifndef CC_MAX_HELD
#define CC_MAX_HELD 1024 /* imports held at a time */
#endif

/* ---- values: a decoded body ---- */

typedef enum {
  CC_UNDEFINED,
  CC_NULL,
  CC_BOOL,
  CC_INT,    /* a number that is an integer of 64 bits */
  CC_FLOAT,  /* any other number, as text */
  CC_BIGINT, /* as text: digits with an optional - */
  CC_STRING,
  CC_SYMBOL,  /* as text */
  CC_OBJECT,  /* a reference to an object or a device */
  CC_PROMISE, /* a reference to a promise */
  CC_ARRAY,
  CC_RECORD,
  CC_ERROR, /* as text: the message */
  CC_TAGGED /* as text: the tag; first is the payload */
} cc_type;

typedef struct cc_value cc_value;
struct cc_value {
  cc_type type;
  u32 len;               /* bytes of text, or the number of elements */
  i64 number;            /* CC_INT, CC_BOOL */
  cc_ref ref;            /* CC_OBJECT, CC_PROMISE */
  const char *text;      /* UTF-8, not terminated */
  const cc_value *first; /* CC_ARRAY, CC_RECORD, CC_TAGGED */
  const cc_value *next;  /* the next element of the parent */
  const char *key;       /* the name of this field of a record */
  u32 key_len;
};

/* Decodes a smallcaps body, in place: texts stay in it, without escapes.
 * NULL if it does not decode. */
const cc_value *cc_decode(char *body, u32 len, const cc_ref *slots, u32 slot_count);

/* Element i of an array; the last field of that name of a record. Never NULL:
 * what is absent is a value of type CC_UNDEFINED. */
const cc_value *cc_at(const cc_value *v, u32 i);
const cc_value *cc_get(const cc_value *v, const char *name);
int cc_is(const cc_value *v, const char *text); /* a string, equal to text */
/* Puts the integer at *n if it is one in min..max. */
int cc_int_in(const cc_value *v, i64 min, i64 max, i64 *n);

/* ---- bodies: what a vat sends ---- */

typedef struct {
  char *text;
  u32 len, cap;
  cc_ref *slots;
  u32 slot_count, slot_cap;
  u8 comma, call;
} cc_body;

cc_body cc_data(void);               /* a value: put exactly one */
cc_body cc_call(const char *method); /* a call: put the arguments */
void cc_put_undefined(cc_body *b);
void cc_put_null(cc_body *b);
void cc_put_bool(cc_body *b, int v);
void cc_put_int(cc_body *b, i64 v); /* exact for every reader within +-2^53 */
void cc_put_string(cc_body *b, const char *text);
void cc_put_text(cc_body *b, const char *text, u32 len);
void cc_put_object(cc_body *b, cc_ref r, const char *interface); /* interface: what to call it, or NULL */
void cc_put_promise(cc_body *b, cc_ref r);
void cc_put_error(cc_body *b, const char *text, u32 len);
void cc_put_value(cc_body *b, const cc_value *v);
void cc_open(cc_body *b, char bracket);  /* '[' or '{' */
void cc_close(cc_body *b, char bracket); /* ']' or '}' */
void cc_key(cc_body *b, const char *name);
void cc_key_text(cc_body *b, const char *name, u32 len);

/* Text with numbers in it, for reports and errors. */
typedef struct {
  char *text;
  u32 len, cap;
} cc_text;
void cc_add(cc_text *t, const char *s);
void cc_add_text(cc_text *t, const char *s, u32 len);
void cc_add_int(cc_text *t, i64 v);

/* ---- what a vat is ---- */

typedef struct {
  cc_ref target, result;  /* result: 0 if the caller wants none */
  const cc_value *method; /* a string */
  const cc_value *args;   /* an array */
} cc_message;

typedef struct {
  void (*start)(u32 incarnation, const cc_value *parameters);
  /* Answers m->result now (cc_fulfill, cc_reject, ...) or keeps it for later. */
  void (*message)(const cc_message *m);
  /* Nobody can reach this export any more. cc_retire_export ends its name. */
  void (*dropped)(cc_ref export);
  /* The name of this export has ended. */
  void (*retired)(cc_ref export);
  /* The object behind this held import is gone: its name has ended. */
  void (*vanished)(cc_ref import);
} cc_vat;

extern const cc_vat vat; /* defined by the vat; each member may be NULL */

/* ---- syscalls ---- */

typedef struct {
  cc_ref promise;
  u32 how;               /* CC_FULFILLED, CC_REJECTED, CC_TO_OBJECT */
  const cc_value *value; /* never NULL: what does not decode is an error, rejected */
} cc_settled;
typedef void cc_handler(u64 context, const cc_settled *s);

/* Sends a call and has `then` called with `context` when it is answered.
 * Returns the promise for the answer, to be passed on or sent to. */
cc_ref cc_send(cc_ref target, cc_body *call, cc_handler *then, u64 context);
/* Sends a call whose answer nobody waits for. */
void cc_send_only(cc_ref target, cc_body *call);
/* Has `then` called when a promise that arrived settles. */
void cc_when(cc_ref promise, cc_handler *then, u64 context);
/* A new promise that this vat decides. Put it in a body, settle it once. */
cc_ref cc_new_promise(void);

/* They settle a promise that this vat decides, and do nothing for 0. */
void cc_fulfill(cc_ref promise, cc_body *data);
void cc_fulfill_string(cc_ref promise, const char *text);
void cc_fulfill_undefined(cc_ref promise);
void cc_fulfill_object(cc_ref promise, cc_ref object, const char *interface);
void cc_reject(cc_ref promise, const char *text);
void cc_reject_with(cc_ref promise, const cc_value *reason);

void cc_hold(cc_ref import);    /* keep it beyond this delivery */
void cc_release(cc_ref import); /* undoes one cc_hold */
void cc_retire_export(cc_ref dropped_export);

/* The value, its length at *len, or NULL if absent. It lasts until the delivery ends. */
const u8 *cc_store_get(const void *key, u32 key_len, u32 *len);
void cc_store_set(const void *key, u32 key_len, const void *value, u32 len);
void cc_store_delete(const void *key, u32 key_len);
/* The next key in byte order, its length at *len, or NULL. */
const u8 *cc_store_next(const void *prior, u32 prior_len, u32 *len);

void cc_log(const char *text); /* a black hole under consensus mode */
void *cc_alloc(u32 n);         /* zeroed, until the delivery ends */
_Noreturn void cc_fault(const char *text); /* for the vat's own bugs only */
u32 cc_strlen(const char *s);
int cc_same(const void *a, u32 a_len, const void *b, u32 b_len);
