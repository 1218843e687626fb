/* The guest ABI of Crankcase, crankcase_v1, for freestanding C.
 *
 * Nothing here allocates, and nothing here needs a library. A wrong argument
 * (a pointer outside memory, a reference the vat does not hold, a size over a
 * limit) is a guest fault: the call does not return and the crank is undone. */
#pragma once

typedef unsigned char u8;
typedef unsigned int u32;
typedef int i32;
typedef unsigned long long u64;
typedef long long i64;

/* References (vrefs). 0 means none.
 * bit 0: allocated by the vat; bits 1-2: kind; bit 3: durable; 4-63: index. */
typedef u64 cc_ref;
enum { CC_KIND_OBJECT = 0, CC_KIND_PROMISE = 1, CC_KIND_DEVICE = 2 };
#define CC_ROOT ((cc_ref)1) /* o+0 */
static inline int cc_is_export(cc_ref r) { return (int)(r & 1); }
static inline u32 cc_kind(cc_ref r) { return (u32)(r >> 1) & 3; }
static inline u64 cc_index(cc_ref r) { return r >> 4; }
static inline cc_ref cc_object_export(u64 index) { return index << 4 | 1; }  /* o+N */
static inline cc_ref cc_promise_export(u64 index) { return index << 4 | 3; } /* p+N */

/* Kinds of deliveries: the first argument of crankcase_deliver. */
enum {
  CC_START_VAT = 1,
  CC_MESSAGE = 2,
  CC_NOTIFY = 3,
  CC_DROP_EXPORTS = 4,
  CC_RETIRE_EXPORTS = 5,
  CC_RETIRE_IMPORTS = 6,
  CC_BRING_OUT_YOUR_DEAD = 7
};

/* How a promise settled. */
enum { CC_FULFILLED = 0, CC_REJECTED = 1, CC_TO_OBJECT = 2 };

/* A record of resolve. */
typedef struct {
  cc_ref promise;
  u32 how, zero;
  const void *body;
  u32 body_len;
  const cc_ref *slots;
  u32 slot_count;
} cc_resolution;
_Static_assert(sizeof(cc_resolution) == 32, "a resolve record is 32 bytes");

#define CC_IMPORT_FROM(module, name) __attribute__((import_module(module), import_name(name))) extern
#define CC_IMPORT(name) CC_IMPORT_FROM("crankcase_v1", name)
#define CC_EXPORT(name) __attribute__((export_name(name)))

CC_IMPORT("read") void cc_sys_read(void *dst, u32 offset, u32 len);
CC_IMPORT("answer") void cc_sys_answer(void *dst, u32 offset, u32 len);
CC_IMPORT("send") void cc_sys_send(cc_ref target, const void *body, u32 body_len, const cc_ref *slots, u32 slot_count, cc_ref result);
CC_IMPORT("subscribe") void cc_sys_subscribe(cc_ref promise);
CC_IMPORT("resolve") void cc_sys_resolve(const cc_resolution *records, u32 count);
CC_IMPORT("exit") void cc_sys_exit(u32 failure, const void *body, u32 body_len, const cc_ref *slots, u32 slot_count);
CC_IMPORT("vatstore_get") i32 cc_sys_vatstore_get(const void *key, u32 key_len, void *dst, u32 cap); /* -1: absent */
CC_IMPORT("vatstore_set") void cc_sys_vatstore_set(const void *key, u32 key_len, const void *value, u32 value_len);
CC_IMPORT("vatstore_delete") void cc_sys_vatstore_delete(const void *key, u32 key_len);
CC_IMPORT("vatstore_next_key") i32 cc_sys_vatstore_next_key(const void *prior, u32 prior_len, void *dst, u32 cap); /* -1: no more */
CC_IMPORT("drop_imports") void cc_sys_drop_imports(const cc_ref *refs, u32 count);
CC_IMPORT("retire_imports") void cc_sys_retire_imports(const cc_ref *refs, u32 count);
CC_IMPORT("retire_exports") void cc_sys_retire_exports(const cc_ref *refs, u32 count);
CC_IMPORT("abandon_exports") void cc_sys_abandon_exports(const cc_ref *refs, u32 count);
CC_IMPORT("call_now") i32 cc_sys_call_now(cc_ref device, const void *body, u32 body_len, const cc_ref *slots, u32 slot_count);
CC_IMPORT("fault") _Noreturn void cc_sys_fault(const void *text, u32 len);
CC_IMPORT("bundle_len") i32 cc_sys_bundle_len(void);
CC_IMPORT("bundle_read") void cc_sys_bundle_read(void *dst, u32 offset, u32 len);
CC_IMPORT_FROM("console", "log") void cc_sys_console(u32 level, const void *text, u32 len);
