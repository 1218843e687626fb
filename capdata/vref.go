package capdata

import (
	"fmt"
	"strconv"
)

// Kind is what a reference names.
type Kind uint8

const (
	Object  Kind = 0
	Promise Kind = 1
	Device  Kind = 2
)

// String returns "object", "promise" or "device".
func (k Kind) String() string {
	switch k {
	case Object:
		return "object"
	case Promise:
		return "promise"
	case Device:
		return "device"
	}
	return fmt.Sprintf("kind-%d", uint8(k))
}

// Vref is a reference as one vat names it, in the form of the guest ABI: bit 0
// is 1 if the vat allocated it, bits 1-2 are the Kind, bit 3 says durable (only
// on objects that the vat allocated), bits 4-63 are the index. 0 means none.
type Vref uint64

// First indexes of what the kernel allocates in a vat's c-list.
const (
	FirstObjectImport  = 50
	FirstPromiseImport = 60
	FirstDeviceImport  = 70
)

// Root is every vat's root object, o+0.
const Root Vref = 1

// Import returns the vref that the kernel allocates for a vat: o-N, p-N or d-N.
func Import(k Kind, index uint64) Vref { return Vref(index<<4 | uint64(k)<<1) }

// Export returns the vref of a vat's own object or promise: o+N or p+N.
func Export(k Kind, index uint64) Vref { return Vref(index<<4 | uint64(k)<<1 | 1) }

// Kind returns what v names. It is meaningful only if v is well-formed.
func (v Vref) Kind() Kind { return Kind(v >> 1 & 3) }

// Exported reports whether the vat allocated v (a + reference).
func (v Vref) Exported() bool { return v&1 == 1 }

// Durable reports whether v is a durable export.
func (v Vref) Durable() bool { return v&8 != 0 }

// Index returns bits 4-63.
func (v Vref) Index() uint64 { return uint64(v >> 4) }

// WellFormed reports whether v is a reference at all: not 0, not kind 3, bit 3
// only on o+, and not d+ (a vat has no devices of its own).
func (v Vref) WellFormed() bool {
	switch {
	case v == 0, v>>1&3 == 3:
		return false
	case v&8 != 0 && v&7 != 1: // durable, but not o+
		return false
	case v&7 == 5: // d+
		return false
	}
	return true
}

// String returns the text form: o+0, o-50, p+5, d-70, o+d7, none for 0.
func (v Vref) String() string { return string(v.Append(nil)) }

// Append appends the text form to b.
func (v Vref) Append(b []byte) []byte {
	if v == 0 {
		return append(b, "none"...)
	}
	b = append(b, "opd?"[v>>1&3])
	if v.Exported() {
		b = append(b, '+')
	} else {
		b = append(b, '-')
	}
	if v.Durable() {
		b = append(b, 'd')
	}
	return strconv.AppendUint(b, v.Index(), 10)
}

// Kref is a reference as the kernel names it: bits 0-1 are the Kind, the rest
// is the number. 0 means none. Its text forms are ko20, kp40 and kd30.
type Kref uint64

// First numbers that a fresh kernel gives out, as in SwingSet.
const (
	FirstObject  = 20
	FirstDevice  = 30
	FirstPromise = 40
)

// NewKref returns the kernel reference of a kind with a number.
func NewKref(k Kind, n uint64) Kref { return Kref(n<<2 | uint64(k)) }

// Kind returns what k names.
func (k Kref) Kind() Kind { return Kind(k & 3) }

// Number returns the number in k's text form.
func (k Kref) Number() uint64 { return uint64(k >> 2) }

// String returns ko20, kp40 or kd30, and none for 0.
func (k Kref) String() string {
	if k == 0 {
		return "none"
	}
	return string(strconv.AppendUint([]byte{'k', "opd?"[k&3]}, k.Number(), 10))
}
