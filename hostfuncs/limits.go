package hostfuncs

import "fmt"

// Limits are the consensus limits that host functions enforce on sizes and
// counts. The zero value stands for DefaultLimits.
type Limits struct {
	MaxBody      uint32 `json:"maxBody"`      // bytes of a capdata's body
	MaxSlots     uint32 `json:"maxSlots"`     // slots of a capdata, references of a list, records of a resolve
	MaxKey       uint32 `json:"maxKey"`       // bytes of a vatstore key
	MaxValue     uint32 `json:"maxValue"`     // bytes of a vatstore value
	MaxFaultText uint32 `json:"maxFaultText"` // bytes that are kept of the text given to fault
}

// DefaultLimits returns the limits of ABI version 1.
func DefaultLimits() Limits {
	return Limits{MaxBody: 10 << 20, MaxSlots: 10_000, MaxKey: 1024, MaxValue: 10 << 20, MaxFaultText: 1024}
}

// maxLength bounds every length and count that a guest gives or gets, so that
// it can hold any of them in a signed i32.
const maxLength = 1<<31 - 1

// maxCount bounds limits on counts: multiplied by the size of an element
// they stay far from overflow, and a scratch list of that many stays small.
const maxCount = 1 << 20

// check reports a limit that host functions cannot work with.
func (l Limits) check() error {
	for _, c := range []struct {
		name   string
		n, max uint32
	}{
		{"MaxBody", l.MaxBody, maxLength},
		{"MaxSlots", l.MaxSlots, maxCount},
		{"MaxKey", l.MaxKey, maxLength},
		{"MaxValue", l.MaxValue, maxLength},
		{"MaxFaultText", l.MaxFaultText, maxLength},
	} {
		if c.n == 0 || c.n > c.max {
			return fmt.Errorf("hostfuncs: limit %s is %d, expected 1 to %d", c.name, c.n, c.max)
		}
	}
	return nil
}
