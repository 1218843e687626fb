package crankcase

import (
	"encoding/binary"

	"github.com/crankcase/crankcase/runtime/instrument"
	"github.com/crankcase/crankcase/worker"
)

// ModuleInfo is what is known of a module that would be accepted.
type ModuleInfo struct {
	*instrument.Result
	// Imports are the functions that it imports, as module.name, in its own order.
	Imports []string
}

// CheckModule says whether a module would be accepted as a vat's. The error is
// a *fault.Refusal. It is a function of the module alone, and keeps nothing of it.
func CheckModule(module []byte) (*ModuleInfo, error) {
	r, err := instrument.Instrument(module, worker.InstrumentConfig(instrument.DefaultLimits()))
	if err != nil {
		return nil, err
	}
	return &ModuleInfo{r, importsOf(module)}, nil
}

// importsOf lists the imports of a valid module, all of which are functions.
func importsOf(module []byte) []string {
	const importSection = 2
	names := []string{}
	for b := wasmBytes(module[8:]); len(b) > 0; {
		id := b.take(1)[0]
		section := wasmBytes(b.take(b.uint()))
		if id != importSection {
			continue
		}
		for range section.uint() {
			from := section.take(section.uint())
			name := section.take(section.uint())
			names = append(names, string(from)+"."+string(name))
			section.take(1) // a function
			section.uint()  // its type
		}
	}
	return names
}

// wasmBytes reads a module that was validated.
type wasmBytes []byte

func (b *wasmBytes) uint() int {
	n, w := binary.Uvarint(*b)
	*b = (*b)[w:]
	return int(n)
}

func (b *wasmBytes) take(n int) []byte {
	part := (*b)[:n]
	*b = (*b)[n:]
	return part
}
