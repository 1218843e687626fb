package capdata

import (
	"strings"
	"unicode/utf8"
)

// EncodeCall returns the methargs of a call, #["method",[args...]], with args
// encoded as Encode does. The path of a *ValueError begins with [0] for the
// method, [1][i] for an argument.
func EncodeCall[R Reference](method string, args ...any) (Data[R], error) {
	return Encode[R]([]any{method, args})
}

// DecodeCall returns the method and the arguments of a call's methargs. Errors
// are those of Decode, and a *ParseError if the body is not an array of a string
// and an array: calls by a symbol, and calls of a function, which have
// #undefined in the method's place, are for Decode.
func DecodeCall[R Reference](d Data[R]) (method string, args []any, err error) {
	v, err := Decode(d)
	if err != nil {
		return "", nil, err
	}
	if call, ok := v.([]any); ok && len(call) == 2 {
		method, isName := call[0].(string)
		args, isList := call[1].([]any)
		if isName && isList {
			return method, args, nil
		}
	}
	s := scanner{b: d.Body}
	return "", nil, s.expected(1, `a call ["method",[args...]]`)
}

// ErrorBody returns the smallcaps body of an error that the kernel itself
// makes: #{"#error":"...","name":"Error"}. A message that begins with one of
// ! to - gets smallcaps' ! before it; runs of bytes that are not UTF-8 are
// replaced by U+FFFD. The result is the caller's.
func ErrorBody(message string) []byte {
	if !utf8.ValidString(message) {
		message = strings.ToValidUTF8(message, "\uFFFD")
	}
	b := make([]byte, 0, len(message)+32)
	b = append(b, `#{"#error":`...)
	b = appendText(b, message)
	return append(b, `,"name":"Error"}`...)
}

const (
	// methodNameLimit is how many bytes of a method's name an error text takes.
	methodNameLimit = 200
	// methodWindow is how much of a body MethodName looks at: enough for
	// the longest name that it returns, all of it written as \u0061.
	methodWindow = 2048
)

// MethodName returns the method that a call's body names, for the texts of
// errors: as SwingSet shows it, a symbol as [@@asyncIterator], the call of a
// function as <funcall>, another thing in the method's place as
// <unintelligible method>, and <unknown> if the body is not a call. A name is
// cut to at most 200 bytes, at the end of a character.
//
// It is total and a function of the body's first 2,048 bytes, which is all
// that it looks at: what follows the name may be broken.
func MethodName(body []byte) string {
	const unknown = "<unknown>"
	s := scanner{b: body[:min(len(body), methodWindow)]}
	if len(body) == 0 || body[0] != '#' {
		return unknown
	}
	s.pos = 1
	if s.space() != '[' {
		return unknown
	}
	s.pos++
	switch c := s.space(); {
	case c == ']':
		return "<funcall>"
	case c == '"':
	case c == '-', c == '[', c == '{', c == 't', c == 'f', c == 'n', '0' <= c && c <= '9':
		return "<unintelligible method>"
	default:
		return unknown
	}
	s.pos++
	// One byte for a special prefix, and one to see that a name is too long.
	name := make([]byte, 0, 1+methodNameLimit+utf8.UTFMax)
	for len(name) <= 1+methodNameLimit {
		if s.pos < len(s.b) && s.b[s.pos] == '"' {
			s.pos++
			if c := s.space(); c != ',' && c != ']' {
				return unknown
			}
			break
		}
		r, err := s.char()
		if err != nil {
			return unknown
		}
		name = utf8.AppendRune(name, r)
	}
	return legible(string(name))
}

// legible returns the method that an encoded name stands for.
func legible(name string) string {
	if name == "#undefined" {
		return "<funcall>"
	}
	if name == "" {
		return name
	}
	switch name[0] {
	case '!':
		return cut(name[1:], methodNameLimit)
	case '%':
		return "[" + cut(name[1:], methodNameLimit) + "]"
	case '#', '+', '-', '$', '&':
		return "<unintelligible method>"
	}
	return cut(name, methodNameLimit)
}
