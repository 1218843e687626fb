package kernel_test

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/crankcase/crankcase/capdata"
	"github.com/crankcase/crankcase/kernel"
	"github.com/crankcase/crankcase/scenario/puppet"
)

// A step is something that a host does to a kernel under test.
type step struct {
	do      string // queue, run, terminate, reap, release, addVat
	target  capdata.Kref
	data    capdata.KernelData
	options kernel.QueueOptions
	cranks  uint64 // run; 0: until idle
	vat     kernel.VatID
	name    string
	vatOpts kernel.VatOptions
	script  string // of queue, for people
}

func (s step) String() string {
	switch s.do {
	case "queue":
		return fmt.Sprintf("queue %v slots=%v %s", s.target, s.data.Slots, s.script)
	case "run":
		return fmt.Sprintf("run %d", s.cranks)
	case "release":
		return fmt.Sprintf("release %v", s.target)
	case "addVat":
		return fmt.Sprintf("addVat %s %+v", s.name, s.vatOpts)
	}
	return fmt.Sprintf("%s v%d", s.do, s.vat)
}

// generator makes steps that mostly are what well-behaved vats and hosts could
// do: it looks at the kernel's tables before each. Some vats break the rules,
// on purpose or because their world has changed when a script runs.
type generator struct {
	rng   *rand.Rand
	d     *kernel.Dump
	kinds map[capdata.Kref]kernel.VatID // owners of objects that can be reached
	fresh int                           // number of the last name made up
	vats  int                           // made so far
	// stale are vats with messages on their way that may take names away.
	stale map[kernel.VatID]bool
}

func (g *generator) one(n int) bool     { return g.rng.IntN(n) == 0 }
func (g *generator) number() int        { g.fresh++; return 100 + g.fresh }
func (g *generator) key() string        { return fmt.Sprintf("k%d", g.rng.IntN(6)) }
func pick[T any](g *generator, s []T) T { return s[g.rng.IntN(len(s))] }

// name is what a script may call something.
type name struct {
	text    string
	promise bool
	decides bool         // of a promise: the vat may settle it
	owner   kernel.VatID // of an object; 0: nobody or not known
}

// world is what a vat has, as the generator knows it.
type world struct {
	vat        kernel.VatID
	pipelining bool
	use        []name // may be sent to, as an argument and so on
	dropped    []name // imports that may be retired
	forgotten  []name // exports that nobody reaches
}

func (g *generator) world(v kernel.VatDump) *world {
	w := &world{vat: v.Vat, pipelining: v.Options.Pipelining}
	deciders := map[capdata.Kref]kernel.VatID{}
	for _, p := range g.d.Promises {
		deciders[p.Kref] = p.Decider
	}
	for _, e := range g.d.KernelTable {
		if e.Vat != v.Vat {
			continue
		}
		n := name{text: e.Vref.String(), promise: e.Vref.Kind() == capdata.Promise, owner: g.kinds[e.Kref]}
		n.decides = n.promise && deciders[e.Kref] == v.Vat
		switch {
		case e.Reachable:
			w.use = append(w.use, n)
		case e.Vref.Exported():
			w.forgotten = append(w.forgotten, n)
		default:
			w.dropped = append(w.dropped, n)
		}
	}
	return w
}

// next makes a step.
func (g *generator) next(d *kernel.Dump) step {
	g.d, g.kinds = d, map[capdata.Kref]kernel.VatID{}
	var alive []kernel.VatDump
	var objects, promises []capdata.Kref
	for _, v := range d.VatTables {
		if !v.Ended {
			alive = append(alive, v)
		}
	}
	for _, o := range d.Objects {
		if o.Reachable > 0 {
			g.kinds[o.Kref] = o.Owner
			objects = append(objects, o.Kref)
		}
	}
	for _, p := range d.Promises {
		promises = append(promises, p.Kref)
	}
	switch {
	case len(alive) < 3 || len(alive) < 5 && g.one(40):
		g.vats++
		o := kernel.VatOptions{Pipelining: g.one(2), ReapInterval: uint64(g.rng.IntN(8)), ReapGCKrefs: uint64(g.rng.IntN(4) * 3)}
		return step{do: "addVat", name: fmt.Sprintf("vat%d", g.vats), vatOpts: o}
	case g.one(200):
		return step{do: "terminate", vat: pick(g, alive).Vat}
	case g.one(25):
		return step{do: "reap", vat: pick(g, alive).Vat}
	case g.one(10) && len(promises) > 0:
		return step{do: "release", target: pick(g, promises)}
	case g.one(3):
		s := step{do: "run"}
		if g.one(2) {
			s.cranks = uint64(1 + g.rng.IntN(8))
		} else {
			g.stale = map[kernel.VatID]bool{}
		}
		return s
	}
	v := pick(g, alive)
	s := step{do: "queue", options: kernel.QueueOptions{NoResult: g.one(3), Watch: g.one(3), OnReject: kernel.RejectPolicy(g.rng.IntN(2))}}
	var slots []name
	for range g.rng.IntN(3) {
		if g.one(3) && len(promises) > 0 {
			s.data.Slots = append(s.data.Slots, pick(g, promises))
			slots = append(slots, name{promise: true})
		} else {
			r := pick(g, objects)
			s.data.Slots = append(s.data.Slots, r)
			slots = append(slots, name{owner: g.kinds[r]})
		}
	}
	for i := range slots {
		slots[i].text = fmt.Sprintf("s%d", i)
	}
	root := capdata.Kref(0)
	for _, e := range d.KernelTable {
		if e.Vat == v.Vat && e.Vref == capdata.Root {
			root = e.Kref
		}
	}
	if root == 0 || g.one(12) { // for somebody: nobody knows whose world that is
		s.target = pick(g, append(objects, promises...))
		s.script = g.received(0, slots, !s.options.NoResult, 2)
	} else {
		s.target = root
		if !g.stale[v.Vat] || g.one(8) {
			s.script = g.script(g.world(v))
			g.stale[v.Vat] = true
		}
		s.script += g.received(v.Vat, slots, !s.options.NoResult, 2)
	}
	script, err := puppet.Assemble(s.script)
	if err != nil {
		panic(fmt.Sprintf("%v\n%s", err, s.script))
	}
	s.data.Body = puppet.Body("run", script)
	return s
}

// script does a few things with what a vat has.
func (g *generator) script(w *world) string {
	var b strings.Builder
	for range 1 + g.rng.IntN(4) {
		g.operation(&b, w)
	}
	return b.String()
}

// made adds a new export to a world.
func (g *generator) made(w *world, promise bool) name {
	n := name{text: fmt.Sprintf("o+%d", g.number()), owner: w.vat}
	if promise {
		n = name{text: fmt.Sprintf("p+%d", g.number()), promise: true, decides: true}
	}
	w.use = append(w.use, n)
	return n
}

// anything is a name that a vat may mention.
func (g *generator) anything(w *world) name {
	if len(w.use) == 0 || g.one(4) {
		return g.made(w, g.one(2))
	}
	return pick(g, w.use)
}

func (g *generator) slots(w *world) (names []name, list string) {
	for range g.rng.IntN(4) {
		n := g.anything(w)
		names = append(names, n)
		list += n.text + " "
	}
	return names, "[" + list + "]"
}

// take removes and returns a name that fits, or "".
func take(g *generator, from *[]name, fits func(name) bool) (name, bool) {
	var at []int
	for i, n := range *from {
		if fits(n) {
			at = append(at, i)
		}
	}
	if len(at) == 0 {
		return name{}, false
	}
	i := pick(g, at)
	n := (*from)[i]
	*from = append(append([]name(nil), (*from)[:i]...), (*from)[i+1:]...)
	return n, true
}

func (g *generator) operation(b *strings.Builder, w *world) {
	any := func(name) bool { return true }
	switch g.rng.IntN(20) {
	case 0, 1, 2, 3, 4, 5:
		g.send(b, w)
	case 6, 7:
		for _, n := range w.use {
			if n.promise && g.one(2) {
				fmt.Fprintf(b, "subscribe %s; ", n.text)
				return
			}
		}
	case 8, 9, 10:
		g.resolve(b, w)
	case 11, 12:
		if n, ok := take(g, &w.use, func(n name) bool { return strings.HasPrefix(n.text, "o-") }); ok {
			fmt.Fprintf(b, "drop_imports [%s]; ", n.text)
			w.dropped = append(w.dropped, n)
			if g.one(2) {
				return
			}
		}
		fallthrough
	case 13:
		if n, ok := take(g, &w.dropped, any); ok {
			fmt.Fprintf(b, "retire_imports [%s]; ", n.text)
		}
	case 14:
		if n, ok := take(g, &w.forgotten, any); ok {
			fmt.Fprintf(b, "retire_exports [%s]; ", n.text)
		}
	case 15:
		fmt.Fprintf(b, "vatstore_set %q \"v%d\"; vatstore_get %q; vatstore_next_key %q; ", g.key(), g.fresh, g.key(), g.key())
	case 16:
		fmt.Fprintf(b, "vatstore_delete %q; vatstore_next_key \"\"; ", g.key())
	case 17:
		b.WriteString(pick(g, []string{
			"on dropExports { retire_exports $slots }; ", "on dropExports { }; ",
			"on notify { vatstore_set \"n\" $body; add r4 1 }; ", "on notify { set r7 s0 }; ", "on bringOutYourDead { add r5 1; print r5 }; ",
		}))
	case 18:
		fmt.Fprintf(b, "burn %d; print r4; ", g.rng.IntN(500))
	default:
		g.rare(b, w)
	}
}

// rare is what ends vats, and what is unusual but allowed.
func (g *generator) rare(b *strings.Builder, w *world) {
	switch g.rng.IntN(48) {
	case 0:
		b.WriteString("trap; ")
	case 1:
		b.WriteString("exit 0 '#\"well\"' []; ")
	case 2:
		b.WriteString("exit 1 '#\"ill\"' []; ")
	case 3:
		b.WriteString("return 1; ")
	case 4:
		b.WriteString("send o-9999 '#[\"x\",[]]' []; ")
	case 5:
		b.WriteString("retire_exports [o+0]; ")
	case 6:
		b.WriteString("resolve <p-9999 0 '' []>; ")
	case 7, 8, 9:
		if n, ok := take(g, &w.use, func(n name) bool { return strings.HasPrefix(n.text, "o+") }); ok {
			fmt.Fprintf(b, "abandon_exports [%s]; ", n.text)
		}
	default:
		n := g.made(w, true)
		fmt.Fprintf(b, "send %s '#[\"early\",[]]' []; subscribe %s; ", n.text, n.text)
	}
}

func (g *generator) send(b *strings.Builder, w *world) {
	target := g.anything(w)
	names, list := g.slots(w)
	result := "none"
	switch {
	case g.one(3):
	case w.pipelining && g.one(3):
		for i, n := range w.use {
			if n.decides && n.text != target.text {
				result, w.use[i].decides = n.text, false
				break
			}
		}
	default:
		result = fmt.Sprintf("p+%d", g.number())
		defer func() { w.use = append(w.use, name{text: result, promise: true}) }()
	}
	for i := range names {
		names[i].text = fmt.Sprintf("s%d", i)
	}
	receiver := target.owner
	if target.promise {
		receiver = 0
	}
	fmt.Fprintf(b, "send %s @m{ %s } %s %s; ", target.text, g.received(receiver, names, result != "none", 2), list, result)
	if result != "none" && g.one(2) {
		fmt.Fprintf(b, "subscribe %s; ", result)
	}
}

// resolve settles one to three promises that a vat decides, in one batch.
func (g *generator) resolve(b *strings.Builder, w *world) {
	var batch, mine string
	var ended []name
	for range 1 + g.rng.IntN(3) {
		n, ok := take(g, &w.use, func(n name) bool { return n.decides })
		if !ok {
			break
		}
		ended = append(ended, n)
		mine += n.text + " "
	}
	for _, n := range ended {
		_, list := g.slots(w)
		if g.one(3) { // the batch's own promises, in data
			list = "[" + mine + "]"
		}
		how := "data"
		if g.one(4) {
			how = "rejected"
		}
		if g.one(3) {
			how, list = "object", "["+g.object(w)+"]"
		}
		batch += fmt.Sprintf("%s %s '#%d' %s ", n.text, how, g.number(), list)
	}
	if len(ended) > 0 {
		fmt.Fprintf(b, "resolve <%s>; ", batch)
	}
}

// object is an object that a vat may mention.
func (g *generator) object(w *world) string {
	for range 4 {
		if n := g.anything(w); !n.promise {
			return n.text
		}
	}
	return g.made(w, false).text
}

// received is a script for whoever gets a message with these slots: it knows no names but
// those. vat is the receiver, if it is known.
func (g *generator) received(vat kernel.VatID, slots []name, result bool, depth int) string {
	w := &world{vat: vat, use: append([]name(nil), slots...)}
	for i := range w.use {
		w.use[i].decides = false // not by the receiver
	}
	var b strings.Builder
	for range g.rng.IntN(3) {
		switch g.rng.IntN(6) {
		case 0, 1:
			if depth > 0 {
				g.forward(&b, w, depth-1)
			}
		case 2:
			for _, n := range w.use {
				if n.promise {
					fmt.Fprintf(&b, "subscribe %s; ", n.text)
				}
			}
		case 3:
			if n, ok := take(g, &w.use, func(n name) bool { return !n.promise && vat != 0 && n.owner != 0 && n.owner != vat }); ok {
				b.WriteString("drop_imports [" + n.text + "]; ")
				if g.one(2) {
					b.WriteString("retire_imports [" + n.text + "]; ")
				}
			}
		default:
			fmt.Fprintf(&b, "vatstore_set %q \"r%d\"; ", g.key(), g.fresh)
		}
	}
	if result && !g.one(3) {
		how, list := "data", ""
		if len(w.use) > 0 && g.one(2) {
			list = pick(g, w.use).text
		}
		if g.one(4) {
			how = "rejected"
		} else if g.one(3) {
			how, list = "object", g.object(w)
		}
		fmt.Fprintf(&b, "ifne $result 0 { resolve <$result %s '#\"r\"' [%s]> }; ", how, list)
	}
	return b.String()
}

// forward sends on what was received.
func (g *generator) forward(b *strings.Builder, w *world, depth int) {
	target := g.anything(w)
	names, list := g.slots(w)
	for i := range names {
		names[i].text = fmt.Sprintf("s%d", i)
	}
	result := "none"
	if g.one(2) {
		result = fmt.Sprintf("p+%d", g.number())
	}
	receiver := target.owner
	if target.promise {
		receiver = 0
	}
	fmt.Fprintf(b, "send %s @f{ %s } %s %s; ", target.text, g.received(receiver, names, result != "none", depth), list, result)
}
