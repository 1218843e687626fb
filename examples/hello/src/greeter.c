/* greeter: greet(name) -> "Hello, <name>! You are visitor <n>." */
#include "../../../guests/c/sdk.h"

static i64 visitors;

static void message(const cc_message *m) {
  const cc_value *name = cc_at(m->args, 0);
  if (!cc_is(m->method, "greet")) {
    cc_reject(m->result, "no such method");
    return;
  }
  if (name->type != CC_STRING) {
    cc_reject(m->result, "greet: whom?");
    return;
  }
  cc_text t = {0};
  cc_add(&t, "Hello, ");
  cc_add_text(&t, name->text, name->len);
  cc_add(&t, "! You are visitor ");
  cc_add_int(&t, ++visitors);
  cc_add(&t, ".");
  cc_body answer = cc_data();
  cc_put_text(&answer, t.text, t.len);
  cc_fulfill(m->result, &answer);
}

const cc_vat vat = {.message = message};
