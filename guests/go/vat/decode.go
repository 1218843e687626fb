package vat

import (
	"errors"
	"math"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

var errMalformed = errors.New("malformed body")

const maxDepth = 64

// decoder reads a smallcaps body. It panics with errMalformed; decode turns
// that into an error.
type decoder struct {
	b     []byte
	i     int
	depth int
	slots []any // *Remote, *Promise or *Object, by position
}

// decode decodes a body. slots holds what its references stand for.
func decode(body []byte, slots []any) (v any, err error) {
	d := decoder{b: body, slots: slots}
	defer func() {
		if r := recover(); r != nil {
			if r != errMalformed {
				panic(r)
			}
			v, err = nil, errMalformed
		}
	}()
	d.want('#')
	v = d.value()
	d.space()
	if d.i != len(d.b) {
		return nil, errMalformed
	}
	return v, nil
}

func (d *decoder) check(ok bool) {
	if !ok {
		panic(errMalformed)
	}
}

func (d *decoder) space() {
	for d.i < len(d.b) && (d.b[d.i] == ' ' || d.b[d.i] == '\n' || d.b[d.i] == '\t' || d.b[d.i] == '\r') {
		d.i++
	}
}

func (d *decoder) want(c byte) {
	d.check(d.i < len(d.b) && d.b[d.i] == c)
	d.i++
}

// next skips spaces and, if c follows, c.
func (d *decoder) next(c byte) bool {
	d.space()
	if d.i < len(d.b) && d.b[d.i] == c {
		d.i++
		return true
	}
	return false
}

func (d *decoder) word(w string, v any) any {
	d.check(len(d.b)-d.i >= len(w) && string(d.b[d.i:d.i+len(w)]) == w)
	d.i += len(w)
	return v
}

func (d *decoder) value() any {
	d.space()
	d.check(d.i < len(d.b) && d.depth < maxDepth)
	switch d.b[d.i] {
	case '"':
		return d.meaning(d.str())
	case '[':
		d.i++
		d.depth++
		v := d.array()
		d.depth--
		return v
	case '{':
		d.i++
		d.depth++
		v := d.record()
		d.depth--
		return v
	case 't':
		return d.word("true", true)
	case 'f':
		return d.word("false", false)
	case 'n':
		return d.word("null", nil)
	}
	return d.number()
}

func (d *decoder) array() []any {
	if d.next(']') {
		return []any{}
	}
	v := make([]any, 0, 4)
	for {
		v = append(v, d.value())
		if !d.next(',') {
			d.space()
			d.want(']')
			return v
		}
	}
}

func (d *decoder) record() any {
	v := Record{}
	for more := !d.next('}'); more; {
		d.space()
		key := d.str()
		d.check(d.next(':'))
		_, twice := v[key]
		d.check(!twice)
		v[key] = d.value()
		if more = d.next(','); !more {
			d.space()
			d.want('}')
		}
	}
	if text, ok := v["#error"]; ok {
		message, isText := text.(string)
		name, hasName := v["name"].(string)
		d.check(isText && hasName)
		return &Error{Name: name, Message: message}
	}
	if tag, ok := v["#tag"]; ok {
		name, isText := tag.(string)
		payload, hasPayload := v["payload"]
		d.check(isText && hasPayload && len(v) == 2)
		return &Tagged{Tag: name, Payload: payload}
	}
	return d.unescapeKeys(v)
}

// unescapeKeys gives fields their names: like strings they are escaped.
func (d *decoder) unescapeKeys(v Record) Record {
	special := false
	for key := range v {
		if isSpecial(key) {
			d.check(key[0] == '!')
			special = true
		}
	}
	if !special {
		return v
	}
	named := make(Record, len(v))
	for key, x := range v {
		if isSpecial(key) {
			key = key[1:]
			_, twice := v[key]
			d.check(!twice || isSpecial(key))
		}
		named[key] = x
	}
	return named
}

func (d *decoder) str() string {
	d.want('"')
	start := d.i
	for ; d.i < len(d.b) && d.b[d.i] >= 0x20 && d.b[d.i] != '\\'; d.i++ {
		if d.b[d.i] == '"' {
			d.i++
			return d.valid(d.b[start : d.i-1])
		}
	}
	s := append([]byte(nil), d.b[start:d.i]...)
	for {
		d.check(d.i < len(d.b) && d.b[d.i] >= 0x20)
		c := d.b[d.i]
		d.i++
		switch c {
		case '"':
			return d.valid(s)
		case '\\':
			s = d.escape(s)
		default:
			s = append(s, c)
		}
	}
}

func (d *decoder) valid(b []byte) string {
	d.check(utf8.Valid(b))
	return string(b)
}

func (d *decoder) escape(s []byte) []byte {
	d.check(d.i < len(d.b))
	c := d.b[d.i]
	d.i++
	switch c {
	case '"', '\\', '/':
		return append(s, c)
	case 'b':
		return append(s, '\b')
	case 'f':
		return append(s, '\f')
	case 'n':
		return append(s, '\n')
	case 'r':
		return append(s, '\r')
	case 't':
		return append(s, '\t')
	case 'u':
	default:
		panic(errMalformed)
	}
	r := d.hex4()
	if utf16.IsSurrogate(r) { // half of a pair is no character
		d.want('\\')
		d.want('u')
		r = utf16.DecodeRune(r, d.hex4())
		d.check(r != utf8.RuneError)
	}
	return utf8.AppendRune(s, r)
}

func (d *decoder) hex4() rune {
	d.check(len(d.b)-d.i >= 4)
	n, err := strconv.ParseUint(string(d.b[d.i:d.i+4]), 16, 16)
	d.check(err == nil)
	d.i += 4
	return rune(n)
}

func (d *decoder) digits() {
	start := d.i
	for d.i < len(d.b) && d.b[d.i] >= '0' && d.b[d.i] <= '9' {
		d.i++
	}
	d.check(d.i > start)
}

// smallInt reads the usual number: an integer of up to 15 digits.
func (d *decoder) smallInt() (n int64, ok bool) {
	b, i := d.b, d.i
	negative := b[i] == '-'
	if negative {
		i++
	}
	start := i
	for ; i < len(b) && i-start < 16 && b[i]-'0' <= 9; i++ {
		n = n*10 + int64(b[i]-'0')
	}
	if i == start || i-start == 16 || (b[start] == '0' && i > start+1) {
		return 0, false
	}
	if i < len(b) && (b[i] == '.' || b[i]|0x20 == 'e') {
		return 0, false
	}
	d.i = i
	if negative {
		return -n, true
	}
	return n, true
}

// number returns an int64 if the number is an integer of 64 bits, else a
// float64.
func (d *decoder) number() any {
	start := d.i
	if n, ok := d.smallInt(); ok {
		return n
	}
	d.i = start
	if d.b[d.i] == '-' {
		d.i++
	}
	first := d.i
	d.digits()
	d.check(d.b[first] != '0' || d.i == first+1)
	whole := true
	if d.i < len(d.b) && d.b[d.i] == '.' {
		d.i++
		d.digits()
		whole = false
	}
	if d.i < len(d.b) && d.b[d.i]|0x20 == 'e' {
		d.i++
		if d.i < len(d.b) && (d.b[d.i] == '+' || d.b[d.i] == '-') {
			d.i++
		}
		d.digits()
		whole = false
	}
	text := string(d.b[start:d.i])
	if whole {
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return n
		}
	}
	f, err := strconv.ParseFloat(text, 64)
	d.check(err == nil)
	if f == math.Trunc(f) && math.Abs(f) <= 1<<53 { // 1e3 and 2.0 are integers too
		return int64(f)
	}
	return f
}

// meaning gives a string its meaning in smallcaps.
func (d *decoder) meaning(s string) any {
	if !isSpecial(s) {
		return s
	}
	rest := s[1:]
	switch s[0] {
	case '!':
		return rest
	case '%':
		return Symbol(rest)
	case '+', '-':
		d.check(isDigits(rest))
		if s[0] == '-' {
			return BigInt(s)
		}
		return BigInt(rest)
	case '#':
		switch rest {
		case "undefined":
			return Undefined{}
		case "NaN":
			return math.NaN()
		case "Infinity":
			return math.Inf(1)
		case "-Infinity":
			return math.Inf(-1)
		}
	case '$', '&':
		v := d.slot(rest)
		_, promise := v.(*Promise)
		d.check(promise == (s[0] == '&'))
		return v
	}
	panic(errMalformed)
}

// slot reads "3" and "3.Alleged: purse".
func (d *decoder) slot(s string) any {
	for i := 0; i < len(s); i++ {
		if s[i] == '.' {
			s = s[:i]
		}
	}
	d.check(isDigits(s) && (s[0] != '0' || s == "0"))
	n, err := strconv.ParseUint(s, 10, 32)
	d.check(err == nil && n < uint64(len(d.slots)))
	return d.slots[n]
}
