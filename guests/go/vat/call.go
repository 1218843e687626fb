package vat

import "strconv"

// Methods are an object's methods by name. A method runs until it returns or
// awaits; its value or error settles the caller's promise.
type Methods map[string]func(c *Call) (any, error)

// A Call is one message to an object of this vat. What it brings and what is
// made for it (promises, references in answers) is on loan to it until its
// method has returned.
type Call struct {
	method string
	args   []any
	result ref
	loans  []counted
}

// Method returns the name that was called.
func (c *Call) Method() string { return c.method }

// Args returns the arguments. They belong to the call.
func (c *Call) Args() []any { return c.args }

func (c *Call) lend(x counted) {
	x.retain()
	c.loans = append(c.loans, x)
}

// end gives back what is on loan.
func (c *Call) end() {
	giveBack(c.loans)
	c.loans = nil
}

// Scan puts the arguments, in order, where dst point: *string, *int64, *int,
// *float64, *bool, *Target, **Remote, **Promise, *[]any, *Record or *any. It
// returns an error that says which argument is missing or of another type.
// Further arguments are ignored.
func (c *Call) Scan(dst ...any) error {
	for i, d := range dst {
		if i >= len(c.args) {
			return &Error{Name: "TypeError", Message: c.method + ": argument " + strconv.Itoa(i) + " is missing"}
		}
		if want := assign(d, c.args[i]); want != "" {
			return &Error{Name: "TypeError", Message: c.method + ": argument " + strconv.Itoa(i) + " is not " + want}
		}
	}
	return nil
}

func set[T any](dst *T, v any, what string) string {
	x, ok := v.(T)
	if !ok {
		return what
	}
	*dst = x
	return ""
}

// assign returns what was wanted, or "" if v is that.
func assign(dst, v any) string {
	switch dst := dst.(type) {
	case *string:
		return set(dst, v, "a string")
	case *int64:
		return set(dst, v, "an integer")
	case *int:
		n, ok := v.(int64)
		if *dst = int(n); !ok || int64(int(n)) != n {
			return "an integer"
		}
		return ""
	case *float64:
		if n, ok := v.(int64); ok {
			*dst = float64(n)
			return ""
		}
		return set(dst, v, "a number")
	case *bool:
		return set(dst, v, "a boolean")
	case *Target:
		return set(dst, v, "an object or a promise")
	case **Remote:
		return set(dst, v, "an object of another vat")
	case **Promise:
		return set(dst, v, "a promise")
	case *[]any:
		return set(dst, v, "an array")
	case *Record:
		return set(dst, v, "a record")
	case *any:
		*dst = v
		return ""
	}
	panic("vat: Scan into a type that arguments do not have")
}
