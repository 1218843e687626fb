// Prints what capi.h says of types that the real headers say too: compiled
// once against each, the two must print the same.
#include <stdio.h>
#ifdef REAL
#include <wasmtime.h>
#else
#include "capi.h"
#endif
#define SIZE(t) printf("sizeof %s %zu\n", #t, sizeof(t))
#define AT(t, f) printf("offset %s.%s %zu %zu\n", #t, #f, offsetof(t, f), sizeof(((t *)0)->f))
#define IS(c) printf("%s %d\n", #c, (int)(c))

int main(void) {
  SIZE(wasm_byte_vec_t); AT(wasm_byte_vec_t, size); AT(wasm_byte_vec_t, data);
  SIZE(wasm_valtype_vec_t); AT(wasm_valtype_vec_t, size); AT(wasm_valtype_vec_t, data);
  SIZE(wasmtime_func_t); AT(wasmtime_func_t, store_id);
  SIZE(wasmtime_memory_t); AT(wasmtime_memory_t, store_id);
  SIZE(wasmtime_global_t); AT(wasmtime_global_t, store_id);
  SIZE(wasmtime_instance_t); AT(wasmtime_instance_t, store_id);
  SIZE(wasmtime_extern_t); AT(wasmtime_extern_t, kind); AT(wasmtime_extern_t, of.func);
  AT(wasmtime_extern_t, of.memory); AT(wasmtime_extern_t, of.global);
  SIZE(wasmtime_val_t); AT(wasmtime_val_t, kind); AT(wasmtime_val_t, of.i32); AT(wasmtime_val_t, of.i64);
  AT(wasmtime_val_t, of.f32); AT(wasmtime_val_t, of.f64);
  SIZE(wasmtime_val_raw_t); AT(wasmtime_val_raw_t, i32); AT(wasmtime_val_raw_t, i64); AT(wasmtime_val_raw_t, v128);
  IS(WASMTIME_EXTERN_FUNC); IS(WASMTIME_EXTERN_GLOBAL); IS(WASMTIME_EXTERN_MEMORY);
  IS(WASM_I32); IS(WASM_I64); IS(WASM_F32); IS(WASM_F64);
  IS(WASMTIME_I32); IS(WASMTIME_I64); IS(WASMTIME_F32); IS(WASMTIME_F64);
  IS(WASM_CONST); IS(WASM_VAR); IS(WASMTIME_OPT_LEVEL_NONE);
  IS(WASMTIME_TRAP_CODE_STACK_OVERFLOW); IS(WASMTIME_TRAP_CODE_MEMORY_OUT_OF_BOUNDS);
  IS(WASMTIME_TRAP_CODE_TABLE_OUT_OF_BOUNDS); IS(WASMTIME_TRAP_CODE_INDIRECT_CALL_TO_NULL);
  IS(WASMTIME_TRAP_CODE_BAD_SIGNATURE); IS(WASMTIME_TRAP_CODE_INTEGER_OVERFLOW);
  IS(WASMTIME_TRAP_CODE_INTEGER_DIVISION_BY_ZERO); IS(WASMTIME_TRAP_CODE_BAD_CONVERSION_TO_INTEGER);
  IS(WASMTIME_TRAP_CODE_UNREACHABLE_CODE_REACHED);
  return 0;
}
