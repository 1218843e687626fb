package scenario

import (
	"errors"
	"fmt"
	"strings"

	"github.com/crankcase/crankcase/capdata"
	"github.com/crankcase/crankcase/kernel"
	"github.com/crankcase/crankcase/scenario/jsjson"
	"github.com/crankcase/crankcase/scenario/puppet"
)

// A Player plays one scenario on one kernel. It is used from one goroutine.
type Player struct {
	scenario *Scenario
	kernel   Kernel
	scripts  puppet.Translator

	ids     map[string]kernel.VatID
	names   map[kernel.VatID]string
	pinned  map[capdata.Kref]bool
	parts   map[string]string // of a line, by vat
	log     *jsjson.Object
	order   jsjson.Array
	dumps   *jsjson.Object
	results map[string]capdata.Kref
	named   *jsjson.Object // results as the answer has them
	cranks  int
}

// NewPlayer returns a player. The kernel has to call Console.
func NewPlayer(sc *Scenario) *Player {
	p := &Player{scenario: sc, ids: map[string]kernel.VatID{}, names: map[kernel.VatID]string{}, pinned: map[capdata.Kref]bool{},
		parts: map[string]string{}, log: &jsjson.Object{}, order: jsjson.Array{}, dumps: &jsjson.Object{}, results: map[string]capdata.Kref{}, named: &jsjson.Object{}}
	for _, v := range sc.Vats {
		p.log.Set(v.Name, jsjson.Array{})
	}
	return p
}

// levelPart is the level at which a puppet writes the parts of a long line;
// what comes at another level ends it.
const levelPart = 0

// Console takes what a puppet writes to its console. It is called while the
// kernel works for Play.
func (p *Player) Console(_ kernel.VatID, vat string, level uint32, text string) {
	if level == levelPart {
		p.parts[vat] += text
		return
	}
	text = p.line(p.parts[vat] + text)
	delete(p.parts, vat)
	lines, _ := p.log.Get(vat)
	a, _ := lines.(jsjson.Array)
	p.log.Set(vat, append(a, text))
	p.order = append(p.order, vat+": "+text)
}

// answerShown is how much of a vatstore's answer a line shows, in JavaScript's units.
const answerShown = 512

// line is a puppet's line as the oracle's puppet would have written it: scripts
// are text again, also in what the vatstore answered.
func (p *Player) line(text string) string {
	for _, head := range []string{"vatstore_get -> 1 ", "vatstore_next_key -> 1 "} {
		if quoted, ok := strings.CutPrefix(text, head); ok {
			if value, ok := puppet.UnquoteBytes(quoted); ok {
				return head + puppet.QuoteBytes(p.scripts.Original(value), answerShown)
			}
		}
	}
	return p.scripts.Original(text)
}

// Play plays the scenario and returns the answer; Show lays it out. An error
// says that the scenario cannot be played: it names something that is not
// there, or a script that does not parse; or it is the kernel's.
func (p *Player) Play(k Kernel) (*jsjson.Object, error) {
	p.kernel = k
	if err := p.setUp(); err != nil {
		return nil, err
	}
	panicked := ""
	for i := range p.scenario.Steps {
		err := p.step(&p.scenario.Steps[i])
		var stop *stopped
		if errors.As(err, &stop) {
			panicked = stop.text
			break
		}
		if err != nil {
			return nil, fmt.Errorf("scenario: step %d: %w", i, err)
		}
	}
	return p.answer(panicked)
}

// stopped ends the playing with an answer that has a panic.
type stopped struct{ text string }

func (s *stopped) Error() string { return s.text }

func (p *Player) setUp() error {
	for _, v := range p.scenario.Vats {
		id, err := p.kernel.AddVat(v.Name, v.Options)
		if err != nil {
			return fmt.Errorf("scenario: vat %s: %w", v.Name, err)
		}
		p.ids[v.Name], p.names[id] = id, v.Name
	}
	for _, e := range p.scenario.Exports {
		vat, v, err := p.reference(e)
		if err == nil {
			_, err = p.kernel.AddExport(vat, v, true)
		}
		if err != nil {
			return fmt.Errorf("scenario: export %s: %w", e, err)
		}
	}
	for _, l := range p.scenario.Links {
		if err := p.link(l); err != nil {
			return fmt.Errorf("scenario: link of %s to %s:%s: %w", l.From, l.To, l.Export, err)
		}
	}
	return nil
}

func (p *Player) link(l Link) error {
	to, v, err := p.reference(l.To + ":" + l.Export)
	if err != nil {
		return err
	}
	from, ok := p.ids[l.From]
	if !ok {
		return fmt.Errorf("there is no vat %s", l.From)
	}
	k, err := p.kernel.Lookup(to, v)
	if err == nil && k == 0 {
		k, err = p.kernel.AddExport(to, v, !l.NoPin)
	}
	if err != nil {
		return err
	}
	got, err := p.kernel.AddImport(from, k)
	if err == nil && l.Import != "" && got.String() != l.Import {
		err = fmt.Errorf("%s got %v, not %s", l.From, got, l.Import)
	}
	return err
}

// reference splits VAT:VREF.
func (p *Player) reference(text string) (kernel.VatID, capdata.Vref, error) {
	name, vref, _ := strings.Cut(text, ":")
	id, ok := p.ids[name]
	if !ok {
		return 0, 0, fmt.Errorf("there is no vat %s", name)
	}
	v, err := capdata.ParseVref(vref)
	return id, v, err
}

// hold finds what a holder means: VAT:VREF, exported and pinned if it is a new
// export; @NAME, the result of an earlier message; koN, kpN.
func (p *Player) hold(ref string) (capdata.Kref, error) {
	if !strings.Contains(ref, ":") && strings.HasPrefix(ref, "k") {
		return capdata.ParseKref(ref)
	}
	if name, ok := strings.CutPrefix(ref, "@"); ok {
		k := p.results[name]
		if k == 0 {
			return 0, fmt.Errorf("%s: no such result", ref)
		}
		return k, nil
	}
	vat, v, err := p.reference(ref)
	if err != nil {
		return 0, err
	}
	k, err := p.kernel.Lookup(vat, v)
	if err != nil || k != 0 {
		return k, err
	}
	if !v.Exported() {
		return 0, fmt.Errorf("%s: no such import", ref)
	}
	return p.kernel.AddExport(vat, v, true)
}

func (p *Player) step(s *Step) error {
	switch {
	case s.Queue != nil:
		return p.send(s.Queue)
	case s.Run:
		n, err := p.kernel.Run(s.Cranks, s.Cleanup)
		var asked *Panic
		if errors.As(err, &asked) { // what this run did before is not counted
			data := object("body", p.scripts.Original(string(asked.Data.Body)), "slots", krefs(asked.Data.Slots))
			return &stopped{fmt.Sprintf("kernel panic %v.policy panic: rejected %s", asked.Promise, jsjson.Stringify(data))}
		}
		p.cranks += n
		return err
	case s.Dump != "":
		d, err := p.kernel.Dump()
		if err == nil {
			p.dumps.Set(s.Dump, p.dump(d))
		}
		return err
	case s.Pin != "":
		k, err := p.hold(s.Pin)
		if err != nil || p.pinned[k] {
			return err
		}
		p.pinned[k] = true
		return p.kernel.Pin(k)
	case s.Terminate != "" || s.Reap != "":
		name := s.Terminate + s.Reap
		id, ok := p.ids[name]
		if !ok {
			return fmt.Errorf("there is no vat %s", name)
		}
		if s.Reap != "" {
			return p.kernel.Reap(id)
		}
		return p.kernel.Terminate(id, s.Reason)
	}
	return nil
}

func (p *Player) send(q *Queue) error {
	var body []byte
	if strings.HasPrefix(q.Text, "#") {
		body = []byte(p.scripts.Body(q.Text))
	} else {
		var err error
		if body, err = p.scripts.Message(q.Tag, q.Text); err != nil {
			return badScript(err)
		}
	}
	target := q.Target
	if !strings.HasPrefix(target, "@") && !strings.HasPrefix(target, "ko") && !strings.HasPrefix(target, "kp") {
		target = q.Vat + ":" + target
	}
	m := Message{NoResult: q.NoResult, Policy: q.Policy}
	var err error
	if m.Target, err = p.hold(target); err != nil {
		return err
	}
	for _, s := range q.Slots {
		k, err := p.hold(s)
		if err != nil {
			return err
		}
		m.Data.Slots = append(m.Data.Slots, k)
	}
	m.Data.Body = body
	result, err := p.kernel.Queue(m)
	if err != nil {
		return err
	}
	if q.As != "" {
		p.results[q.As] = result
		if result != 0 {
			p.named.Set(q.As, result.String())
		}
	}
	if q.Watch {
		return p.kernel.Watch(result)
	}
	return nil
}

// badScript sorts the errors of scripts as the oracle does: an op or operand
// that is not there makes a scenario unplayable, other errors are its answer.
func badScript(err error) error {
	for _, w := range []string{"unknown op", "bad operand", "no such import", "link:"} {
		if strings.Contains(err.Error(), w) {
			return err
		}
	}
	return &stopped{err.Error()}
}

func (p *Player) answer(panicked string) (*jsjson.Object, error) {
	out := &jsjson.Object{}
	if p.scenario.named {
		out.Set("name", p.scenario.Name)
	}
	out.Set("log", p.log).Set("order", p.order)
	if p.dumps.Len() > 0 {
		out.Set("dumps", p.dumps)
	}
	d, err := p.kernel.Dump()
	if err != nil {
		return nil, fmt.Errorf("scenario: %w", err)
	}
	out.Set("dump", p.dump(d))
	if len(p.results) > 0 {
		out.Set("results", p.named)
	}
	if panicked != "" {
		out.Set("panic", panicked)
	}
	return out.Set("cranks", jsjson.Int(p.cranks)).Set("deliveries", jsjson.Int(p.kernel.Deliveries())), nil
}
