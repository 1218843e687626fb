package kernel_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/crankcase/crankcase/capdata"
	"github.com/crankcase/crankcase/kernel"
	"github.com/crankcase/crankcase/scenario/puppet"
)

// The golden scripts in testdata are the kernel's behaviour as a person reads
// it: vats are puppets, whose messages are scripts of syscalls. Commands:
//
//	vats A B:pipelining C:reap=3 D:critical   a new kernel with these vats (names in order are v1, v2, ...)
//	export A:o+0 ...                          exports, pinned
//	link A o-50 B o+5 [nopin]                 A imports B's object
//	queue A:o+0 [as=r1] [watch] [policy=panic] [slots=(B:o+5 @r1)] [tag=foo] [body] [noresult]
//	                                          a message whose input is a script (with body: a body)
//	run [cranks=N] [gas=N]                    cranks until idle; shows what the vats wrote
//	terminate A reason, reap A
//	release r1, status r1
//	dump [objects promises clists queues vatstore gc dirt]
//	commit, reopen
//
// Each script is played as it stands, and again on the other engine, with the
// process ended after each crank, and with one vat online at a time: the output
// has to be the same to the letter.
func TestGolden(t *testing.T) {
	for _, way := range []struct {
		name  string
		setup setup
	}{
		{"wazero", setup{}},
		{"interpreter", setup{interpreter: true}},
		{"restarts", setup{restarts: true}},
		{"one online", setup{online: 1}},
	} {
		t.Run(way.name, func(t *testing.T) {
			datadriven.Walk(t, "testdata/golden", func(t *testing.T, path string) {
				g := &golden{t: t, setup: way.setup}
				defer func() { g.close() }()
				datadriven.RunTest(t, path, g.command)
			})
		})
	}
}

type golden struct {
	t     *testing.T
	setup setup
	*bed
	vats    map[string]kernel.VatID
	results map[string]capdata.Kref
}

func (g *golden) close() {
	if g.bed != nil {
		g.bed.close()
		g.bed = nil
	}
}

func (g *golden) command(t *testing.T, d *datadriven.TestData) string {
	out, err := g.do(d)
	if err != nil {
		out += fmt.Sprintf("error: %v\n", err)
	}
	return out
}

func (g *golden) do(d *datadriven.TestData) (string, error) {
	if d.Cmd != "vats" && g.bed == nil {
		return "", errors.New("a script begins with vats")
	}
	switch d.Cmd {
	case "vats":
		g.close()
		g.bed = newBed(g.t, g.setup)
		g.vats, g.results = map[string]kernel.VatID{}, map[string]capdata.Kref{}
		for _, a := range d.CmdArgs {
			name, opts, _ := strings.Cut(a.String(), ":")
			var o kernel.VatOptions
			for _, s := range strings.Split(opts, ":") {
				switch key, value, _ := strings.Cut(s, "="); key {
				case "pipelining":
					o.Pipelining = true
				case "critical":
					o.Critical = true
				case "reap":
					n, err := strconv.ParseUint(value, 10, 64)
					if err != nil {
						return "", err
					}
					o.ReapInterval = n
				case "gas":
					n, err := strconv.ParseUint(value, 10, 64)
					if err != nil {
						return "", err
					}
					o.GasLimit = n
				case "":
				default:
					return "", fmt.Errorf("no option %q", s)
				}
			}
			id, err := g.k.Harness().AddVat(name, g.puppet, o, false)
			if err != nil {
				return "", err
			}
			g.vats[name] = id
		}
		g.lines = nil // of startVat
		return "", g.k.Commit()
	case "export":
		var out []string
		for _, a := range d.CmdArgs {
			vat, v, err := g.vref(a.String())
			if err != nil {
				return "", err
			}
			r, err := g.k.Harness().AddExport(vat, v, true)
			if err != nil {
				return "", err
			}
			out = append(out, r.String())
		}
		return strings.Join(out, " ") + "\n", nil
	case "link":
		a := args(d)
		vat, v, err := g.vref(a[2] + ":" + a[3])
		if err != nil {
			return "", err
		}
		r, err := g.k.Harness().AddExport(vat, v, len(a) < 5)
		if err != nil {
			return "", err
		}
		got, err := g.k.Harness().AddImport(g.vats[a[0]], r)
		if err != nil {
			return "", err
		}
		if got.String() != a[1] {
			return "", fmt.Errorf("%s got %v, not %s", a[0], got, a[1])
		}
		return r.String() + "\n", nil
	case "queue":
		return g.queue(d)
	case "run":
		return g.run(d)
	case "terminate":
		a := args(d)
		return "", g.k.TerminateVat(g.vats[a[0]], strings.Join(a[1:], " "))
	case "reap":
		return "", g.k.Harness().Reap(g.vats[args(d)[0]])
	case "status":
		r := g.results[args(d)[0]]
		s, err := g.k.PromiseStatus(r)
		if err != nil || s != kernel.PromiseFulfilled && s != kernel.PromiseRejected {
			return fmt.Sprintf("%v %s\n", r, s), err
		}
		how, data, err := g.k.PromiseResult(r)
		kind := ""
		if how == capdata.ToObject {
			kind = " to an object"
		}
		return fmt.Sprintf("%v %s%s %s %v\n", r, s, kind, data.Body, data.Slots), err
	case "release":
		return "", g.k.Release(g.results[args(d)[0]])
	case "commit":
		return "", g.k.Commit()
	case "reopen":
		return "", g.reopen()
	case "dump":
		d2, err := g.k.Dump()
		if err != nil {
			return "", err
		}
		return g.dump(d2, args(d)), nil
	}
	return "", fmt.Errorf("no command %q", d.Cmd)
}

func args(d *datadriven.TestData) (out []string) {
	for _, a := range d.CmdArgs {
		out = append(out, a.String())
	}
	return out
}

func (g *golden) vref(s string) (kernel.VatID, capdata.Vref, error) {
	name, ref, _ := strings.Cut(s, ":")
	id, ok := g.vats[name]
	if !ok {
		return 0, 0, fmt.Errorf("no vat %q", name)
	}
	v, err := capdata.ParseVref(ref)
	return id, v, err
}

// ref finds A:o+5 in A's c-list, exporting it if it is new, @r1, ko20 or kp40.
func (g *golden) ref(s string) (capdata.Kref, error) {
	if name, ok := strings.CutPrefix(s, "@"); ok {
		return g.results[name], nil
	}
	if !strings.Contains(s, ":") {
		return capdata.ParseKref(s)
	}
	vat, v, err := g.vref(s)
	if err != nil {
		return 0, err
	}
	r, err := g.k.Harness().Lookup(vat, v)
	if err == nil && r == 0 {
		r, err = g.k.Harness().AddExport(vat, v, true)
	}
	return r, err
}

func (g *golden) queue(d *datadriven.TestData) (string, error) {
	target, err := g.ref(d.CmdArgs[0].String())
	if err != nil {
		return "", err
	}
	var o kernel.QueueOptions
	data := capdata.KernelData{}
	tag, name, raw := "run", "", false
	for _, a := range d.CmdArgs[1:] {
		switch a.Key {
		case "as":
			name = a.Vals[0]
		case "watch":
			o.Watch = true
		case "noresult":
			o.NoResult = true
		case "body":
			raw = true
		case "tag":
			tag = a.Vals[0]
		case "policy":
			o.OnReject = map[string]kernel.RejectPolicy{"ignore": kernel.Ignore, "log": kernel.Log, "panic": kernel.Panic}[a.Vals[0]]
		case "slots":
			for _, s := range strings.Fields(strings.Join(a.Vals, " ")) {
				r, err := g.ref(s)
				if err != nil {
					return "", err
				}
				data.Slots = append(data.Slots, r)
			}
		default:
			return "", fmt.Errorf("queue has no %q", a.Key)
		}
	}
	data.Body = []byte(d.Input)
	if !raw {
		script, err := puppet.Assemble(d.Input)
		if err != nil {
			return "", err
		}
		data.Body = puppet.Body(tag, script)
	}
	r, err := g.k.Queue(target, data, o)
	if err != nil {
		return "", err
	}
	if name != "" {
		g.results[name] = r
	}
	return r.String() + "\n", nil
}

func (g *golden) run(d *datadriven.TestData) (string, error) {
	left := uint64(0)
	var gas uint64
	for _, a := range d.CmdArgs {
		n, err := strconv.ParseUint(a.Vals[0], 10, 64)
		if err != nil {
			return "", err
		}
		switch a.Key {
		case "cranks":
			left = n
		case "gas":
			gas = n
		}
	}
	g.lines = nil
	var n int
	var err error
	if g.setup.restarts && gas == 0 {
		for max := left; err == nil && (left == 0 || max > 0); max-- {
			did := false
			if did, err = g.k.Step(); !did {
				break
			}
			n++
			if err == nil {
				lines := g.lines
				if err = g.k.Commit(); err == nil {
					err = g.reopen()
				}
				g.lines = lines
			}
		}
	} else {
		n, err = g.k.Run(&kernel.Budget{Cranks: left, Gas: gas})
	}
	var out strings.Builder
	for _, l := range g.lines {
		out.WriteString(l + "\n")
	}
	fmt.Fprintf(&out, "%d cranks\n", n)
	return out.String(), err
}

// dump shows tables, one row a line; all of them without arguments.
func (g *golden) dump(d *kernel.Dump, which []string) string {
	names := map[kernel.VatID]string{}
	for _, v := range d.VatTables {
		names[v.Vat] = v.Name
	}
	vats := func(v []kernel.VatID) (out []string) {
		for _, x := range v {
			out = append(out, names[x])
		}
		return out
	}
	data := func(c *kernel.DataDump) string { return puppet.Normal(c.Body) + " " + fmt.Sprint(c.Slots) }
	event := func(e kernel.EventDump) string {
		if e.Type != "send" {
			return fmt.Sprintf("%s %s %v", e.Type, names[e.Vat], e.Promise)
		}
		return fmt.Sprintf("send %v %s result=%v", e.Target, data(e.Data), e.Result)
	}
	want := func(s string) bool {
		if len(which) == 0 {
			return true
		}
		for _, w := range which {
			if w == s {
				return true
			}
		}
		return false
	}
	var b strings.Builder
	p := func(format string, a ...any) { fmt.Fprintf(&b, format+"\n", a...) }
	if want("objects") {
		for _, o := range d.Objects {
			owner := names[o.Owner]
			if o.Owner == 0 {
				owner = "nobody"
			}
			p("%v of %s [%d,%d]", o.Kref, owner, o.Reachable, o.Recognizable)
		}
	}
	if want("promises") {
		for _, x := range d.Promises {
			switch {
			case x.State != "unresolved":
				p("%v %s [%d] %s", x.Kref, x.State, x.RefCount, data(x.Data))
			default:
				decider := "a queue"
				if x.Decider != 0 {
					decider = names[x.Decider]
				}
				p("%v unresolved [%d] decided by %s, subscribers %v", x.Kref, x.RefCount, decider, vats(x.Subscribers))
			}
			for _, e := range x.Queue {
				p("  parked: %s", event(e))
			}
		}
	}
	if want("clists") {
		for _, c := range d.KernelTable {
			flag := "R"
			if !c.Reachable {
				flag = "_"
			}
			p("%s %v %s %v", names[c.Vat], c.Kref, flag, c.Vref)
		}
	}
	if want("queues") {
		for _, e := range d.AcceptanceQueue {
			p("acceptance: %s", event(e))
		}
		for _, e := range d.RunQueue {
			p("run: %s", event(e))
		}
		if len(d.ReapQueue) > 0 {
			p("reap: %v", vats(d.ReapQueue))
		}
	}
	if want("gc") {
		for _, a := range d.GCActions {
			p("gc: %s %s %v", names[a.Vat], a.Type, a.Kref)
		}
	}
	if want("vatstore") {
		for _, s := range d.Vatstore {
			p("%s %q = %q", names[s.Vat], s.Key, s.Value)
		}
	}
	if want("ends") {
		for _, v := range d.VatTables {
			if v.Ended {
				p("%s has ended: %s", v.Name, v.Fault)
			}
		}
	}
	if b.Len() == 0 {
		return "nothing\n"
	}
	return b.String()
}

func TestGoldenFilesExist(t *testing.T) {
	files, err := filepath.Glob("testdata/golden/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden scripts: %v", err)
	}
}
