/* The exchange: it matches orders, best price first and at a price the oldest
 * first, and moves the assets through an escrow at the issuer.
 *
 *   exchange  setUp(escrow, cash, [asset, ...])   join({asset: facet, ...}) -> seat
 *             report() -> {text, escrow: {asset: amount}}
 *   seat      order(side, asset, quantity, price, payment) -> {order, traded, open}
 *             open(side, asset, quantity, price, payment) -> handle
 *             cancel(order) -> quantity that was still open
 *   handle    cancel() -> {traded, cancelled}
 *
 * A payment (or a promise for one) comes with each order: quantity * price of
 * cash to buy, quantity of the asset to sell. The order enters the book once
 * the issuer has put the payment into escrow. What is traded is paid to the
 * facets that a seat came with, and what is not spent goes back there. */
#include "../../../guests/c/sdk.h"
#include "book.h"

enum { MAX_SEATS = 64, MAX_NAME = 16, MAX_HANDLES = 1024, REPORT_LEVELS = 5 };
/* o+0 is the root, o+1.. are seats, from FIRST_HANDLE on handles. */
enum { FIRST_HANDLE = 1000 };
static const i64 MAX_QUANTITY = 1000000, MAX_PRICE = 1000000;

typedef struct {
  char name[MAX_NAME];
  u32 name_len;
} asset; /* assets[0] is cash, assets[i + 1] is traded in market i */

typedef struct {
  cc_ref facet[MAX_MARKETS + 1];
  i64 owed[MAX_MARKETS + 1]; /* to be paid at the end of this delivery */
  cc_ref result;             /* of join, while the issuer is asked */
} seat;                      /* a free place if facet[0] is 0 */

typedef struct {
  u64 number; /* of the order; 0: a free place */
  u32 seat;
  i64 quantity;
} handle;

static cc_ref escrow;
static asset assets[MAX_MARKETS + 1];
static u32 asset_count;
static seat seats[MAX_SEATS + 1]; /* from 1 */
static u32 last_seat;             /* no seat behind it was ever taken */
static handle handles[MAX_HANDLES];
static u32 next_handle; /* where to look for a free one first */
static u64 order_count, trade_count, cancel_count;

/* ---- names ---- */

static u32 find_asset(const cc_value *v) { /* asset_count if there is none */
  u32 i = 0;
  while (i < asset_count && !(v->type == CC_STRING && cc_same(v->text, v->len, assets[i].name, assets[i].name_len))) i++;
  return i;
}

static int add_asset(const cc_value *v) {
  if (v->type != CC_STRING || v->len == 0 || v->len > MAX_NAME || asset_count > MAX_MARKETS || find_asset(v) < asset_count) return 0;
  asset *a = &assets[asset_count++];
  for (u32 i = 0; i < v->len; i++) a->name[i] = v->text[i];
  a->name_len = v->len;
  return 1;
}

static void key_asset(cc_body *b, u32 i) { cc_key_text(b, assets[i].name, assets[i].name_len); }

static u32 traded_asset(const order *o) { return o->market + 1; }
static u32 escrowed_asset(const order *o) { return o->side == BUY ? 0 : traded_asset(o); }
static i64 escrowed_amount(const order *o) { return o->side == BUY ? o->quantity * o->price : o->quantity; }

/* ---- settlement ---- */

/* One message pays all that this delivery owes. */
static void pay_owed(void) {
  cc_body b = cc_call("pay");
  int any = 0;
  cc_open(&b, '[');
  for (u32 s = 1; s <= last_seat; s++)
    for (u32 a = 0; a < asset_count; a++) {
      if (seats[s].owed[a] == 0) continue;
      any = 1;
      cc_open(&b, '[');
      cc_put_object(&b, seats[s].facet[a], 0);
      cc_put_int(&b, seats[s].owed[a]);
      cc_close(&b, ']');
      seats[s].owed[a] = 0;
    }
  cc_close(&b, ']');
  if (any) cc_send_only(escrow, &b);
}

/* Trades q units between two orders, at the price of the one that waited. */
static void trade(order *taker, order *maker, i64 q) {
  order *buy = taker->side == BUY ? taker : maker, *sell = taker->side == BUY ? maker : taker;
  seats[buy->seat].owed[traded_asset(buy)] += q;
  seats[sell->seat].owed[0] += q * maker->price;
  seats[buy->seat].owed[0] += q * (buy->price - maker->price); /* it had paid for its limit */
  buy->quantity -= q;
  sell->quantity -= q;
  trade_count++;
}

static int crosses(const order *taker, const order *maker) {
  return taker->side == BUY ? maker->price <= taker->price : maker->price >= taker->price;
}

/* Matches order i with the book and leaves what is open of it there. Returns
 * what was traded. */
static i64 match(u32 i) {
  order *taker = &orders[i];
  i64 wanted = taker->quantity;
  u32 best;
  while (taker->quantity && (best = book_best(taker->market, !taker->side)) && crosses(taker, &orders[best])) {
    order *maker = &orders[best];
    trade(taker, maker, maker->quantity < taker->quantity ? maker->quantity : taker->quantity);
    if (maker->quantity == 0) {
      book_remove(best);
      order_free(best);
    }
  }
  i64 traded = wanted - taker->quantity;
  if (taker->quantity) book_insert(i);
  else order_free(i);
  return traded;
}

/* Takes an order out of the book. Returns what was open of it. */
static i64 cancel(u32 seat, u64 number) {
  u32 i = book_find(seat, number);
  if (!i) return 0;
  order *o = &orders[i];
  i64 open = o->quantity;
  seats[seat].owed[escrowed_asset(o)] += escrowed_amount(o);
  book_remove(i);
  order_free(i);
  cancel_count++;
  return open;
}

/* ---- orders: argument, payment, escrow, book ---- */

static void refuse(u32 i, const cc_value *reason) {
  cc_reject_with(orders[i].result, reason);
  order_free(i);
}

static cc_ref new_handle(u32 seat, u64 number, i64 quantity) { /* 0: no room */
  for (u32 n = 0; n < MAX_HANDLES; n++) {
    u32 i = (next_handle + n) % MAX_HANDLES;
    if (handles[i].number) continue;
    handles[i] = (handle){number, seat, quantity};
    next_handle = i + 1;
    return cc_object_export(FIRST_HANDLE + i);
  }
  return 0;
}

static void accept(u32 i) {
  order o = orders[i];
  orders[i].number = ++order_count;
  i64 traded = match(i);
  if (o.wants_handle) {
    cc_ref h = new_handle(o.seat, order_count, o.quantity);
    if (h) {
      cc_fulfill_object(o.result, h, "order handle");
    } else {
      cancel(o.seat, order_count);
      cc_reject(o.result, "too many order handles");
    }
  } else {
    cc_body b = cc_data();
    cc_open(&b, '{');
    cc_key(&b, "order"), cc_put_int(&b, (i64)order_count);
    cc_key(&b, "traded"), cc_put_int(&b, traded);
    cc_key(&b, "open"), cc_put_int(&b, o.quantity - traded);
    cc_close(&b, '}');
    cc_fulfill(o.result, &b);
  }
  pay_owed();
}

static void on_escrowed(u64 i, const cc_settled *s) {
  if (s->how == CC_REJECTED) refuse((u32)i, s->value);
  else accept((u32)i);
}

/* The payment goes to the escrow, which says whether it is what it should be. */
static void take_payment(u32 i, cc_ref payment) {
  const asset *a = &assets[escrowed_asset(&orders[i])];
  cc_body b = cc_call("deposit");
  cc_put_object(&b, payment, 0);
  cc_put_text(&b, a->name, a->name_len);
  cc_put_int(&b, escrowed_amount(&orders[i]));
  cc_send(escrow, &b, on_escrowed, i);
}

static void on_payment(u64 i, const cc_settled *s) {
  if (s->how == CC_TO_OBJECT) {
    take_payment((u32)i, s->value->ref);
  } else if (s->how == CC_REJECTED) {
    refuse((u32)i, s->value);
  } else {
    cc_reject(orders[i].result, "order: the payment is no object");
    order_free((u32)i);
  }
}

static void seat_order(const cc_message *m, u32 seat, int wants_handle) {
  const cc_value *side = cc_at(m->args, 0), *payment = cc_at(m->args, 4);
  u32 a = find_asset(cc_at(m->args, 1));
  i64 quantity, price;
  if (!cc_is(side, "buy") && !cc_is(side, "sell")) { cc_reject(m->result, "order: the side is \"buy\" or \"sell\""); return; }
  if (a == 0 || a == asset_count) { cc_reject(m->result, "order: that is not traded here"); return; }
  if (!cc_int_in(cc_at(m->args, 2), 1, MAX_QUANTITY, &quantity) || !cc_int_in(cc_at(m->args, 3), 1, MAX_PRICE, &price)) {
    cc_reject(m->result, "order: quantity and price are integers from 1 to 1000000");
    return;
  }
  if (payment->type != CC_PROMISE && payment->type != CC_OBJECT) { cc_reject(m->result, "order: there is no payment"); return; }
  u32 i = order_alloc();
  if (!i) { cc_reject(m->result, "order: the book is full"); return; }
  order *o = &orders[i];
  o->seat = seat;
  o->market = a - 1;
  o->side = cc_is(side, "buy") ? BUY : SELL;
  o->quantity = quantity;
  o->price = price;
  o->result = m->result;
  o->wants_handle = wants_handle;
  if (payment->type == CC_PROMISE) cc_when(payment->ref, on_payment, i);
  else take_payment(i, payment->ref);
}

static void seat_cancel(const cc_message *m, u32 seat) {
  i64 number;
  if (!cc_int_in(cc_at(m->args, 0), 1, (i64)order_count, &number)) { cc_reject(m->result, "cancel: no such order"); return; }
  cc_body b = cc_data();
  cc_put_int(&b, cancel(seat, (u64)number));
  cc_fulfill(m->result, &b);
  pay_owed();
}

static void handle_cancel(const cc_message *m, const handle *h) {
  u32 i = book_find(h->seat, h->number);
  i64 open = i ? orders[i].quantity : 0;
  cancel(h->seat, h->number);
  cc_body b = cc_data();
  cc_open(&b, '{');
  cc_key(&b, "traded"), cc_put_int(&b, h->quantity - open);
  cc_key(&b, "cancelled"), cc_put_int(&b, open);
  cc_close(&b, '}');
  cc_fulfill(m->result, &b);
  pay_owed();
}

/* ---- the root ---- */

static void set_up(const cc_message *m) {
  const cc_value *e = cc_at(m->args, 0), *list = cc_at(m->args, 2);
  if (escrow || e->type != CC_OBJECT || list->type != CC_ARRAY) { cc_reject(m->result, "setUp: once, with an escrow, cash and a list of assets"); return; }
  int ok = add_asset(cc_at(m->args, 1));
  for (const cc_value *v = list->first; v; v = v->next) ok = ok && add_asset(v);
  if (!ok) {
    asset_count = 0;
    cc_reject(m->result, "setUp: at most 4 markets; names of 1 to 16 bytes, each once");
    return;
  }
  escrow = e->ref;
  cc_hold(escrow);
  cc_fulfill_undefined(m->result);
}

static void on_checked(u64 i, const cc_settled *s) {
  cc_ref result = seats[i].result;
  if (s->how == CC_REJECTED) {
    for (u32 a = 0; a < asset_count; a++) cc_release(seats[i].facet[a]);
    seats[i] = (seat){0};
    cc_reject_with(result, s->value);
    return;
  }
  cc_fulfill_object(result, cc_object_export(i), "seat");
}

/* What cannot be paid would hold up the others that are paid with it, so the
 * issuer is asked whether these facets are its own. */
static void join(const cc_message *m) {
  const cc_value *facets = cc_at(m->args, 0);
  u32 i = 1;
  while (i <= MAX_SEATS && seats[i].facet[0]) i++;
  if (!escrow || i > MAX_SEATS) { cc_reject(m->result, "join: no seat"); return; }
  seat s = {.result = m->result};
  for (const cc_value *f = facets->first; facets->type == CC_RECORD && f; f = f->next) {
    cc_value name = {.type = CC_STRING, .text = f->key, .len = f->key_len};
    u32 a = find_asset(&name);
    if (a < asset_count && f->type == CC_OBJECT) s.facet[a] = f->ref;
  }
  cc_body check = cc_call("check");
  cc_open(&check, '[');
  for (u32 a = 0; a < asset_count; a++) {
    if (!s.facet[a]) { cc_reject(m->result, "join: a deposit facet for each asset, please"); return; }
    cc_open(&check, '[');
    cc_put_object(&check, s.facet[a], 0);
    cc_put_text(&check, assets[a].name, assets[a].name_len);
    cc_close(&check, ']');
  }
  cc_close(&check, ']');
  for (u32 a = 0; a < asset_count; a++) cc_hold(s.facet[a]);
  seats[i] = s;
  if (i > last_seat) last_seat = i;
  cc_send(escrow, &check, on_checked, i);
}

/* "bids 12x100 ..." : the best levels of a side. */
static void add_side(cc_text *t, u32 market, u32 side, i64 *held) {
  static u32 sorted[MAX_ORDERS];
  u32 n = book_sorted(market, side, sorted), levels = 0;
  cc_add(t, side == BUY ? " bids" : " | asks");
  for (u32 p = 0; p < n;) {
    i64 price = orders[sorted[p]].price, quantity = 0;
    for (; p < n && orders[sorted[p]].price == price; p++) {
      quantity += orders[sorted[p]].quantity;
      held[escrowed_asset(&orders[sorted[p]])] += escrowed_amount(&orders[sorted[p]]);
    }
    if (levels++ >= REPORT_LEVELS) continue;
    cc_add(t, " ");
    cc_add_int(t, quantity);
    cc_add(t, "x");
    cc_add_int(t, price);
  }
  cc_add(t, levels > REPORT_LEVELS ? " and " : " in ");
  cc_add_int(t, levels > REPORT_LEVELS ? levels - REPORT_LEVELS : levels);
  cc_add(t, levels > REPORT_LEVELS ? " more levels" : " levels");
}

static void report(const cc_message *m) {
  cc_text t = {0};
  i64 held[MAX_MARKETS + 1] = {0};
  cc_add_int(&t, (i64)order_count), cc_add(&t, " orders, ");
  cc_add_int(&t, (i64)trade_count), cc_add(&t, " trades, ");
  cc_add_int(&t, (i64)cancel_count), cc_add(&t, " cancelled");
  for (u32 k = 0; k + 1 < asset_count; k++) {
    cc_add(&t, "\n");
    cc_add_text(&t, assets[k + 1].name, assets[k + 1].name_len);
    cc_add(&t, ":");
    add_side(&t, k, BUY, held);
    add_side(&t, k, SELL, held);
  }
  cc_body b = cc_data();
  cc_open(&b, '{');
  cc_key(&b, "text"), cc_put_text(&b, t.text, t.len);
  cc_key(&b, "escrow");
  cc_open(&b, '{');
  for (u32 a = 0; a < asset_count; a++) key_asset(&b, a), cc_put_int(&b, held[a]);
  cc_close(&b, '}');
  cc_close(&b, '}');
  cc_fulfill(m->result, &b);
}

/* ---- dispatch ---- */

static handle *handle_of(cc_ref r) {
  u64 i = cc_index(r) - FIRST_HANDLE;
  return cc_is_export(r) && i < MAX_HANDLES && handles[i].number ? &handles[i] : 0;
}

static void message(const cc_message *m) {
  const cc_value *method = m->method;
  u64 i = cc_index(m->target);
  handle *h = handle_of(m->target);
  if (m->target == CC_ROOT) {
    if (cc_is(method, "setUp")) { set_up(m); return; }
    if (cc_is(method, "join")) { join(m); return; }
    if (cc_is(method, "report")) { report(m); return; }
  } else if (h) {
    if (cc_is(method, "cancel")) { handle_cancel(m, h); return; }
  } else if (i <= last_seat && seats[i].facet[0]) {
    if (cc_is(method, "order")) { seat_order(m, (u32)i, 0); return; }
    if (cc_is(method, "open")) { seat_order(m, (u32)i, 1); return; }
    if (cc_is(method, "cancel")) { seat_cancel(m, (u32)i); return; }
  }
  cc_reject(m->result, "no such method");
}

static void retired(cc_ref r) {
  handle *h = handle_of(r);
  if (h) h->number = 0;
}

static void dropped(cc_ref r) {
  if (!handle_of(r)) return; /* a seat stays: its orders may be open */
  cc_retire_export(r);
  retired(r);
}

const cc_vat vat = {.message = message, .dropped = dropped, .retired = retired};
