package capdata

import (
	"cmp"
	"math"
	"strconv"
)

// How JavaScript's JSON.stringify writes strings and numbers and orders names.
// A body that is made here is the same, byte for byte, as what a JavaScript
// vat would make of the same value.

const hexDigits = "0123456789abcdef"

// appendJSONString appends prefix and s as one JSON string with the fewest
// escapes. Both must be valid UTF-8, and prefix must need no escape.
func appendJSONString(b []byte, prefix, s string) []byte {
	b = append(b, '"')
	b = append(b, prefix...)
	start := 0
	for i := range len(s) {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		b = append(b, s[start:i]...)
		start = i + 1
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\b':
			b = append(b, `\b`...)
		case '\t':
			b = append(b, `\t`...)
		case '\n':
			b = append(b, `\n`...)
		case '\f':
			b = append(b, `\f`...)
		case '\r':
			b = append(b, `\r`...)
		default:
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}

// appendText appends s as the smallcaps encoding of a string: as it is, or with
// a ! before it if it would be taken for something else.
func appendText(b []byte, s string) []byte {
	if startsSpecial(s) {
		return appendJSONString(b, "!", s)
	}
	return appendJSONString(b, "", s)
}

// appendNumber appends a finite number as JavaScript's Number.prototype.toString
// writes it: the shortest digits that give x again; an exponent from 1e21 and
// below 1e-6, of as few digits as it needs. -0 is written as 0.
func appendNumber(b []byte, x float64) []byte {
	abs := math.Abs(x)
	if abs == 0 {
		return append(b, '0')
	}
	if abs >= 1e-6 && abs < 1e21 {
		return strconv.AppendFloat(b, x, 'f', -1, 64)
	}
	b = strconv.AppendFloat(b, x, 'e', -1, 64)
	// Go writes exponents with at least two digits.
	if n := len(b); b[n-2] == '0' && (b[n-3] == '-' || b[n-3] == '+') {
		b[n-2] = b[n-1]
		b = b[:n-1]
	}
	return b
}

// compareNames orders the names of a record as the marshal of JavaScript vats
// does: it sorts them by UTF-16 code units and puts them into an object, which
// then lists array indexes (0 to 2^32-2) first, by number.
func compareNames(x, y string) int {
	i, xIndex := arrayIndex(x)
	j, yIndex := arrayIndex(y)
	switch {
	case xIndex && yIndex:
		return cmp.Compare(i, j)
	case xIndex:
		return -1
	case yIndex:
		return 1
	}
	return compareUTF16(x, y)
}

// arrayIndex returns the array index that s spells, if it does.
func arrayIndex(s string) (n uint64, ok bool) {
	if len(s) > len("4294967294") {
		return 0, false
	}
	n, bad := parseIndex(s, 0, math.MaxUint32-1)
	return n, bad < 0
}

// compareUTF16 compares by UTF-16 code units. In valid UTF-8 that differs from
// the order of bytes only where a character past U+FFFF, which begins with a
// surrogate (U+D800 to U+DBFF), meets one from U+E000 to U+FFFF.
func compareUTF16(x, y string) int {
	for i := range min(len(x), len(y)) {
		if x[i] == y[i] {
			continue
		}
		less := x[i] < y[i]
		if x[i] >= 0xee && y[i] >= 0xee && (x[i] >= 0xf0) != (y[i] >= 0xf0) {
			less = !less
		}
		if less {
			return -1
		}
		return 1
	}
	return len(x) - len(y)
}
