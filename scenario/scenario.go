package scenario

import (
	"fmt"
	"math"
	"strconv"

	"github.com/crankcase/crankcase/scenario/jsjson"
)

// A Scenario is a parsed file.
type Scenario struct {
	Name    jsjson.Value // as it was given; nil without one
	named   bool
	Vats    []Vat // in JavaScript's order of keys: their ids ascend
	Exports []string
	Links   []Link
	Steps   []Step
}

// Vat is a vat of a scenario.
type Vat struct {
	Name    string
	Options VatOptions
}

// VatOptions are a vat's options. A threshold of 0 is never.
type VatOptions struct {
	Pipelining   bool
	ReapInterval uint64
	ReapGCKrefs  uint64
	CountStart   bool // startVat makes dirt
}

// Link makes an import of From out of an export of To.
type Link struct {
	From, Import string // Import may be empty: whatever comes
	To, Export   string
	NoPin        bool
}

// Cleanup is what a run allows for the clean-up of dead vats.
type Cleanup struct {
	Allow  bool
	Budget int // entries a crank; 0: no limit
}

// A Step is one of: a message (Queue), a run (Run), a dump (Dump), the end of a
// vat from outside (Terminate), a pin (Pin), a reap (Reap), or nothing but a note.
type Step struct {
	Queue     *Queue
	Run       bool
	Cranks    int // of a run: at most; 0: until idle
	Cleanup   Cleanup
	Dump      string
	Terminate string
	Reason    string
	Pin       string
	Reap      string
}

// Queue is a message that the host sends.
type Queue struct {
	Vat, Target string // Target: a vref of Vat's, or @name, koN, kpN
	Text        string
	Slots       []string
	Tag         string
	As          string
	Watch       bool
	NoResult    bool
	Policy      string
}

// Parse reads a scenario. Keys that mean nothing are left alone.
func Parse(text string) (*Scenario, error) {
	v, err := jsjson.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("scenario: %w", err)
	}
	top, ok := v.(*jsjson.Object)
	if !ok {
		return nil, fmt.Errorf("scenario: the file is no object")
	}
	sc := &Scenario{}
	sc.Name, sc.named = top.Get("name")
	d := &decoder{}
	vats := d.object(top, "vats")
	for _, name := range vats.Keys() {
		v, _ := vats.Get(name)
		o, ok := v.(*jsjson.Object)
		if !ok {
			d.fail("vat %s is no object", name)
			continue
		}
		sc.Vats = append(sc.Vats, Vat{name, d.vat(name, o)})
	}
	sc.Exports = d.strings(d.array(top, "exports"), "exports")
	for i, v := range d.array(top, "links") {
		sc.Links = append(sc.Links, d.link(i, v))
	}
	if _, ok := top.Get("steps"); !ok {
		d.fail("there are no steps")
	}
	for i, v := range d.array(top, "steps") {
		sc.Steps = append(sc.Steps, d.step(i, v))
	}
	if d.err != nil {
		return nil, d.err
	}
	return sc, nil
}

// decoder keeps the first error.
type decoder struct{ err error }

func (d *decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf("scenario: "+format, args...)
	}
}

func (d *decoder) object(o *jsjson.Object, key string) *jsjson.Object {
	v, _ := o.Get(key)
	in, ok := v.(*jsjson.Object)
	if !ok {
		d.fail("%s is no object", key)
		return &jsjson.Object{}
	}
	return in
}

func (d *decoder) array(o *jsjson.Object, key string) jsjson.Array {
	v, _ := o.Get(key)
	if !truthy(v) {
		return nil
	}
	a, ok := v.(jsjson.Array)
	if !ok {
		d.fail("%s is no array", key)
	}
	return a
}

func (d *decoder) strings(a jsjson.Array, what string) (out []string) {
	for i, v := range a {
		s, ok := v.(string)
		if !ok {
			d.fail("%s: entry %d is no string", what, i)
		}
		out = append(out, s)
	}
	return out
}

// truthy is what JavaScript takes for true.
func truthy(v jsjson.Value) bool {
	switch v := v.(type) {
	case nil:
		return false
	case bool:
		return v
	case string:
		return v != ""
	case jsjson.Number:
		f, err := strconv.ParseFloat(string(v), 64)
		return err != nil || f != 0
	}
	return true
}

func flag(o *jsjson.Object, key string) bool {
	v, _ := o.Get(key)
	return truthy(v)
}

// text gives a string, or "" for what JavaScript takes for false.
func (d *decoder) text(o *jsjson.Object, key, what string) string {
	v, _ := o.Get(key)
	if !truthy(v) {
		return ""
	}
	s, ok := v.(string)
	if !ok {
		d.fail("%s: %s is no string", what, key)
	}
	return s
}

func (d *decoder) integer(v jsjson.Value, what string) int {
	n, ok := v.(jsjson.Number)
	f, err := strconv.ParseFloat(string(n), 64)
	if !ok || err != nil || f != math.Trunc(f) || math.Abs(f) > 1<<31 {
		d.fail("%s is no whole number", what)
		return 0
	}
	return int(f)
}

func (d *decoder) vat(name string, o *jsjson.Object) VatOptions {
	threshold := func(key string) uint64 {
		v, _ := o.Get(key)
		if v == nil || v == jsjson.Value("never") {
			return 0
		}
		n := d.integer(v, "vat "+name+": "+key)
		if n < 0 {
			d.fail("vat %s: %s is below 0", name, key)
		}
		return uint64(n)
	}
	out := VatOptions{Pipelining: flag(o, "pipelining"), ReapInterval: threshold("reapInterval"), ReapGCKrefs: threshold("reapGCKrefs")}
	if flag(o, "neverReap") {
		out.ReapInterval, out.ReapGCKrefs = 0, 0
	}
	out.CountStart = flag(o, "countStart") && out.ReapInterval > 0
	return out
}

func (d *decoder) link(i int, v jsjson.Value) (l Link) {
	a, _ := v.(jsjson.Array)
	if len(a) != 4 && len(a) != 5 {
		d.fail("link %d is not [vat, import, vat, export]", i)
		return l
	}
	for k, to := range []*string{&l.From, &l.Import, &l.To, &l.Export} {
		s, ok := a[k].(string)
		if !ok && !(k == 1 && a[k] == nil) {
			d.fail("link %d: part %d is no string", i, k)
		}
		*to = s
	}
	l.NoPin = len(a) == 5 && a[4] == jsjson.Value("nopin")
	return l
}

func (d *decoder) step(i int, v jsjson.Value) (s Step) {
	what := fmt.Sprintf("step %d", i)
	o, ok := v.(*jsjson.Object)
	if !ok {
		d.fail("%s is no object", what)
		return s
	}
	cleanup, _ := o.Get("cleanup")
	s.Cleanup = d.cleanup(cleanup, what)
	switch {
	case flag(o, "queue"):
		s.Queue = d.queue(o, what)
	case flag(o, "run"):
		s.Run = true
	case flag(o, "step"):
		n, _ := o.Get("step")
		s.Run = true
		s.Cranks = max(1, d.integer(n, what)) // a policy is asked after the first crank
	case flag(o, "dump"):
		s.Dump = d.text(o, "dump", what)
	case flag(o, "terminate"):
		s.Terminate = d.text(o, "terminate", what)
		if s.Reason = d.text(o, "reason", what); s.Reason == "" {
			s.Reason = "terminated"
		}
	case flag(o, "pin"):
		s.Pin = d.text(o, "pin", what)
	case flag(o, "reap"):
		s.Reap = d.text(o, "reap", what)
	case flag(o, "note"):
	default:
		d.fail("unknown step %s", jsjson.Stringify(o))
	}
	return s
}

func (d *decoder) cleanup(v jsjson.Value, what string) Cleanup {
	switch v := v.(type) {
	case nil:
		return Cleanup{Allow: true}
	case *jsjson.Object:
		n, ok := v.Get("default")
		if !ok {
			d.fail("%s: cleanup has no default", what)
			return Cleanup{}
		}
		budget := d.integer(n, what+": cleanup")
		if budget < 1 {
			d.fail("%s: cleanup's default is below 1", what)
		}
		return Cleanup{true, budget}
	}
	return Cleanup{Allow: truthy(v)}
}

func (d *decoder) queue(o *jsjson.Object, what string) *Queue {
	v, _ := o.Get("queue")
	a, _ := v.(jsjson.Array)
	if len(a) < 3 {
		d.fail("%s: queue is not [vat, target, text, slots]", what)
		return nil
	}
	head := d.strings(a[:3], what+": queue")
	q := &Queue{Vat: head[0], Target: head[1], Text: head[2],
		Tag: d.text(o, "tag", what), As: d.text(o, "as", what), Policy: d.text(o, "policy", what),
		Watch: flag(o, "watch"), NoResult: flag(o, "noResult")}
	if q.Tag == "" {
		q.Tag = "run"
	}
	if q.Policy == "" {
		q.Policy = "ignore"
	}
	if len(a) > 3 {
		slots, ok := a[3].(jsjson.Array)
		if !ok {
			d.fail("%s: the slots are no array", what)
		}
		q.Slots = d.strings(slots, what+": slots")
	}
	return q
}
