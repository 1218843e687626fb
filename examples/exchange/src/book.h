/* The order book of one market: two heaps, in price-time priority. Nothing in
 * here knows of vats. */
#pragma once
#include "../../../guests/c/crankcase.h"

enum { BUY = 0, SELL = 1 };
enum { MAX_ORDERS = 4096, MAX_MARKETS = 4 };

typedef struct {
  u64 number;   /* counts orders; the lower comes first at a price */
  u32 seat;     /* whose */
  u32 market, side;
  i64 quantity; /* still open */
  i64 price;    /* limit, of one unit */
  u32 place;    /* index in its heap */
  u32 next_free;
  /* for the caller, until the order is in the book */
  cc_ref result;
  int wants_handle;
} order;

extern order orders[MAX_ORDERS];

u32 order_alloc(void); /* an index from 1, zeroed; 0: no room */
void order_free(u32 i);

void book_insert(u32 i);
void book_remove(u32 i);
/* The order to match first on a side; 0 if there is none. */
u32 book_best(u32 market, u32 side);
/* The open order of that number of that seat; 0 if there is none. */
u32 book_find(u32 seat, u64 number);
/* Copies the orders of a side to out, best first; returns how many. */
u32 book_sorted(u32 market, u32 side, u32 *out);
