/* UTF-8, measured in the units of UTF-16, because a scenario's other player is
   written in JavaScript and cuts text there. */
#include "puppet.h"

static u32 follows(const u8 *p, u32 n, u32 i) { return i < n && (p[i] & 0xc0) == 0x80; }

utf_step utf_next(const u8 *p, u32 n) {
  utf_step s = {1, 1, 0};
  u8 c = p[0];
  if (c >= 0xc2 && c < 0xe0 && follows(p, n, 1)) {
    s.bytes = 2;
  } else if (c >= 0xe0 && c < 0xf0 && follows(p, n, 1) && follows(p, n, 2) && (c != 0xe0 || p[1] >= 0xa0)) {
    s.bytes = 3;
    s.surrogate = c == 0xed && p[1] >= 0xa0;
  } else if (c >= 0xf0 && c < 0xf5 && follows(p, n, 1) && follows(p, n, 2) && follows(p, n, 3) &&
             (c != 0xf0 || p[1] >= 0x90) && (c != 0xf4 || p[1] < 0x90)) {
    s.bytes = 4;
    s.units = 2;
  }
  return s;
}
