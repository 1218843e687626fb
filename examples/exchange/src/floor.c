/* The floor: it opens the market, and closes it with an audit.
 *
 *   bootstrap(vats, devices)   parameters: {cash, assets: [...], traders: [...],
 *                              grants: {asset: amount for each trader}}
 *   report() -> text           rejected if an asset was made or lost */
#include "../../../guests/c/sdk.h"

enum { MAX_ASSETS = 5, MAX_TRADERS = 16, MAX_NAME = 32 };
static const i64 MAX_AMOUNT = 1ll << 53;

typedef struct {
  char text[MAX_NAME];
  u32 len;
} name;

static name assets[MAX_ASSETS], traders[MAX_TRADERS]; /* assets[0] is cash */
static i64 grants[MAX_ASSETS];
static u32 asset_count, trader_count;

static cc_ref issuer, exchange, roots[MAX_TRADERS];
static cc_ref mints[MAX_ASSETS]; /* promises at first */
static u32 unfinished;           /* what bootstrap still waits for */
static cc_ref opened;            /* the result of bootstrap */
static cc_ref reported;          /* the result of report, while it is being made */

/* ---- parameters ---- */

static int copy_name(name *n, const cc_value *v) {
  if (v->type != CC_STRING || v->len == 0 || v->len > MAX_NAME) return 0;
  for (u32 i = 0; i < v->len; i++) n->text[i] = v->text[i];
  n->len = v->len;
  return 1;
}

static u32 copy_names(name *out, u32 from, u32 max, const cc_value *list) {
  for (const cc_value *v = list->first; list->type == CC_ARRAY && v; v = v->next)
    if (from == max || !copy_name(&out[from++], v)) cc_fault("parameters: too many names, or a bad one");
  return from;
}

static const cc_value *field(const cc_value *record, const name *n) {
  char text[MAX_NAME + 1] = {0};
  for (u32 i = 0; i < n->len; i++) text[i] = n->text[i];
  return cc_get(record, text);
}

static void start(u32 incarnation, const cc_value *parameters) {
  (void)incarnation;
  if (!copy_name(&assets[0], cc_get(parameters, "cash"))) cc_fault("parameters: cash is the name of an asset");
  asset_count = copy_names(assets, 1, MAX_ASSETS, cc_get(parameters, "assets"));
  trader_count = copy_names(traders, 0, MAX_TRADERS, cc_get(parameters, "traders"));
  for (u32 a = 0; a < asset_count; a++)
    if (!cc_int_in(field(cc_get(parameters, "grants"), &assets[a]), 0, MAX_AMOUNT, &grants[a])) cc_fault("parameters: grants has an amount for each asset");
}

/* ---- opening ---- */

static void fail(const cc_value *reason) {
  cc_reject_with(opened, reason);
  opened = 0;
}

static void one_finished(void) {
  if (--unfinished || !opened) return;
  cc_fulfill_string(opened, "the market is open");
  opened = 0;
}

static void on_granted(u64 unused, const cc_settled *s) {
  (void)unused;
  if (s->how == CC_REJECTED) fail(s->value);
  else one_finished();
}

static void on_joined(u64 trader, const cc_settled *s) {
  (void)trader;
  if (s->how == CC_REJECTED) {
    fail(s->value);
    return;
  }
  for (u32 a = 0; a < asset_count; a++) {
    const cc_value *facet = field(s->value, &assets[a]);
    if (grants[a] == 0 || facet->type != CC_OBJECT) continue;
    cc_body b = cc_call("issueTo");
    cc_put_object(&b, facet->ref, 0);
    cc_put_int(&b, grants[a]);
    unfinished++;
    cc_send(mints[a], &b, on_granted, 0); /* a promise serves as well as a mint */
  }
  one_finished();
}

static void put_name(cc_body *b, const name *n) { cc_put_text(b, n->text, n->len); }

static void put_traded(cc_body *b) {
  cc_open(b, '[');
  for (u32 a = 1; a < asset_count; a++) put_name(b, &assets[a]);
  cc_close(b, ']');
}

static void on_set_up(u64 unused, const cc_settled *s) {
  (void)unused;
  if (s->how == CC_REJECTED) {
    fail(s->value);
    return;
  }
  for (u32 t = 0; t < trader_count; t++) {
    cc_body b = cc_call("join");
    cc_put_object(&b, issuer, 0);
    cc_put_object(&b, exchange, 0);
    put_name(&b, &assets[0]);
    put_traded(&b);
    unfinished++;
    cc_send(roots[t], &b, on_joined, t);
  }
  one_finished();
}

static void on_escrow(u64 unused, const cc_settled *s) {
  (void)unused;
  if (s->how != CC_TO_OBJECT) {
    fail(s->value);
    return;
  }
  cc_body b = cc_call("setUp");
  cc_put_object(&b, s->value->ref, 0);
  put_name(&b, &assets[0]);
  put_traded(&b);
  cc_send(exchange, &b, on_set_up, 0);
}

static void on_mint(u64 asset, const cc_settled *s) {
  if (s->how != CC_TO_OBJECT) {
    fail(s->value);
    return;
  }
  mints[asset] = s->value->ref;
  cc_hold(mints[asset]);
}

static cc_ref keep_root(const cc_value *v) {
  if (v->type != CC_OBJECT) return 0;
  cc_hold(v->ref);
  return v->ref;
}

static void bootstrap(const cc_message *m) {
  const cc_value *vats = cc_at(m->args, 0);
  int all = !issuer;
  issuer = keep_root(cc_get(vats, "issuer"));
  exchange = keep_root(cc_get(vats, "exchange"));
  for (u32 t = 0; t < trader_count; t++) all = (roots[t] = keep_root(field(vats, &traders[t]))) && all;
  if (!all || !issuer || !exchange) {
    cc_reject(m->result, "bootstrap: once, with an issuer, an exchange and the traders");
    return;
  }
  opened = m->result;
  for (u32 a = 0; a < asset_count; a++) {
    cc_body b = cc_call("makeMint");
    put_name(&b, &assets[a]);
    mints[a] = cc_send(issuer, &b, on_mint, a);
  }
  cc_body b = cc_call("makeEscrow");
  unfinished = 1;
  cc_send(issuer, &b, on_escrow, 0);
}

/* ---- the report ---- */

typedef struct {
  i64 minted, purses, payments, escrow;
} account;
static account accounts[MAX_ASSETS]; /* what the issuer said */

static void refuse_report(const cc_value *reason) {
  cc_reject_with(reported, reason);
  reported = 0;
}

static int add_account(cc_text *t, u32 a, const cc_value *escrow_by_book) {
  const account *c = &accounts[a];
  i64 book = 0;
  int ok = cc_int_in(field(escrow_by_book, &assets[a]), 0, MAX_AMOUNT, &book);
  ok = ok && book == c->escrow && c->minted == c->purses + c->payments + c->escrow;
  cc_add(t, "\n");
  cc_add_text(t, assets[a].text, assets[a].len);
  cc_add(t, ": "), cc_add_int(t, c->minted);
  cc_add(t, " minted, "), cc_add_int(t, c->purses);
  cc_add(t, " in purses, "), cc_add_int(t, c->payments);
  cc_add(t, " in payments, "), cc_add_int(t, c->escrow);
  cc_add(t, " in escrow, "), cc_add_int(t, book);
  cc_add(t, ok ? " by the book" : " by the book: THIS DOES NOT ADD UP");
  return ok;
}

static void on_book(u64 unused, const cc_settled *s) {
  (void)unused;
  if (s->how == CC_REJECTED) {
    refuse_report(s->value);
    return;
  }
  const cc_value *book = cc_get(s->value, "text");
  cc_text t = {0};
  if (book->type == CC_STRING) cc_add_text(&t, book->text, book->len);
  int ok = 1;
  for (u32 a = 0; a < asset_count; a++) ok = add_account(&t, a, cc_get(s->value, "escrow")) && ok;
  cc_body b = cc_data();
  if (ok) {
    cc_add(&t, "\nno asset was made or lost");
    cc_put_text(&b, t.text, t.len);
    cc_fulfill(reported, &b);
  } else {
    cc_add(&t, "\nASSETS WERE MADE OR LOST");
    cc_value error = {.type = CC_ERROR, .text = t.text, .len = t.len};
    cc_reject_with(reported, &error);
  }
  reported = 0;
}

static void on_audit(u64 unused, const cc_settled *s) {
  (void)unused;
  if (s->how == CC_REJECTED) {
    refuse_report(s->value);
    return;
  }
  for (u32 a = 0; a < asset_count; a++) {
    const cc_value *v = field(s->value, &assets[a]);
    account *c = &accounts[a];
    *c = (account){0};
    cc_int_in(cc_get(v, "minted"), 0, MAX_AMOUNT, &c->minted);
    cc_int_in(cc_get(v, "purses"), 0, MAX_AMOUNT, &c->purses);
    cc_int_in(cc_get(v, "payments"), 0, MAX_AMOUNT, &c->payments);
    cc_int_in(cc_get(v, "escrow"), 0, MAX_AMOUNT, &c->escrow);
  }
  cc_body b = cc_call("report");
  cc_send(exchange, &b, on_book, 0);
}

static void report(const cc_message *m) {
  if (!issuer || reported || !m->result) {
    cc_reject(m->result, "report: not open yet, or already at it");
    return;
  }
  reported = m->result;
  cc_body b = cc_call("audit");
  cc_send(issuer, &b, on_audit, 0);
}

static void message(const cc_message *m) {
  if (cc_is(m->method, "bootstrap")) bootstrap(m);
  else if (cc_is(m->method, "report")) report(m);
  else cc_reject(m->result, "no such method");
}

const cc_vat vat = {.start = start, .message = message};
