package vat

import "slices"

// Tables of what the kernel knows this vat by. Nothing iterates over the maps.
var (
	remotes     map[ref]*Remote
	promises    map[ref]*Promise // not settled yet, decided elsewhere
	deciding    map[ref]*decided // not settled yet, decided here
	objects     map[ref]*Object  // exported
	dropList    []*Remote        // perhaps nobody's any more: looked at in bringOutYourDead
	nextPromise uint64
	nextObject  uint64
)

// reset forgets everything, as the memory of a new incarnation does.
func reset() {
	remotes, promises = map[ref]*Remote{}, map[ref]*Promise{}
	deciding, objects = map[ref]*decided{}, map[ref]*Object{}
	dropList, batch, jobs = nil, batchState{}, nil
}

// counted is a Remote or a Promise: what is on loan or kept is counted.
type counted interface {
	retain()
	release()
}

// A Target is what calls can be sent to: a *Remote, a *Promise or an *Object.
type Target interface {
	// Send sends a call and returns the promise for its answer, which belongs
	// to c. It panics if an argument is of no type that can be sent, or is a
	// reference that was given back.
	Send(c *Call, method string, args ...any) *Promise
	// SendOnly sends a call whose answer nobody wants to know.
	SendOnly(method string, args ...any)
}

// A Remote is an object of another vat, or a device. There is one Remote for
// an object as long as the vat has it, so they can be compared.
type Remote struct {
	ref    ref
	holds  int
	queued bool // in dropList
	gone   bool
}

// Keep keeps r beyond the call that it belongs to. It returns r.
func (r *Remote) Keep() *Remote { r.live(); r.retain(); return r }

// Drop undoes one Keep.
func (r *Remote) Drop() { r.live(); r.release() }

func (r *Remote) retain() { r.holds++ }

func (r *Remote) release() {
	if r.holds--; r.holds == 0 && !r.queued && r.ref.kind() == kindObject {
		r.queued = true
		dropList = append(dropList, r)
	}
}

// live returns r's name. It panics where nothing holds r any more: the bug
// would otherwise show only after the next bringOutYourDead.
func (r *Remote) live() ref {
	if r.holds == 0 || r.gone {
		panic("vat: a reference was used after it was given back: call Keep on what is stored")
	}
	return r.ref
}

// Send implements Target.
func (r *Remote) Send(c *Call, method string, args ...any) *Promise {
	return send(c, r.live(), method, args)
}

// SendOnly implements Target.
func (r *Remote) SendOnly(method string, args ...any) { sendOnly(r.live(), method, args) }

// An Object is an object of this vat that other vats can send to. It is
// exported by being sent.
type Object struct {
	iface   string
	methods Methods
	ref     ref // 0: not exported
}

// NewObject makes an object. iface is what other vats call it, for people.
func NewObject(iface string, methods Methods) *Object { return &Object{iface: iface, methods: methods} }

func (o *Object) export() ref {
	if o.ref == 0 {
		o.ref = objectRef(nextObject)
		nextObject++
		objects[o.ref] = o
	}
	return o.ref
}

// Send implements Target: the call takes the way through the kernel, like any other.
func (o *Object) Send(c *Call, method string, args ...any) *Promise {
	return send(c, o.export(), method, args)
}

// SendOnly implements Target.
func (o *Object) SendOnly(method string, args ...any) { sendOnly(o.export(), method, args) }

// arrive returns what slots stand for, and the Remotes and Promises among
// that, each retained once. It subscribes to promises that are new.
func arrive(slots []ref) (values []any, loans []counted) {
	if len(slots) == 0 {
		return nil, nil
	}
	values = make([]any, len(slots))
	loans = make([]counted, 0, len(slots))
	for i, r := range slots {
		switch {
		case r.kind() == kindPromise:
			p := promiseOf(r)
			values[i], loans = p, append(loans, p)
		case r.exported():
			values[i] = exportedObject(r)
		default:
			x := remotes[r]
			if x == nil {
				x = &Remote{ref: r}
				remotes[r] = x
			}
			values[i], loans = x, append(loans, x)
		}
	}
	for _, x := range loans {
		x.retain()
	}
	return values, loans
}

// exportedObject returns the object of that name, or one without methods where
// an earlier incarnation exported it.
func exportedObject(r ref) *Object {
	if o := objects[r]; o != nil {
		return o
	}
	return &Object{ref: r}
}

// promiseOf returns the promise of that name. Within a notify the subscription
// to a new one waits: it may be among those whose names end.
func promiseOf(r ref) *Promise {
	if d := deciding[r]; d != nil {
		return d.promise()
	}
	p := promises[r]
	if p == nil {
		p = &Promise{ref: r}
		promises[r] = p
		if batch.open {
			batch.found = append(batch.found, r)
		} else {
			hostSubscribe(r)
		}
	}
	return p
}

func giveBack(loans []counted) {
	for _, x := range loans {
		x.release()
	}
}

// maxRefs is how many references a list of the ABI takes at least.
const maxRefs = 1000

// bringOutYourDead tells the kernel which imports nobody holds any more.
func bringOutYourDead() {
	var dead []ref
	for _, r := range dropList {
		r.queued = false
		if r.holds > 0 || r.gone {
			continue
		}
		r.gone = true
		delete(remotes, r.ref)
		dead = append(dead, r.ref)
	}
	clear(dropList)
	dropList = dropList[:0]
	slices.Sort(dead)
	for part := range slices.Chunk(dead, maxRefs) {
		hostDropImports(part)
		hostRetireImports(part)
	}
}

// retireImport: the object is gone, its name has ended.
func retireImport(r ref) {
	if x := remotes[r]; x != nil {
		x.gone = true
		delete(remotes, r)
	}
}

// retireExport: nobody knows the object by this name any more. It gets a new
// one if it is sent again.
func retireExport(r ref) {
	if o := objects[r]; o != nil && r != rootRef {
		o.ref = 0
		delete(objects, r)
	}
}
