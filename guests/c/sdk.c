/* The SDK's runtime: memory, deliveries in, syscalls out, references. */
#include "sdk.h"

/* ---- memory: an arena that starts anew at each delivery ---- */

extern u8 __heap_base;
static u32 top; /* address of the first free byte */

void *memcpy(void *dst, const void *src, unsigned long n) {
  u8 *d = dst;
  const u8 *s = src;
  while (n--) *d++ = *s++;
  return dst;
}

void *memset(void *dst, int c, unsigned long n) {
  u8 *d = dst;
  while (n--) *d++ = (u8)c;
  return dst;
}

/* What is refused for its size is refused before it is read, so memory can
 * only run out by a vat's own doing. */
void *cc_alloc(u32 n) {
  u32 start = (top + 7) & ~7u, have = (u32)__builtin_wasm_memory_size(0);
  if (n > 0x40000000 || start > 0x40000000) cc_fault("cc_alloc: out of memory");
  u32 end = start + ((n + 7) & ~7u), need = (end + 65535) >> 16;
  if (need > have && __builtin_wasm_memory_grow(0, need - have) == (unsigned long)-1) cc_fault("cc_alloc: out of memory");
  for (u64 *word = (u64 *)start; word < (u64 *)end; word++) *word = 0;
  top = end;
  return (void *)start;
}

u32 cc_strlen(const char *s) {
  u32 n = 0;
  while (s[n]) n++;
  return n;
}

int cc_same(const void *a, u32 a_len, const void *b, u32 b_len) {
  const u8 *x = a, *y = b;
  if (a_len != b_len) return 0;
  for (u32 i = 0; i < a_len; i++)
    if (x[i] != y[i]) return 0;
  return 1;
}

_Noreturn void cc_fault(const char *text) { cc_sys_fault(text, cc_strlen(text)); }
void cc_log(const char *text) { cc_sys_console(1, text, cc_strlen(text)); }

/* ---- a table from references to what is known of them ---- */

typedef struct {
  cc_ref ref;
  u32 next;           /* 1 + index of the next node of the bucket; 0 at its end */
  u32 holds;          /* held imports */
  cc_handler *then;   /* waiting promises */
  u64 context;
} node;

enum { BUCKETS = 256 };
typedef struct {
  node *nodes;
  u32 *bucket; /* BUCKETS of them: 1 + index of the first node; 0 if empty */
  u32 cap, used, free, count; /* free: 1 + index of a node given back; 0 if none */
} table;

static u32 *bucket_of(table *t, cc_ref r) { return &t->bucket[(r >> 4 ^ r >> 12) % BUCKETS]; }

static node *find(table *t, cc_ref r) {
  for (u32 i = *bucket_of(t, r); i; i = t->nodes[i - 1].next)
    if (t->nodes[i - 1].ref == r) return &t->nodes[i - 1];
  return 0;
}

/* Adds a node behind those of the same reference. */
static node *insert(table *t, cc_ref r) {
  if (t->free == 0 && t->used == t->cap) cc_fault("the SDK's table is full: raise CC_MAX_WAITING or CC_MAX_HELD");
  u32 i = t->free ? t->free : ++t->used;
  node *n = &t->nodes[i - 1];
  t->free = t->free ? n->next : 0;
  *n = (node){.ref = r};
  u32 *link = bucket_of(t, r);
  while (*link) link = &t->nodes[*link - 1].next;
  *link = i;
  t->count++;
  return n;
}

static void remove(table *t, node *n) {
  u32 i = (u32)(n - t->nodes) + 1, *link = bucket_of(t, n->ref);
  while (*link != i) link = &t->nodes[*link - 1].next;
  *link = n->next;
  n->next = t->free;
  t->free = i;
  t->count--;
}

static node waiting_nodes[CC_MAX_WAITING], held_nodes[CC_MAX_HELD];
static u32 waiting_buckets[BUCKETS], held_buckets[BUCKETS];
static table waiting = {.nodes = waiting_nodes, .bucket = waiting_buckets, .cap = CC_MAX_WAITING};
static table held = {.nodes = held_nodes, .bucket = held_buckets, .cap = CC_MAX_HELD};

/* ---- imports: held, or dropped at the next bringOutYourDead ---- */

/* Those that came since the last sweep: some that last, and where one
 * delivery brings very many, the rest in the arena until it ends. */
enum { MAX_ARRIVED = 1024, MAX_LIST = 1000 };
static cc_ref arrived[MAX_ARRIVED], *more_arrived;
static u32 arrived_count, more_count, more_cap;

static void arrive(cc_ref r) {
  if (arrived_count < MAX_ARRIVED) {
    arrived[arrived_count++] = r;
    return;
  }
  if (more_count == more_cap) {
    more_cap = more_cap * 2 + MAX_ARRIVED;
    cc_ref *grown = cc_alloc(more_cap * sizeof *grown);
    if (more_count) memcpy(grown, more_arrived, more_count * sizeof *grown);
    more_arrived = grown;
  }
  more_arrived[more_count++] = r;
}

static void sort(cc_ref *v, u32 n) {
  for (u32 gap = n / 2; gap; gap /= 2)
    for (u32 i = gap; i < n; i++) {
      cc_ref r = v[i];
      u32 j = i;
      for (; j >= gap && v[j - gap] > r; j -= gap) v[j] = v[j - gap];
      v[j] = r;
    }
}

/* Drops what arrived and is not held. It runs last in a delivery: a name that
 * ends here may stand anywhere in what the delivery brought. */
static void sweep(void) {
  u32 all = arrived_count + more_count, n = 0;
  cc_ref *dead = cc_alloc(all * sizeof *dead);
  for (u32 i = 0; i < all; i++) {
    cc_ref r = i < arrived_count ? arrived[i] : more_arrived[i - arrived_count];
    if (!find(&held, r)) dead[n++] = r;
  }
  arrived_count = more_count = 0;
  sort(dead, n);
  u32 unique = 0; /* a list may not name a reference twice */
  for (u32 i = 0; i < n; i++)
    if (unique == 0 || dead[i] != dead[unique - 1]) dead[unique++] = dead[i];
  for (u32 done = 0; done < unique; done += MAX_LIST) {
    u32 count = unique - done < MAX_LIST ? unique - done : MAX_LIST;
    cc_sys_drop_imports(dead + done, count);
    cc_sys_retire_imports(dead + done, count);
  }
}

/* The name has ended: nothing may be done with it any more. */
static void forget_arrived(cc_ref r) {
  u32 n = 0;
  for (u32 i = 0; i < arrived_count; i++)
    if (arrived[i] != r) arrived[n++] = arrived[i];
  arrived_count = n;
}

void cc_hold(cc_ref r) {
  if (cc_is_export(r) || cc_kind(r) != CC_KIND_OBJECT) return;
  node *n = find(&held, r);
  if (!n) n = insert(&held, r);
  n->holds++;
}

void cc_release(cc_ref r) {
  node *n = find(&held, r);
  if (!n || --n->holds) return;
  remove(&held, n);
  arrive(r);
}

void cc_retire_export(cc_ref r) { cc_sys_retire_exports(&r, 1); }

/* ---- promises ---- */

static u64 next_promise;
/* Names of the batch that is being notified, which end with its last part,
 * and promises in its values, to subscribe to unless they are among the
 * names. A batch that is larger than this leaves its promises unsubscribed. */
enum { MAX_BATCH = 256 };
static cc_ref batch_names[MAX_BATCH], batch_found[MAX_BATCH];
static u32 batch_name_count, batch_found_count;

cc_ref cc_new_promise(void) { return cc_promise_export(next_promise++); }

void cc_when(cc_ref promise, cc_handler *then, u64 context) {
  node *n = insert(&waiting, promise);
  n->then = then;
  n->context = context;
}

static void finish_call(cc_body *call) {
  if (!call->call) return;
  cc_close(call, ']');
  cc_close(call, ']');
  call->call = 0;
}

cc_ref cc_send(cc_ref target, cc_body *call, cc_handler *then, u64 context) {
  cc_ref result = cc_new_promise();
  finish_call(call);
  cc_sys_send(target, call->text, call->len, call->slots, call->slot_count, result);
  cc_sys_subscribe(result);
  cc_when(result, then, context);
  return result;
}

void cc_send_only(cc_ref target, cc_body *call) {
  finish_call(call);
  cc_sys_send(target, call->text, call->len, call->slots, call->slot_count, 0);
}

static void settle(cc_ref promise, u32 how, const cc_body *b) {
  if (promise == 0) return;
  cc_resolution r = {promise, how, 0, b->text, b->len, b->slots, b->slot_count};
  cc_sys_resolve(&r, 1);
}

void cc_fulfill(cc_ref promise, cc_body *data) { settle(promise, CC_FULFILLED, data); }

void cc_fulfill_string(cc_ref promise, const char *text) {
  cc_body b = cc_data();
  cc_put_string(&b, text);
  settle(promise, CC_FULFILLED, &b);
}

void cc_fulfill_undefined(cc_ref promise) {
  cc_body b = cc_data();
  cc_put_undefined(&b);
  settle(promise, CC_FULFILLED, &b);
}

void cc_fulfill_object(cc_ref promise, cc_ref object, const char *interface) {
  cc_body b = cc_data();
  cc_put_object(&b, object, interface);
  settle(promise, CC_TO_OBJECT, &b);
}

void cc_reject(cc_ref promise, const char *text) {
  cc_body b = cc_data();
  cc_put_error(&b, text, cc_strlen(text));
  settle(promise, CC_REJECTED, &b);
}

void cc_reject_with(cc_ref promise, const cc_value *reason) {
  cc_body b = cc_data();
  cc_put_value(&b, reason);
  settle(promise, CC_REJECTED, &b);
}

/* ---- vatstore ---- */

/* What did not fit in the first buffer is read again with `answer`. */
static const u8 *answered(u8 *first, u32 cap, i32 n, u32 *len) {
  if (n < 0) return 0;
  *len = (u32)n;
  if (*len <= cap) return first;
  u8 *all = cc_alloc(*len);
  cc_sys_answer(all, 0, *len);
  return all;
}

enum { FIRST_READ = 256 };

const u8 *cc_store_get(const void *key, u32 key_len, u32 *len) {
  u8 *first = cc_alloc(FIRST_READ);
  return answered(first, FIRST_READ, cc_sys_vatstore_get(key, key_len, first, FIRST_READ), len);
}

const u8 *cc_store_next(const void *prior, u32 prior_len, u32 *len) {
  u8 *first = cc_alloc(FIRST_READ);
  return answered(first, FIRST_READ, cc_sys_vatstore_next_key(prior, prior_len, first, FIRST_READ), len);
}

void cc_store_set(const void *key, u32 key_len, const void *value, u32 len) { cc_sys_vatstore_set(key, key_len, value, len); }
void cc_store_delete(const void *key, u32 key_len) { cc_sys_vatstore_delete(key, key_len); }

/* ---- deliveries ---- */

static u32 read_u32(u32 offset) {
  u32 v;
  cc_sys_read(&v, offset, sizeof v);
  return v;
}

static u64 read_u64(u32 offset) {
  u64 v;
  cc_sys_read(&v, offset, sizeof v);
  return v;
}

/* Takes note of the references in the capdata at offset, whether it will be
 * read or refused: else they would stay in the vat's c-list for ever. */
static void note_slots(u32 offset, int in_notify) {
  u32 count = read_u32(offset);
  for (u32 i = 0; i < count; i++) {
    cc_ref r = read_u64(offset + 8 + 8 * i);
    if (cc_is_export(r)) continue; /* the vat's own, or an answer that it waits for */
    if (cc_kind(r) == CC_KIND_OBJECT) arrive(r);
    if (cc_kind(r) != CC_KIND_PROMISE) continue;
    if (!in_notify) cc_sys_subscribe(r);
    else if (batch_found_count < MAX_BATCH) batch_found[batch_found_count++] = r;
  }
}

typedef struct {
  cc_ref *slots;
  u32 slot_count, body_len;
  char *body;
} capdata;

/* Reads the capdata at offset; 0 if it is too big. */
static int read_capdata(u32 offset, capdata *c) {
  c->slot_count = read_u32(offset);
  c->body_len = read_u32(offset + 4);
  if (c->slot_count > CC_MAX_SLOTS || c->body_len > CC_MAX_BODY) return 0;
  u32 all = 8 * c->slot_count + c->body_len;
  c->slots = cc_alloc(all + 1);
  c->body = (char *)(c->slots + c->slot_count);
  cc_sys_read(c->slots, offset + 8, all);
  return 1;
}

static const cc_value *decode_capdata(capdata *c) { return cc_decode(c->body, c->body_len, c->slots, c->slot_count); }

static void start_vat(void) {
  u32 incarnation = read_u32(0);
  /* Names of an earlier incarnation may still be in the kernel's table. */
  next_promise = ((u64)(incarnation - 1) << 32) + 1;
  note_slots(8, 0);
  capdata c;
  const cc_value *parameters = read_capdata(8, &c) ? decode_capdata(&c) : 0;
  if (!parameters) cc_fault("vatParameters do not decode");
  if (vat.start) vat.start(incarnation, parameters);
}

static void message(void) {
  cc_message m = {.target = read_u64(0), .result = read_u64(8)};
  note_slots(16, 0);
  capdata c;
  if (!read_capdata(16, &c)) {
    cc_reject(m.result, "message too big for this vat");
    return;
  }
  if (waiting.count > CC_MAX_WAITING / 2) {
    cc_reject(m.result, "too many promises are being waited for");
    return;
  }
  const cc_value *call = decode_capdata(&c);
  if (call) {
    m.method = cc_at(call, 0);
    m.args = cc_at(call, 1);
  }
  if (!call || call->len != 2 || m.method->type != CC_STRING || m.args->type != CC_ARRAY) {
    cc_reject(m.result, "malformed call");
    return;
  }
  if (cc_kind(m.target) == CC_KIND_PROMISE) {
    cc_reject(m.result, "this vat takes no message to a promise");
    return;
  }
  if (vat.message) vat.message(&m);
}

static cc_value *new_value(cc_type type) {
  cc_value *v = cc_alloc(sizeof *v);
  v->type = type;
  return v;
}

static const cc_value *error_value(const char *text) {
  cc_value *v = new_value(CC_ERROR);
  v->text = text;
  v->len = cc_strlen(text);
  return v;
}

static void settled(cc_ref promise, u32 how, u32 offset) {
  node *n = find(&waiting, promise);
  if (!n) return;
  cc_settled s = {promise, how, 0};
  capdata c;
  int fits = read_capdata(offset, &c);
  if (how == CC_TO_OBJECT && fits) { /* whatever its body says */
    cc_value *object = new_value(CC_OBJECT);
    object->ref = c.slots[0];
    s.value = object;
  } else if (fits) {
    s.value = decode_capdata(&c);
  }
  if (!s.value) {
    s.how = CC_REJECTED;
    s.value = error_value(fits ? "the answer does not decode" : "the answer is too big");
  }
  do { /* a handler may wait for other promises, so look each time */
    cc_handler *then = n->then;
    u64 context = n->context;
    remove(&waiting, n);
    if (then) then(context, &s);
  } while ((n = find(&waiting, promise)));
}

static void subscribe_to_found(void) {
  for (u32 i = 0; batch_name_count <= MAX_BATCH && i < batch_found_count; i++) {
    u32 j = 0;
    while (j < batch_name_count && batch_names[j] != batch_found[i]) j++;
    if (j == batch_name_count) cc_sys_subscribe(batch_found[i]);
  }
  batch_name_count = batch_found_count = 0;
}

typedef struct {
  cc_ref promise;
  u32 how, len; /* capdata follows, and padding to 8 */
} notify_entry;

static u32 read_entry(u32 offset, notify_entry *e) {
  cc_sys_read(e, offset, 16);
  return offset + 16 + ((e->len + 7) & ~7u);
}

static void notify(void) {
  u32 count = read_u32(0), more = read_u32(4), offset = 8;
  notify_entry e;
  for (u32 i = 0; i < count; i++) {
    u32 after = read_entry(offset, &e);
    if (batch_name_count < MAX_BATCH) batch_names[batch_name_count] = e.promise;
    if (batch_name_count <= MAX_BATCH) batch_name_count++;
    note_slots(offset + 16, 1);
    offset = after;
  }
  offset = 8;
  for (u32 i = 0; i < count; i++) {
    u32 after = read_entry(offset, &e), mark = top;
    const cc_ref *list = more_arrived;
    settled(e.promise, e.how, offset + 16);
    if (list == more_arrived) top = mark; /* it did not grow above the mark */
    offset = after;
  }
  if (!more) subscribe_to_found();
}

static void gc_delivery(u32 kind) {
  u32 count = read_u32(0);
  for (u32 i = 0; i < count; i++) {
    cc_ref r = read_u64(8 + 8 * i);
    if (kind == CC_DROP_EXPORTS) {
      if (vat.dropped) vat.dropped(r);
    } else if (kind == CC_RETIRE_EXPORTS) {
      if (vat.retired) vat.retired(r);
    } else {
      forget_arrived(r);
      node *n = find(&held, r);
      if (!n) continue;
      remove(&held, n);
      if (vat.vanished) vat.vanished(r);
    }
  }
}

CC_EXPORT("crankcase_deliver") u32 crankcase_deliver(u32 kind, u32 len) {
  (void)len;
  top = (u32)&__heap_base;
  more_arrived = 0;
  more_count = more_cap = 0;
  switch (kind) {
  case CC_START_VAT: start_vat(); break;
  case CC_MESSAGE: message(); break;
  case CC_NOTIFY: notify(); break;
  case CC_DROP_EXPORTS: case CC_RETIRE_EXPORTS: case CC_RETIRE_IMPORTS: gc_delivery(kind); break;
  case CC_BRING_OUT_YOUR_DEAD: sweep(); break;
  }
  if (arrived_count > MAX_ARRIVED / 2) sweep();
  return 0;
}
