/* The issuer: it keeps account of who has how much of each asset.
 *
 *   issuer   makeMint(asset) -> mint     makePurse(asset) -> purse
 *            makeEscrow() -> escrow      audit() -> {asset: {minted, purses, payments, escrow}}
 *   mint     issueTo(facet, amount)
 *   purse    balance() -> amount   withdraw(amount) -> payment   depositFacet() -> facet
 *   facet    deposit(payment) -> amount
 *   escrow   deposit(payment, asset, amount)   pay([[facet, amount], ...])
 *            check([[facet, asset], ...])  rejects unless it could pay them
 *
 * Authority is in what one holds: a facet only takes in, a purse also gives
 * out, a payment is worth its amount to whoever deposits it first. A payment
 * that everyone drops goes back to the purse that it came from, so nothing is
 * ever lost. */
#include "../../../guests/c/sdk.h"

enum { MAX_ASSETS = 8, MAX_NAME = 16, MAX_THINGS = 4096, MAX_ESCROWS = 8 };
static const i64 MAX_AMOUNT = 1ll << 53;

typedef struct {
  char name[MAX_NAME];
  u32 name_len;
  i64 minted;
} asset;

typedef enum { NOTHING, ISSUER, MINT, PURSE, FACET, ESCROW, PAYMENT } kind;

/* The export o+N is things[N]. */
typedef struct {
  kind kind;
  u32 asset; /* which asset; for an escrow, which escrow */
  u32 purse; /* the purse behind a facet, or that a payment came from */
  i64 amount;
  u32 next_free;
} thing;

static asset assets[MAX_ASSETS];
static u32 asset_count;
static thing things[MAX_THINGS];
static u32 thing_count = 1, free_thing; /* free_thing: 0 if none */
static i64 escrowed[MAX_ESCROWS][MAX_ASSETS];
static u32 escrow_count;

static u32 find_asset(const cc_value *name) {
  u32 i = 0;
  while (i < asset_count && !(name->type == CC_STRING && cc_same(name->text, name->len, assets[i].name, assets[i].name_len))) i++;
  return i;
}

static u32 new_thing(kind k, u32 asset, u32 purse, i64 amount) { /* 0: full */
  u32 i = free_thing;
  if (i) free_thing = things[i].next_free;
  else if (thing_count < MAX_THINGS) i = thing_count++;
  if (i) things[i] = (thing){.kind = k, .asset = asset, .purse = purse, .amount = amount};
  return i;
}

static thing *thing_of(cc_ref r) {
  u64 i = cc_index(r);
  return cc_is_export(r) && cc_kind(r) == CC_KIND_OBJECT && i < thing_count ? &things[i] : 0;
}

/* The argument as one of our own objects of a kind, or NULL. */
static thing *own(const cc_value *v, kind k) {
  thing *t = v->type == CC_OBJECT ? thing_of(v->ref) : 0;
  return t && t->kind == k ? t : 0;
}

static void answer_thing(cc_ref result, u32 i, const char *interface) {
  if (i) cc_fulfill_object(result, cc_object_export(i), interface);
  else cc_reject(result, "the issuer is full");
}

static int has_room(i64 balance, i64 amount) { return amount <= MAX_AMOUNT - balance; }

/* ---- methods ---- */

static void make_mint(const cc_message *m) {
  const cc_value *name = cc_at(m->args, 0);
  if (name->type != CC_STRING || name->len == 0 || name->len > MAX_NAME) cc_reject(m->result, "makeMint: the name of an asset is 1 to 16 bytes");
  else if (find_asset(name) < asset_count) cc_reject(m->result, "makeMint: that asset has its mint");
  else if (asset_count == MAX_ASSETS) cc_reject(m->result, "makeMint: too many assets");
  else {
    asset *a = &assets[asset_count];
    for (u32 i = 0; i < name->len; i++) a->name[i] = name->text[i];
    a->name_len = name->len;
    answer_thing(m->result, new_thing(MINT, asset_count, 0, 0), "mint");
    asset_count++;
  }
}

static void make_purse(const cc_message *m) {
  u32 a = find_asset(cc_at(m->args, 0));
  if (a == asset_count) cc_reject(m->result, "makePurse: no such asset");
  else answer_thing(m->result, new_thing(PURSE, a, 0, 0), "purse");
}

static void make_escrow(const cc_message *m) {
  if (escrow_count == MAX_ESCROWS) cc_reject(m->result, "makeEscrow: too many of them");
  else answer_thing(m->result, new_thing(ESCROW, escrow_count++, 0, 0), "escrow");
}

static void audit(const cc_message *m) {
  cc_body b = cc_data();
  cc_open(&b, '{');
  for (u32 a = 0; a < asset_count; a++) {
    i64 in[PAYMENT + 1] = {0};
    for (u32 i = 0; i < thing_count; i++)
      if (things[i].asset == a) in[things[i].kind] += things[i].amount;
    for (u32 e = 0; e < escrow_count; e++) in[ESCROW] += escrowed[e][a];
    cc_key_text(&b, assets[a].name, assets[a].name_len);
    cc_open(&b, '{');
    cc_key(&b, "minted"), cc_put_int(&b, assets[a].minted);
    cc_key(&b, "purses"), cc_put_int(&b, in[PURSE]);
    cc_key(&b, "payments"), cc_put_int(&b, in[PAYMENT]);
    cc_key(&b, "escrow"), cc_put_int(&b, in[ESCROW]);
    cc_close(&b, '}');
  }
  cc_close(&b, '}');
  cc_fulfill(m->result, &b);
}

static void mint_issue_to(const cc_message *m, thing *mint) {
  asset *a = &assets[mint->asset];
  thing *facet = own(cc_at(m->args, 0), FACET);
  i64 n;
  if (!facet || facet->asset != mint->asset) cc_reject(m->result, "issueTo: not a deposit facet of this asset");
  else if (!cc_int_in(cc_at(m->args, 1), 1, MAX_AMOUNT, &n) || !has_room(a->minted, n)) cc_reject(m->result, "issueTo: bad amount");
  else {
    a->minted += n; /* no balance can be more than what was minted */
    things[facet->purse].amount += n;
    cc_fulfill_undefined(m->result);
  }
}

static void purse_withdraw(const cc_message *m, thing *purse) {
  i64 n;
  if (!cc_int_in(cc_at(m->args, 0), 1, MAX_AMOUNT, &n)) {
    cc_reject(m->result, "withdraw: bad amount");
  } else if (n > purse->amount) {
    cc_reject(m->result, "withdraw: not enough in the purse");
  } else {
    u32 payment = new_thing(PAYMENT, purse->asset, (u32)(purse - things), n);
    if (payment) purse->amount -= n;
    answer_thing(m->result, payment, "payment");
  }
}

static void facet_deposit(const cc_message *m, thing *facet) {
  thing *payment = own(cc_at(m->args, 0), PAYMENT);
  if (!payment || payment->asset != facet->asset || payment->amount == 0) {
    cc_reject(m->result, "deposit: not a live payment of this asset");
    return;
  }
  i64 n = payment->amount;
  payment->amount = 0;
  things[facet->purse].amount += n;
  cc_body b = cc_data();
  cc_put_int(&b, n);
  cc_fulfill(m->result, &b);
}

static void escrow_deposit(const cc_message *m, thing *escrow) {
  thing *payment = own(cc_at(m->args, 0), PAYMENT);
  u32 a = find_asset(cc_at(m->args, 1));
  i64 n;
  if (!payment || payment->asset != a || payment->amount == 0 || !cc_int_in(cc_at(m->args, 2), 1, MAX_AMOUNT, &n) || n != payment->amount) {
    cc_reject(m->result, "deposit: not a live payment of that asset and amount");
    return;
  }
  payment->amount = 0;
  escrowed[escrow->asset][a] += n;
  cc_fulfill_undefined(m->result);
}

/* All payments of the list, or none. */
static void escrow_pay(const cc_message *m, thing *escrow) {
  const cc_value *list = cc_at(m->args, 0);
  i64 *balance = escrowed[escrow->asset], sum[MAX_ASSETS] = {0}, n;
  for (const cc_value *e = list->first; e; e = e->next) {
    thing *facet = own(cc_at(e, 0), FACET);
    if (!facet || !cc_int_in(cc_at(e, 1), 1, MAX_AMOUNT, &n) || n > balance[facet->asset] - sum[facet->asset]) {
      cc_reject(m->result, "pay: not a facet, or not that much in escrow");
      return;
    }
    sum[facet->asset] += n;
  }
  for (const cc_value *e = list->first; e; e = e->next) {
    thing *facet = own(cc_at(e, 0), FACET);
    things[facet->purse].amount += cc_at(e, 1)->number;
    balance[facet->asset] -= cc_at(e, 1)->number;
  }
  cc_fulfill_undefined(m->result);
}

static void escrow_check(const cc_message *m) {
  const cc_value *list = cc_at(m->args, 0);
  for (const cc_value *e = list->first; e; e = e->next) {
    thing *facet = own(cc_at(e, 0), FACET);
    if (!facet || facet->asset != find_asset(cc_at(e, 1))) {
      cc_reject(m->result, "check: not a deposit facet of that asset");
      return;
    }
  }
  cc_fulfill_undefined(m->result);
}

static void start(u32 incarnation, const cc_value *parameters) {
  (void)incarnation, (void)parameters;
  things[cc_index(CC_ROOT)].kind = ISSUER;
}

static void message(const cc_message *m) {
  thing *t = thing_of(m->target);
  const cc_value *method = m->method;
  switch (t ? t->kind : NOTHING) {
  case ISSUER:
    if (cc_is(method, "makeMint")) { make_mint(m); return; }
    if (cc_is(method, "makePurse")) { make_purse(m); return; }
    if (cc_is(method, "makeEscrow")) { make_escrow(m); return; }
    if (cc_is(method, "audit")) { audit(m); return; }
    break;
  case MINT:
    if (cc_is(method, "issueTo")) { mint_issue_to(m, t); return; }
    break;
  case PURSE:
    if (cc_is(method, "withdraw")) { purse_withdraw(m, t); return; }
    if (cc_is(method, "depositFacet")) { answer_thing(m->result, new_thing(FACET, t->asset, (u32)(t - things), 0), "deposit facet"); return; }
    if (cc_is(method, "balance")) {
      cc_body b = cc_data();
      cc_put_int(&b, t->amount);
      cc_fulfill(m->result, &b);
      return;
    }
    break;
  case FACET:
    if (cc_is(method, "deposit")) { facet_deposit(m, t); return; }
    break;
  case ESCROW:
    if (cc_is(method, "deposit")) { escrow_deposit(m, t); return; }
    if (cc_is(method, "pay")) { escrow_pay(m, t); return; }
    if (cc_is(method, "check")) { escrow_check(m); return; }
    break;
  case NOTHING: case PAYMENT: break;
  }
  cc_reject(m->result, "no such method");
}

/* ---- what happens to objects that nobody holds any more ---- */

/* The place of a payment or a facet is used again once its name has ended.
 * Mints, purses and escrows stay for the audit. */
static void retired(cc_ref r) {
  thing *t = thing_of(r);
  if (!t || (t->kind != PAYMENT && t->kind != FACET)) return;
  if (t->kind == PAYMENT) things[t->purse].amount += t->amount;
  *t = (thing){.next_free = free_thing};
  free_thing = (u32)(t - things);
}

static void dropped(cc_ref r) {
  thing *t = thing_of(r);
  if (!t || (t->kind != PAYMENT && t->kind != FACET)) return;
  cc_retire_export(r);
  retired(r);
}

const cc_vat vat = {.start = start, .message = message, .dropped = dropped, .retired = retired};
