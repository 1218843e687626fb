/* Variants of _initialize, for tests of what a host lets a guest do before
   startVat. Without a define there is none. */
#include "puppet.h"

#if defined(INIT_SYSCALL) /* a guest fault */
CC_EXPORT("_initialize") void initialize(void) { cc_vatstore_set(ADDR("k"), 1, ADDR("v"), 1); }
#elif defined(INIT_READ) /* a guest fault */
CC_EXPORT("_initialize") void initialize(void) { cc_read(ADDR(scratch), 0, 0); }
#elif defined(INIT_FAULT) /* a guest fault with the guest's own text */
CC_EXPORT("_initialize") void initialize(void) { cc_fault(ADDR("not today"), 9); }
#elif defined(INIT_BUNDLE) /* allowed: r14 = bundle_len, the scratch buffer = the blob's first bytes */
CC_EXPORT("_initialize") void initialize(void) {
  u32 n = (u32)cc_bundle_len();
  reg[14] = n;
  cc_bundle_read(ADDR(scratch), 0, n < sizeof scratch ? n : sizeof scratch);
}
#endif
