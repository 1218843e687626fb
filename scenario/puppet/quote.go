package puppet

import (
	"strings"
	"unicode/utf8"
)

// QuoteBytes returns the first most UTF-16 units of s as puppets write bytes in
// their lines: in quotes, what is not printable ASCII as \xNN. Half of a
// surrogate pair, also one that is cut off its other half, reads as U+FFFD.
func QuoteBytes(s string, most int) string {
	const hexDigits = "0123456789abcdef"
	var b strings.Builder
	put := func(s string) {
		for i := 0; i < len(s); i++ {
			switch c := s[i]; {
			case c == '"' || c == '\\':
				b.WriteByte('\\')
				b.WriteByte(c)
			case c < 32 || c > 126:
				b.WriteString(`\x`)
				b.WriteByte(hexDigits[c>>4])
				b.WriteByte(hexDigits[c&15])
			default:
				b.WriteByte(c)
			}
		}
	}
	b.WriteByte('"')
	for units := 0; len(s) > 0 && units < most; units++ {
		r, size := utf8.DecodeRuneInString(s)
		half := false
		if len(s) >= 3 && s[0] == 0xed && s[1] >= 0xa0 && s[1]&0xc0 == 0x80 && s[2]&0xc0 == 0x80 {
			half, size = true, 3
		}
		if r >= 0x10000 {
			units++
			half = units >= most
		}
		if half {
			put("\ufffd")
		} else {
			put(s[:size])
		}
		s = s[size:]
	}
	b.WriteByte('"')
	return b.String()
}

// UnquoteBytes undoes QuoteBytes. ok is false for what it did not write.
func UnquoteBytes(quoted string) (s string, ok bool) {
	if len(quoted) < 2 || quoted[0] != '"' || quoted[len(quoted)-1] != '"' {
		return "", false
	}
	quoted = quoted[1 : len(quoted)-1]
	var b strings.Builder
	for i := 0; i < len(quoted); i++ {
		c := quoted[i]
		switch {
		case c == '"' || c < 32 || c > 126:
			return "", false
		case c != '\\':
			b.WriteByte(c)
			continue
		case i+1 < len(quoted) && (quoted[i+1] == '"' || quoted[i+1] == '\\'):
			i++
			b.WriteByte(quoted[i])
		case i+3 < len(quoted) && quoted[i+1] == 'x':
			high, low := strings.IndexByte("0123456789abcdef", quoted[i+2]), strings.IndexByte("0123456789abcdef", quoted[i+3])
			if high < 0 || low < 0 {
				return "", false
			}
			b.WriteByte(byte(high<<4 | low))
			i += 3
		default:
			return "", false
		}
	}
	return b.String(), true
}
