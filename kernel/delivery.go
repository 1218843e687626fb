package kernel

import (
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/crankcase/crankcase/capdata"
	"github.com/crankcase/crankcase/fault"
	"github.com/tidwall/btree"
)

// delivery is one entry into a vat: the overlay through which the guest's
// syscalls are checked, and the log that is applied when the guest has returned.
// Until then nothing of the kernel changes.
type delivery struct {
	k          *Kernel
	vat        VatID
	pipelining bool
	refs       rows[capdata.Vref, view]
	keys       overlayKeys
	calls      []call
	log        encoder // the calls and their answers, as the transcript keeps them
	exit       *call   // the last exit
	slots      []capdata.Vref
}

// view is what the guest may do with a name, as of now in the delivery.
type view struct {
	known     bool // in the c-list, or new in this delivery
	reachable bool // the R flag
	decides   bool // an unresolved promise that the vat decides
}

// begin makes the overlay of a new delivery. The kernel has one at a time and
// reuses its memory.
func (k *Kernel) begin(vat VatID, pipelining bool) *delivery {
	d := &k.delivery
	d.refs.reset()
	d.k, d.vat, d.pipelining = k, vat, pipelining
	clear(d.calls) // what they kept
	d.calls, d.log, d.exit, d.slots = d.calls[:0], d.log[:0], nil, d.slots[:0]
	if cap(d.log) > maxKeptLog {
		d.log = nil
	}
	if cap(d.calls) > maxKeptCalls {
		d.calls, d.slots = nil, nil
	}
	d.keys.reset()
	for key, c := range k.vatstore.dirty { // a crank of several deliveries
		if key.vat == vat {
			d.keys.put(key.key, c.v, c.ok)
		}
	}
	return d
}

// What is kept of a large delivery's buffers for the next one.
const (
	maxKeptLog   = 1 << 20
	maxKeptCalls = 1 << 10
)

// hostError is a host fault that goes out through the guest.
type hostError struct {
	where string
	err   error
	stack []byte // of a Go panic; nil otherwise
}

func (h *hostError) Error() string { return h.where + ": " + h.err.Error() }
func (h *hostError) Unwrap() error { return h.err }

// caught turns what the kernel throws into an error, so that it passes through the engine as one.
func caught(err *error) {
	if r := recover(); r != nil {
		if t, ok := r.(thrown); ok {
			*err = &hostError{where: t.where, err: t.err}
			return
		}
		// An engine would lose the stack.
		*err = &hostError{"go panic", asError(r), debug.Stack()}
	}
}

// look gives the view of a name, from the c-list at its first use.
func (d *delivery) look(v capdata.Vref) view {
	if w, ok := d.refs.get(v); ok {
		return w
	}
	var w view
	if !d.k.mayHave(d.vat, v) {
		d.refs.set(v, w)
		return w
	}
	if r := d.k.clist.byVref(d.vat, v); r != 0 {
		row, _ := d.k.clist.byKref(d.vat, r)
		w.known, w.reachable = true, row.reachable
		if r.Kind() == capdata.Promise {
			p := d.k.promise(r)
			w.decides = p.state == unresolved && p.decider == d.vat
		}
	}
	d.refs.set(v, w)
	return w
}

func wellFormed(imp, what string, v capdata.Vref) error {
	if v == 0 {
		return fault.New(fault.BadReference, imp, "%s is 0, a reference is expected", what)
	}
	if !v.WellFormed() {
		return fault.New(fault.BadReference, imp, "%s %#x is malformed", what, uint64(v))
	}
	return nil
}

// use checks a name that the guest mentions as if it could be used: it is known and was not
// dropped, or it is the vat's own and comes into being now.
func (d *delivery) use(imp, what string, v capdata.Vref) (view, error) {
	if err := wellFormed(imp, what, v); err != nil {
		return view{}, err
	}
	w := d.look(v)
	switch {
	case !w.known && !v.Exported():
		return w, fault.New(fault.BadReference, imp, "%s %v is unknown", what, v)
	case !w.known:
		w = view{known: true, reachable: true, decides: v.Kind() == capdata.Promise}
		d.refs.set(v, w)
	case !w.reachable && !v.Exported():
		return w, fault.New(fault.BadReference, imp, "%s %v was dropped", what, v)
	case !w.reachable:
		w.reachable = true
		d.refs.set(v, w)
	}
	return w, nil
}

func (d *delivery) useSlots(imp string, slots []capdata.Vref) error {
	for i, v := range slots {
		// Nearly all slots are fine: their place is only named in a fault's text.
		if w, ok := d.refs.get(v); ok && w.known && w.reachable {
			continue
		}
		if _, err := d.use(imp, "slot", v); err != nil {
			if g := fault.AsGuest(err); g != nil {
				return fault.New(g.Code, imp, "slot %d%s", i, strings.TrimPrefix(g.Text, "slot"))
			}
			return err
		}
	}
	return nil
}

// Send implements Syscalls.
func (d *delivery) Send(target capdata.Vref, args capdata.CapData, result capdata.Vref) (err error) {
	defer caught(&err)
	if err := wellFormed("send", "target", target); err != nil {
		return err
	}
	if target.Kind() == capdata.Device {
		return fault.New(fault.BadReference, "send", "target %v is a device: use call_now", target)
	}
	if _, err := d.use("send", "target", target); err != nil {
		return err
	}
	if err := d.useSlots("send", args.Slots); err != nil {
		return err
	}
	if result != 0 {
		if err := d.useResult(result); err != nil {
			return err
		}
	}
	return d.record(call{op: opSend, target: target, result: result, data: args})
}

// useResult checks the promise that shall hear how a send ended: the vat gives
// the power to decide it away.
func (d *delivery) useResult(result capdata.Vref) error {
	if err := wellFormed("send", "result", result); err != nil {
		return err
	}
	if result.Kind() != capdata.Promise {
		return fault.New(fault.BadReference, "send", "result %v is no promise", result)
	}
	w := d.look(result)
	switch {
	case !w.known && !result.Exported():
		return fault.New(fault.BadReference, "send", "result %v is unknown", result)
	case w.known && !d.pipelining:
		return fault.New(fault.BadReference, "send", "result %v is not new; only a vat with pipelining may pass on a promise", result)
	case w.known && !w.decides:
		return fault.New(fault.NotDecider, "send", "result %v is not decided by the vat", result)
	}
	d.refs.set(result, view{known: true, reachable: true})
	return nil
}

// Subscribe implements Syscalls.
func (d *delivery) Subscribe(promise capdata.Vref) (err error) {
	defer caught(&err)
	if err := wellFormed("subscribe", "promise", promise); err != nil {
		return err
	}
	if promise.Kind() != capdata.Promise {
		return fault.New(fault.BadReference, "subscribe", "%v is no promise", promise)
	}
	if _, err := d.use("subscribe", "promise", promise); err != nil {
		return err
	}
	return d.record(call{op: opSubscribe, target: promise})
}

// Resolve implements Syscalls.
func (d *delivery) Resolve(count int, record func(i int) (capdata.Resolution, error)) (err error) {
	defer caught(&err)
	c := call{op: opResolve}
	for i := range count {
		r, err := record(i)
		if err != nil {
			return err
		}
		if err := d.useResolution(i, r); err != nil {
			return err
		}
		c.settle = append(c.settle, resolution{r.Promise, r.How, d.keep(r.Data)})
		if err := d.room(len(r.Data.Body) + 8*len(r.Data.Slots)); err != nil {
			return err
		}
	}
	for _, r := range c.settle { // names end after the last record
		d.refs.set(r.promise, view{})
	}
	return d.record(c)
}

func (d *delivery) useResolution(i int, r capdata.Resolution) error {
	imp, p := "resolve", r.Promise
	at := func(code fault.Code, format string, args ...any) error {
		return fault.New(code, imp, "record %d: "+format, append([]any{i}, args...)...)
	}
	if p == 0 || !p.WellFormed() {
		return at(fault.BadReference, "promise %#x is malformed", uint64(p))
	}
	if p.Kind() != capdata.Promise {
		return at(fault.BadReference, "%v is no promise", p)
	}
	w := d.look(p)
	switch {
	case !w.known && !p.Exported():
		return at(fault.BadReference, "promise %v is unknown", p)
	case !w.known:
		w = view{known: true, reachable: true, decides: true}
	}
	if !w.decides {
		// A promise that stands twice in a batch is not decided the second time.
		return at(fault.NotDecider, "promise %v is not decided by the vat", p)
	}
	w.decides = false
	d.refs.set(p, w)
	if err := d.useSlots(imp, r.Data.Slots); err != nil {
		if g := fault.AsGuest(err); g != nil {
			return &fault.Guest{Code: g.Code, Import: imp, Text: fmt.Sprintf("record %d: %s", i, g.Text)}
		}
		return err
	}
	if r.How == capdata.ToObject && (len(r.Data.Slots) != 1 || r.Data.Slots[0].Kind() != capdata.Object) {
		return at(fault.BadArgument, "kind 2 wants exactly one slot, an object; there are %d", len(r.Data.Slots))
	}
	return nil
}

// Exit implements Syscalls.
func (d *delivery) Exit(failure bool, info capdata.CapData) (err error) {
	defer caught(&err)
	if failure {
		// The crank is rolled back, so its names must have been there before it.
		for i, v := range info.Slots {
			if err := wellFormed("exit", fmt.Sprintf("slot %d", i), v); err != nil {
				return err
			}
			if d.k.clist.before(d.vat, v) == 0 {
				return fault.New(fault.BadReference, "exit", "slot %d %v was not in the c-list before this crank", i, v)
			}
		}
	}
	if err := d.useSlots("exit", info.Slots); err != nil {
		return err
	}
	if err := d.record(call{op: opExit, failure: failure, data: info}); err != nil {
		return err
	}
	d.exit = &d.calls[len(d.calls)-1]
	return nil
}

// DropImports implements Syscalls. A second drop is nothing.
func (d *delivery) DropImports(refs []capdata.Vref) (err error) {
	defer caught(&err)
	for i, v := range refs {
		w, err := d.listed("drop_imports", i, v, false)
		if err != nil {
			return err
		}
		w.reachable = false
		d.refs.set(v, w)
	}
	return d.record(call{op: opDropImports, refs: refs})
}

// RetireImports implements Syscalls.
func (d *delivery) RetireImports(refs []capdata.Vref) (err error) {
	defer caught(&err)
	for i, v := range refs {
		w, err := d.listed("retire_imports", i, v, false)
		if err != nil {
			return err
		}
		if w.reachable {
			return fault.New(fault.BadReference, "retire_imports", "ref %d %v was not dropped", i, v)
		}
		d.refs.set(v, view{})
	}
	return d.record(call{op: opRetireImports, refs: refs})
}

// RetireExports implements Syscalls.
func (d *delivery) RetireExports(refs []capdata.Vref) (err error) {
	defer caught(&err)
	for i, v := range refs {
		w, err := d.listed("retire_exports", i, v, true)
		if err != nil {
			return err
		}
		if w.reachable {
			return fault.New(fault.BadReference, "retire_exports", "ref %d %v is still reachable from elsewhere", i, v)
		}
		d.refs.set(v, view{})
	}
	return d.record(call{op: opRetireExports, refs: refs})
}

// AbandonExports implements Syscalls.
func (d *delivery) AbandonExports(refs []capdata.Vref) (err error) {
	defer caught(&err)
	for i, v := range refs {
		if _, err := d.listed("abandon_exports", i, v, true); err != nil {
			return err
		}
		d.refs.set(v, view{})
	}
	return d.record(call{op: opAbandonExports, refs: refs})
}

// listed checks one name of a list: a known object, an export or an import.
func (d *delivery) listed(imp string, i int, v capdata.Vref, export bool) (view, error) {
	if v == 0 || !v.WellFormed() {
		return view{}, wellFormed(imp, fmt.Sprintf("ref %d", i), v)
	}
	if v.Kind() != capdata.Object || v.Exported() != export {
		want := "an import, o-"
		if export {
			want = "an export, o+"
		}
		return view{}, fault.New(fault.BadReference, imp, "ref %d %v is not %s", i, v, want)
	}
	w := d.look(v)
	if !w.known {
		return w, fault.New(fault.BadReference, imp, "ref %d %v is unknown", i, v)
	}
	return w, nil
}

// CallNow implements Syscalls. There are no devices in this behaviour, so no
// vat can hold one.
func (d *delivery) CallNow(device capdata.Vref, args capdata.CapData) (failed bool, answer capdata.CapData, err error) {
	defer caught(&err)
	if err := wellFormed("call_now", "device", device); err != nil {
		return false, answer, err
	}
	if device.Kind() != capdata.Device {
		return false, answer, fault.New(fault.BadReference, "call_now", "%v is no device", device)
	}
	return false, answer, fault.New(fault.BadReference, "call_now", "device %v is unknown", device)
}

// VatstoreGet implements Syscalls.
func (d *delivery) VatstoreGet(key []byte) (value []byte, ok bool, err error) {
	defer caught(&err)
	value, ok, found := d.keys.get(string(key))
	if !found {
		value, ok = d.k.vatstore.get(d.vat, key)
	}
	return value, ok, d.recordRead(call{op: opVatstoreGet, key: key}, value, ok)
}

// VatstoreNextKey implements Syscalls.
func (d *delivery) VatstoreNextKey(prior []byte) (key []byte, ok bool, err error) {
	defer caught(&err)
	next, ok := d.keys.next(string(prior), func(after string) (string, bool) {
		k, ok, err := d.k.store.NextKey(d.vat, []byte(after))
		must("read vatstore", err)
		return string(k), ok
	})
	if ok {
		key = []byte(next)
	}
	return key, ok, d.recordRead(call{op: opVatstoreNextKey, key: prior}, key, ok)
}

// VatstoreSet implements Syscalls.
func (d *delivery) VatstoreSet(key, value []byte) (err error) {
	defer caught(&err)
	if err := d.record(call{op: opVatstoreSet, key: key, value: value}); err != nil {
		return err
	}
	d.keys.put(string(key), d.calls[len(d.calls)-1].value, true)
	return nil
}

// VatstoreDelete implements Syscalls.
func (d *delivery) VatstoreDelete(key []byte) (err error) {
	defer caught(&err)
	d.keys.put(string(key), nil, false)
	return d.record(call{op: opVatstoreDelete, key: key})
}

// overlayKeys is the vatstore as a delivery has changed it, over the store's.
type overlayKeys struct {
	live btree.Map[string, []byte]
	gone map[string]bool
	// skip[a] = b says that each stored key in (a, b] is live or gone here, so that
	// walking over many deleted keys does not look at each of them again.
	skip btree.Map[string, string]
}

func (o *overlayKeys) reset() {
	if o.live.Len() > 0 {
		o.live.Clear()
	}
	if o.skip.Len() > 0 {
		o.skip.Clear()
	}
	o.gone = emptied(o.gone)
}

func (o *overlayKeys) put(key string, value []byte, ok bool) {
	if ok {
		o.live.Set(key, value)
		delete(o.gone, key)
		return
	}
	if o.gone == nil {
		o.gone = map[string]bool{}
	}
	o.live.Delete(key)
	o.gone[key] = true
}

func (o *overlayKeys) get(key string) (value []byte, ok, found bool) {
	if v, ok := o.live.Get(key); ok {
		return v, true, true
	}
	return nil, false, o.gone[key]
}

// next gives the least key above prior; stored gives the store's.
func (o *overlayKeys) next(prior string, stored func(after string) (string, bool)) (string, bool) {
	var best string
	have := false
	o.live.Ascend(prior+"\x00", func(k string, _ []byte) bool {
		best, have = k, true
		return false
	})
	after, start := prior, prior
	o.skip.Descend(prior, func(a, b string) bool {
		if b > after {
			after, start = b, a
		}
		return false
	})
	from := after
	for {
		k, ok := stored(after)
		if !ok || have && k >= best {
			break
		}
		if !o.gone[k] {
			best, have = k, true
			break
		}
		after = k
	}
	if after > from {
		o.skip.Set(start, after)
	}
	return best, have
}
