package capdata

import (
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// ValueError says which part of a Go value Encode cannot encode, and why.
type ValueError struct {
	// Path leads from the value to the part: `[1].name`; empty for the value
	// itself. The middle of a very long path is left out.
	Path string
	// Problem is what is wrong with the part.
	Problem string
}

// Error implements error.
func (e *ValueError) Error() string {
	if e.Path == "" {
		return "smallcaps: " + e.Problem
	}
	return "smallcaps: " + e.Path + ": " + e.Problem
}

// Encode returns the smallcaps encoding of v, Agoric's form of what can be
// passed between vats. Encode takes, and Decode gives:
//
//	JavaScript    Go
//	null          nil
//	undefined     Undefined
//	boolean       bool
//	string        string, in valid UTF-8
//	number        float64; Encode also takes integers up to 2^53-1
//	bigint        *big.Int
//	symbol        Symbol
//	array         []any
//	record        map[string]any
//	tagged        *Tagged
//	error         *Error
//	remotable     Remotable[R]
//	promise       PromiseRef[R]
//
// The same value always gives the same bytes, those that the marshal of a
// JavaScript vat makes: no spaces, the fewest escapes, -0 as 0, the names of a
// record in the order in which JavaScript lists them (array indexes by number,
// then the rest by UTF-16 code units). Equal references share a slot; slots
// are in the order in which the body first mentions them, and only that first
// mention carries the Iface.
//
// Anything else gives a *ValueError: another Go type, a nil pointer, a string
// that is not UTF-8, a bigint of more than MaxBigIntDigits, a reference that
// is not well-formed or of the wrong kind, a value that is nested deeper than
// MaxDepth or contains itself. The result shares nothing with v.
func Encode[R Reference](v any) (Data[R], error) {
	e := encoder[R]{b: append(make([]byte, 0, 64), '#')}
	if err := e.value(v); err != nil {
		return Data[R]{}, e.valueError(err)
	}
	return Data[R]{Body: e.b, Slots: e.slots}, nil
}

type encoder[R Reference] struct {
	b     []byte
	slots []R
	index map[R]int // position in slots; made at the first reference
	depth int
	path  []string // of the part that failed, innermost step first
}

// problem is an error without its place.
type problem string

func (p problem) Error() string { return string(p) }

func problemf(format string, args ...any) error { return problem(fmt.Sprintf(format, args...)) }

// inside notes at which step of the way down err happened.
func (e *encoder[R]) inside(err error, step string) error {
	e.path = append(e.path, step)
	return err
}

// valueError joins the path and the problem.
func (e *encoder[R]) valueError(err error) error {
	slices.Reverse(e.path)
	if n := len(e.path); n > 16 {
		e.path = slices.Concat(e.path[:8], []string{"..."}, e.path[n-8:])
	}
	return &ValueError{Path: strings.Join(e.path, ""), Problem: err.Error()}
}

// value appends the encoding of v.
func (e *encoder[R]) value(v any) error {
	switch v := v.(type) {
	case nil:
		e.b = append(e.b, "null"...)
	case bool:
		e.b = strconv.AppendBool(e.b, v)
	case string:
		return e.text(v)
	case float64:
		e.number(v)
	case int:
		return e.integer(int64(v))
	case int8:
		return e.integer(int64(v))
	case int16:
		return e.integer(int64(v))
	case int32:
		return e.integer(int64(v))
	case int64:
		return e.integer(v)
	case uint:
		return e.natural(uint64(v))
	case uint8:
		return e.natural(uint64(v))
	case uint16:
		return e.natural(uint64(v))
	case uint32:
		return e.natural(uint64(v))
	case uint64:
		return e.natural(v)
	case *big.Int:
		return e.bigint(v)
	case Undefined:
		e.b = append(e.b, `"#undefined"`...)
	case Symbol:
		return e.prefixed("%", string(v))
	case Remotable[R]:
		return e.remotable(v)
	case PromiseRef[R]:
		return e.promise(v)
	case []any, map[string]any, *Tagged, *Error:
		if e.depth == MaxDepth {
			return problemf("nested deeper than %d, or contains itself", MaxDepth)
		}
		e.depth++
		err := e.composite(v)
		e.depth--
		return err
	default:
		return problemf("cannot encode a %T", v)
	}
	return nil
}

// composite appends what contains other values.
func (e *encoder[R]) composite(v any) error {
	switch v := v.(type) {
	case []any:
		e.b = append(e.b, '[')
		for i, x := range v {
			if i > 0 {
				e.b = append(e.b, ',')
			}
			if err := e.value(x); err != nil {
				return e.inside(err, "["+strconv.Itoa(i)+"]")
			}
		}
		e.b = append(e.b, ']')
	case map[string]any:
		e.b = append(e.b, '{')
		if err := e.properties(v, ""); err != nil {
			return err
		}
		e.b = append(e.b, '}')
	case *Tagged:
		if v == nil {
			return problem("cannot encode a nil *Tagged")
		}
		e.b = append(e.b, `{"#tag":`...)
		if err := e.text(v.Tag); err != nil {
			return e.inside(err, ".Tag")
		}
		e.b = append(e.b, `,"payload":`...)
		if err := e.value(v.Payload); err != nil {
			return e.inside(err, ".Payload")
		}
		e.b = append(e.b, '}')
	case *Error:
		if v == nil {
			return problem("cannot encode a nil *Error")
		}
		return e.error(v)
	}
	return nil
}

// properties appends the properties of a record, the first one after separator.
func (e *encoder[R]) properties(m map[string]any, separator string) error {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.SortFunc(names, compareNames)
	for _, name := range names {
		e.b = append(e.b, separator...)
		separator = ","
		if err := e.text(name); err != nil {
			return problemf("the name %s is not valid UTF-8", quote(name))
		}
		e.b = append(e.b, ':')
		if err := e.value(m[name]); err != nil {
			return e.inside(err, step(name))
		}
	}
	return nil
}

// step returns the path step to a property: .name, or ["name"] if name is not
// plain.
func step(name string) string {
	for i := range len(name) {
		c := name[i] | 0x20
		if !(c >= 'a' && c <= 'z' || name[i] == '_' || i > 0 && name[i] >= '0' && name[i] <= '9') {
			return "[" + quote(name) + "]"
		}
	}
	if name == "" || len(name) > quoteLimit {
		return "[" + strconv.Quote(cut(name, quoteLimit)) + "]"
	}
	return "." + name
}

// error appends an error, its properties in the order of JavaScript vats.
func (e *encoder[R]) error(v *Error) error {
	for name := range v.More {
		if isErrorProperty(name) {
			return problem("More of an *Error must not hold message, name, errorId or a name that begins with #")
		}
	}
	e.b = append(e.b, `{"#error":`...)
	if err := e.text(v.Message); err != nil {
		return e.inside(err, ".Message")
	}
	if v.ID != "" {
		e.b = append(e.b, `,"errorId":`...)
		if err := e.text(v.ID); err != nil {
			return e.inside(err, ".ID")
		}
	}
	name := v.Name
	if name == "" {
		name = "Error"
	}
	e.b = append(e.b, `,"name":`...)
	if err := e.text(name); err != nil {
		return e.inside(err, ".Name")
	}
	if err := e.properties(v.More, ","); err != nil {
		return e.inside(err, ".More")
	}
	e.b = append(e.b, '}')
	return nil
}

func (e *encoder[R]) text(s string) error {
	if !utf8.ValidString(s) {
		return problemf("%s is not valid UTF-8", quote(s))
	}
	e.b = appendText(e.b, s)
	return nil
}

// prefixed appends a special string.
func (e *encoder[R]) prefixed(prefix, s string) error {
	if !utf8.ValidString(s) {
		return problemf("%s is not valid UTF-8", quote(s))
	}
	e.b = appendJSONString(e.b, prefix, s)
	return nil
}

func (e *encoder[R]) number(x float64) {
	switch {
	case math.IsNaN(x):
		e.b = append(e.b, `"#NaN"`...)
	case math.IsInf(x, 1):
		e.b = append(e.b, `"#Infinity"`...)
	case math.IsInf(x, -1):
		e.b = append(e.b, `"#-Infinity"`...)
	default:
		e.b = appendNumber(e.b, x)
	}
}

func (e *encoder[R]) integer(n int64) error {
	if n > maxSafeInteger || n < -maxSafeInteger {
		return problemf("%d is beyond 2^53-1, what a number holds exactly; use a *big.Int or a float64", n)
	}
	e.b = strconv.AppendInt(e.b, n, 10)
	return nil
}

func (e *encoder[R]) natural(n uint64) error {
	if n > maxSafeInteger {
		return problemf("%d is beyond 2^53-1, what a number holds exactly; use a *big.Int or a float64", n)
	}
	e.b = strconv.AppendUint(e.b, n, 10)
	return nil
}

// maxBigIntBits is one bit more than any number of MaxBigIntDigits digits has,
// since log2(10) < 3.3220.
const maxBigIntBits = MaxBigIntDigits*33220/10000 + 1

func (e *encoder[R]) bigint(n *big.Int) error {
	if n == nil {
		return problem("cannot encode a nil *big.Int")
	}
	// The bits bound the cost of finding the digits.
	if n.BitLen() <= maxBigIntBits {
		start := len(e.b)
		e.b = append(e.b, '"')
		if n.Sign() >= 0 {
			e.b = append(e.b, '+')
		}
		e.b = append(n.Append(e.b, 10), '"')
		if len(e.b)-start-len(`"+"`) <= MaxBigIntDigits {
			return nil
		}
	}
	return problemf("a bigint of more than %d digits", MaxBigIntDigits)
}

func (e *encoder[R]) remotable(v Remotable[R]) error {
	if !v.Ref.WellFormed() {
		return problemf("a Remotable needs a reference, not %v", v.Ref)
	}
	if v.Ref.Kind() == Promise {
		return problemf("%v is a promise: use PromiseRef", v.Ref)
	}
	i, first := e.slot(v.Ref)
	text := strconv.Itoa(i)
	if first && v.Iface != "" {
		text += "." + v.Iface
	}
	if err := e.prefixed("$", text); err != nil {
		return e.inside(err, ".Iface")
	}
	return nil
}

func (e *encoder[R]) promise(v PromiseRef[R]) error {
	if !v.Ref.WellFormed() {
		return problemf("a PromiseRef needs a reference, not %v", v.Ref)
	}
	if v.Ref.Kind() != Promise {
		return problemf("%v is not a promise: use Remotable", v.Ref)
	}
	i, _ := e.slot(v.Ref)
	return e.prefixed("&", strconv.Itoa(i))
}

// slot returns ref's index in the slots, and whether it is mentioned for the
// first time.
func (e *encoder[R]) slot(ref R) (i int, first bool) {
	if i, ok := e.index[ref]; ok {
		return i, false
	}
	if e.index == nil {
		e.index = make(map[R]int)
	}
	i = len(e.slots)
	e.index[ref] = i
	e.slots = append(e.slots, ref)
	return i, true
}
