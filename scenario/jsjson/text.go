// Package jsjson reads and writes JSON exactly as JavaScript does: keys keep
// JavaScript's order, strings may hold half of a surrogate pair, and what is
// written is, byte for byte, what JSON.stringify writes.
//
// A JavaScript string is held in a Go string as UTF-8; half a pair on its own
// is held as the three bytes that its code point would have (WTF-8), which no valid UTF-8
// contains. All functions are pure and safe for concurrent use.
package jsjson

import (
	"strings"
	"unicode/utf8"
)

// next returns the first character of s and its size. lone says that it is half
// of a surrogate pair; a byte that is part of no character gives utf8.RuneError and
// size 1.
func next(s string) (r rune, size int, lone bool) {
	if len(s) >= 3 && s[0] == 0xed && s[1] >= 0xa0 && s[1] <= 0xbf && s[2]&0xc0 == 0x80 {
		return rune(s[0]&15)<<12 | rune(s[1]&63)<<6 | rune(s[2]&63), 3, true
	}
	r, size = utf8.DecodeRuneInString(s)
	return r, size, false
}

// Length returns the length that JavaScript finds: the number of UTF-16 units.
func Length(s string) int {
	n := 0
	for len(s) > 0 {
		r, size, _ := next(s)
		n++
		if r >= 0x10000 {
			n++
		}
		s = s[size:]
	}
	return n
}

// Compare orders strings as JavaScript's < does: by UTF-16 units.
func Compare(a, b string) int {
	for len(a) > 0 && len(b) > 0 {
		if a[0] == b[0] && a[0] < utf8.RuneSelf {
			a, b = a[1:], b[1:]
			continue
		}
		x, m, _ := next(a)
		y, n, _ := next(b)
		if x != y {
			if hx, hy := firstUnit(x), firstUnit(y); hx != hy {
				return sign(int(hx) - int(hy))
			}
			return sign(int(x) - int(y)) // two pairs with the same first half
		}
		a, b = a[m:], b[n:]
	}
	return sign(len(a) - len(b))
}

func firstUnit(r rune) rune {
	if r >= 0x10000 {
		return 0xd800 + (r-0x10000)>>10
	}
	return r
}

func sign(n int) int {
	switch {
	case n < 0:
		return -1
	case n > 0:
		return 1
	}
	return 0
}

// Quote returns s as JSON.stringify writes it, in quotes. Bytes that belong to
// no character become U+FFFD: a JavaScript string has none.
func Quote(s string) string {
	var b strings.Builder
	appendQuoted(&b, s)
	return b.String()
}

const hexDigits = "0123456789abcdef"

func appendQuoted(b *strings.Builder, s string) {
	b.WriteByte('"')
	for len(s) > 0 {
		r, size, lone := next(s)
		switch {
		case lone:
			b.WriteString(`\u`)
			for shift := 12; shift >= 0; shift -= 4 {
				b.WriteByte(hexDigits[r>>shift&15])
			}
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteByte(byte(r))
		case r < 0x20:
			if i := strings.IndexByte("\b\t\n\f\r", byte(r)); i >= 0 {
				b.WriteByte('\\')
				b.WriteByte("btnfr"[i])
			} else {
				b.WriteString(`\u00`)
				b.WriteByte(hexDigits[r>>4])
				b.WriteByte(hexDigits[r&15])
			}
		case r == utf8.RuneError && size == 1:
			b.WriteRune(utf8.RuneError)
		default:
			b.WriteString(s[:size])
		}
		s = s[size:]
	}
	b.WriteByte('"')
}
