/* The guest ABI, version 1, for freestanding C. Pointers, lengths and counts are u32. */
#ifndef CRANKCASE_H
#define CRANKCASE_H

typedef unsigned char u8;
typedef unsigned int u32;
typedef int i32;
typedef unsigned long long u64;
typedef long long i64;

#define CC_IMPORT(module, name) __attribute__((import_module(module), import_name(name)))
#define CC_EXPORT(name) __attribute__((export_name(name)))
#define CC(name) CC_IMPORT("crankcase_v1", #name)

/* A record of resolve: 32 bytes. */
typedef struct {
  u64 promise;
  u32 kind, zero, body, body_len, slots, slot_count;
} cc_record;
_Static_assert(sizeof(cc_record) == 32, "a record of resolve has 32 bytes");

/* Kinds of delivery. */
enum {
  CC_START_VAT = 1,
  CC_MESSAGE,
  CC_NOTIFY,
  CC_DROP_EXPORTS,
  CC_RETIRE_EXPORTS,
  CC_RETIRE_IMPORTS,
  CC_BRING_OUT_YOUR_DEAD,
  CC_KINDS
};

/* How a promise settled. */
enum { CC_FULFILLED = 0, CC_REJECTED, CC_OBJECT };

extern CC(read) void cc_read(u32 dst, u32 offset, u32 len);
extern CC(answer) void cc_answer(u32 dst, u32 offset, u32 len);
extern CC(send) void cc_send(u64 target, u32 body, u32 body_len, u32 slots, u32 slot_count, u64 result);
extern CC(subscribe) void cc_subscribe(u64 promise);
extern CC(resolve) void cc_resolve(u32 records, u32 count);
extern CC(exit) void cc_exit(u32 failure, u32 body, u32 body_len, u32 slots, u32 slot_count);
extern CC(vatstore_get) i32 cc_vatstore_get(u32 key, u32 key_len, u32 dst, u32 cap);            /* -1: absent */
extern CC(vatstore_set) void cc_vatstore_set(u32 key, u32 key_len, u32 value, u32 value_len);
extern CC(vatstore_delete) void cc_vatstore_delete(u32 key, u32 key_len);
extern CC(vatstore_next_key) i32 cc_vatstore_next_key(u32 prior, u32 prior_len, u32 dst, u32 cap); /* -1: no more */
extern CC(drop_imports) void cc_drop_imports(u32 refs, u32 count);
extern CC(retire_imports) void cc_retire_imports(u32 refs, u32 count);
extern CC(retire_exports) void cc_retire_exports(u32 refs, u32 count);
extern CC(abandon_exports) void cc_abandon_exports(u32 refs, u32 count);
extern CC(call_now) i32 cc_call_now(u64 device, u32 body, u32 body_len, u32 slots, u32 slot_count);
extern CC(fault) void cc_fault(u32 text, u32 len);                                               /* does not return */
extern CC(bundle_len) i32 cc_bundle_len(void);
extern CC(bundle_read) void cc_bundle_read(u32 dst, u32 offset, u32 len);
extern CC_IMPORT("console", "log") void cc_console(u32 level, u32 text, u32 len);

#endif
