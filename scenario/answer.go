package scenario

import (
	"slices"
	"strings"

	"github.com/crankcase/crankcase/capdata"
	"github.com/crankcase/crankcase/kernel"
	"github.com/crankcase/crankcase/scenario/jsjson"
	"github.com/crankcase/crankcase/scenario/puppet"
)

// object makes an object of keys and values in turn.
func object(kv ...any) *jsjson.Object {
	o := &jsjson.Object{}
	for i := 0; i < len(kv); i += 2 {
		o.Set(kv[i].(string), kv[i+1])
	}
	return o
}

// name is how an answer names a vat.
func (p *Player) name(id kernel.VatID) string {
	if n, ok := p.names[id]; ok {
		return n
	}
	return "v" + string(jsjson.Int(id))
}

// vat is null for no vat.
func (p *Player) vat(id kernel.VatID) jsjson.Value {
	if id == 0 {
		return nil
	}
	return p.name(id)
}

func (p *Player) vats(ids []kernel.VatID) jsjson.Array {
	out := jsjson.Array{}
	for _, id := range ids {
		out = append(out, p.name(id))
	}
	return out
}

func kref(k capdata.Kref) jsjson.Value {
	if k == 0 {
		return nil
	}
	return k.String()
}

func krefs(ks []capdata.Kref) jsjson.Array {
	out := jsjson.Array{}
	for _, k := range ks {
		out = append(out, k.String())
	}
	return out
}

func message(e kernel.EventDump) *jsjson.Object {
	return object("body", puppet.Normal(e.Data.Body), "slots", krefs(e.Data.Slots), "result", kref(e.Result))
}

func (p *Player) queue(events []kernel.EventDump) jsjson.Array {
	out := jsjson.Array{}
	for _, e := range events {
		switch e.Type {
		case "send":
			out = append(out, object("type", "send", "target", e.Target.String(), "body", puppet.Normal(e.Data.Body), "slots", krefs(e.Data.Slots), "result", kref(e.Result)))
		case "notify":
			out = append(out, object("type", "notify", "vat", p.name(e.Vat), "promise", e.Promise.String()))
		default:
			out = append(out, object("type", e.Type, "vat", p.name(e.Vat)))
		}
	}
	return out
}

func (p *Player) promise(d kernel.PromiseDump) *jsjson.Object {
	o := object("id", d.Kref.String(), "state", d.State, "refCount", jsjson.Int(d.RefCount))
	if d.State != "unresolved" {
		data := object("body", "", "slots", jsjson.Array{})
		if d.Data != nil {
			data = object("body", puppet.Normal(d.Data.Body), "slots", krefs(d.Data.Slots))
		}
		return o.Set("data", data)
	}
	subscribers := p.vats(d.Subscribers)
	sortBy(subscribers, func(v jsjson.Value) []string { return []string{v.(string)} })
	queue := jsjson.Array{}
	for _, e := range d.Queue {
		queue = append(queue, message(e))
	}
	return o.Set("decider", p.vat(d.Decider)).Set("subscribers", subscribers).Set("queue", queue)
}

// dump is a dump as an answer has it: ids of vats replaced by names, rows
// ordered by names.
func (p *Player) dump(d *kernel.Dump) *jsjson.Object {
	objects, promises := jsjson.Array{}, jsjson.Array{}
	for _, o := range d.Objects {
		objects = append(objects, jsjson.Array{o.Kref.String(), p.vat(o.Owner), jsjson.Int(o.Reachable), jsjson.Int(o.Recognizable)})
	}
	for _, x := range d.Promises {
		promises = append(promises, p.promise(x))
	}
	clists := jsjson.Array{}
	for _, c := range d.KernelTable {
		flag := "_"
		if c.Reachable {
			flag = "R"
		}
		clists = append(clists, jsjson.Array{p.name(c.Vat), c.Kref.String(), flag, c.Vref.String()})
	}
	sortBy(clists, func(v jsjson.Value) []string {
		r := v.(jsjson.Array)
		return []string{r[0].(string), natural(r[1].(string))}
	})

	vatstore := jsjson.Array{}
	for _, s := range d.Vatstore {
		vatstore = append(vatstore, jsjson.Array{p.name(s.Vat), p.scripts.Original(string(s.Key)), p.scripts.Original(string(s.Value))})
	}
	sortBy(vatstore, func(v jsjson.Value) []string { r := v.(jsjson.Array); return []string{r[0].(string), r[1].(string)} })

	dirt := jsjson.Array{}
	for _, v := range p.scenario.Vats { // in the order of their keys
		for _, t := range d.VatTables {
			if p.name(t.Vat) != v.Name {
				continue
			}
			o := &jsjson.Object{}
			if n := t.Dirt.Deliveries; n > 0 {
				o.Set("deliveries", jsjson.Int(n))
			}
			if n := t.Dirt.GCKrefs; n > 0 {
				o.Set("gcKrefs", jsjson.Int(n))
			}
			if o.Len() > 0 {
				dirt = append(dirt, jsjson.Array{v.Name, o})
			}
		}
	}
	actions := jsjson.Array{}
	for _, a := range d.GCActions {
		actions = append(actions, jsjson.Array{p.name(a.Vat), a.Type, a.Kref.String()})
	}
	sortBy(actions, func(v jsjson.Value) []string {
		r := v.(jsjson.Array)
		return []string{r[0].(string), r[1].(string), natural(r[2].(string))}
	})
	alive := p.vats(d.Alive)
	sortBy(alive, func(v jsjson.Value) []string { return []string{v.(string)} })

	return object("objects", objects, "promises", promises, "clists", clists,
		"runQueue", p.queue(d.RunQueue), "acceptanceQueue", p.queue(d.AcceptanceQueue),
		"vatstore", vatstore, "dirt", dirt, "gcActions", actions,
		"reapQueue", p.vats(d.ReapQueue), "terminated", p.vats(d.Terminated), "alive", alive,
		"next", jsjson.Array{jsjson.Int(d.Next.Object), jsjson.Int(d.Next.Promise)})
}

// natural turns ko20 into what sorts as its number does.
func natural(k string) string {
	digits := strings.TrimLeft(k, "abcdefghijklmnopqrstuvwxyz")
	return k[:len(k)-len(digits)] + strings.Repeat("0", max(0, 20-len(digits))) + digits
}

func sortBy(a jsjson.Array, keys func(jsjson.Value) []string) {
	slices.SortStableFunc(a, func(x, y jsjson.Value) int {
		return slices.CompareFunc(keys(x), keys(y), jsjson.Compare)
	})
}
