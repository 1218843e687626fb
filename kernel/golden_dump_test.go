package kernel_test

import (
	"fmt"
	"strings"

	"github.com/crankcase/crankcase/kernel"
	"github.com/crankcase/crankcase/scenario/puppet"
)

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
	if want("dirt") {
		for _, v := range d.VatTables {
			if v.Dirt != (kernel.Dirt{}) {
				p("dirt: %s %d deliveries, %d krefs", v.Name, v.Dirt.Deliveries, v.Dirt.GCKrefs)
			}
		}
	}
	if want("ends") {
		for _, v := range d.VatTables {
			if v.Ended {
				p("%s has ended: %s", v.Name, v.Fault)
			}
		}
		if len(d.Terminated) > 0 {
			p("to clean up: %v", vats(d.Terminated))
		}
	}
	if len(which) > 0 && want("next") {
		p("next: v%d ko%d kp%d", d.Next.Vat, d.Next.Object, d.Next.Promise)
	}
	if b.Len() == 0 {
		return "nothing\n"
	}
	return b.String()
}
