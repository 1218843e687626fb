package vat

import (
	"math"
	"slices"
	"strconv"
)

// encoder writes a smallcaps body without spaces and with the fewest escapes.
type encoder struct {
	b     []byte
	slots []ref
	late  []lateResolve // promises to settle once the body has been sent
}

// lateResolve is a promise that had settled before it was put into a body: the
// body names a new one, which settles in the same way right after.
type lateResolve struct {
	to   ref
	from *Promise
}

func (e *encoder) reset() {
	e.b, e.slots, e.late = append(e.b[:0], '#'), e.slots[:0], e.late[:0]
}

func (e *encoder) call(method string, args []any) {
	e.b = append(e.b, '[')
	e.str(method)
	e.b = append(e.b, ',')
	e.value(args)
	e.b = append(e.b, ']')
}

func (e *encoder) slot(mark byte, r ref, iface string) {
	i := slices.Index(e.slots, r)
	if i < 0 {
		i = len(e.slots)
		e.slots = append(e.slots, r)
	}
	e.b = append(e.b, '"', mark)
	e.b = strconv.AppendInt(e.b, int64(i), 10)
	if iface != "" {
		e.b = append(e.b, ".Alleged: "...)
		e.escaped(iface)
	}
	e.b = append(e.b, '"')
}

// str writes a string; one that begins like something else gets a "!".
func (e *encoder) str(s string) {
	e.b = append(e.b, '"')
	if isSpecial(s) {
		e.b = append(e.b, '!')
	}
	e.escaped(s)
	e.b = append(e.b, '"')
}

func (e *encoder) marked(mark, s string) {
	e.b = append(e.b, '"')
	e.b = append(e.b, mark...)
	e.escaped(s)
	e.b = append(e.b, '"')
}

const hexDigits = "0123456789abcdef"

func (e *encoder) escaped(s string) {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			e.b = append(e.b, '\\', c)
		case c >= 0x20:
			e.b = append(e.b, c)
		case c >= 8 && c <= 13 && c != 11:
			e.b = append(e.b, '\\', "btn?fr"[c-8])
		default:
			e.b = append(e.b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
	}
}

func (e *encoder) float(f float64) {
	switch {
	case math.IsNaN(f):
		e.b = append(e.b, `"#NaN"`...)
	case math.IsInf(f, 1):
		e.b = append(e.b, `"#Infinity"`...)
	case math.IsInf(f, -1):
		e.b = append(e.b, `"#-Infinity"`...)
	case f == 0:
		e.b = append(e.b, '0') // there is no -0 in smallcaps
	default:
		e.b = strconv.AppendFloat(e.b, f, 'g', -1, 64)
	}
}

func (e *encoder) record(r Record) {
	keys := make([]string, 0, len(r))
	for key := range r {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	e.b = append(e.b, '{')
	for i, key := range keys {
		if i > 0 {
			e.b = append(e.b, ',')
		}
		e.str(key)
		e.b = append(e.b, ':')
		e.value(r[key])
	}
	e.b = append(e.b, '}')
}

func list[T any](e *encoder, v []T) {
	e.b = append(e.b, '[')
	for i := range v {
		if i > 0 {
			e.b = append(e.b, ',')
		}
		e.value(v[i])
	}
	e.b = append(e.b, ']')
}

// value writes v. It panics if v is of no type that can be sent: a bug of the
// vat, which rejects the call that is being served.
func (e *encoder) value(v any) {
	switch v := v.(type) {
	case nil:
		e.b = append(e.b, "null"...)
	case Undefined:
		e.b = append(e.b, `"#undefined"`...)
	case bool:
		e.b = strconv.AppendBool(e.b, v)
	case int:
		e.b = strconv.AppendInt(e.b, int64(v), 10)
	case int64:
		e.b = strconv.AppendInt(e.b, v, 10)
	case int32:
		e.b = strconv.AppendInt(e.b, int64(v), 10)
	case uint32:
		e.b = strconv.AppendUint(e.b, uint64(v), 10)
	case uint64:
		e.b = strconv.AppendUint(e.b, v, 10)
	case float64:
		e.float(v)
	case BigInt:
		mark := "+"
		if v != "" && v[0] == '-' {
			mark = ""
		}
		e.marked(mark, string(v))
	case string:
		e.str(v)
	case Symbol:
		e.marked("%", string(v))
	case []any:
		list(e, v)
	case []string:
		list(e, v)
	case []int64:
		list(e, v)
	case Record:
		e.record(v)
	case *Tagged:
		e.b = append(e.b, `{"#tag":`...)
		e.str(v.Tag)
		e.b = append(e.b, `,"payload":`...)
		e.value(v.Payload)
		e.b = append(e.b, '}')
	case *Remote:
		e.slot('$', v.live(), "")
	case *Object:
		e.slot('$', v.export(), v.iface)
	case *Promise:
		e.slot('&', e.promise(v), "")
	case *Rejection:
		e.value(v.Reason)
	case error:
		e.err(v)
	default:
		panic("vat: a value of this Go type cannot be sent")
	}
}

func (e *encoder) err(err error) {
	name := "Error"
	if x, ok := err.(*Error); ok && x.Name != "" {
		name = x.Name
	}
	e.b = append(e.b, `{"#error":`...)
	e.str(err.Error())
	e.b = append(e.b, `,"name":`...)
	e.str(name)
	e.b = append(e.b, '}')
}

// promise returns the name under which p goes out.
func (e *encoder) promise(p *Promise) ref {
	p.check()
	if !p.settled {
		if p.ref == 0 {
			p.ref = newPromiseRef()
			deciding[p.ref] = &decided{ref: p.ref, p: p}
		}
		return p.ref
	}
	for _, l := range e.late {
		if l.from == p {
			return l.to
		}
	}
	r := newPromiseRef()
	e.late = append(e.late, lateResolve{r, p})
	return r
}
