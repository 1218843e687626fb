/* visitor: bootstrap(vats, devices) makes it known to the greeter;
 * visit(name) asks the greeter, and answers with what that says. */
#include "../../../guests/c/sdk.h"

static cc_ref greeter;

/* The context is the result of the visit that asked. */
static void on_greeting(u64 result, const cc_settled *s) {
  if (s->how == CC_REJECTED) {
    cc_reject_with(result, s->value);
    return;
  }
  cc_body answer = cc_data();
  cc_put_value(&answer, s->value);
  cc_fulfill(result, &answer);
}

static void message(const cc_message *m) {
  if (cc_is(m->method, "bootstrap")) {
    const cc_value *root = cc_get(cc_at(m->args, 0), "greeter");
    if (root->type == CC_OBJECT) {
      greeter = root->ref;
      cc_hold(greeter);
    }
    cc_fulfill_undefined(m->result);
  } else if (cc_is(m->method, "visit") && greeter) {
    cc_body call = cc_call("greet");
    cc_put_value(&call, cc_at(m->args, 0));
    cc_send(greeter, &call, on_greeting, m->result);
  } else {
    cc_reject(m->result, "no such method");
  }
}

const cc_vat vat = {.message = message};
