/* Scripts that op `on` saved. Those of earlier deliveries lie at the start of
   the heap, below the arena; a new one waits in the arena until the delivery's
   end, when all are laid out anew. So they can have any size, and memory holds
   nothing but the latest of each kind. */
#include "puppet.h"

extern u8 __heap_base;
static struct {
  u32 p, n;
} saved[CC_KINDS];
static u32 total; /* bytes kept at the start of the heap */
static u32 changed;

u32 saved_end(void) { return ADDR(&__heap_base) + total; }

void save_script(u32 kind, u32 p, u32 n) {
  u8 *copy = must_alloc(n);
  memcpy(copy, PTR(p), n);
  saved[kind].p = ADDR(copy);
  saved[kind].n = n;
  changed = 1;
}

void saved_script(u32 kind, u32 *p, u32 *n) {
  *p = saved[kind].p;
  *n = saved[kind].n;
}

void keep_saved(void) {
  if (!changed) return;
  changed = 0;
  u32 sum = 0;
  for (u32 k = 0; k < CC_KINDS; k++) sum += saved[k].n;
  /* A kept script may lie where another goes: gather them above first. */
  u8 *gathered = must_alloc(sum), *o = gathered;
  for (u32 k = 0; k < CC_KINDS; k++) {
    memcpy(o, PTR(saved[k].p), saved[k].n);
    o += saved[k].n;
  }
  u32 base = ADDR(&__heap_base);
  memmove(PTR(base), gathered, sum);
  for (u32 k = 0; k < CC_KINDS; k++) {
    saved[k].p = base;
    base += saved[k].n;
  }
  total = sum;
}
