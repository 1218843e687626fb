/* The smallest vat that is of use, without an SDK: a counter. Each message to
 * it, whatever it says, is answered with how many there were. The count is in
 * the vatstore, so that it survives an upgrade. */
#include "crankcase.h"

static const char key[] = "count";

static u32 count_one(void) {
  u32 n = 0;
  cc_sys_vatstore_get(key, sizeof key - 1, &n, sizeof n); /* absent: n stays 0 */
  n++;
  cc_sys_vatstore_set(key, sizeof key - 1, &n, sizeof n);
  return n;
}

static void answer(cc_ref result, u32 n) {
  char body[12];
  u32 start = sizeof body;
  do body[--start] = (char)('0' + n % 10);
  while (n /= 10);
  body[--start] = '#'; /* smallcaps: # and then JSON */
  cc_resolution r = {.promise = result, .how = CC_FULFILLED, .body = body + start, .body_len = sizeof body - start};
  cc_sys_resolve(&r, 1);
}

CC_EXPORT("crankcase_deliver") u32 crankcase_deliver(u32 kind, u32 len) {
  (void)len;
  if (kind != CC_MESSAGE) return 0; /* it starts with nothing and holds nothing */
  cc_ref head[2];                   /* target, result: the first 16 bytes */
  cc_sys_read(head, 0, sizeof head);
  u32 n = count_one();
  if (head[1]) answer(head[1], n);
  return 0;
}
