package hostfuncs

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/crankcase/crankcase/capdata"
)

var (
	o50 = capdata.Import(capdata.Object, 50)
	o7  = capdata.Export(capdata.Object, 7)
	p60 = capdata.Import(capdata.Promise, 60)
	p5  = capdata.Export(capdata.Promise, 5)
	d70 = capdata.Import(capdata.Device, 70)
)

// Every import with arguments that are right reaches the kernel as it is.
func TestSyscalls(t *testing.T) {
	for _, c := range []struct {
		name string
		run  func(c *code)
		log  []string
	}{
		{"send", func(c *code) {
			c.put(100, "body")
			c.refs(201, o7, o50, o50)
			c.call("send", o50, 100, 4, 201, 3, p5)
			c.call("send", 0, 0xffffffff, 0, 0xffffffff, 0, 0)
		}, []string{`send o-50 "body"[o+7 o-50 o-50] p+5`, `send none ""[] none`}},
		{"the end of memory", func(c *code) {
			n := len(c.mem)
			c.put(n-1, "x")
			c.refs(n-8, o50)
			c.put(n-8, "\x20")
			c.call("send", o50, n-8, 8, n-8, 1, 0)
			c.call("vatstore_delete", n-1, 1)
		}, []string{`send o-50 " \x03\x00\x00\x00\x00\x00\x00"[o-50] none`, `delete "\x00"`}},
		{"subscribe", func(c *code) { c.call("subscribe", p60) }, []string{"subscribe p-60"}},
		{"resolve", func(c *code) {
			c.put(0, "onetwo")
			c.refs(8, o50, o7)
			c.refs(64, p60)
			c.put32(72, 0, 0, 0, 3, 8, 2)
			c.refs(96, p5)
			c.put32(104, 2, 0, 3, 3, 16, 1)
			c.refs(128, d70)
			c.put32(136, 1, 0, 0xffffffff, 0, 0xffffffff, 0)
			c.call("resolve", 64, 3)
			c.call("resolve", 0xffffffff, 0)
		}, []string{`resolve 0/3 p-60 0 "one"[o-50 o+7]`, `resolve 1/3 p+5 2 "two"[o+7]`, `resolve 2/3 d-70 1 ""[]`}},
		{"exit", func(c *code) {
			c.put(0, "bye")
			c.refs(8, o7)
			c.call("exit", 1, 0, 3, 8, 1)
			c.call("exit", 0, 0, 0, 0, 0)
		}, []string{`exit true "bye"[o+7]`, `exit false ""[]`}},
		{"lists", func(c *code) {
			c.refs(0, o50, o7)
			for _, n := range []string{"drop_imports", "retire_imports", "retire_exports", "abandon_exports"} {
				c.call(n, 0, 2)
				c.call(n, 0xffffffff, 0)
			}
		}, []string{"drop [o-50 o+7]", "retire imports [o-50 o+7]", "retire exports [o-50 o+7]", "abandon [o-50 o+7]"}},
		{"vatstore", func(c *code) {
			c.put(0, "key")
			c.put(8, "value")
			c.call("vatstore_set", 0, 3, 8, 5)
			c.call("vatstore_set", 0, 2, 0xffffffff, 0)
			c.call("vatstore_delete", 0, 1)
		}, []string{`set "key" "value"`, `set "ke" ""`, `delete "k"`}},
	} {
		r := &recorder{}
		if o := play(script(c.run), Options{}, r, ""); o.String() != "ok" {
			t.Errorf("%s: %s", c.name, o)
		}
		if !slices.Equal(r.log, c.log) {
			t.Errorf("%s:\n got %q\nwant %q", c.name, r.log, c.log)
		}
	}
}

// What imports give back: read, answer, the bundle, the vatstore, devices.
func TestAnswers(t *testing.T) {
	r := &recorder{store: map[string]string{"a": "", "b": "value"}, answer: capdata.CapData{Body: []byte("yes"), Slots: []capdata.Vref{o50, d70}}}
	check := func(what string, got, want any) {
		t.Helper()
		if got != want {
			t.Errorf("%s: got %v, want %v", what, got, want)
		}
	}
	o := play(script(func(c *code) {
		check("kind", c.kind, uint32(capdata.StartVat))
		check("length", c.length, uint32(7))
		c.call("answer", 0xffffffff, 0, 0) // empty at first
		c.call("read", 10, 2, 5)
		check("read", string(c.mem[10:16]), "yload\x00")
		c.call("read", 0xffffffff, 7, 0)

		c.put(0, "b")
		check("get, no room", c.call("vatstore_get", 0, 1, 0xffffffff, 0), uint32(5))
		c.call("answer", 20, 1, 4)
		check("answer", string(c.mem[20:25]), "alue\x00")
		check("get, little room", c.call("vatstore_get", 0, 1, 30, 2), uint32(5))
		check("get, little room", string(c.mem[30:34]), "va\x00\x00")
		check("get, over its own key", c.call("vatstore_get", 0, 1, 0, 100), uint32(5))
		check("get, over its own key", string(c.mem[:6]), "value\x00")
		c.put(0, "a")
		check("get, an empty value", c.call("vatstore_get", 0, 1, 40, 8), uint32(0))
		c.call("answer", 0, 0, 0)
		c.put(0, "z")
		check("get, absent", c.call("vatstore_get", 0, 1, 40, 8), uint32(math.MaxUint32))
		c.call("answer", 0, 0, 0)
		check("next of none", c.call("vatstore_next_key", 0xffffffff, 0, 50, 8), uint32(1))
		check("next of none", c.mem[50], byte('a'))
		check("next", c.call("vatstore_next_key", 50, 1, 50, 8), uint32(1))
		check("next", c.mem[50], byte('b'))
		check("next, no more", c.call("vatstore_next_key", 50, 1, 50, 8), uint32(math.MaxUint32))

		check("call_now", c.call("call_now", d70, 0, 0, 0, 0), uint32(16+16+3))
		c.call("answer", 100, 0, 35)
		check("call_now", fmt.Sprint(c.get32(100), c.get32(104), c.get32(108), c.get32(112), c.get64(116) == uint64(o50), c.get64(124) == uint64(d70))+string(c.mem[132:136]), "0 0 2 3 true trueyes\x00")
		r.failed, r.answer = true, capdata.CapData{}
		check("call_now, failed", c.call("call_now", d70, 0, 0, 0, 0), uint32(16))
		c.call("answer", 100, 0, 16)
		check("call_now, failed", fmt.Sprint(c.get32(100), c.get32(104), c.get32(108), c.get32(112)), "1 0 0 0")

		check("bundle_len", c.call("bundle_len"), uint32(4))
		c.call("bundle_read", 60, 1, 3)
		check("bundle_read", string(c.mem[60:64]), "lob\x00")
		c.call("bundle_read", 0xffffffff, 4, 0)
	}), Options{Data: []byte("blob")}, r, "payload")
	check("outcome", o.String(), "ok")
}

// The answer does not outlive its delivery.
func TestAnswerEndsWithTheDelivery(t *testing.T) {
	g, err := New(script(func(c *code) {
		if c.kind == uint32(capdata.StartVat) {
			c.put(0, "k")
			c.call("vatstore_get", 0, 1, 0, 0)
			c.call("answer", 0, 0, 5)
		} else {
			c.call("answer", 0, 0, 1)
		}
	}), Options{})
	if err != nil {
		t.Fatal(err)
	}
	r := &recorder{store: map[string]string{"k": "value"}}
	used, f, err := g.Deliver(capdata.StartVat, nil, testGas, r)
	if o := (outcome{used, f, err}); o.String() != "ok" {
		t.Fatal(o)
	}
	used, f, err = g.Deliver(capdata.BringOutYourDead, nil, testGas, r)
	if o := (outcome{used, f, err}); o.String() != "bad-range: answer: offset 0+1 lies past the end of the answer (0 bytes)" {
		t.Error(o)
	}
}

// Every import with arguments that are wrong: how the delivery ends, and that
// the kernel heard nothing.
func TestBadArguments(t *testing.T) {
	const memory = "lies outside memory (65536 bytes)"
	record := func(words ...uint32) func(c *code) {
		return func(c *code) {
			c.refs(64, p60)
			c.put32(72, words...)
			c.call("resolve", 64, 1)
		}
	}
	call := func(name string, args ...any) func(c *code) { return func(c *code) { c.call(name, args...) } }
	for _, c := range []struct {
		run  func(c *code)
		want string
	}{
		{call("read", 0, 0, 8), "bad-range: read: offset 0+8 lies past the end of the payload (7 bytes)"},
		{call("read", 0, 8, 0), "bad-range: read: offset 8+0 lies past the end of the payload (7 bytes)"},
		{call("read", 0, 0xffffffff, 1), "bad-range: read: offset 4294967295+1 lies past the end of the payload (7 bytes)"},
		{call("read", 65536, 0, 1), "bad-range: read: dst 0x10000+1 " + memory},
		{call("read", 0xffffffff, 0, 2), "bad-range: read: dst 0xffffffff+2 " + memory},
		{call("read", 0xffffffff, 9, 2), "bad-range: read: dst 0xffffffff+2 " + memory},
		{call("read", 0xffffffff, 0, 0xffffffff), "over-limit: read: len is 4294967295, more than 2^31-1"},
		{call("answer", 0, 0, 1), "bad-range: answer: offset 0+1 lies past the end of the answer (0 bytes)"},
		{call("answer", 65535, 0, 2), "bad-range: answer: dst 0xffff+2 " + memory},
		{call("answer", 0, 0, 0x80000000), "over-limit: answer: len is 2147483648, more than 2^31-1"},
		{call("bundle_read", 0, 4, 1), "bad-range: bundle_read: offset 4+1 lies past the end of the data blob (4 bytes)"},
		{call("bundle_read", 0, 0xffffffff, 0xffffffff), "over-limit: bundle_read: len is 4294967295, more than 2^31-1"},
		{call("bundle_read", 65536, 0, 1), "bad-range: bundle_read: dst 0x10000+1 " + memory},

		{call("send", 0, 65536, 1, 0, 0, 0), "bad-range: send: body 0x10000+1 " + memory},
		{call("send", 0, 0, 0, 65529, 1, 0), "bad-range: send: slots 0xfff9+8 " + memory},
		{call("send", 0, 0xffffffff, 1, 0xffffffff, 1, 0), "bad-range: send: body 0xffffffff+1 " + memory},
		{call("send", 0, 0, 10485761, 0, 0, 0), "over-limit: send: body_len is 10485761, the limit is 10485760"},
		{call("send", 0, 0, 0, 0, 10001, 0), "over-limit: send: slot_count is 10001, the limit is 10000"},
		{call("send", 0, 0, 0, 0, 0x20000001, 0), "over-limit: send: slot_count is 536870913, the limit is 10000"},
		{call("send", 0, 0, 0, 0, 0x80000000, 0), "over-limit: send: slot_count is 2147483648, more than 2^31-1"},
		{call("send", 0, 0xffffffff, 1, 0, 10001, 0), "over-limit: send: slot_count is 10001, the limit is 10000"}, // limits before ranges
		{call("exit", 2, 0, 0, 0, 0), "bad-argument: exit: failure is 2, expected 0 or 1"},
		{call("exit", 0xffffffff, 0, 0, 0, 0), "bad-argument: exit: failure is 4294967295, expected 0 or 1"},
		{call("exit", 2, 65536, 1, 0, 0), "bad-range: exit: body 0x10000+1 " + memory}, // ranges before contents
		{call("exit", 2, 0, 0, 0, 10001), "over-limit: exit: slot_count is 10001, the limit is 10000"},
		{call("exit", 0, 0, 0, 65536, 1), "bad-range: exit: slots 0x10000+8 " + memory},
		{call("call_now", 0, 65536, 1, 0, 0), "bad-range: call_now: body 0x10000+1 " + memory},
		{call("call_now", 0, 0, 0, 1, 10000), "bad-range: call_now: slots 0x1+80000 " + memory},
		{call("call_now", 0, 0, 0x7fffffff, 0, 0), "over-limit: call_now: body_len is 2147483647, the limit is 10485760"},

		{call("resolve", 65505, 1), "bad-range: resolve: records 0xffe1+32 " + memory},
		{call("resolve", 0xffffffff, 1), "bad-range: resolve: records 0xffffffff+32 " + memory},
		{call("resolve", 0, 10001), "over-limit: resolve: count is 10001, the limit is 10000"},
		{call("resolve", 0, 0x10000000), "over-limit: resolve: count is 268435456, the limit is 10000"},
		{call("resolve", 0, 0x80000000), "over-limit: resolve: count is 2147483648, more than 2^31-1"},
		{record(3, 0, 0, 0, 0, 0), "bad-argument: resolve: record 0: kind is 3, expected 0, 1 or 2"},
		{record(0, 1, 0, 0, 0, 0), "bad-argument: resolve: record 0: reserved word is 0x1, expected 0"},
		{record(7, 7, 0, 0, 0, 0), "bad-argument: resolve: record 0: kind is 7, expected 0, 1 or 2"},
		{record(0, 0, 0xffffffff, 1, 0, 0), "bad-range: resolve: record 0: body 0xffffffff+1 " + memory},
		{record(0, 0, 0, 0, 0xffffffff, 1), "bad-range: resolve: record 0: slots 0xffffffff+8 " + memory},
		{record(3, 1, 0xffffffff, 1, 0, 10001), "over-limit: resolve: record 0: slot_count is 10001, the limit is 10000"},
		{record(0, 0, 0, 0x80000000, 0, 0), "over-limit: resolve: record 0: body_len is 2147483648, more than 2^31-1"},

		{call("vatstore_get", 0, 0, 0, 0), "bad-argument: vatstore_get: key_len is 0, a key has 1 to 1024 bytes"},
		{call("vatstore_get", 0, 1025, 0, 0), "over-limit: vatstore_get: key_len is 1025, the limit is 1024"},
		{call("vatstore_get", 0, 0xffffffff, 0, 0), "over-limit: vatstore_get: key_len is 4294967295, more than 2^31-1"},
		{call("vatstore_get", 65536, 1, 0, 0), "bad-range: vatstore_get: key 0x10000+1 " + memory},
		{call("vatstore_get", 0, 1, 65536, 1), "bad-range: vatstore_get: dst 0x10000+1 " + memory},
		{call("vatstore_get", 0, 1, 1, 65536), "bad-range: vatstore_get: dst 0x1+65536 " + memory},
		{call("vatstore_get", 65536, 1, 0, 0x7fffffff), "bad-range: vatstore_get: key 0x10000+1 " + memory},
		{call("vatstore_get", 0, 1, 0, 0x7fffffff), "bad-range: vatstore_get: dst 0x0+2147483647 " + memory},
		{call("vatstore_get", 65536, 1, 0, 0x80000000), "over-limit: vatstore_get: cap is 2147483648, more than 2^31-1"},
		{call("vatstore_set", 0, 0, 0, 0), "bad-argument: vatstore_set: key_len is 0, a key has 1 to 1024 bytes"},
		{call("vatstore_set", 0, 1025, 0, 0), "over-limit: vatstore_set: key_len is 1025, the limit is 1024"},
		{call("vatstore_set", 0, 1, 0, 10485761), "over-limit: vatstore_set: value_len is 10485761, the limit is 10485760"},
		{call("vatstore_set", 65536, 1, 0, 0), "bad-range: vatstore_set: key 0x10000+1 " + memory},
		{call("vatstore_set", 0, 1, 65536, 1), "bad-range: vatstore_set: value 0x10000+1 " + memory},
		{call("vatstore_set", 65536, 1, 65536, 1), "bad-range: vatstore_set: key 0x10000+1 " + memory},
		{call("vatstore_delete", 0, 0), "bad-argument: vatstore_delete: key_len is 0, a key has 1 to 1024 bytes"},
		{call("vatstore_delete", 0, 1025), "over-limit: vatstore_delete: key_len is 1025, the limit is 1024"},
		{call("vatstore_delete", 65536, 1), "bad-range: vatstore_delete: key 0x10000+1 " + memory},
		{call("vatstore_next_key", 0, 1025, 0, 0), "over-limit: vatstore_next_key: prior_len is 1025, the limit is 1024"},
		{call("vatstore_next_key", 65536, 1, 0, 0), "bad-range: vatstore_next_key: prior 0x10000+1 " + memory},
		{call("vatstore_next_key", 0, 0, 65536, 1), "bad-range: vatstore_next_key: dst 0x10000+1 " + memory},
		{call("vatstore_next_key", 0, 0, 0, 0xffffffff), "over-limit: vatstore_next_key: cap is 4294967295, more than 2^31-1"},

		{call("drop_imports", 65536, 1), "bad-range: drop_imports: refs 0x10000+8 " + memory},
		{call("drop_imports", 0, 10001), "over-limit: drop_imports: count is 10001, the limit is 10000"},
		{call("retire_imports", 65536, 1), "bad-range: retire_imports: refs 0x10000+8 " + memory},
		{call("retire_imports", 0, 0x20000000), "over-limit: retire_imports: count is 536870912, the limit is 10000"},
		{call("retire_exports", 65536, 1), "bad-range: retire_exports: refs 0x10000+8 " + memory},
		{call("retire_exports", 0, 10001), "over-limit: retire_exports: count is 10001, the limit is 10000"},
		{call("abandon_exports", 65529, 1), "bad-range: abandon_exports: refs 0xfff9+8 " + memory},
		{call("abandon_exports", 0, 0xffffffff), "over-limit: abandon_exports: count is 4294967295, more than 2^31-1"},

		{call("fault", 65536, 1), "bad-range: fault: text 0x10000+1 " + memory},
		{call("fault", 65000, 2000), "bad-range: fault: text 0xfde8+1024 " + memory},
		{call("fault", 0, 0x80000000), "over-limit: fault: len is 2147483648, more than 2^31-1"},
		{call("fault", 0xffffffff, 0), "told: fault: "},
		{func(c *code) { c.put(0, "my \xff\xfe bug"); c.call("fault", 0, 9) }, "told: fault: my \ufffd bug"},
		{func(c *code) { c.put(65536-1024, strings.Repeat("é", 512)); c.call("fault", 65536-1024, 5000) }, "told: fault: " + strings.Repeat("é", 512)},
		{func(c *code) { c.put(0, "x"+strings.Repeat("é", 512)); c.call("fault", 0, 1025) }, "told: fault: x" + strings.Repeat("é", 511) + "\ufffd"},
		{func(c *code) { c.wasi("proc_exit", 3) }, "proc-exit: proc_exit: exit code 3"},
		{func(c *code) { c.wasi("proc_exit", -1) }, "proc-exit: proc_exit: exit code -1"},
	} {
		r := &recorder{}
		m := script(func(g *code) { c.run(g); r.log = append(r.log, "went on") })
		o := play(m, Options{Data: []byte("blob")}, r, "payload")
		if o.String() != c.want {
			t.Errorf("\n got %s\nwant %s", o, c.want)
		}
		if len(r.log) != 0 {
			t.Errorf("%s: the kernel heard of it: %q", c.want, r.log)
		}
	}
}

// Records are checked one by one: the kernel has seen those before a bad one.
func TestSecondRecordIsBad(t *testing.T) {
	r := &recorder{}
	o := play(script(func(c *code) {
		c.refs(0, p60)
		c.refs(32, p5)
		c.put32(40, 9)
		c.call("resolve", 0, 2)
	}), Options{}, r, "")
	if want := "bad-argument: resolve: record 1: kind is 9, expected 0, 1 or 2"; o.String() != want {
		t.Errorf("got %s, want %s", o, want)
	}
	if want := []string{`resolve 0/2 p-60 0 ""[]`}; !slices.Equal(r.log, want) {
		t.Errorf("got %q, want %q", r.log, want)
	}
}

// Limits are those that the guest was made with.
func TestOtherLimits(t *testing.T) {
	l := Limits{MaxBody: 1, MaxSlots: 2, MaxKey: 3, MaxValue: 4, MaxFaultText: 5}
	for want, run := range map[string]func(c *code){
		"over-limit: send: body_len is 2, the limit is 1":          func(c *code) { c.call("send", 0, 0, 2, 0, 2, 0) },
		"over-limit: send: slot_count is 3, the limit is 2":        func(c *code) { c.call("send", 0, 0, 1, 0, 3, 0) },
		"over-limit: drop_imports: count is 3, the limit is 2":     func(c *code) { c.call("drop_imports", 0, 3) },
		"over-limit: vatstore_get: key_len is 4, the limit is 3":   func(c *code) { c.call("vatstore_get", 0, 4, 0, 0) },
		"over-limit: vatstore_set: value_len is 5, the limit is 4": func(c *code) { c.call("vatstore_set", 0, 3, 0, 5) },
		"told: fault: abcde": func(c *code) { c.put(0, "abcdefg"); c.call("fault", 0, 7) },
	} {
		if o := play(script(run), Options{Limits: l}, &recorder{}, ""); o.String() != want {
			t.Errorf("got %s, want %s", o, want)
		}
	}
	for _, l := range []Limits{{MaxBody: 1}, {1 << 31, 1, 1, 1, 1}, {1, 1<<20 + 1, 1, 1, 1}} {
		if o := play(script(func(*code) {}), Options{Limits: l}, &recorder{}, ""); o.err == nil {
			t.Errorf("limits %+v were accepted", l)
		}
	}
}
