package guests_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/crankcase/crankcase/capdata"
	"github.com/crankcase/crankcase/kernel"
)

// buildGo builds a Go vat as the documentation says.
func buildGo(t *testing.T, folder string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "guest.wasm")
	build := exec.Command("go", "build", "-buildmode=c-shared", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=", "-o", out, folder)
	build.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "GOFLAGS=")
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return out
}

func TestGoInWasm(t *testing.T) {
	v := startVat(t, newWorkers(t), buildGo(t, "./go/testdata/probe"), 1)

	v.message(capdata.Root, p(60), `#["spawn",[]]`)
	v.message(capdata.Root, p(61), `#["feed",[5]]`)
	expect(t, "fed", v.answer(p(61)), `fulfilled #"#undefined" []`)
	v.message(capdata.Root, p(62), `#["seen",[]]`)
	expect(t, "the goroutine has run", v.answer(p(62)), `fulfilled #[0,1,2,3,4] []`)

	v.message(capdata.Root, p(63), `#["ask",["$0"]]`, o(50))
	v.message(capdata.Root, p(64), `#["ask",["$0"]]`, o(50))
	v.notify([]capdata.Resolution{data(pp(2), capdata.Fulfilled, `#"second"`)})
	v.notify([]capdata.Resolution{data(pp(1), capdata.Rejected, `#{"#error":"no","name":"Error"}`)})
	expect(t, "first", v.answer(p(63)), `rejected #{"#error":"no","name":"Error"} []`)
	expect(t, "second", v.answer(p(64)), `fulfilled #["second"] []`)
	v.reap()
	expect(t, "dropped", v.drops, []capdata.Vref{o(50)})

	// Any body that is read leaves more than half of the gas.
	v.limit = kernel.DefaultGasLimit / 2
	for i, fill := range []string{"1,", "[],", `"",`, `{"a":1},`, `"\u0041",`, `1e18,`, `0.5,`} {
		head, tail := `#["nothing",[`, `0]]`
		body := head + strings.Repeat(fill, (32<<10-len(head)-len(tail))/len(fill)) + tail
		result := p(100 + uint64(i))
		v.message(capdata.Root, result, body)
		t.Logf("%q: %d gas", fill, v.gas)
		expect(t, fill, v.answer(result), `rejected #{"#error":"no such method","name":"Error"} []`)
	}
	v.limit = kernel.DefaultGasLimit
	slots := []capdata.Vref{}
	for n := range uint64(5000) {
		slots = append(slots, o(1000+n), p(100000+n))
	}
	v.message(capdata.Root, p(200), `#["nothing",[]]`, slots...)
	t.Logf("10000 references: %d gas", v.gas)
	v.reap()
	expect(t, "dropped", len(v.drops), 5001)

	// A method that waits for what never comes ends the vat, in the same way everywhere.
	f := v.deliver(capdata.Message, capdata.AppendMessage(nil, capdata.Root, 0, capdata.CapData{Body: []byte(`#["stuck",[]]`)}))
	if f == nil {
		t.Fatal("a deadlock went unnoticed")
	}
	t.Log(f)
}
