package kernel

import (
	"encoding/json"
	"fmt"
)

// Behaviour is the behaviour that this library implements: instrumenter, gas schedule,
// ABI, host-call prices, WASI subset and kernel rules. A database says which one it was made with.
const Behaviour = 1

// DefaultGasLimit bounds a crank of a vat that has no limit of its own. Compiled
// code uses 3 to 12 gas a nanosecond, so it is what takes 100 to 300 ms.
const DefaultGasLimit = 1_000_000_000

// What one message or a vat's parameters may hold, also when the host sends it: the same
// as a guest may send (docs/abi.md).
const (
	MaxBody  = 10 << 20
	MaxSlots = 10_000
)

// checkSize refuses what no vat could have sent.
func checkSize(what string, body, slots int) error {
	if body > MaxBody {
		return fmt.Errorf("%w: the body of %s has %d bytes, the limit is %d", ErrBadArgument, what, body, MaxBody)
	}
	if slots > MaxSlots {
		return fmt.Errorf("%w: %s has %d slots, the limit is %d", ErrBadArgument, what, slots, MaxSlots)
	}
	return nil
}

// Params are the consensus parameters: set at genesis, stored, hashed.
type Params struct {
	Behaviour     int    `json:"behaviour"`
	ConsensusMode bool   `json:"consensusMode"`
	GasLimit      uint64 `json:"gasLimit"` // of a crank
	MaxLog        int    `json:"maxLog"`   // bytes of syscalls in a crank
}

func encodeParams(e *encoder, p Params) {
	b, err := json.Marshal(p)
	if err != nil {
		throw("encode", err)
	}
	e.raw(b)
}

func decodeParams(d *decoder) Params {
	var p Params
	if err := json.Unmarshal(d.b, &p); err != nil {
		throw("decode", fmt.Errorf("row of parameters is damaged: %w", err))
	}
	d.b = nil
	return p
}

// roster is the static vats in the order of their ids.
type roster struct {
	bootstrap string
	vats      []rosterVat
}

type rosterVat struct {
	id   VatID
	name string
}

func encodeRoster(e *encoder, r roster) {
	e.string(r.bootstrap)
	e.uint(uint64(len(r.vats)))
	for _, v := range r.vats {
		e.uint(uint64(v.id))
		e.string(v.name)
	}
}

func decodeRoster(d *decoder) roster {
	r := roster{bootstrap: d.string()}
	for range d.count() {
		r.vats = append(r.vats, rosterVat{VatID(d.uint()), d.string()})
	}
	return r
}
