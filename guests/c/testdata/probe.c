/* The probe: a vat that has the SDK do what its tests want to see.
 *
 *   echo(v)             answers with v, decoded and encoded again
 *   keep(object)        holds it; free() releases it
 *   ask(object, m, v)   answers with what object.m(v) is answered with
 *   wait(promise)       answers when it settles, with what it settled to
 *   make()              answers with a new object
 *   put(key, value), get(key), next(key)   the vatstore */
#include "../sdk.h"

static cc_ref kept;
static u64 made;

static void pass_on(u64 result, const cc_settled *s) {
  cc_body b = cc_data();
  if (s->how == CC_REJECTED) {
    cc_reject_with(result, s->value);
    return;
  }
  cc_put_value(&b, s->value);
  cc_fulfill(result, &b);
}

static const char *terminated(const cc_value *v) {
  char *s = cc_alloc(v->len + 1);
  for (u32 i = 0; i < v->len; i++) s[i] = v->text[i];
  return s;
}

static void answer_bytes(cc_ref result, const u8 *p, u32 len) {
  cc_body b = cc_data();
  if (p) cc_put_text(&b, (const char *)p, len);
  else cc_put_null(&b);
  cc_fulfill(result, &b);
}

static void message(const cc_message *m) {
  const cc_value *a = cc_at(m->args, 0), *b = cc_at(m->args, 1);
  u32 len = 0;
  if (cc_is(m->method, "echo")) {
    cc_body e = cc_data();
    cc_put_value(&e, a);
    cc_fulfill(m->result, &e);
  } else if (cc_is(m->method, "keep") && a->type == CC_OBJECT) {
    cc_hold(kept = a->ref);
    cc_fulfill_undefined(m->result);
  } else if (cc_is(m->method, "free")) {
    cc_release(kept);
    cc_fulfill_undefined(m->result);
  } else if (cc_is(m->method, "ask") && a->type == CC_OBJECT && b->type == CC_STRING) {
    cc_body call = cc_call(terminated(b));
    cc_put_value(&call, cc_at(m->args, 2));
    cc_send(a->ref, &call, pass_on, m->result);
  } else if (cc_is(m->method, "wait") && a->type == CC_PROMISE) {
    cc_when(a->ref, pass_on, m->result);
  } else if (cc_is(m->method, "make")) {
    cc_fulfill_object(m->result, cc_object_export(++made), "thing");
  } else if (cc_is(m->method, "put") && a->len) {
    cc_store_set(a->text, a->len, b->text, b->len);
    cc_fulfill_undefined(m->result);
  } else if (cc_is(m->method, "get") && a->len) {
    const u8 *v = cc_store_get(a->text, a->len, &len);
    answer_bytes(m->result, v, len);
  } else if (cc_is(m->method, "next")) {
    const u8 *v = cc_store_next(a->text, a->len, &len);
    answer_bytes(m->result, v, len);
  } else {
    cc_reject(m->result, "no such method");
  }
}

static void dropped(cc_ref r) { cc_retire_export(r); }

const cc_vat vat = {.message = message, .dropped = dropped};
