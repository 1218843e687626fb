package capdata

import "strings"

// Reference is a name space of references that bodies can point into: Vref or
// Kref.
type Reference interface {
	~uint64
	Kind() Kind
	WellFormed() bool
	String() string
}

// Undefined is JavaScript's undefined.
type Undefined struct{}

// Symbol is a registered symbol by its name, or a well-known one by its name
// after @@: "@@asyncIterator". A registered symbol whose own name begins with
// @@ has another @@ put before it.
type Symbol string

// Tagged is a payload under a tag, which marks what kind of data it is: a copy
// set, a copy map, a pattern.
type Tagged struct {
	Tag     string
	Payload any
}

// Error is an error as data: vats pass it by copy. As a pointer it is also a Go
// error, so that a host can return what a promise was rejected with.
type Error struct {
	// Name is "Error", "TypeError", ...; Encode writes "Error" if it is empty.
	Name string
	// Message is the text.
	Message string
	// ID tells errors apart in logs of both sides; empty for none.
	ID string
	// More holds further properties, such as cause and errors, which senders
	// of other versions may add; nil for none. The names message, name and
	// errorId, and names that begin with #, are not allowed.
	More map[string]any
}

// Error implements error.
func (e *Error) Error() string {
	if e.Name == "" {
		return "Error: " + e.Message
	}
	return e.Name + ": " + e.Message
}

// Remotable is an object or device that a body mentions by reference.
type Remotable[R Reference] struct {
	Ref R
	// Iface is what the sender says that it is, as it is written:
	// "Alleged: counter", "Remotable"; empty for none. It proves nothing.
	Iface string
}

// PromiseRef is a promise that a body mentions by reference.
type PromiseRef[R Reference] struct {
	Ref R
}

// MaxDepth is how deeply arrays, records, tagged values and errors may be
// nested, in Encode as in Decode. It bounds the stack that hostile input takes.
const MaxDepth = 1000

// MaxBigIntDigits is how many decimal digits a bigint may have, in Encode as in
// Decode. Reading one takes time in the square of its length.
const MaxBigIntDigits = 10_000

// maxSafeInteger is JavaScript's Number.MAX_SAFE_INTEGER.
const maxSafeInteger = 1<<53 - 1

// isSpecial reports whether smallcaps gives a meaning of its own to strings
// that begin with c, so that an ordinary string that does so needs a ! before
// it: the characters from ! to -.
func isSpecial(c byte) bool { return '!' <= c && c <= '-' }

func startsSpecial(s string) bool { return s != "" && isSpecial(s[0]) }

// isErrorProperty reports whether name is one of an error's own properties.
// message is reserved, since the message stands under #error.
func isErrorProperty(name string) bool {
	return name == "message" || name == "name" || name == "errorId" || strings.HasPrefix(name, "#")
}
