package worker

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/crankcase/crankcase/capdata"
	"github.com/crankcase/crankcase/kernel"
	"github.com/crankcase/crankcase/scenario/puppet"
)

// seeds are scripts that random ones are made from: good ones and bad ones.
var seeds = []string{
	`read &$scratch 0 8; show &$scratch 8`, `read 0 0 0xffffffff`, `send o-50 "hi" [o+7 o-51 p+5] p+6`, `send 6 ""`,
	`resolve <$result 0 "ok" [o-50] p+5 rejected "no" [p+5]>`, `resolve &[$result 3 0 0] 1`, `exit 1 "no" [o-50]`,
	`set r2 1; vatstore_get "k"; answer &$scratch 1 3`, `vatstore_get "k" &$scratch 2`, `vatstore_next_key ""; vatstore_next_key $ans`,
	`vatstore_set "a" $body; vatstore_delete "a"`, `drop_imports [o-51 o-50]; abandon_exports [o+3]`, `call_now d-70 "hi" [o-50]; print a0`,
	`bundle_len; bundle_read &$scratch 4 4`, `console 99 0xfffffff0 100`, `fault "x"`, `float 3; float 7; grow 3; grow 5000; print $memsize`,
	`repeat 40 { add r1 3; vatstore_set "n" "v" }`, `recurse 100; recurse 3000`, `spin`, `peek 0xffffffff`, `poke 70000 255`,
	`on notify { print r15 }; echo 3; print 1`, `return 5`, `trap`, `fill 5000; vatstore_set "x" $ans`, `burn 100000`,
}

// randomScript makes a body that carries a script, which may be any bytes.
func randomScript(r *rand.Rand) []byte {
	var b []byte
	if r.IntN(3) == 0 {
		seed, err := puppet.Assemble(seeds[r.IntN(len(seeds))])
		if err != nil {
			panic(err)
		}
		for n := r.IntN(4); n > 0 && len(seed) > 0; n-- {
			seed[r.IntN(len(seed))] = byte(r.Uint32())
		}
		b = seed
	}
	tame := []uint64{0, 1, 2, 3, 8, 16, 32, 800, 816, 832, 962, 978, 83, 147, 1124, 49, 65, 100, 1 << 16, 1<<31 - 1, 1 << 31, 1<<32 - 1, 1 << 63}
	for n := r.IntN(8); n > 0; n-- {
		if r.IntN(3) == 0 {
			b = append(b, byte(32+r.IntN(24)))
		} else {
			b = append(b, byte(1+r.IntN(19)))
		}
		for m := r.IntN(7); m > 0; m-- {
			switch r.IntN(5) {
			case 0:
				b = append(b, byte(r.Uint32()))
			case 1:
				b = append(b, 3, byte(r.IntN(4)), 'k', 'k')
			case 2:
				b = append(b, byte(4+r.IntN(18)))
			default:
				b = binary.AppendUvarint(append(b, 0), tame[r.IntN(len(tame))])
			}
		}
	}
	return puppet.Raw(b)
}

// A pair is the same puppet on the compiler and on the interpreter.
type pair struct {
	workers [2]*Workers
	bundles [2]kernel.Bundle
	console []string
}

func pairOf(t testing.TB) *pair {
	p := &pair{}
	for i := range p.workers {
		// One has a console and the other is in consensus mode.
		p.workers[i] = workersFor(t, Config{Engine: engineFor(t, i == 1), ConsensusMode: i == 1, Console: consoleTo(&p.console)})
		p.bundles[i] = prepared(t, p.workers[i], file(t, puppetFile))
		p.bundles[i].Data = []byte("the data blob")
	}
	return p
}

// run delivers the bodies, one after the other until one faults, on both and
// compares all that can be seen: outcomes with gas, syscalls, memory, globals.
func (p *pair) run(t testing.TB, bodies ...[]byte) string {
	var seen [2]string
	var last string
	for i, w := range p.workers {
		p.console = p.console[:0]
		k, err := w.Spawn(kernel.VatSpec{ID: 1, Bundle: p.bundles[i]})
		if err != nil {
			t.Fatal(err)
		}
		v := &vat{t: t, worker: k.(*worker), sys: &recorder{store: map[string]string{"k": "value", "kk": ""}}}
		v.start("")
		for _, b := range bodies {
			o := v.message(b, 200_000)
			if o.err != nil {
				t.Fatalf("%x: %v", b, o.err)
			}
			seen[i] += fmt.Sprintln(o, o.GasUsed, v.memory())
			if last = "ok"; o.Fault != nil {
				last = o.Fault.Code.String()
				break
			}
		}
		if last == "ok" {
			o := v.deliver(capdata.BringOutYourDead, nil, 200_000) // saved scripts
			seen[i] += fmt.Sprintln(o, o.GasUsed, v.memory())
		}
		seen[i] += strings.Join(v.sys.log, "\n")
		v.close()
	}
	if seen[0] != seen[1] {
		t.Fatalf("%x: the engines differ:\n%s\n%s", bodies, seen[0], seen[1])
	}
	return last
}

// Any bytes are a script; the worst that comes of it is a guest fault, the same
// on both engines.
func TestRandomScripts(t *testing.T) {
	limit := 2 * time.Second
	if testing.Short() {
		limit = 300 * time.Millisecond
	}
	p := pairOf(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	count := map[string]int{}
	n := 0
	for end := time.Now().Add(limit); time.Now().Before(end) || n < 20; n++ {
		bodies := make([][]byte, 1+r.IntN(3))
		for i := range bodies {
			bodies[i] = randomScript(r)
		}
		count[p.run(t, bodies...)]++
	}
	var ends []string
	for k, c := range count {
		ends = append(ends, fmt.Sprintf("%s %d", k, c))
	}
	slices.Sort(ends)
	t.Logf("%d vats: %v", n, ends)
}

func FuzzScripts(f *testing.F) {
	for _, s := range seeds {
		b, err := puppet.Assemble(s)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	p := pairOf(f)
	f.Fuzz(func(t *testing.T, b []byte) { p.run(t, puppet.Raw(b)) })
}
