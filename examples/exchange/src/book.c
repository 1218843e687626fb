#include "book.h"

order orders[MAX_ORDERS];
static u32 used = 1, free_order; /* orders[0] is none */

typedef struct {
  u32 count, order[MAX_ORDERS];
} heap;

static heap heaps[MAX_MARKETS][2];

u32 order_alloc(void) {
  u32 i = free_order;
  if (i) free_order = orders[i].next_free;
  else if (used < MAX_ORDERS) i = used++;
  if (i) orders[i] = (order){0};
  return i;
}

void order_free(u32 i) {
  orders[i] = (order){.next_free = free_order};
  free_order = i;
}

/* Whether order a is matched before order b of the same side. */
static int before(u32 a, u32 b) {
  const order *x = &orders[a], *y = &orders[b];
  if (x->price != y->price) return x->side == BUY ? x->price > y->price : x->price < y->price;
  return x->number < y->number;
}

static void put(heap *h, u32 place, u32 i) {
  h->order[place] = i;
  orders[i].place = place;
}

static void rise(heap *h, u32 place) {
  u32 i = h->order[place];
  for (; place > 0 && before(i, h->order[(place - 1) / 2]); place = (place - 1) / 2) put(h, place, h->order[(place - 1) / 2]);
  put(h, place, i);
}

static void sink(heap *h, u32 place) {
  u32 i = h->order[place];
  for (;;) {
    u32 child = 2 * place + 1;
    if (child + 1 < h->count && before(h->order[child + 1], h->order[child])) child++;
    if (child >= h->count || !before(h->order[child], i)) break;
    put(h, place, h->order[child]);
    place = child;
  }
  put(h, place, i);
}

static heap *heap_of(u32 i) { return &heaps[orders[i].market][orders[i].side]; }

void book_insert(u32 i) {
  heap *h = heap_of(i);
  put(h, h->count++, i);
  rise(h, h->count - 1);
}

void book_remove(u32 i) {
  heap *h = heap_of(i);
  u32 place = orders[i].place, last = h->order[--h->count];
  if (last == i) return;
  put(h, place, last);
  rise(h, place);
  sink(h, orders[last].place);
}

u32 book_best(u32 market, u32 side) { return heaps[market][side].count ? heaps[market][side].order[0] : 0; }

u32 book_find(u32 seat, u64 number) {
  for (u32 m = 0; m < MAX_MARKETS; m++)
    for (u32 s = 0; s < 2; s++)
      for (u32 p = 0; p < heaps[m][s].count; p++) {
        u32 i = heaps[m][s].order[p];
        if (orders[i].number == number) return orders[i].seat == seat ? i : 0;
      }
  return 0;
}

u32 book_sorted(u32 market, u32 side, u32 *out) {
  heap *h = &heaps[market][side];
  u32 n = h->count;
  for (u32 p = 0; p < n; p++) out[p] = h->order[p];
  for (u32 gap = n / 2; gap; gap /= 2)
    for (u32 p = gap; p < n; p++) {
      u32 i = out[p], q = p;
      for (; q >= gap && before(i, out[q - gap]); q -= gap) out[q] = out[q - gap];
      out[q] = i;
    }
  return n;
}
