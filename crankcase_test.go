package crankcase_test

import (
	"errors"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/crankcase/crankcase"
	"github.com/crankcase/crankcase/capdata"
	"github.com/crankcase/crankcase/fault"
	guest "github.com/crankcase/crankcase/guests/puppet"
	"github.com/crankcase/crankcase/kernel"
	"github.com/crankcase/crankcase/scenario/puppet"
	"github.com/crankcase/crankcase/sqlitestore"
	"github.com/crankcase/crankcase/worker"
)

func puppets(names ...string) *crankcase.Config {
	c := &crankcase.Config{Vats: map[string]crankcase.Vat{}}
	for _, name := range names {
		c.Vats[name] = crankcase.Vat{Module: guest.Wasm}
	}
	return c
}

func start(t *testing.T, path string, c *crankcase.Config) *crankcase.Kernel {
	t.Helper()
	k, err := crankcase.Start(path, c, crankcase.Options{CacheDir: "-", UnsafeNoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeKernel(t, k) })
	return k
}

func closeKernel(t *testing.T, k *crankcase.Kernel) {
	t.Helper()
	if err := k.Close(); err != nil {
		t.Error(err)
	}
}

func script(t *testing.T, text string) string {
	t.Helper()
	code, err := puppet.Assemble(text)
	if err != nil {
		t.Fatal(err)
	}
	return puppet.Arg(code)
}

// empty fails if anything is in a folder.
func empty(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		t.Errorf("%s was left behind", e.Name())
	}
}

func TestStartLeavesNothingUncommitted(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x.db")
	k := start(t, path, puppets("A"))
	if _, err := k.Call("A", "run", script(t, `resolve <$result 0 '#1' []>`)); err != nil {
		t.Fatal(err)
	}
	if k.Committed() {
		t.Error("it says that it has committed")
	}
	closeKernel(t, k)
	empty(t, dir)

	k = start(t, path, puppets("A"))
	if err := k.Commit(); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Call("A", "run", script(t, `vatstore_set "k" "v"`)); !errors.Is(err, kernel.ErrUnresolved) {
		t.Fatal(err)
	}
	closeKernel(t, k)
	k = start(t, path, puppets("A"))
	if k.Cranks() != 0 || !k.Committed() {
		t.Errorf("%d cranks, committed %v; expected what was committed, no crank", k.Cranks(), k.Committed())
	}
}

func TestStartRefuses(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x.db")
	one := func(v crankcase.Vat) *crankcase.Config {
		return &crankcase.Config{Vats: map[string]crankcase.Vat{"A": v}}
	}
	critical := kernel.VatOptions{OnFault: "pause"}
	var refusal *fault.Refusal
	var value *capdata.ValueError
	for name, c := range map[string]struct {
		config *crankcase.Config
		engine string
		is     error
		as     any
		text   string
	}{
		"engine":     {config: puppets("A"), engine: "v8", is: crankcase.ErrEngine, text: `"v8"`},
		"module":     {config: one(crankcase.Vat{Module: []byte("text"), Path: "a.wasm"}), as: &refusal, text: `vat "A": a.wasm: module refused`},
		"no module":  {config: one(crankcase.Vat{}), as: &refusal, text: `vat "A": module refused`},
		"parameters": {config: one(crankcase.Vat{Module: guest.Wasm, Parameters: struct{}{}}), as: &value, text: `parameters of vat "A"`},
		"reference": {config: one(crankcase.Vat{Module: guest.Wasm, Parameters: capdata.Remotable[capdata.Vref]{Ref: capdata.Root}}),
			is: kernel.ErrBadArgument, text: "have slots"},
		"onFault":   {config: one(crankcase.Vat{Module: guest.Wasm, Options: &critical}), is: kernel.ErrBadArgument, text: `"pause"`},
		"name":      {config: puppets("A B"), is: kernel.ErrBadArgument, text: `"A B"`},
		"bootstrap": {config: &crankcase.Config{Bootstrap: "Z", Vats: puppets("A").Vats}, is: kernel.ErrNoVat, text: `"Z"`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := crankcase.Start(path, c.config, crankcase.Options{Engine: c.engine, CacheDir: "-"})
			if err == nil || c.is != nil && !errors.Is(err, c.is) || c.as != nil && !errors.As(err, c.as) || !strings.Contains(err.Error(), c.text) {
				t.Errorf("error %v; expected %v %T %s", err, c.is, c.as, c.text)
			}
			empty(t, dir)
		})
	}
}

func TestOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	if _, err := crankcase.Open(path, crankcase.Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing database: %v", err)
	}
	if _, err := crankcase.Look(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing database: %v", err)
	}
	s, err := sqlitestore.Open(path, &sqlitestore.Options{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := crankcase.Open(path, crankcase.Options{}); !errors.Is(err, kernel.ErrNotInitialized) {
		t.Errorf("an empty database: %v", err)
	}
	// A start that was killed before its first commit leaves such a one.
	k := start(t, path, puppets("A"))
	if _, err := k.Run(nil); err != nil {
		t.Fatal(err)
	}
	if err := k.Commit(); err != nil {
		t.Fatal(err)
	}
	closeKernel(t, k)
	k, err = crankcase.Open(path, crankcase.Options{CacheDir: "-"})
	if err != nil {
		t.Fatal(err)
	}
	closeKernel(t, k)
	if k.Close() != nil {
		t.Error("a second Close is an error")
	}
}

// TestForeignKernel: a kernel that was not made by Start says nothing of its config.
func TestForeignKernel(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	s, err := sqlitestore.Open(path, &sqlitestore.Options{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	e, err := crankcase.NewEngine("", "-")
	if err != nil {
		t.Fatal(err)
	}
	w, err := worker.New(worker.Config{Engine: e})
	if err != nil {
		t.Fatal(err)
	}
	k, err := kernel.Initialize(s, w, kernel.Genesis{Vats: []kernel.VatConfig{{Name: "A", Module: guest.Wasm}}}, kernel.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(k.Commit(), k.Close(), s.Close(), w.Close(), e.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := crankcase.Start(path, puppets("A"), crankcase.Options{}); !errors.Is(err, crankcase.ErrOtherConfig) {
		t.Errorf("Start: %v", err)
	}
}

func TestCall(t *testing.T) {
	k := start(t, filepath.Join(t.TempDir(), "x.db"), puppets("A", "B"))
	v, err := k.Call("B", "run", script(t, `resolve <$result 0 '#["one",{"two":"+2"},"#undefined"]' []>`))
	if want := []any{"one", map[string]any{"two": big.NewInt(2)}, capdata.Undefined{}}; err != nil || !reflect.DeepEqual(v, want) {
		t.Errorf("%v, %v; expected %v", v, err, want)
	}

	_, err = k.Call("A", "run", script(t, `resolve <$result 1 '#{"#error":"no coin","name":"TypeError"}' []>`))
	var rejected *crankcase.Rejected
	var asData *capdata.Error
	if !errors.As(err, &rejected) || !errors.As(err, &asData) || asData.Message != "no coin" || err.Error() != "rejected: TypeError: no coin" {
		t.Errorf("%v", err)
	}
	_, err = k.Call("A", "run", script(t, `resolve <$result 1 '#["no",5]' []>`))
	if !errors.As(err, &rejected) || err.Error() != `rejected: ["no", 5]` {
		t.Errorf("%v", err)
	}
	var parse *capdata.ParseError
	if _, err = k.Call("A", "run", script(t, `resolve <$result 0 'no smallcaps' []>`)); !errors.As(err, &parse) {
		t.Errorf("%v", err)
	}
	if _, err = k.Call("A", "nothing"); !errors.Is(err, kernel.ErrUnresolved) {
		t.Errorf("%v", err)
	}
	if _, err = k.Call("Z", "nothing"); !errors.Is(err, kernel.ErrNoVat) {
		t.Errorf("%v", err)
	}
	if _, err = k.Call("A", "x", func() {}); !errors.As(err, new(*capdata.ValueError)) {
		t.Errorf("%v", err)
	}
	d, err := k.Dump()
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Promises) != 1 { // of A, which never settled it
		t.Errorf("%d promises are kept, expected 1", len(d.Promises))
	}

	// References go in and come out.
	root, err := k.Root("B")
	if err != nil {
		t.Fatal(err)
	}
	v, err = k.Call("A", "run", script(t, `resolve <$result 0 '#"$0"' [s0]>`), capdata.Remotable[capdata.Kref]{Ref: root})
	if want := (capdata.Remotable[capdata.Kref]{Ref: root}); err != nil || v != want {
		t.Errorf("%v, %v; expected %v", v, err, want)
	}
}

// TestMessagesThatChange: a file that is rewritten while it is played ends the run;
// what came before stays consumed.
func TestMessagesThatChange(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "m.jsonl")
	line := `{"target":"A","method":"m"}` + "\n"
	if err := os.WriteFile(file, []byte(strings.Repeat(line, 3)), 0o644); err != nil {
		t.Fatal(err)
	}
	m, err := crankcase.OpenMessages(file, []string{"A"})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if m.Lines() != 3 {
		t.Errorf("%d lines, expected 3", m.Lines())
	}
	if err := os.WriteFile(file, []byte(line+line+"{}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	k := start(t, filepath.Join(dir, "x.db"), puppets("A"))
	p, err := k.Play(crankcase.PlayOptions{Messages: m})
	if !errors.As(err, new(*crankcase.InputError)) || !strings.Contains(err.Error(), "m.jsonl:3:1") {
		t.Errorf("%v", err)
	}
	if p.Lines != 2 || !k.Committed() {
		t.Errorf("%d lines consumed, committed %v; expected 2, true", p.Lines, k.Committed())
	}
}

func TestFormatValue(t *testing.T) {
	for _, c := range []struct {
		v    any
		want string
	}{
		{"a\nb", "a\nb"},
		{[]any{nil, capdata.Undefined{}, true, 1.5, 1e21, big.NewInt(-3), "q\"", capdata.Symbol("x")}, `[null, undefined, true, 1.5, 1e+21, -3n, "q\"", Symbol(x)]`},
		{map[string]any{"b": "x\ny\n", "a": map[string]any{"n": 1.0, "l": []any{}}}, "a: {l: [], n: 1}\nb:\n  x\n  y"},
		{&capdata.Error{Message: "m"}, "Error: m"},
		{[]any{&capdata.Tagged{Tag: "set", Payload: []any{1.0}}}, "[set([1])]"},
		{capdata.Remotable[capdata.Kref]{Ref: capdata.NewKref(capdata.Object, 20), Iface: "Alleged: purse"}, "[ko20 Alleged: purse]"},
		{capdata.PromiseRef[capdata.Kref]{Ref: capdata.NewKref(capdata.Promise, 40)}, "[promise kp40]"},
	} {
		if got := crankcase.FormatValue(c.v); got != c.want {
			t.Errorf("%#v is shown as %q, expected %q", c.v, got, c.want)
		}
	}
}
