// The C side of the package: what has to be C (callbacks, unions), and what is
// one call instead of three if it is C. All that Go passes is C memory.
#ifndef CRANKCASE_SHIM_H
#define CRANKCASE_SHIM_H

#include "capi.h"

typedef struct {
  wasmtime_store_t *store;
  wasmtime_context_t *context;
  wasmtime_instance_t instance;
  wasmtime_memory_t memory;
  bool has_memory;
  // The memory as it was when guest code last stopped running: Go code runs
  // only then.
  uint8_t *data;
  size_t size;
  // Go's number of the instance.
  size_t id;
  // What a failed call left; the one that is not NULL is the taker's.
  wasm_trap_t *trap;
  wasmtime_error_t *error;
} crankcase_instance;

typedef struct {
  crankcase_instance *in;
  wasmtime_func_t func;
  size_t params, results, slots; // slots: the larger of the two
  wasmtime_val_raw_t raw[];
} crankcase_func;

typedef struct {
  crankcase_instance *in;
  wasmtime_global_t global;
  uint8_t kind;
} crankcase_global;

enum { CRANKCASE_DONE, CRANKCASE_FAILED, CRANKCASE_NESTED };

// The stack that threads of this process get, in bytes: the smaller of the
// main thread's and the others'. 0: unknown.
size_t crankcase_thread_stack(void);

wasm_engine_t *crankcase_engine(size_t wasm_stack);

// kinds holds the kinds of the parameters, then of the results.
wasmtime_error_t *crankcase_define(wasmtime_linker_t *linker, const char *module, size_t module_len, const char *name,
                                   size_t name_len, const uint8_t *kinds, size_t params, size_t results, size_t index);

// Makes an instance. NULL: no memory. Otherwise it failed if in->trap or
// in->error is not NULL; it is to be freed in any case.
crankcase_instance *crankcase_instantiate(wasm_engine_t *engine, const wasmtime_instance_pre_t *pre, size_t id,
                                          int64_t memory_limit);
void crankcase_free(crankcase_instance *in);

// NULL: there is none, or its type holds references. kinds, of the parameters
// and then the results, is in C memory.
crankcase_func *crankcase_lookup_func(crankcase_instance *in, const char *name, size_t len, uint8_t **kinds);
// NULL: there is none, or it is immutable or a reference.
crankcase_global *crankcase_lookup_global(crankcase_instance *in, const char *name, size_t len);

int crankcase_call(crankcase_func *f);
uint64_t crankcase_get(const crankcase_global *g);
wasmtime_error_t *crankcase_set(const crankcase_global *g, uint64_t v);

#endif
