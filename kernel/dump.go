package kernel

import (
	"encoding/json"
	"fmt"

	"github.com/crankcase/crankcase/capdata"
)

// Dump is the kernel's tables as people and tools read them, in the shape of
// SwingSet's dump(). Lists are in the order of their numbers.
type Dump struct {
	VatTables       []VatDump     `json:"vatTables"`
	KernelTable     []CListDump   `json:"kernelTable"`
	Objects         []ObjectDump  `json:"objects"`
	Promises        []PromiseDump `json:"promises"`
	GCActions       []GCDump      `json:"gcActions"`
	ReapQueue       []VatID       `json:"reapQueue"`
	RunQueue        []EventDump   `json:"runQueue"`
	AcceptanceQueue []EventDump   `json:"acceptanceQueue"`
	Vatstore        []StoreDump   `json:"vatstore"`
	Terminated      []VatID       `json:"terminated"` // ended, not yet cleaned up
	Alive           []VatID       `json:"alive"`
	Next            NextIDs       `json:"next"`
}

// VatDump is a vat, also one that has ended.
type VatDump struct {
	Vat         VatID      `json:"vat"`
	Name        string     `json:"name"`
	Static      bool       `json:"static"`
	Ended       bool       `json:"ended,omitempty"`
	Fault       string     `json:"fault,omitempty"` // why it ended
	Options     VatOptions `json:"options"`
	Bundle      string     `json:"bundle"` // SHA-256 of the module, in hex
	Incarnation uint32     `json:"incarnation"`
	Deliveries  uint64     `json:"deliveries"`
	GasUsed     uint64     `json:"gasUsed"`
	Dirt        Dirt       `json:"dirt"`
}

// Dirt is what counts towards a vat's next bringOutYourDead.
type Dirt struct {
	Deliveries uint64 `json:"deliveries,omitempty"`
	GCKrefs    uint64 `json:"gcKrefs,omitempty"`
}

// CListDump is a c-list entry.
type CListDump struct {
	Vat       VatID        `json:"vat"`
	Kref      capdata.Kref `json:"kref"`
	Vref      capdata.Vref `json:"vref"`
	Reachable bool         `json:"reachable"` // the R flag
}

// ObjectDump is a kernel object.
type ObjectDump struct {
	Kref         capdata.Kref `json:"kref"`
	Owner        VatID        `json:"owner"` // 0: none
	Reachable    uint64       `json:"reachable"`
	Recognizable uint64       `json:"recognizable"`
}

// PromiseDump is a kernel promise.
type PromiseDump struct {
	Kref        capdata.Kref `json:"kref"`
	State       string       `json:"state"` // unresolved, fulfilled, rejected
	RefCount    uint64       `json:"refCount"`
	Decider     VatID        `json:"decider,omitempty"` // 0: none, a queue holds it
	Subscribers []VatID      `json:"subscribers,omitempty"`
	Queue       []EventDump  `json:"queue,omitempty"`
	ToObject    bool         `json:"toObject,omitempty"` // fulfilled with an object
	Data        *DataDump    `json:"data,omitempty"`
}

// DataDump is capdata with the body as text.
type DataDump struct {
	Body  string         `json:"body"`
	Slots []capdata.Kref `json:"slots"`
}

// EventDump is an entry of a queue.
type EventDump struct {
	Type    string       `json:"type"`              // send, notify, startVat
	Target  capdata.Kref `json:"target,omitempty"`  // send
	Data    *DataDump    `json:"data,omitempty"`    // send
	Result  capdata.Kref `json:"result,omitempty"`  // send; 0: none
	Vat     VatID        `json:"vat,omitempty"`     // notify, startVat
	Promise capdata.Kref `json:"promise,omitempty"` // notify
}

// GCDump is an action that waits to be delivered.
type GCDump struct {
	Vat  VatID        `json:"vat"`
	Type string       `json:"type"` // dropExport, retireExport, retireImport
	Kref capdata.Kref `json:"kref"`
}

// StoreDump is a vatstore entry. Keys and values are any bytes; in JSON those
// that are not UTF-8 are replaced.
type StoreDump struct {
	Vat   VatID
	Key   []byte
	Value []byte
}

// MarshalJSON shows key and value as text.
func (s StoreDump) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Vat   VatID  `json:"vat"`
		Key   string `json:"key"`
		Value string `json:"value"`
	}{s.Vat, string(s.Key), string(s.Value)})
}

// NextIDs are the numbers that the kernel gives out next.
type NextIDs struct {
	Vat     VatID  `json:"vat"`
	Object  uint64 `json:"object"`
	Promise uint64 `json:"promise"`
	Device  uint64 `json:"device"`
}

// Dump reads all tables. It works on a kernel that has panicked, too: then it
// shows the last commit.
func (k *Kernel) Dump() (d *Dump, err error) {
	if k.dead == ErrClosed {
		return nil, ErrClosed
	}
	if k.dead == nil {
		if err := k.protect(func() error { k.catchUp(); return nil }); err != nil {
			return nil, err
		}
	}
	return ReadDump(k.store)
}

// ReadDump reads all tables of a store that nobody is writing to.
func ReadDump(s Store) (d *Dump, err error) {
	defer caught(&err)
	value, _, err := s.Get(TableState, rowState, 0)
	if err != nil {
		return nil, err
	}
	if value == nil {
		return nil, ErrNotInitialized
	}
	st, _ := openState(value)
	held, err := countInflight(s)
	if err != nil {
		return nil, err
	}
	d = &Dump{ReapQueue: st.reap, Terminated: st.terminated,
		Next: NextIDs{st.nextVat, st.nextObject, st.nextPromise, st.nextDevice}}
	settled := map[uint64]*DataDump{}
	parked := map[uint64][]EventDump{}
	states := map[uint64]vatState{}
	for _, t := range []struct {
		id Table
		f  func(w Write, r *decoder)
	}{
		{TableVatState, func(w Write, r *decoder) { states[w.A] = decodeVatState(r) }},
		{TableVat, func(w Write, r *decoder) { d.addVat(VatID(w.A), decodeVat(r), states[w.A]) }},
		{TableCList, func(w Write, r *decoder) {
			d.KernelTable = append(d.KernelTable, CListDump{VatID(w.A), capdata.Kref(w.B), capdata.Vref(w.C), r.bool()})
		}},
		{TableObject, func(w Write, r *decoder) {
			o := decodeObject(r)
			d.Objects = append(d.Objects, ObjectDump{capdata.Kref(w.A), o.owner, o.reachable + held[capdata.Kref(w.A)], o.recognizable + held[capdata.Kref(w.A)]})
		}},
		{TableSettled, func(w Write, r *decoder) { settled[w.A] = dataDump(r.data()) }},
		{TableParked, func(w Write, r *decoder) { parked[w.A] = append(parked[w.A], eventDump(decodeEvent(r))) }},
		{TablePromise, func(w Write, r *decoder) {
			p := decodePromise(r)
			if p.data != nil {
				settled[w.A] = dataDump(*p.data)
			}
			d.Promises = append(d.Promises, PromiseDump{Kref: capdata.Kref(w.A), State: p.state.String(), RefCount: p.refs + held[capdata.Kref(w.A)],
				Decider: p.decider, Subscribers: p.subscribers, Queue: parked[w.A], ToObject: p.state == toObject, Data: settled[w.A]})
		}},
		{TableQueue, func(w Write, r *decoder) {
			if e := eventDump(decodeEvent(r)); w.B >= st.routed {
				d.AcceptanceQueue = append(d.AcceptanceQueue, e)
			} else {
				d.RunQueue = append(d.RunQueue, e)
			}
		}},
		{TableGCAction, func(w Write, r *decoder) {
			d.GCActions = append(d.GCActions, GCDump{VatID(w.A), gcNames[w.B>>gcShift], capdata.Kref(w.B & (1<<gcShift - 1))})
		}},
		{TableVatstore, func(w Write, r *decoder) {
			d.Vatstore = append(d.Vatstore, StoreDump{VatID(w.A), append([]byte{}, w.Key...), append([]byte{}, w.Value...)})
			r.b = nil
		}},
	} {
		err := s.ScanTable(t.id, func(w Write) bool {
			r := decoder{tableNames[t.id], append([]byte(nil), w.Value...)}
			t.f(w, &r)
			r.end()
			return true
		})
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", tableNames[t.id], err)
		}
	}
	return d, nil
}

func (d *Dump) addVat(id VatID, v vatRow, s vatState) {
	d.VatTables = append(d.VatTables, VatDump{Vat: id, Name: v.name, Static: v.static, Ended: v.ended, Fault: v.fault, Options: v.options,
		Bundle: fmt.Sprintf("%x", v.bundle), Incarnation: v.incarnation, Deliveries: s.position, GasUsed: s.gasUsed,
		Dirt: Dirt{s.dirtDeliveries, s.dirtKrefs}})
	if !v.ended {
		d.Alive = append(d.Alive, id)
	}
}

func dataDump(d capdata.KernelData) *DataDump {
	if d.Slots == nil {
		d.Slots = []capdata.Kref{}
	}
	return &DataDump{string(d.Body), d.Slots}
}

func eventDump(e event) EventDump {
	switch e.kind {
	case eventSend:
		return EventDump{Type: "send", Target: e.msg.target, Data: dataDump(e.msg.data), Result: e.msg.result}
	case eventNotify:
		return EventDump{Type: "notify", Vat: e.vat, Promise: e.promise}
	}
	return EventDump{Type: "startVat", Vat: e.vat}
}
