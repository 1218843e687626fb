package fault

import (
	"fmt"
	"strings"
)

// Refusal says why a module was not accepted at install. Nothing was changed.
// It is the caller's mistake, not a fault of a vat or of the host.
type Refusal struct {
	Section     string // "import", "code", ...; empty if it is about the module as a whole
	Function    int    // index in the function index space; -1 if it is not about one
	Name        string // the function's name, if the module names it
	Instruction string // "f32x4.add"; empty if it is not about one
	Offset      int    // byte offset in the module; -1 if unknown
	Reason      string // what is wrong, with the limit or the expectation
	Hint        string // what to do, or empty
}

func (r *Refusal) Error() string {
	var b strings.Builder
	b.WriteString("module refused")
	if r.Section != "" {
		fmt.Fprintf(&b, ": %s section", r.Section)
	}
	if r.Function >= 0 {
		fmt.Fprintf(&b, ": function %d", r.Function)
		if r.Name != "" {
			fmt.Fprintf(&b, " (%s)", r.Name)
		}
	}
	if r.Instruction != "" {
		fmt.Fprintf(&b, ": %s", r.Instruction)
	}
	if r.Offset >= 0 {
		fmt.Fprintf(&b, " at offset %#x", r.Offset)
	}
	b.WriteString(": ")
	b.WriteString(r.Reason)
	if r.Hint != "" {
		fmt.Fprintf(&b, " (%s)", r.Hint)
	}
	return b.String()
}
