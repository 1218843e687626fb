package wasmtimeengine

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/crankcase/crankcase"
	"github.com/crankcase/crankcase/hostfuncs"
	"github.com/crankcase/crankcase/kernel"
	"github.com/crankcase/crankcase/runtime"
	"github.com/crankcase/crankcase/runtime/wazeroengine"
	"github.com/crankcase/crankcase/scenario"
	"github.com/crankcase/crankcase/sqlitestore"
	"github.com/crankcase/crankcase/worker"
)

// vatEngines returns this engine, wazero's compiler and its interpreter, for
// vats, traced, and closed with the test.
func vatEngines(t *testing.T, every int) (wasmtime, wazero, interpreter *traced) {
	t.Helper()
	host := hostfuncs.HostFuncs()
	all := make([]*traced, 0, 3)
	for _, c := range []wazeroengine.Config{{Host: host}, {Host: host, Interpreter: true}} {
		e, err := wazeroengine.New(c)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, &traced{Engine: e, every: every})
	}
	all = append(all, &traced{Engine: newEngine(t, Config{Host: host}), every: every})
	t.Cleanup(func() {
		for _, e := range all {
			closeAll(t, e)
		}
	})
	return all[2], all[0], all[1]
}

// playScenario returns the answer as text.
func playScenario(t *testing.T, e runtime.Engine, path string) string {
	t.Helper()
	sc, err := scenario.Parse(string(mustRead(path)))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := scenario.Play(sc, e)
	if err != nil {
		t.Fatal(err)
	}
	return scenario.Show(answer) + "\n"
}

// Every scenario gives the oracle's answer, or where this project means to
// differ its own; and the puppets in it do the same, with the same gas and
// memory, as on wazero.
func TestScenarios(t *testing.T) {
	wasmtime, wazero, interpreter := vatEngines(t, 1)
	paths, err := filepath.Glob("../../scenario/testdata/*/*.json")
	if err != nil {
		t.Fatal(err)
	}
	played := 0
	for _, path := range paths {
		base, short := strings.TrimSuffix(path, ".json"), filepath.Base(strings.TrimSuffix(path, ".json"))
		if strings.HasSuffix(base, ".expected") {
			continue
		}
		played++
		answer := base + ".expected.json"
		if scenario.Differences[short] != "" {
			answer = base + ".here"
		}
		got := playScenario(t, wasmtime, path)
		if want := string(mustRead(answer)); got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", short, got, want)
		}
		if playScenario(t, wazero, path) != got {
			t.Errorf("%s: wazero answers otherwise", short)
		}
	}
	if played < 60 {
		t.Errorf("%d scenarios", played)
	}
	sameCalls(t, wasmtime, wazero)
	t.Logf("%d scenarios, %d calls: %s", played, len(wasmtime.calls), wasmtime.summary())

	wasmtime.calls = nil
	for _, short := range []string{"s02-outbound", "s11-vatstore", "s23-trap", "s15e-both-at-once", "s09-pipelined"} {
		path := "../../scenario/testdata/oracle/" + short + ".json"
		if playScenario(t, wasmtime, path) != playScenario(t, interpreter, path) {
			t.Errorf("%s: the interpreter answers otherwise", short)
		}
	}
	sameCalls(t, wasmtime, interpreter)
}

const exchange = "../../examples/exchange/"

var exchangeGenesis = sync.OnceValues(func() (kernel.Genesis, error) {
	c, err := crankcase.LoadConfig(exchange+"crankcase.json", crankcase.BuildGo(io.Discard))
	if err != nil {
		return kernel.Genesis{}, err
	}
	return c.Genesis()
})

// A state is what two machines that run the same have in common.
type state struct{ activity, root [32]byte }

// playExchange runs the exchange's vats, in C and in Go, with the first orders.
// started is called when the vats have started; nil: nothing.
func playExchange(t testing.TB, e runtime.Engine, orders int, started func()) (s state) {
	t.Helper()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	genesis, err := exchangeGenesis()
	check(err)
	store, err := sqlitestore.Open(filepath.Join(t.TempDir(), "kernel.db"), &sqlitestore.Options{Create: true, UnsafeNoSync: true})
	check(err)
	defer func() { check(store.Close()) }()
	workers, err := worker.New(worker.Config{Engine: e, ConsensusMode: true})
	check(err)
	defer func() { check(workers.Close()) }()
	k, err := kernel.Initialize(store, workers, genesis, kernel.Options{})
	check(err)
	defer func() { check(k.Close()) }()
	run := func() {
		t.Helper()
		_, err := k.Run(nil)
		check(err)
	}
	run()
	if started != nil {
		started()
	}
	lines := bufio.NewScanner(bytes.NewReader(mustRead(exchange + "orders.jsonl")))
	for n := 0; n < orders && lines.Scan(); n++ {
		var order struct {
			Target, Method string
			Args           json.RawMessage
		}
		check(json.Unmarshal(lines.Bytes(), &order))
		data, err := crankcase.EncodeCallJSON(order.Method, order.Args)
		check(err)
		root, err := k.Root(order.Target)
		check(err)
		_, err = k.Queue(root, data, kernel.QueueOptions{})
		check(err)
		run()
	}
	check(lines.Err())
	check(k.Commit())
	s.activity = k.ActivityHash()
	s.root, err = k.StateRoot()
	check(err)
	return s
}

// The exchange comes to the same hashes on each engine, and each call of a
// guest on its way to the same results, gas and memory.
func TestExchange(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a Go guest")
	}
	wasmtime, wazero, interpreter := vatEngines(t, 16)
	got, want := playExchange(t, wasmtime, 300, nil), playExchange(t, wazero, 300, nil)
	if got != want {
		t.Errorf("wasmtime %x, wazero %x", got, want)
	}
	sameCalls(t, wasmtime, wazero)
	t.Logf("activityHash %x, stateRoot %x, %d calls: %s", got.activity, got.root, len(wasmtime.calls), wasmtime.summary())

	wasmtime.calls = nil
	got, want = playExchange(t, wasmtime, 5, nil), playExchange(t, interpreter, 5, nil)
	if got != want {
		t.Errorf("wasmtime %x, interpreter %x", got, want)
	}
	sameCalls(t, wasmtime, interpreter)
}
