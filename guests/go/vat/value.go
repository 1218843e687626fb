package vat

// Undefined is JavaScript's undefined: what a method without a result returns.
type Undefined struct{}

// BigInt is an integer of any size, in decimal digits with an optional minus.
type BigInt string

// Symbol is a passable symbol, by its name.
type Symbol string

// Record is a copy-record: named fields.
type Record = map[string]any

// Tagged is a payload with a tag.
type Tagged struct {
	Tag     string
	Payload any
}

// Error is an error that came from another vat or goes to one.
type Error struct {
	Name    string // "Error", "TypeError", ...
	Message string
}

// Error implements error.
func (e *Error) Error() string { return e.Message }

// Rejection is the error of a promise that was rejected with something else
// than an error. Returned by a method, it rejects with Reason.
type Rejection struct{ Reason any }

// Error implements error.
func (r *Rejection) Error() string {
	if s, ok := r.Reason.(string); ok {
		return "rejected: " + s
	}
	return "rejected"
}

// ref is a reference in the form of the ABI.
type ref uint64

const (
	kindObject  = 0
	kindPromise = 1
	kindDevice  = 2

	rootRef ref = 1
)

func (r ref) kind() int       { return int(r >> 1 & 3) }
func (r ref) exported() bool  { return r&1 == 1 }
func objectRef(n uint64) ref  { return ref(n<<4 | 1) }
func promiseRef(n uint64) ref { return ref(n<<4 | 3) }
func isSpecial(s string) bool { return s != "" && s[0] >= '!' && s[0] <= '-' }
func isDigits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
