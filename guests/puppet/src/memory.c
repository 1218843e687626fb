/* The arena: a bump allocator over the heap, emptied at each delivery. */
#include "puppet.h"

static u32 top;

void *memcpy(void *d, const void *s, unsigned long n) {
  u8 *a = d;
  const u8 *b = s;
  while (n--) *a++ = *b++;
  return d;
}

void *memset(void *d, int c, unsigned long n) {
  u8 *a = d;
  while (n--) *a++ = (u8)c;
  return d;
}

void *memmove(void *d, const void *s, unsigned long n) {
  u8 *a = d;
  const u8 *b = s;
  if (a <= b) return memcpy(d, s, n);
  while (n--) a[n] = b[n];
  return d;
}

void arena_reset(void) { top = saved_end(); }

void *try_alloc(u32 n) {
  u32 p = (top + 7) & ~7u;
  if (p > 0x7fffffffu || n > 0x7fffffffu - p) return 0;
  u32 end = p + n, need = (end + 65535) >> 16, have = __builtin_wasm_memory_size(0);
  if (need > have && __builtin_wasm_memory_grow(0, need - have) == (u32)-1) return 0;
  top = end;
  return (void *)p;
}

void *must_alloc(u32 n) {
  void *p = try_alloc(n);
  if (!p) __builtin_trap();
  return p;
}
