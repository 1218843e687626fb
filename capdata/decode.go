package capdata

import (
	"math"
	"math/big"
	"strconv"
	"strings"
)

// Decode returns the value of a smallcaps body; Encode lists the types. Any
// JSON is read, whatever its spaces, escapes and order of names. The result
// shares nothing with d; it can take up to about 70 times the body's length in
// memory (records of one property do), so bound the body first.
//
// Bodies come from other vats and are not to be trusted. Refused, with a
// *ParseError whose Offset counts from the # that the body begins with, are:
//   - anything but one JSON value after the #;
//   - invalid UTF-8 and escapes of lone surrogates, which no Go string holds;
//   - a name that stands twice in a record;
//   - a number past the range of float64;
//   - a special string, or a name with #, that is reserved or does not exist;
//   - a bigint that is not a sign and at most MaxBigIntDigits digits;
//   - a slot index that is not a plain decimal number within the slots;
//   - a slot that is not well-formed, or mentioned as a remotable though it is
//     a promise, or the other way round;
//   - a tagged value or an error with a property that is missing, of another
//     type or reserved;
//   - nesting deeper than MaxDepth.
//
// Slots that the body does not mention are ignored. As in JavaScript, -0 stays
// -0, a number too small for float64 becomes 0, and a ! before a string that
// needs none is dropped. All mentions of a slot have the Iface of its first.
// The names of symbols are not judged.
func Decode[R Reference](d Data[R]) (any, error) {
	p := decoder[R]{scanner: scanner{b: d.Body}, slots: d.Slots}
	if len(d.Body) == 0 || d.Body[0] != '#' {
		return nil, p.expected(0, "#, with which smallcaps begins")
	}
	p.pos = 1
	v, err := p.value()
	if err != nil {
		return nil, err
	}
	if p.space(); p.pos != len(p.b) {
		return nil, p.expected(p.pos, "the end")
	}
	return v, nil
}

type decoder[R Reference] struct {
	scanner
	slots []R
	caps  []any // by slot: its Remotable or PromiseRef, once it was mentioned
	depth int
}

// value reads a value.
func (p *decoder[R]) value() (any, error) {
	switch c := p.space(); {
	case c == '"':
		at := p.pos
		s, err := p.string()
		if err != nil {
			return nil, err
		}
		return p.text(s, at)
	case c == '[' || c == '{':
		if p.depth == MaxDepth {
			return nil, p.expected(p.pos, "nesting of at most "+strconv.Itoa(MaxDepth))
		}
		p.depth++
		var v any
		var err error
		if c == '[' {
			v, err = p.array()
		} else {
			v, err = p.object()
		}
		p.depth--
		return v, err
	case c == '-' || '0' <= c && c <= '9':
		x, err := p.number()
		if err != nil {
			return nil, err
		}
		return x, nil
	case c == 'n':
		return nil, p.word("null")
	case c == 't':
		return true, p.word("true")
	case c == 'f':
		return false, p.word("false")
	}
	return nil, p.expected(p.pos, "a JSON value")
}

// array reads an array whose bracket is the next byte.
func (p *decoder[R]) array() ([]any, error) {
	p.pos++
	list := []any{}
	if p.space() == ']' {
		p.pos++
		return list, nil
	}
	for {
		v, err := p.value()
		if err != nil {
			return nil, err
		}
		list = append(list, v)
		switch p.space() {
		case ',':
			p.pos++
		case ']':
			p.pos++
			return list, nil
		default:
			return nil, p.expected(p.pos, ", or ]")
		}
	}
}

// members is what an object's braces hold, before it is known what it is.
type members struct {
	at      int            // position of the brace
	plain   map[string]any // all but the next two
	tag     *string        // "#tag"; nil if it is not there
	message *string        // "#error"; nil if it is not there
	escaped int            // position of a name with a ! that it does not need; 0 if there is none
}

// object reads a record, a tagged value or an error, whose brace is the next byte.
func (p *decoder[R]) object() (any, error) {
	m := members{at: p.pos, plain: map[string]any{}}
	p.pos++
	if p.space() == '}' {
		p.pos++
		return m.plain, nil
	}
	for {
		if err := p.member(&m); err != nil {
			return nil, err
		}
		switch p.space() {
		case ',':
			p.pos++
		case '}':
			p.pos++
			return p.classify(&m)
		default:
			return nil, p.expected(p.pos, ", or }")
		}
	}
}

// member reads a name, a colon and a value into m.
func (p *decoder[R]) member(m *members) error {
	if p.space() != '"' {
		return p.expected(p.pos, "a name in quotes")
	}
	at := p.pos
	name, err := p.string()
	if err != nil {
		return err
	}
	var text **string // where the value of #tag or #error goes
	repeated := false
	switch name {
	case "#tag":
		text, repeated = &m.tag, m.tag != nil
	case "#error":
		text, repeated = &m.message, m.message != nil
	default:
		if startsSpecial(name) {
			if name[0] != '!' {
				return p.expected(at, "a name, with ! before it if it begins with a special character")
			}
			if name = name[1:]; !startsSpecial(name) {
				m.escaped = at
			}
		}
		_, repeated = m.plain[name]
	}
	if repeated {
		return p.expected(at, "a name that does not stand there already")
	}
	if p.space() != ':' {
		return p.expected(p.pos, "a colon")
	}
	p.pos++
	v, err := p.value()
	if err != nil {
		return err
	}
	if text == nil {
		m.plain[name] = v
		return nil
	}
	s, ok := v.(string)
	if !ok {
		return p.expected(at, "a string under "+name)
	}
	*text = &s
	return nil
}

// classify returns what the members make up.
func (p *decoder[R]) classify(m *members) (any, error) {
	switch {
	case m.tag == nil && m.message == nil:
		return m.plain, nil
	case m.tag != nil && m.message != nil:
		return nil, p.expected(m.at, "#tag or #error, not both")
	case m.escaped != 0:
		return nil, p.expected(m.escaped, "a name without a ! that it does not need")
	case m.tag != nil:
		payload, ok := m.plain["payload"]
		if !ok || len(m.plain) != 1 {
			return nil, p.expected(m.at, "#tag and payload, and nothing else")
		}
		return &Tagged{Tag: *m.tag, Payload: payload}, nil
	}
	return p.error(m)
}

// error returns the error that the members make up.
func (p *decoder[R]) error(m *members) (any, error) {
	e := &Error{Message: *m.message}
	if _, ok := m.plain["message"]; ok {
		return nil, p.expected(m.at, "an error without message, which stands under #error")
	}
	var ok bool
	if e.Name, ok = m.plain["name"].(string); !ok {
		return nil, p.expected(m.at, "an error with a name that is a string")
	}
	if id, there := m.plain["errorId"]; there {
		if e.ID, ok = id.(string); !ok {
			return nil, p.expected(m.at, "an error whose errorId is a string")
		}
	}
	for name := range m.plain {
		if strings.HasPrefix(name, "#") {
			return nil, p.expected(m.at, "an error without further names that begin with #")
		}
	}
	delete(m.plain, "name")
	delete(m.plain, "errorId")
	if len(m.plain) > 0 {
		e.More = m.plain
	}
	return e, nil
}

// text returns what a string stands for. at is the position of its quote.
func (p *decoder[R]) text(s string, at int) (any, error) {
	if !startsSpecial(s) {
		return s, nil
	}
	switch s[0] {
	case '!':
		return s[1:], nil
	case '%':
		return Symbol(s[1:]), nil
	case '+', '-':
		return p.bigint(s, at)
	case '$', '&':
		return p.slot(s, at)
	case '#':
		switch s {
		case "#undefined":
			return Undefined{}, nil
		case "#NaN":
			return math.NaN(), nil
		case "#Infinity":
			return math.Inf(1), nil
		case "#-Infinity":
			return math.Inf(-1), nil
		}
		return nil, p.expected(at, "#undefined, #NaN, #Infinity or #-Infinity")
	}
	return nil, p.expected(at, "a string with ! before it, since its first character is reserved")
}

// bigint returns the bigint that s spells.
func (p *decoder[R]) bigint(s string, at int) (any, error) {
	if len(s)-1 > MaxBigIntDigits {
		return nil, p.expected(at, "a bigint of at most "+strconv.Itoa(MaxBigIntDigits)+" digits")
	}
	for i := 1; i < len(s); i++ {
		if s[i]-'0' > 9 {
			return nil, p.expected(at, "a bigint, a sign and digits")
		}
	}
	n, ok := new(big.Int).SetString(s, 10)
	if !ok { // a sign alone
		return nil, p.expected(at, "a bigint, a sign and digits")
	}
	return n, nil
}

// slot returns the Remotable or PromiseRef that s mentions: $0, $0.iface or &0.
func (p *decoder[R]) slot(s string, at int) (any, error) {
	isPromise := s[0] == '&'
	index, iface := s[1:], ""
	if i := strings.IndexByte(s, '.'); i >= 0 && !isPromise {
		index, iface = s[1:i], s[i+1:]
	}
	if len(p.slots) == 0 {
		return nil, p.expected(at, "no mention of slots, since there are none")
	}
	n, bad := parseIndex(index, 0, uint64(len(p.slots)-1))
	if bad >= 0 {
		return nil, p.expected(at, "a slot index from 0 to "+strconv.Itoa(len(p.slots)-1))
	}
	ref := p.slots[n]
	switch {
	case !ref.WellFormed():
		return nil, p.expected(at, "a slot with a reference, which "+ref.String()+" is not")
	case (ref.Kind() == Promise) != isPromise:
		return nil, p.expected(at, "a slot of the other kind than "+ref.String())
	}
	if p.caps == nil {
		p.caps = make([]any, len(p.slots))
	}
	if p.caps[n] == nil {
		if isPromise {
			p.caps[n] = PromiseRef[R]{Ref: ref}
		} else {
			p.caps[n] = Remotable[R]{Ref: ref, Iface: iface}
		}
	}
	return p.caps[n], nil
}
