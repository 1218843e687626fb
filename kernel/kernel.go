package kernel

import (
	"log/slog"

	"github.com/crankcase/crankcase/capdata"
)

// RejectPolicy says what a host wants to happen when the result of a message
// that it queued is rejected.
type RejectPolicy uint8

const (
	Ignore RejectPolicy = iota // nothing
	Log                        // a warning to the Logger
	Panic                      // the kernel panics: nothing of the crank is committed
)

// FaultPolicy is what a vat's guest fault does to the vat.
type FaultPolicy string

const Terminate FaultPolicy = "terminate"

// Never, as a threshold, switches it off.
const Never = 0

// VatOptions are a vat's creation options. The zero value is usable and means
// the defaults of the kernel's parameters.
type VatOptions struct {
	Pipelining   bool        `json:"enablePipelining,omitempty"`
	Critical     bool        `json:"critical,omitempty"` // the kernel panics when the vat ends by a fault
	OnFault      FaultPolicy `json:"onFault,omitempty"`  // "": terminate
	ReapInterval uint64      `json:"reapInterval"`       // bringOutYourDead each N deliveries; Never: not
	ReapGCKrefs  uint64      `json:"reapGCKrefs"`        // and each N references in GC deliveries; Never: not
	GasLimit     uint64      `json:"gasLimit,omitempty"` // per crank; 0: the kernel's default
}

// VatConfig is a static vat.
type VatConfig struct {
	Name       string
	Module     []byte          // the .wasm file
	Parameters capdata.CapData // vatParameters; without slots
	Options    VatOptions
}

// Genesis is what a kernel is born with. All of it is consensus state.
type Genesis struct {
	ConsensusMode   bool
	DefaultGasLimit uint64 // gas of a crank; 0: DefaultGasLimit
	Vats            []VatConfig
	// Bootstrap names the vat that gets the message
	// bootstrap({name: root, ...}, {}) when all vats have started. Empty: none.
	Bootstrap string
}

// Options are what a host chooses each time it opens a kernel. None of it can
// be sensed by a guest or enters a hash. The zero value is usable.
type Options struct {
	Logger *slog.Logger // nil: silent
	// MaxVatsOnline bounds the vats whose workers are kept; the one that was
	// entered longest ago is dropped and comes back by replay. 0: no bound.
	MaxVatsOnline int
}

// RunPolicy decides after each crank whether Run goes on. The methods get what
// the crank was; false ends the run. See CrankCounter, GasCounter, WallClock, Forever.
type RunPolicy interface {
	// AllowCleanup says before each selection whether dead vats may be cleaned
	// up, and how many entries at most per crank (0: no limit).
	AllowCleanup() (ok bool, budget int)
	// Cranked is told of each finished crank.
	Cranked(c CrankInfo) (goOn bool)
}

// CrankKind classifies a crank for run policies, as SwingSet does.
type CrankKind uint8

const (
	CrankEmpty    CrankKind = iota // routing, and what turned out to be nothing
	CrankDelivery                  // a vat was entered
	CrankCleanup                   // a part of a dead vat was deleted
)

// CrankInfo describes a finished crank.
type CrankInfo struct {
	Number  uint64
	Kind    CrankKind
	Vat     VatID // 0 if no vat was entered
	GasUsed uint64
}
