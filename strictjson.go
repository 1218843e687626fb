package crankcase

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// InputError says what is wrong with a file that a person wrote, and where.
// Nothing was changed.
type InputError struct {
	File         string // as it was named
	Line, Column int    // from 1; the column counts bytes; 0: the file as a whole
	Problem      string
}

// Error gives file:line:column: problem.
func (e *InputError) Error() string {
	if e.Line == 0 {
		return e.File + ": " + e.Problem
	}
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Problem)
}

// jsonReader reads JSON of a known shape and refuses what is not in it: other
// names, the same name twice, other types, more than one value. encoding/json
// takes all of these for granted.
type jsonReader struct {
	file      string
	firstLine int // number of the first line of src
	src       []byte
	dec       *json.Decoder
}

func newJSONReader(file string, firstLine int, src []byte) *jsonReader {
	r := &jsonReader{file: file, firstLine: firstLine, src: src, dec: json.NewDecoder(bytes.NewReader(src))}
	r.dec.UseNumber()
	return r
}

// failAt makes the error of what stands at an offset.
func (r *jsonReader) failAt(offset int, format string, args ...any) error {
	before := r.src[:min(offset, len(r.src))]
	return &InputError{
		File:    r.file,
		Line:    r.firstLine + bytes.Count(before, []byte("\n")),
		Column:  len(before) - bytes.LastIndexByte(before, '\n'),
		Problem: fmt.Sprintf(format, args...),
	}
}

// next is where the next token begins.
func (r *jsonReader) next() int {
	i := int(r.dec.InputOffset())
	for i < len(r.src) && strings.IndexByte(" \t\r\n,:", r.src[i]) >= 0 {
		i++
	}
	return i
}

// syntax places an error of the decoder's.
func (r *jsonReader) syntax(err error) error {
	var s *json.SyntaxError
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return r.failAt(len(r.src), "broken JSON: it ends too early")
	case errors.As(err, &s):
		at := int(s.Offset)
		if at > int(r.dec.InputOffset()) {
			at-- // inside a value the offset counts the byte that is wrong; between tokens it does not
		}
		return r.failAt(at, "broken JSON: %v", s)
	}
	return r.failAt(int(r.dec.InputOffset()), "broken JSON: %v", err)
}

func (r *jsonReader) token() (json.Token, int, error) {
	at := r.next()
	t, err := r.dec.Token()
	if err != nil {
		return nil, at, r.syntax(err)
	}
	return t, at, nil
}

// want reads a token of type T.
func want[T any](r *jsonReader, what string) (v T, at int, err error) {
	t, at, err := r.token()
	if err != nil {
		return v, at, err
	}
	v, ok := t.(T)
	if !ok {
		return v, at, r.failAt(at, "%s is expected here", what)
	}
	return v, at, nil
}

// object reads an object: f is called after each name and reads its value. A
// name that is not among names is refused; with no names, any is taken.
func (r *jsonReader) object(what string, names []string, f func(name string, at int) error) error {
	d, at, err := want[json.Delim](r, what+", an object {...},")
	if err != nil {
		return err
	}
	if d != '{' {
		return r.failAt(at, "%s, an object {...}, is expected here", what)
	}
	seen := map[string]bool{}
	for r.dec.More() {
		name, at, err := want[string](r, "a name")
		if err != nil {
			return err
		}
		switch {
		case seen[name]:
			return r.failAt(at, "%s has %q twice", what, name)
		case names != nil && !slices.Contains(names, name):
			return r.failAt(at, "%s has no field %q; it has %s", what, name, strings.Join(names, ", "))
		}
		seen[name] = true
		if err := f(name, at); err != nil {
			return err
		}
	}
	_, _, err = r.token() // the brace
	return err
}

// end refuses what comes after the value.
func (r *jsonReader) end() error {
	at := r.next()
	if _, err := r.dec.Token(); !errors.Is(err, io.EOF) {
		return r.failAt(at, "there is more after the end of the object")
	}
	return nil
}

func (r *jsonReader) string(what string) (string, error) {
	s, _, err := want[string](r, what+", a string,")
	return s, err
}

func (r *jsonReader) bool(what string) (bool, error) {
	b, _, err := want[bool](r, what+", true or false,")
	return b, err
}

// positive reads a whole number from 1.
func (r *jsonReader) positive(what string) (uint64, error) {
	n, at, err := want[json.Number](r, what+", a whole number from 1,")
	if err != nil {
		return 0, err
	}
	return r.parsePositive(what, n, at)
}

func (r *jsonReader) parsePositive(what string, n json.Number, at int) (uint64, error) {
	v, err := strconv.ParseUint(n.String(), 10, 63)
	if err != nil || v == 0 {
		return 0, r.failAt(at, "%s is %s; a whole number from 1 is expected", what, n)
	}
	return v, nil
}

// raw reads any value as it is written.
func (r *jsonReader) raw() (json.RawMessage, int, error) {
	at := r.next()
	var v json.RawMessage
	if err := r.dec.Decode(&v); err != nil {
		return nil, at, r.syntax(err)
	}
	return v, at, nil
}

// value reads any value as Go values: nil, bool, float64, string, []any and
// map[string]any.
func (r *jsonReader) value() (any, error) {
	t, at, err := r.token()
	if err != nil {
		return nil, err
	}
	switch t := t.(type) {
	case json.Number:
		f, err := t.Float64()
		if err != nil {
			return nil, r.failAt(at, "the number %s is out of range", t)
		}
		return f, nil
	case json.Delim:
		if t == '[' {
			list := []any{}
			for r.dec.More() {
				v, err := r.value()
				if err != nil {
					return nil, err
				}
				list = append(list, v)
			}
			_, _, err := r.token()
			return list, err
		}
		record := map[string]any{}
		for r.dec.More() {
			name, at, err := want[string](r, "a name")
			if err != nil {
				return nil, err
			}
			if _, twice := record[name]; twice {
				return nil, r.failAt(at, "the name %q stands here twice", name)
			}
			if record[name], err = r.value(); err != nil {
				return nil, err
			}
		}
		_, _, err := r.token()
		return record, err
	}
	return t, nil
}

// checkUTF8 refuses bytes that encoding/json would replace in silence.
func (r *jsonReader) checkUTF8() error {
	if utf8.Valid(r.src) {
		return nil
	}
	for i := 0; i < len(r.src); {
		c, n := utf8.DecodeRune(r.src[i:])
		if c == utf8.RuneError && n == 1 {
			return r.failAt(i, "the byte %#02x is not UTF-8", r.src[i])
		}
		i += n
	}
	return nil
}
