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

// MarshalText implements encoding.TextMarshaler, so that JSON shows "o-50". It
// does not fail, not even for a malformed v, which UnmarshalText then refuses.
func (v Vref) MarshalText() ([]byte, error) { return v.Append(nil), nil }

// UnmarshalText implements encoding.TextUnmarshaler with ParseVref.
func (v *Vref) UnmarshalText(text []byte) error {
	p, err := ParseVref(string(text))
	if err != nil {
		return err
	}
	*v = p
	return nil
}

// maxVrefIndex is the greatest index that bits 4-63 hold.
const maxVrefIndex = 1<<60 - 1

// ParseVref is the inverse of Vref.String on 0 and on everything that is
// well-formed, and refuses every other text, so that a reference has exactly
// one spelling. The error is a *ParseError.
func ParseVref(s string) (Vref, error) {
	if s == "none" {
		return 0, nil
	}
	fail := func(at int, expected string) (Vref, error) {
		return 0, &ParseError{What: "vref", Offset: at, Expected: expected, Found: quote(s[at:])}
	}
	if s == "" {
		return fail(0, "o, p or d, or none")
	}
	kind, ok := parseKind(s[0])
	if !ok {
		return fail(0, "o, p or d, or none")
	}
	if len(s) < 2 || s[1] != '+' && s[1] != '-' {
		return fail(1, "+ or -")
	}
	v := Vref(kind) << 1
	at := 2
	if s[1] == '+' {
		if kind == Device {
			return fail(1, "- (a vat has no devices of its own)")
		}
		v |= 1
		if kind == Object && len(s) > 2 && s[2] == 'd' {
			v |= 8
			at = 3
		}
	}
	index, bad := parseIndex(s, at, maxVrefIndex)
	if bad >= 0 {
		return fail(bad, "a decimal index from 0 to 2^60-1 without leading zeros")
	}
	v |= Vref(index << 4)
	if v == 0 {
		return fail(at, "an index that is not 0 (o-0 would be the same as none)")
	}
	return v, nil
}

// parseKind returns the kind with the letter c.
func parseKind(c byte) (Kind, bool) {
	switch c {
	case 'o':
		return Object, true
	case 'p':
		return Promise, true
	case 'd':
		return Device, true
	}
	return 0, false
}

// parseIndex reads s[at:] as a decimal number up to max. bad is -1, or the
// position at which it is no such number.
func parseIndex(s string, at int, max uint64) (n uint64, bad int) {
	digits := s[at:]
	if digits == "" || digits[0] == '0' && len(digits) > 1 {
		return 0, at
	}
	for i := range len(digits) {
		c := uint64(digits[i] - '0')
		if c > 9 { // also what is below '0', since a byte wraps around
			return 0, at + i
		}
		if n > max/10 || c > max-n*10 {
			return 0, at
		}
		n = n*10 + c
	}
	return n, -1
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

// WellFormed reports whether k is a reference at all: not 0 and of a kind that
// exists.
func (k Kref) WellFormed() bool { return k != 0 && k&3 != 3 }

// String returns ko20, kp40 or kd30, and none for 0.
func (k Kref) String() string { return string(k.Append(nil)) }

// Append appends the text form to b.
func (k Kref) Append(b []byte) []byte {
	if k == 0 {
		return append(b, "none"...)
	}
	return strconv.AppendUint(append(b, 'k', "opd?"[k&3]), k.Number(), 10)
}

// MarshalText implements encoding.TextMarshaler, so that JSON shows "ko20". It
// does not fail, not even for a malformed k, which UnmarshalText then refuses.
func (k Kref) MarshalText() ([]byte, error) { return k.Append(nil), nil }

// UnmarshalText implements encoding.TextUnmarshaler with ParseKref.
func (k *Kref) UnmarshalText(text []byte) error {
	p, err := ParseKref(string(text))
	if err != nil {
		return err
	}
	*k = p
	return nil
}

// maxKrefNumber is the greatest number that bits 2-63 hold.
const maxKrefNumber = 1<<62 - 1

// ParseKref is the inverse of Kref.String on 0 and on everything that is
// well-formed, and refuses every other text. The error is a *ParseError.
func ParseKref(s string) (Kref, error) {
	if s == "none" {
		return 0, nil
	}
	fail := func(at int, expected string) (Kref, error) {
		return 0, &ParseError{What: "kref", Offset: at, Expected: expected, Found: quote(s[at:])}
	}
	if len(s) < 2 || s[0] != 'k' {
		return fail(0, "ko, kp or kd, or none")
	}
	kind, ok := parseKind(s[1])
	if !ok {
		return fail(1, "o, p or d")
	}
	n, bad := parseIndex(s, 2, maxKrefNumber)
	if bad >= 0 {
		return fail(bad, "a decimal number from 0 to 2^62-1 without leading zeros")
	}
	k := NewKref(kind, n)
	if k == 0 {
		return fail(2, "a number that is not 0 (ko0 would be the same as none)")
	}
	return k, nil
}
