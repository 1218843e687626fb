package kernel

import "github.com/crankcase/crankcase/capdata"

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
	Terminated      []VatID       `json:"terminated"`
	Alive           []VatID       `json:"alive"`
	Next            NextIDs       `json:"next"`
}

// VatDump is a vat that is alive or not yet cleaned up.
type VatDump struct {
	Vat         VatID  `json:"vat"`
	Name        string `json:"name"`
	Incarnation uint32 `json:"incarnation"`
	Deliveries  uint64 `json:"deliveries"`
	GasUsed     uint64 `json:"gasUsed"`
	Dirt        struct {
		Deliveries uint64 `json:"deliveries"`
		GCKrefs    uint64 `json:"gcKrefs"`
	} `json:"dirt"`
	Fault string `json:"fault,omitempty"` // why it ended
}

// CListDump is a c-list entry.
type CListDump struct {
	Vat       VatID        `json:"vat"`
	Kref      capdata.Kref `json:"kref"`
	Vref      capdata.Vref `json:"vref"`
	Reachable bool         `json:"reachable"`
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
	Kref        capdata.Kref        `json:"kref"`
	State       string              `json:"state"` // unresolved, fulfilled, rejected
	RefCount    uint64              `json:"refCount"`
	Decider     VatID               `json:"decider,omitempty"` // 0: none, a queue holds it
	Subscribers []VatID             `json:"subscribers,omitempty"`
	Queue       []EventDump         `json:"queue,omitempty"`
	ToObject    bool                `json:"toObject,omitempty"`
	Data        *capdata.KernelData `json:"data,omitempty"`
}

// EventDump is an entry of a queue.
type EventDump struct {
	Type    string             `json:"type"` // send, notify, startVat
	Target  capdata.Kref       `json:"target,omitempty"`
	Vat     VatID              `json:"vat,omitempty"`
	Promise capdata.Kref       `json:"promise,omitempty"`
	Data    capdata.KernelData `json:"data"`
	Result  capdata.Kref       `json:"result,omitempty"`
}

// GCDump is an action that waits to be delivered.
type GCDump struct {
	Vat  VatID        `json:"vat"`
	Type string       `json:"type"` // dropExport, retireExport, retireImport
	Kref capdata.Kref `json:"kref"`
}

// StoreDump is a vatstore entry.
type StoreDump struct {
	Vat   VatID  `json:"vat"`
	Key   []byte `json:"key"`
	Value []byte `json:"value"`
}

// NextIDs are the numbers that the kernel gives out next.
type NextIDs struct {
	Vat     VatID  `json:"vat"`
	Object  uint64 `json:"object"`
	Promise uint64 `json:"promise"`
	Device  uint64 `json:"device"`
}
