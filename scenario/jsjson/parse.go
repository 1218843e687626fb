package jsjson

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxDepth bounds the nesting of arrays and objects that Parse takes.
const maxDepth = 1000

// A SyntaxError says where a text stops being JSON.
type SyntaxError struct {
	Offset int // in bytes
	What   string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("%s at byte %d", e.What, e.Offset) }

// Parse reads one JSON value and white space around it, as strict as
// JSON.parse. Of equal keys the last value counts. Errors are *SyntaxError.
func Parse(text string) (Value, error) {
	p := &parser{s: text}
	v, err := p.value(0)
	if err != nil {
		return nil, err
	}
	p.space()
	if p.i < len(p.s) {
		return nil, p.fail("text after the value")
	}
	return v, nil
}

// Unquote reads a JSON string with its quotes, and nothing else.
func Unquote(text string) (string, error) {
	p := &parser{s: text}
	if text == "" || text[0] != '"' {
		return "", p.fail("no string")
	}
	s, err := p.str()
	if err == nil && p.i < len(p.s) {
		err = p.fail("text after the string")
	}
	if err != nil {
		return "", err
	}
	return s, nil
}

type parser struct {
	s string
	i int
}

func (p *parser) fail(what string) error { return &SyntaxError{p.i, what} }

func (p *parser) space() {
	for p.i < len(p.s) && strings.IndexByte(" \t\r\n", p.s[p.i]) >= 0 {
		p.i++
	}
}

func (p *parser) peek() byte {
	if p.i < len(p.s) {
		return p.s[p.i]
	}
	return 0
}

func (p *parser) value(depth int) (Value, error) {
	if depth > maxDepth {
		return nil, p.fail("nesting is too deep")
	}
	p.space()
	switch c := p.peek(); {
	case c == '{':
		return p.object(depth)
	case c == '[':
		return p.array(depth)
	case c == '"':
		return p.str()
	case c == '-' || c >= '0' && c <= '9':
		return p.number()
	}
	for _, w := range []struct {
		text string
		v    Value
	}{{"true", true}, {"false", false}, {"null", nil}} {
		if strings.HasPrefix(p.s[p.i:], w.text) {
			p.i += len(w.text)
			return w.v, nil
		}
	}
	return nil, p.fail("no value")
}

func (p *parser) object(depth int) (Value, error) {
	o := &Object{}
	p.i++
	for first := true; ; first = false {
		p.space()
		if first && p.peek() == '}' {
			p.i++
			return o, nil
		}
		if p.peek() != '"' {
			return nil, p.fail("no key")
		}
		k, err := p.str()
		if err != nil {
			return nil, err
		}
		p.space()
		if p.peek() != ':' {
			return nil, p.fail("no colon after a key")
		}
		p.i++
		v, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		o.Set(k, v)
		p.space()
		switch p.peek() {
		case ',':
			p.i++
		case '}':
			p.i++
			return o, nil
		default:
			return nil, p.fail("object not closed")
		}
	}
}

func (p *parser) array(depth int) (Value, error) {
	a := Array{}
	p.i++
	for first := true; ; first = false {
		p.space()
		if first && p.peek() == ']' {
			p.i++
			return a, nil
		}
		v, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		a = append(a, v)
		p.space()
		switch p.peek() {
		case ',':
			p.i++
		case ']':
			p.i++
			return a, nil
		default:
			return nil, p.fail("array not closed")
		}
	}
}

func (p *parser) digits() bool {
	from := p.i
	for p.peek() >= '0' && p.peek() <= '9' {
		p.i++
	}
	return p.i > from
}

func (p *parser) number() (Value, error) {
	from := p.i
	if p.peek() == '-' {
		p.i++
	}
	if p.peek() == '0' {
		p.i++
	} else if !p.digits() {
		return nil, p.fail("no number")
	}
	if p.peek() == '.' {
		p.i++
		if !p.digits() {
			return nil, p.fail("no digit after the point")
		}
	}
	if c := p.peek(); c == 'e' || c == 'E' {
		p.i++
		if c := p.peek(); c == '+' || c == '-' {
			p.i++
		}
		if !p.digits() {
			return nil, p.fail("no digit in the exponent")
		}
	}
	return Number(p.s[from:p.i]), nil
}

func (p *parser) str() (string, error) {
	var b strings.Builder
	p.i++
	high := rune(0) // the first half of a pair, not yet written
	flush := func() {
		if high != 0 {
			writeSurrogate(&b, high)
			high = 0
		}
	}
	for {
		if p.i >= len(p.s) {
			return "", p.fail("string not closed")
		}
		switch c := p.s[p.i]; {
		case c == '"':
			p.i++
			flush()
			return b.String(), nil
		case c < 0x20:
			return "", p.fail("control character in a string")
		case c != '\\':
			flush()
			r, size, _ := next(p.s[p.i:])
			if r == utf8.RuneError && size == 1 {
				b.WriteRune(utf8.RuneError)
			} else {
				b.WriteString(p.s[p.i : p.i+size])
			}
			p.i += size
		default:
			p.i++
			c := p.peek()
			if c != 'u' {
				k := strings.IndexByte(`"\/bfnrt`, c)
				if k < 0 || p.i >= len(p.s) {
					return "", p.fail("bad escape")
				}
				p.i++
				flush()
				b.WriteByte("\"\\/\b\f\n\r\t"[k])
				continue
			}
			p.i++
			u, ok := p.hex4()
			if !ok {
				return "", p.fail("bad escape")
			}
			switch {
			case u >= 0xdc00 && u < 0xe000 && high != 0:
				b.WriteRune(0x10000 + (high-0xd800)<<10 + (u - 0xdc00))
				high = 0
			case u >= 0xd800 && u < 0xdc00:
				flush()
				high = u
			case u >= 0xdc00 && u < 0xe000:
				writeSurrogate(&b, u)
			default:
				flush()
				b.WriteRune(u)
			}
		}
	}
}

func (p *parser) hex4() (u rune, ok bool) {
	if len(p.s)-p.i < 4 {
		return 0, false
	}
	for _, c := range []byte(p.s[p.i : p.i+4]) {
		k := strings.IndexByte("0123456789abcdef", c|0x20)
		if k < 0 || c < '0' {
			return 0, false
		}
		u = u<<4 | rune(k)
	}
	p.i += 4
	return u, true
}

func writeSurrogate(b *strings.Builder, u rune) {
	b.Write([]byte{0xe0 | byte(u>>12), 0x80 | byte(u>>6&63), 0x80 | byte(u&63)})
}
