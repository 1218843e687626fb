package kernel_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
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
//	vats A B:pipelining C:reap=3 D:critical   a new kernel with these vats (names in order are v1, v2, ...);
//	                                          also reapkrefs=N, gas=N, and counted: startVat counts as a delivery
//	export A:o+0 ... [nopin]                  exports, pinned
//	link A o-50 B o+5 [nopin]                 A imports B's object
//	queue A:o+0 [as=r1] [watch] [policy=panic] [slots=(B:o+5 @r1)] [tag=foo] [body] [noresult] [times=N]
//	                                          a message whose input is a script (with body: a body)
//	run [cranks=N] [gas=N] [commits] [nocleanup] [cleanup=N] [show=TEXT]
//	                                          cranks until idle; shows what the vats wrote (only lines with
//	                                          TEXT, numbered); commits: after each crank; cleanup: a crank's budget
//	terminate A reason, reap A
//	release r1, watch r1, status r1           of a result, or kp40
//	dump [objects promises clists queues vatstore gc dirt ends next]
//	commit, reopen
//	summary                                   cranks, deliveries, idle or not
//
// In a script $each(FROM TO TEXT) stands for TEXT once for each number, which # is in it.
// Long lines are cut. What the kernel logs is shown among the vats' lines.
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
		return "", g.addVats(d)
	case "export":
		var out []string
		pin := !d.HasArg("nopin")
		for _, a := range d.CmdArgs {
			if a.Key == "nopin" {
				continue
			}
			vat, v, err := g.vref(a.String())
			if err != nil {
				return "", err
			}
			r, err := g.k.Harness().AddExport(vat, v, pin)
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
		r, err := g.promise(args(d)[0])
		if err != nil {
			return "", err
		}
		s, err := g.k.PromiseStatus(r)
		if err != nil || s != kernel.PromiseFulfilled && s != kernel.PromiseRejected {
			return fmt.Sprintf("%v %s\n", r, s), err
		}
		how, data, err := g.k.PromiseResult(r)
		kind := ""
		if how == capdata.ToObject {
			kind = " to an object"
		}
		return fmt.Sprintf("%v %s%s %s %v\n", r, s, kind, puppet.Normal(string(data.Body)), data.Slots), err
	case "release", "watch":
		r, err := g.promise(args(d)[0])
		if err != nil {
			return "", err
		}
		if d.Cmd == "watch" {
			return "", g.k.Watch(r)
		}
		return "", g.k.Release(r)
	case "summary":
		idle, err := g.k.Idle()
		return fmt.Sprintf("%d cranks, %d deliveries, idle: %v\n", g.k.Cranks(), g.k.Deliveries(), idle), err
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

func (g *golden) addVats(d *datadriven.TestData) error {
	g.close()
	g.bed = newBed(g.t, g.setup)
	g.vats, g.results = map[string]kernel.VatID{}, map[string]capdata.Kref{}
	for _, a := range d.CmdArgs {
		name, opts, _ := strings.Cut(a.String(), ":")
		var o kernel.VatOptions
		counted := false
		for _, s := range strings.Split(opts, ":") {
			key, value, _ := strings.Cut(s, "=")
			number := map[string]*uint64{"reap": &o.ReapInterval, "reapkrefs": &o.ReapGCKrefs, "gas": &o.GasLimit}[key]
			switch {
			case number != nil:
				n, err := strconv.ParseUint(value, 10, 64)
				if err != nil {
					return err
				}
				*number = n
			case key == "pipelining":
				o.Pipelining = true
			case key == "critical":
				o.Critical = true
			case key == "counted":
				counted = true
			case key != "":
				return fmt.Errorf("no option %q", s)
			}
		}
		id, err := g.k.Harness().AddVat(name, g.puppet, o, counted)
		if err != nil {
			return err
		}
		g.vats[name] = id
	}
	g.lines = nil // of startVat
	return g.k.Commit()
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

// promise finds a promise by the name of its message, or kp40.
func (g *golden) promise(s string) (capdata.Kref, error) {
	if r, ok := g.results[s]; ok {
		return r, nil
	}
	return capdata.ParseKref(s)
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
	tag, name, raw, times := "run", "", false, 1
	for _, a := range d.CmdArgs[1:] {
		switch a.Key {
		case "as":
			name = a.Vals[0]
		case "watch":
			o.Watch = true
		case "times":
			if times, err = strconv.Atoi(a.Vals[0]); err != nil {
				return "", err
			}
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
		script, err := assemble(d.Input)
		if err != nil {
			return "", err
		}
		data.Body = puppet.Body(tag, script)
	}
	var r capdata.Kref
	for range times {
		if r, err = g.k.Queue(target, data, o); err != nil {
			return "", err
		}
	}
	if name != "" {
		g.results[name] = r
	}
	return r.String() + "\n", nil
}

var each = regexp.MustCompile(`\$each\((\d+) (\d+) ([^)]*)\)`)

// assemble makes a script from its text, after $each.
func assemble(text string) ([]byte, error) {
	text = each.ReplaceAllStringFunc(text, func(s string) string {
		m := each.FindStringSubmatch(s)
		from, _ := strconv.Atoi(m[1])
		to, _ := strconv.Atoi(m[2])
		var b strings.Builder
		for ; from <= to; from++ {
			b.WriteString(strings.ReplaceAll(m[3], "#", strconv.Itoa(from)) + " ")
		}
		return b.String()
	})
	return puppet.Assemble(text)
}

// limits is a run policy: a budget, and whether dead vats are cleaned up.
type limits struct {
	kernel.Budget
	keepDead bool
}

func (l *limits) AllowCleanup() (bool, int) {
	ok, n := l.Budget.AllowCleanup()
	return ok && !l.keepDead, n
}

func (g *golden) run(d *datadriven.TestData) (string, error) {
	var cranks, gas uint64
	var l limits
	show, commits := "", false
	for _, a := range d.CmdArgs {
		var err error
		switch a.Key {
		case "cranks":
			cranks, err = strconv.ParseUint(a.Vals[0], 10, 64)
		case "gas":
			gas, err = strconv.ParseUint(a.Vals[0], 10, 64)
		case "cleanup":
			l.Cleanup, err = strconv.Atoi(a.Vals[0])
		case "nocleanup":
			l.keepDead = true
		case "show":
			show = a.Vals[0]
		case "commits":
			commits = true
		default:
			err = fmt.Errorf("run has no %q", a.Key)
		}
		if err != nil {
			return "", err
		}
	}
	g.lines = nil
	var n int
	var err error
	if restarts := g.setup.restarts && gas == 0; restarts || commits {
		for err == nil && (cranks == 0 || uint64(n) < cranks) {
			one := l
			one.Budget.Cranks = 1
			did := 0
			if did, err = g.k.Run(&one); did == 0 {
				break
			}
			n++
			if err == nil {
				err = g.k.Commit()
			}
			if err == nil && restarts {
				lines := g.lines
				err = g.reopen()
				g.lines = lines
			}
		}
	} else {
		l.Budget.Cranks, l.Budget.Gas = cranks, gas
		n, err = g.k.Run(&l)
	}
	var out strings.Builder
	for i, line := range g.lines {
		if len(line) > maxLine {
			line = fmt.Sprintf("%s... (%d bytes)", line[:maxLine], len(line))
		}
		switch {
		case show == "":
			out.WriteString(line + "\n")
		case strings.Contains(line, show):
			fmt.Fprintf(&out, "%d. %s\n", i+1, line)
		}
	}
	fmt.Fprintf(&out, "%d cranks\n", n)
	return out.String(), err
}

// maxLine bounds a line of a vat's that is shown.
const maxLine = 300

func TestGoldenFilesExist(t *testing.T) {
	files, err := filepath.Glob("testdata/golden/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden scripts: %v", err)
	}
}
