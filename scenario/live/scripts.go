package main

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"strings"

	"github.com/crankcase/crankcase/runtime"
	"github.com/crankcase/crankcase/scenario"
	"github.com/crankcase/crankcase/scenario/jsjson"
)

// Random scripts try the language rather than the kernel: operands of any type
// in any place, deep nesting, odd strings. They leave out what the two kernels
// are known to do differently (empty keys and values, bodies that are not smallcaps).

type writer struct {
	*rand.Rand
	fresh int
}

func (w *writer) pick(of ...string) string { return of[w.IntN(len(of))] }

func (w *writer) number() string {
	return w.pick("0", "1", "2", "3", "-1", "0x10", "007", "18446744073709551617", "none", "o-50", "o+7", "p+5", "s0", "s1", "s9", "r0", "r1", "r2", "r19", "$result", "$target", "$kind", "$nslots")
}

func (w *writer) ref() string {
	w.fresh++
	return w.pick("s0", "s1", "o-50", "o+0", fmt.Sprintf("o+%d", 100+w.fresh), fmt.Sprintf("p+%d", 100+w.fresh))
}

func (w *writer) list() string {
	out := make([]string, w.IntN(4))
	for i := range out {
		out[i] = w.ref()
		if w.IntN(30) == 0 {
			out[i] = w.operand(0)
		}
	}
	return "[" + strings.Join(out, w.pick(" ", ",", "; ")) + "]"
}

func (w *writer) text() string {
	return w.pick(`'#"a"'`, `"#\"b\""`, `'key'`, `x"4142ff"`, `'é😀'`, `'#["m",[]]'`, `"#[\"n\",[\"0T:print 41\"]]"`, `'#["run",["print 42"]]'`, `"#[\"n\",[\"0T:print \\\"x\\\"\"]]"`, `$ans`, `$body`)
}

func (w *writer) block(depth int) string {
	if depth > 4 {
		return "{ print 1 }"
	}
	return w.pick("{", "@tag{", "@run{", "{") + " " + w.script(depth+1) + " }"
}

func (w *writer) operand(depth int) string {
	switch w.IntN(6) {
	case 0:
		return w.text()
	case 1:
		return w.list()
	case 2:
		return w.block(depth)
	case 3:
		if w.IntN(20) == 0 {
			return "(" + w.text() + " [])"
		}
		return "<" + w.number() + " 0 '#1' []>"
	}
	return w.number()
}

// or gives mostly what fits, sometimes anything.
func (w *writer) or(fits string, depth int) string {
	if w.IntN(25) == 0 {
		return w.operand(depth)
	}
	return fits
}

func (w *writer) op(depth int) string {
	key := w.pick(`"k1"`, `"k2"`, `'é'`, `x"ff"`)
	switch w.IntN(20) {
	case 0, 1, 2:
		w.fresh++
		return fmt.Sprintf("send %s %s %s %s", w.or(w.pick("o-50", "o+0", "s0"), depth), w.or(w.pick(w.text(), w.block(depth), w.block(depth)), depth), w.or(w.list(), depth), w.pick("", "none", fmt.Sprintf("p+%d", 500+w.fresh)))
	case 3:
		return "subscribe " + w.or("s1", depth)
	case 4:
		return "resolve <$result " + w.pick("0", "1", "r7") + ` '#"d"' ` + w.list() + ">"
	case 5:
		return "resolve <$result 2 " + w.pick("''", `"x"`, "5") + " [" + w.pick("o-50", "o+3", "s0") + "]>"
	case 6:
		return "vatstore_set " + key + " " + w.or(w.pick(w.text(), w.block(depth)), depth)
	case 7:
		return "vatstore_get " + key
	case 8:
		return "vatstore_next_key " + w.pick(`""`, key, "0")
	case 9:
		return "vatstore_delete " + key
	case 10:
		return "console " + w.operand(depth) + " " + w.or(w.text(), depth)
	case 11:
		return "set " + w.pick("r0", "r1", "r2", "r18") + " " + w.or(w.number(), depth)
	case 12:
		return "add r1 " + w.or(w.number(), depth)
	case 13:
		return "on " + w.pick("notify", "message", "dropExports", "bringOutYourDead", "retireImports") + " " + w.or(w.block(depth), depth)
	case 14:
		return "repeat " + w.or(w.pick("0", "1", "2", "3", "$nslots"), depth) + " " + w.or(w.block(depth), depth)
	case 15:
		return w.pick("ifeq ", "ifne ") + w.or(w.number(), depth) + " " + w.or(w.number(), depth) + " " + w.or(w.block(depth), depth)
	case 16:
		return "echo " + w.pick("0", "1", "1", "1", "2", "3")
	case 17:
		return "run " + w.or(w.block(depth), depth)
	case 18:
		return w.pick("fill 3", "fill 600", "burn 10", "burn", "return 0", "exit 0 '#1' []", "exit r1 '#2' [] ", "trap", "drop_imports [o-50]", "drop_imports []", "print 5")
	}
	return "print " + w.or(w.pick(w.number(), w.text(), "$slots", w.list()), depth)
}

func (w *writer) script(depth int) string {
	out := make([]string, w.IntN(5))
	for i := range out {
		out[i] = w.op(depth)
	}
	return strings.Join(out, w.pick("; ", "\n", " ;; ", " // note\n"))
}

// scripted makes a scenario of random scripts.
func scripted(seed uint64) string {
	w := &writer{Rand: rand.New(rand.NewPCG(seed, 1))}
	vats := w.pick(`{"A":{},"B":{}}`, `{"A":{"pipelining":true},"B":{"reapInterval":2}}`, `{"B":{"pipelining":true},"A":{"reapInterval":1}}`)
	var b strings.Builder
	fmt.Fprintf(&b, `{"name":"s%d","vats":%s,"exports":["A:o+0","B:o+0"],"links":[["A","o-50","B","o+5"],["B","o-50","A","o+5"]],"steps":[`, seed, vats)
	for i := range 2 + w.IntN(3) {
		fmt.Fprintf(&b, `{"queue":[%q,"o+0",%s,["B:o+5","A:o+5"]],"as":"r%d","watch":true,"tag":"tag%d"},`, w.pick("A", "B"), jsjson.Quote(w.script(0)), i, i)
	}
	b.WriteString(w.pick(`{"step":3},{"dump":"d"},`, "") + `{"step":80}]}`) // not until idle: vats may talk for ever
	return b.String()
}

// compareScripts plays scenarios of random scripts on both sides.
func compareScripts(oracle string, engine runtime.Engine, seed, n int) (bad int, err error) {
	if oracle == "" {
		return 0, errors.New("ORACLE is not set: the path of the oracle's folder")
	}
	cmd := exec.Command("node", "oracle.mjs", "--jsonl")
	cmd.Dir = oracle
	in, err := cmd.StdinPipe()
	if err != nil {
		return 0, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, in.Close(), cmd.Wait()) }()
	answers := bufio.NewReaderSize(out, 1<<20)
	same, panics := 0, 0
	for i := seed; i < seed+n; i++ {
		text := scripted(uint64(i))
		if _, err := fmt.Fprintln(in, text); err != nil {
			return bad, err
		}
		line, err := answers.ReadString('\n')
		if err != nil {
			return bad, fmt.Errorf("oracle: %w", err)
		}
		want, err := jsjson.Parse(line)
		if err != nil {
			return bad, fmt.Errorf("oracle: %w", err)
		}
		theirs, _ := want.(*jsjson.Object)
		sc, err := scenario.Parse(text)
		if err != nil {
			return bad, err
		}
		got, err := scenario.Play(sc, engine)
		var x, y string
		if err != nil {
			y = err.Error()
		} else {
			y = scenario.Show(got)
		}
		if e, ok := theirs.Get("error"); ok {
			x = fmt.Sprint(e)
			if err != nil && strings.HasSuffix(y, x) {
				y = x
			}
		} else {
			x = scenario.Show(want)
		}
		switch _, panicked := theirs.Get("panic"); {
		case x == y:
			same++
		case panicked: // a guest that panics SwingSet
			panics++
		default:
			bad++
			fmt.Printf("seed %d differs: %s\n%s", i, text, parting(x, y))
		}
	}
	fmt.Printf("scripts %d: %d the same, %d panicked there, %d bad\n", n, same, panics, bad)
	return bad, nil
}
