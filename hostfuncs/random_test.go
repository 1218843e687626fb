package hostfuncs

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/crankcase/crankcase/capdata"
)

// Whatever a guest gives to an import, the worst that comes of it is a guest
// fault; and gas, memory, clock and syscalls are the same with a console that
// panics and without one.
func TestAnyArguments(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	tame := []uint64{0, 1, 2, 3, 4, 8, 48, 100, 1024, 1025, 10_000, 65_000, 65_535, 65_536, 65_537, 1<<31 - 1, 1 << 31, 1<<32 - 1, 1 << 32, 1<<64 - 1}
	imports := Imports()
	count := map[string]int{}
	runs := 3000
	if testing.Short() {
		runs = 500
	}
	for range runs {
		type step struct {
			name string
			args []any
		}
		steps := make([]step, 1+r.IntN(4))
		for i := range steps {
			im := imports[r.IntN(len(imports))]
			steps[i].name = im.Module + "." + im.Name
			for range im.Params {
				v := tame[r.IntN(len(tame))]
				if r.IntN(4) == 0 {
					v = r.Uint64() >> r.IntN(64)
				}
				steps[i].args = append(steps[i].args, v)
			}
		}
		memory := make([]byte, 1<<16)
		if r.IntN(4) > 0 { // mostly small words, so that tables in memory make sense
			for i := 0; i < len(memory); i += 4 {
				if r.IntN(2) == 0 {
					memory[i] = byte(r.Uint32())
				}
			}
		}
		run := func(console Console) string {
			var in *fakeInstance
			rec := &recorder{store: map[string]string{"\x00": "value"}}
			g, err := New(script(func(c *code) {
				in = c.fakeInstance
				copy(c.mem, memory)
				for _, s := range steps {
					c.call(s.name, s.args...)
				}
			}), Options{Console: console, Data: []byte("blob")})
			if err != nil {
				t.Fatal(err)
			}
			used, f, err := g.Deliver(capdata.StartVat, []byte("payload"), testGas, rec)
			if err != nil || used > testGas {
				t.Fatalf("%v: gas %d, %v", steps, used, err)
			}
			end := "ok"
			if f != nil {
				end = f.Code.String()
			}
			count[end]++
			changed := 0
			if !bytes.Equal(in.mem, memory) {
				for i, b := range in.mem {
					changed = changed*31 + i*int(b^memory[i])
				}
			}
			return fmt.Sprint(outcome{used, f, err}, used, changed, in.globals["crankcase.clock"].Get(), rec.log)
		}
		with, without := run(func(uint32, string) { panic("sink") }), run(nil)
		if with != without {
			t.Fatalf("%v:\n%s\n%s", steps, with, without)
		}
	}
	ends := make([]string, 0, len(count))
	for k, c := range count {
		ends = append(ends, fmt.Sprintf("%s %d", k, c/2))
	}
	slices.Sort(ends)
	t.Log(ends)
}
