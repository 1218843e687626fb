#define _GNU_SOURCE
#include "shim.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "_cgo_export.h"

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error raw values are little-endian
#endif

size_t crankcase_thread_stack(void) {
  size_t size = 0;
  pthread_attr_t attr;
  if (pthread_attr_init(&attr) != 0) return 0;
  if (pthread_attr_getstacksize(&attr, &size) != 0) size = 0;
  pthread_attr_destroy(&attr);
  struct rlimit main_thread;
  if (getrlimit(RLIMIT_STACK, &main_thread) == 0 && main_thread.rlim_cur != RLIM_INFINITY && main_thread.rlim_cur < size)
    size = main_thread.rlim_cur;
  return size;
}

wasm_engine_t *crankcase_engine(size_t wasm_stack) {
  wasm_config_t *c = wasm_config_new();
  if (c == NULL) return NULL;
  wasmtime_config_max_wasm_stack_set(c, wasm_stack);
  // Nothing here runs on such stacks, but they must not be the smaller.
  wasmtime_config_async_stack_size_set(c, wasm_stack);
  // None. The optimizer keeps what was computed once to use it again later, in
  // the frame: then a frame may be far larger than what the instrumenter counts,
  // and wasmtime's stack would end before the instrumented limit.
  wasmtime_config_cranelift_opt_level_set(c, WASMTIME_OPT_LEVEL_NONE);
  // Nobody unwinds through guest code.
  wasmtime_config_native_unwind_info_set(c, false);
  // What the instrumenter may let through, and no more. Reference types are on
  // for the encodings of tables that came with them.
  wasmtime_config_wasm_bulk_memory_set(c, true);
  wasmtime_config_wasm_multi_value_set(c, true);
  wasmtime_config_wasm_reference_types_set(c, true);
  wasmtime_config_gc_support_set(c, false);
  wasmtime_config_shared_memory_set(c, false);
  wasmtime_config_wasm_component_model_set(c, false);
  wasmtime_config_wasm_custom_page_sizes_set(c, false);
  wasmtime_config_wasm_exceptions_set(c, false);
  wasmtime_config_wasm_function_references_set(c, false);
  wasmtime_config_wasm_gc_set(c, false);
  wasmtime_config_wasm_memory64_set(c, false);
  wasmtime_config_wasm_multi_memory_set(c, false);
  wasmtime_config_wasm_relaxed_simd_set(c, false);
  wasmtime_config_wasm_simd_set(c, false);
  wasmtime_config_wasm_stack_switching_set(c, false);
  wasmtime_config_wasm_tail_call_set(c, false);
  wasmtime_config_wasm_threads_set(c, false);
  wasmtime_config_wasm_wide_arithmetic_set(c, false);
  return wasm_engine_new_with_config(c);
}

// see_memory notes where the memory is now.
static inline void see_memory(crankcase_instance *in) {
  if (!in->has_memory) return;
  in->data = wasmtime_memory_data(in->context, &in->memory);
  in->size = wasmtime_memory_data_size(in->context, &in->memory);
}

static wasm_trap_t *host_call(void *env, wasmtime_caller_t *caller, wasmtime_val_raw_t *args, size_t n) {
  crankcase_instance *in = wasmtime_context_get_data(wasmtime_caller_context(caller));
  (void)n;
  see_memory(in);
  if (!crankcaseHostCall(in->id, (size_t)env, args)) return wasmtime_trap_new("host", 4);
  return NULL;
}

static void value_types(wasm_valtype_vec_t *vec, const uint8_t *kinds, size_t n) {
  wasm_valtype_vec_new_uninitialized(vec, n);
  for (size_t i = 0; i < n; i++) vec->data[i] = wasm_valtype_new(kinds[i]);
}

wasmtime_error_t *crankcase_define(wasmtime_linker_t *linker, const char *module, size_t module_len, const char *name,
                                   size_t name_len, const uint8_t *kinds, size_t params, size_t results, size_t index) {
  wasm_valtype_vec_t p, r;
  value_types(&p, kinds, params);
  value_types(&r, kinds + params, results);
  wasm_functype_t *type = wasm_functype_new(&p, &r); // takes both
  wasmtime_error_t *err = wasmtime_linker_define_func_unchecked(linker, module, module_len, name, name_len, type,
                                                                host_call, (void *)index, NULL);
  wasm_functype_delete(type);
  return err;
}

crankcase_instance *crankcase_instantiate(wasm_engine_t *engine, const wasmtime_instance_pre_t *pre, size_t id,
                                          int64_t memory_limit) {
  crankcase_instance *in = calloc(1, sizeof *in);
  if (in == NULL) return NULL;
  in->id = id;
  in->store = wasmtime_store_new(engine, in, NULL);
  in->context = wasmtime_store_context(in->store);
  wasmtime_store_limiter(in->store, memory_limit, -1, 1, -1, 1);
  in->error = wasmtime_instance_pre_instantiate(pre, in->context, &in->instance, &in->trap);
  if (in->error != NULL || in->trap != NULL) return in;
  wasmtime_extern_t item;
  if (wasmtime_instance_export_get(in->context, &in->instance, "memory", 6, &item) &&
      item.kind == WASMTIME_EXTERN_MEMORY) {
    in->memory = item.of.memory;
    in->has_memory = true;
    see_memory(in);
  }
  return in;
}

void crankcase_free(crankcase_instance *in) {
  wasmtime_store_delete(in->store);
  free(in);
}

// copy_kinds returns false if one of the types is a reference.
static bool copy_kinds(uint8_t *to, const wasm_valtype_vec_t *types) {
  for (size_t i = 0; i < types->size; i++) {
    to[i] = wasm_valtype_kind(types->data[i]);
    if (to[i] > WASM_F64) return false;
  }
  return true;
}

crankcase_func *crankcase_lookup_func(crankcase_instance *in, const char *name, size_t len, uint8_t **kinds) {
  wasmtime_extern_t item;
  if (!wasmtime_instance_export_get(in->context, &in->instance, name, len, &item) || item.kind != WASMTIME_EXTERN_FUNC)
    return NULL;
  wasm_functype_t *type = wasmtime_func_type(in->context, &item.of.func);
  const wasm_valtype_vec_t *p = wasm_functype_params(type), *r = wasm_functype_results(type);
  size_t slots = p->size > r->size ? p->size : r->size;
  crankcase_func *f = malloc(sizeof *f + slots * sizeof f->raw[0]);
  *kinds = malloc(p->size + r->size + 1);
  if (f == NULL || *kinds == NULL || !copy_kinds(*kinds, p) || !copy_kinds(*kinds + p->size, r)) {
    free(f);
    free(*kinds);
    f = NULL;
  } else {
    f->in = in;
    f->func = item.of.func;
    f->params = p->size;
    f->results = r->size;
    f->slots = slots;
    memset(f->raw, 0, slots * sizeof f->raw[0]);
  }
  wasm_functype_delete(type);
  return f;
}

crankcase_global *crankcase_lookup_global(crankcase_instance *in, const char *name, size_t len) {
  wasmtime_extern_t item;
  if (!wasmtime_instance_export_get(in->context, &in->instance, name, len, &item) ||
      item.kind != WASMTIME_EXTERN_GLOBAL)
    return NULL;
  wasm_globaltype_t *type = wasmtime_global_type(in->context, &item.of.global);
  uint8_t kind = wasm_valtype_kind(wasm_globaltype_content(type));
  bool usable = wasm_globaltype_mutability(type) == WASM_VAR && kind <= WASM_F64;
  wasm_globaltype_delete(type);
  if (!usable) return NULL;
  crankcase_global *g = malloc(sizeof *g);
  if (g == NULL) return NULL;
  g->in = in;
  g->global = item.of.global;
  g->kind = kind; // the numbers of WASM_I32 and WASMTIME_I32 are the same
  return g;
}

// inside says that this thread has guest code on its stack. Each outermost
// call may take the whole stack that the engine is configured for, and a
// thread has just one of that.
static __thread bool inside;

int crankcase_call(crankcase_func *f) {
  crankcase_instance *in = f->in;
  if (inside) return CRANKCASE_NESTED;
  inside = true;
  in->trap = NULL;
  in->error = wasmtime_func_call_unchecked(in->context, &f->func, f->raw, f->slots, &in->trap);
  inside = false;
  see_memory(in);
  return in->error == NULL && in->trap == NULL ? CRANKCASE_DONE : CRANKCASE_FAILED;
}

uint64_t crankcase_get(const crankcase_global *g) {
  wasmtime_val_t v;
  v.of.i64 = 0;
  wasmtime_global_get(g->in->context, &g->global, &v);
  bool narrow = g->kind == WASMTIME_I32 || g->kind == WASMTIME_F32;
  return narrow ? (uint32_t)v.of.i32 : (uint64_t)v.of.i64;
}

wasmtime_error_t *crankcase_set(const crankcase_global *g, uint64_t bits) {
  wasmtime_val_t v;
  v.kind = g->kind;
  v.of.i64 = (int64_t)bits; // little-endian: the low half is the i32 or f32
  return wasmtime_global_set(g->in->context, &g->global, &v);
}
