package kernel

import (
	"github.com/crankcase/crankcase/capdata"
)

// route is where a message goes now.
type route struct {
	vat    VatID        // the vat that gets it; 0: it parks, or it splatted
	target capdata.Kref // what it is for, after settled promises have been followed
	splat  bool         // nobody gets it, and its result has been rejected
}

// route finds where a message goes. A message that nobody can take splats: its
// result is rejected at once. References are the caller's to give back.
func (k *Kernel) route(m message) route {
	switch m.target.Kind() {
	case capdata.Object:
		return k.routeObject(m, m.target)
	case capdata.Promise:
	default:
		bug("a message is addressed to %v", m.target)
	}
	p := k.promise(m.target)
	switch p.state {
	case toObject:
		return k.routeObject(m, k.data(m.target).Slots[0])
	case fulfilled:
		return k.splat(m, capdata.KernelData{Body: errorBody("data is not callable, has no method " + capdata.MethodName(m.data.Body))})
	case rejected:
		return k.splat(m, k.data(m.target))
	}
	if p.decider == 0 {
		return route{target: m.target}
	}
	v := k.vat(p.decider)
	if v.ended {
		return k.splat(m, capdata.KernelData{Body: errorBody(textVatTerminated)})
	}
	if v.options.Pipelining {
		return route{vat: p.decider, target: m.target}
	}
	return route{target: m.target}
}

func (k *Kernel) routeObject(m message, target capdata.Kref) route {
	o, ok := k.objects.get(uint64(target), 0)
	if ok && o.owner != 0 && !k.vat(o.owner).ended {
		return route{vat: o.owner, target: target}
	}
	return k.splat(m, capdata.KernelData{Body: errorBody(textVatTerminated)})
}

func (k *Kernel) splat(m message, why capdata.KernelData) route {
	if m.result != 0 {
		k.settle(m.result, rejected, why)
	}
	return route{splat: true}
}

// data is how a promise settled.
func (k *Kernel) data(r capdata.Kref) capdata.KernelData {
	if p := k.promise(r); p.data != nil {
		return *p.data
	}
	d, ok := k.settled.get(uint64(r), 0)
	if !ok {
		bug("%v has no data", r)
	}
	return d
}

// vat is the row of a vat that must exist.
func (k *Kernel) vat(id VatID) vatRow {
	v, ok := k.vats.get(uint64(id), 0)
	if !ok {
		bug("v%d is not in the kernel's table", id)
	}
	return v
}

// alive reports whether a vat can get deliveries.
func (k *Kernel) alive(id VatID) bool {
	v, ok := k.vats.get(uint64(id), 0)
	return ok && !v.ended
}

func (k *Kernel) vatState(id VatID) vatState {
	s, ok := k.vatStates.get(uint64(id), 0)
	if !ok {
		bug("v%d has no state", id)
	}
	return s
}
