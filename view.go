package crankcase

import (
	"encoding/hex"
	"errors"

	"github.com/crankcase/crankcase/kernel"
	"github.com/crankcase/crankcase/sqlitestore"
)

// Status is what a database holds, in short. All of it is the same on every
// machine with the same input.
type Status struct {
	Cranks        uint64 `json:"cranks"`     // since the start
	Deliveries    uint64 `json:"deliveries"` // those cranks that entered a vat
	GasUsed       uint64 `json:"gasUsed"`
	Idle          bool   `json:"idle"` // there is nothing to do
	ConsensusMode bool   `json:"consensusMode"`
	// ActivityHash, in hex, chains the hashes of all cranks and inputs.
	ActivityHash string `json:"activityHash"`
	// StateRoot, in hex, is the hash of the state.
	StateRoot string      `json:"stateRoot"`
	Vats      []VatStatus `json:"vats"` // in the order of their numbers
}

// VatStatus is a vat, also one that has ended.
type VatStatus struct {
	Vat        kernel.VatID `json:"vat"`
	Name       string       `json:"name"`
	Alive      bool         `json:"alive"`
	Deliveries uint64       `json:"deliveries"` // 0 once an ended vat is cleaned up
	GasUsed    uint64       `json:"gasUsed"`
	Module     string       `json:"module"`          // SHA-256, in hex
	Fault      string       `json:"fault,omitempty"` // why it ended
}

// Status tells what the database holds, with what is not committed yet. It
// reads the whole state.
func (k *Kernel) Status() (*Status, error) { return statusOf(k.Kernel) }

func statusOf(k *kernel.Kernel) (*Status, error) {
	s := &Status{Cranks: k.Cranks(), Deliveries: k.Deliveries(), GasUsed: k.GasUsed(), ConsensusMode: k.Params().ConsensusMode}
	activity := k.ActivityHash()
	s.ActivityHash = hex.EncodeToString(activity[:])
	root, err := k.StateRoot()
	if err != nil {
		return nil, err
	}
	s.StateRoot = hex.EncodeToString(root[:])
	if s.Idle, err = k.Idle(); err != nil {
		return nil, err
	}
	d, err := k.Dump()
	if err != nil {
		return nil, err
	}
	s.Vats = []VatStatus{}
	for _, v := range d.VatTables {
		s.Vats = append(s.Vats, VatStatus{Vat: v.Vat, Name: v.Name, Alive: !v.Ended, Deliveries: v.Deliveries,
			GasUsed: v.GasUsed, Module: v.Bundle, Fault: v.Fault})
	}
	return s, nil
}

// View is a database that is only looked at. What it shows is one commit: the
// last one when it was opened. It works while another process runs the
// database; keep it open for a short time only. It belongs to one goroutine at
// a time.
type View struct {
	kernel *kernel.Kernel
	store  *sqlitestore.Store
}

// Look opens a view. Errors are those of Open, but never sqlitestore.ErrLocked.
func Look(path string) (*View, error) {
	store, err := sqlitestore.Open(path, &sqlitestore.Options{ReadOnly: true})
	if err != nil {
		return nil, err
	}
	// Without workers, as nothing is going to run.
	k, err := kernel.Open(store, nil, kernel.Options{})
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return &View{k, store}, nil
}

// Status tells what the database holds. It reads the whole state.
func (v *View) Status() (*Status, error) { return statusOf(v.kernel) }

// Cranks is the number of cranks since the start.
func (v *View) Cranks() uint64 { return v.kernel.Cranks() }

// Params gives the consensus parameters.
func (v *View) Params() kernel.Params { return v.kernel.Params() }

// Dump reads all of the kernel's tables.
func (v *View) Dump() (*kernel.Dump, error) { return v.kernel.Dump() }

// Close closes the view.
func (v *View) Close() error { return errors.Join(v.kernel.Close(), v.store.Close()) }
