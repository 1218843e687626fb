package capdata

import (
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// scanner reads the tokens of JSON (RFC 8259) from a body. It is strict where
// encoding/json is not: no invalid UTF-8, no lone surrogates, since a Go string
// could not give them back.
type scanner struct {
	b   []byte
	pos int
}

// expected returns the error that something else stands at an offset.
func (s *scanner) expected(at int, what string) error {
	found := "the end"
	if at < len(s.b) {
		found = quote(s.b[at:])
	}
	return &ParseError{What: "smallcaps", Offset: at, Expected: what, Found: found}
}

// space skips white space and returns the byte after it, or 0 at the end; a
// byte 0 is nowhere allowed outside strings, so nothing takes it for more.
func (s *scanner) space() byte {
	for ; s.pos < len(s.b); s.pos++ {
		switch c := s.b[s.pos]; c {
		case ' ', '\t', '\n', '\r':
		default:
			return c
		}
	}
	return 0
}

// string reads a string whose opening quote is the next byte.
func (s *scanner) string() (string, error) {
	s.pos++
	start := s.pos
	ascii := true
	for i := start; i < len(s.b); i++ {
		switch c := s.b[i]; {
		case c == '"' && ascii:
			s.pos = i + 1
			return string(s.b[start:i]), nil
		case c >= utf8.RuneSelf:
			ascii = false
		case c == '"' && utf8.Valid(s.b[start:i]):
			s.pos = i + 1
			return string(s.b[start:i]), nil
		case c == '"', c == '\\', c < ' ':
			return s.slowString(start)
		}
	}
	return s.slowString(start)
}

// slowString reads a string that starts after its opening quote at start and
// has escapes or mistakes.
func (s *scanner) slowString(start int) (string, error) {
	var out []byte
	s.pos = start
	for {
		if s.pos < len(s.b) && s.b[s.pos] == '"' {
			s.pos++
			return string(out), nil
		}
		r, err := s.char()
		if err != nil {
			return "", err
		}
		out = utf8.AppendRune(out, r)
	}
}

// char reads one character of a string: a plain one or an escape. It does not
// look whether it is the closing quote.
func (s *scanner) char() (rune, error) {
	if s.pos >= len(s.b) {
		return 0, s.expected(s.pos, "the rest of a string")
	}
	c := s.b[s.pos]
	switch {
	case c == '\\':
		return s.escape()
	case c < ' ':
		return 0, s.expected(s.pos, "a control character to be escaped")
	case c < utf8.RuneSelf:
		s.pos++
		return rune(c), nil
	}
	r, n := utf8.DecodeRune(s.b[s.pos:])
	if r == utf8.RuneError && n <= 1 {
		return 0, s.expected(s.pos, "valid UTF-8")
	}
	s.pos += n
	return r, nil
}

// escape reads an escape whose backslash is the next byte.
func (s *scanner) escape() (rune, error) {
	at := s.pos
	if at+1 >= len(s.b) {
		return 0, s.expected(at, "an escape")
	}
	s.pos += 2
	switch c := s.b[at+1]; c {
	case '"', '\\', '/':
		return rune(c), nil
	case 'b':
		return '\b', nil
	case 'f':
		return '\f', nil
	case 'n':
		return '\n', nil
	case 'r':
		return '\r', nil
	case 't':
		return '\t', nil
	case 'u':
		r, ok := s.hex4(at)
		if !ok {
			return 0, s.expected(at, `an escape of the form \u0041`)
		}
		s.pos = at + 6
		if !utf16.IsSurrogate(r) {
			return r, nil
		}
		if low, ok := s.hex4(at + 6); ok {
			if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
				s.pos = at + 12
				return r, nil
			}
		}
		return 0, s.expected(at, "no surrogate, or a high one before a low one")
	}
	return 0, s.expected(at, `one of the escapes \" \\ \/ \b \f \n \r \t \u`)
}

// hex4 returns the code unit of the escape \uXXXX at an offset.
func (s *scanner) hex4(at int) (rune, bool) {
	if at+6 > len(s.b) || s.b[at] != '\\' || s.b[at+1] != 'u' {
		return 0, false
	}
	var r rune
	for _, c := range s.b[at+2 : at+6] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// number reads a number whose first byte, a digit or -, is the next byte.
func (s *scanner) number() (float64, error) {
	start := s.pos
	if s.b[s.pos] == '-' {
		s.pos++
	}
	switch {
	case s.pos < len(s.b) && s.b[s.pos] == '0': // nothing but 0 begins with 0
		s.pos++
	case s.digits() == 0:
		return 0, s.expected(s.pos, "a digit")
	}
	if s.pos < len(s.b) && s.b[s.pos] == '.' {
		s.pos++
		if s.digits() == 0 {
			return 0, s.expected(s.pos, "a digit")
		}
	}
	if s.pos < len(s.b) && s.b[s.pos]|0x20 == 'e' {
		s.pos++
		if s.pos < len(s.b) && (s.b[s.pos] == '+' || s.b[s.pos] == '-') {
			s.pos++
		}
		if s.digits() == 0 {
			return 0, s.expected(s.pos, "a digit")
		}
	}
	x, err := strconv.ParseFloat(string(s.b[start:s.pos]), 64)
	if err != nil { // only its range can be wrong
		return 0, s.expected(start, "a number below 1.8e308")
	}
	return x, nil
}

// digits skips digits and returns how many there were.
func (s *scanner) digits() int {
	start := s.pos
	for s.pos < len(s.b) && s.b[s.pos]-'0' <= 9 {
		s.pos++
	}
	return s.pos - start
}

// word reads a literal.
func (s *scanner) word(w string) error {
	if s.pos+len(w) > len(s.b) || string(s.b[s.pos:s.pos+len(w)]) != w {
		return s.expected(s.pos, fmt.Sprintf("%q", w))
	}
	s.pos += len(w)
	return nil
}
