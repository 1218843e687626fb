package docs_test

import (
	"encoding/binary"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/crankcase/crankcase"
	"github.com/crankcase/crankcase/capdata"
	"github.com/crankcase/crankcase/hostfuncs"
	"github.com/crankcase/crankcase/kernel"
	"github.com/crankcase/crankcase/runtime"
)

// genesisParams are the parameters of a database that says nothing of its own.
func genesisParams(t *testing.T) (p struct{ MaxLog int64 }) {
	t.Helper()
	k := openSmallest(t)
	p.MaxLog = int64(k.Params().MaxLog)
	if k.Params().Behaviour != 1 || kernel.Behaviour != 1 {
		t.Errorf("the documents are about behaviour 1, it is %d", kernel.Behaviour)
	}
	return p
}

func openSmallest(t *testing.T) *crankcase.Kernel {
	t.Helper()
	k, err := crankcase.Start(filepath.Join(t.TempDir(), "x.db"), &crankcase.Config{Vats: map[string]crankcase.Vat{
		"counter": {Module: []byte(read(t, "guests/c/smallest.wasm"))}}}, crankcase.Options{UnsafeNoSync: true, CacheDir: "-"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := k.Close(); err != nil {
			t.Error(err)
		}
	})
	return k
}

// traced is what a guest asks for, written down, with the bytes in its memory.
type traced struct {
	hostfuncs.Syscalls // what is not overridden panics
	guest              *hostfuncs.Guest
	text               strings.Builder
}

func (s *traced) VatstoreGet(key []byte) ([]byte, bool, error) {
	fmt.Fprintf(&s.text, "vatstore_get  %q                      -> -1, absent\n", key)
	return nil, false, nil
}

func (s *traced) VatstoreSet(key, value []byte) error {
	fmt.Fprintf(&s.text, "vatstore_set  %q = % x\n", key, value)
	return nil
}

func (s *traced) Resolve(count int, record func(int) (capdata.Resolution, error)) error {
	fmt.Fprintf(&s.text, "resolve       %d record:\n\n", count)
	r, err := record(0)
	if err != nil {
		return err
	}
	// The record lies where a promise, a kind and the body's length follow each
	// other, and its pointer leads to the body.
	memory := s.guest.Instance().Memory()
	le := binary.LittleEndian
	for at := 0; at+32 <= len(memory); at += 8 {
		b := memory[at : at+32]
		body, n := le.Uint32(b[16:]), le.Uint32(b[20:])
		if le.Uint64(b) != uint64(r.Promise) || int(n) != len(r.Data.Body) || uint64(body)+uint64(n) > uint64(len(memory)) ||
			string(memory[body:body+n]) != string(r.Data.Body) {
			continue
		}
		dump(&s.text, b, []field{{8, fmt.Sprintf("promise %v", r.Promise)}, {4, "kind 0: fulfilled with data"}, {4, "reserved"},
			{4, fmt.Sprintf("body at %#x", body)}, {4, "body_len"}, {4, "slots: not looked at"}, {4, "slot_count 0"}})
		fmt.Fprintf(&s.text, "\nand at %#x:\n\n", body)
		dump(&s.text, memory[body:body+n], []field{{int(n), fmt.Sprintf("%q", r.Data.Body)}})
		return nil
	}
	return fmt.Errorf("no record of %v in memory", r.Promise)
}

// A field is a part of a dump: its length and what it is.
type field struct {
	size int
	what string
}

// dump writes bytes, a field a line, long ones in several.
func dump(w *strings.Builder, b []byte, fields []field) {
	at := 0
	for _, f := range fields {
		for done := 0; done < f.size; {
			n := min(f.size-done, 8)
			what := ""
			if done == 0 {
				what = f.what
			}
			fmt.Fprintf(w, "%s\n", strings.TrimRight(fmt.Sprintf("%04x  %-23x  %s", at, spaced(b[at:at+n]), what), " "))
			at, done = at+n, done+n
		}
	}
	if at != len(b) {
		panic(fmt.Sprintf("the fields have %d bytes of %d", at, len(b)))
	}
}

// spaced makes %x put a space between bytes.
type spaced []byte

func (s spaced) Format(f fmt.State, _ rune) {
	width, _ := f.Width()
	fmt.Fprintf(f, "%-*s", width, fmt.Sprintf("% x", []byte(s)))
}

// trace runs smallest.c's first message.
func trace(t *testing.T) string {
	t.Helper()
	engine, err := crankcase.NewEngine("wazero-interp", "-")
	if err != nil {
		t.Fatal(err)
	}
	info, err := crankcase.CheckModule([]byte(read(t, "guests/c/smallest.wasm")))
	if err != nil {
		t.Fatal(err)
	}
	var module runtime.Module
	if module, err = engine.Compile(info.Code); err != nil {
		t.Fatal(err)
	}
	guest, err := hostfuncs.New(module, hostfuncs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		for _, close := range []func() error{guest.Close, module.Close, engine.Close} {
			if err := close(); err != nil {
				t.Error(err)
			}
		}
	}()
	s := &traced{guest: guest}
	deliver := func(kind capdata.DeliveryKind, payload []byte) uint64 {
		gas, f, err := guest.Deliver(kind, payload, kernel.DefaultGasLimit, s)
		if f != nil || err != nil {
			t.Fatal(f, err)
		}
		return gas
	}
	start := capdata.AppendStartVat(nil, 1, 0, capdata.CapData{Body: []byte("#{}")})
	deliver(capdata.StartVat, start)

	result, caller := capdata.Import(capdata.Promise, capdata.FirstPromiseImport), capdata.Import(capdata.Object, capdata.FirstObjectImport)
	body := `#["next",["$0"]]`
	payload := capdata.AppendMessage(nil, capdata.Root, result, capdata.CapData{Body: []byte(body), Slots: []capdata.Vref{caller}})
	w := &s.text
	fmt.Fprintf(w, "The kernel calls `crankcase_deliver(2, %d)`, with this payload to be read:\n\n```\n", len(payload))
	dump(w, payload, []field{{8, "target o+0"}, {8, fmt.Sprintf("result %v", result)}, {4, "slot_count"}, {4, "body_len"},
		{8, fmt.Sprintf("slot 0: %v", caller)}, {len(body), body}})
	w.WriteString("```\n\nThe guest calls\n\n```\nread          (dst, 0, 16)                 target and result are all it wants to know\n")
	gas := deliver(capdata.Message, payload)
	fmt.Fprintf(w, "```\n\nand returns 0, having used %s gas. If it was a vat that sent the message, with `p+5` as result, and subscribed to it, that one gets `crankcase_deliver(3, ", commas(int64(gas)))
	p := capdata.Export(capdata.Promise, 5)
	notify := capdata.AppendNotify(nil, []capdata.Resolution{{Promise: p, How: capdata.Fulfilled, Data: capdata.CapData{Body: []byte("#1")}}}, false)
	fmt.Fprintf(w, "%d)`:\n\n```\n", len(notify))
	dump(w, notify, []field{{4, "count"}, {4, "more: no"}, {8, "promise p+5"}, {4, "kind 0: fulfilled with data"}, {4, "n: 8 + 2"},
		{4, "slot_count"}, {4, "body_len"}, {2, "#1"}, {6, "padding"}})
	fmt.Fprintf(w, "```\n\nBefore all that came startVat, `crankcase_deliver(1, %d)`:\n\n```\n", len(start))
	dump(w, start, []field{{4, "incarnation"}, {4, "flags: no pipelining"}, {4, "slot_count"}, {4, "body_len"}, {3, "#{}"}})
	w.WriteString("```\n")
	return w.String()
}
