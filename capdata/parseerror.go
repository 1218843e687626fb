package capdata

import (
	"strconv"
	"unicode/utf8"
)

// ParseError says where one of this package's parsers stopped, and why. It is
// a function of the input alone, so two machines that parse the same bytes get
// the same one. What it quotes of the input is cut to a few dozen bytes.
type ParseError struct {
	// What was parsed: "vref", "kref", "capdata", "message", "smallcaps", ...
	What string
	// Offset is the position in the input, in bytes from 0.
	Offset int
	// Expected is what could have stood there.
	Expected string
	// Found is what stood there instead.
	Found string
}

// Error implements error.
func (e *ParseError) Error() string {
	return e.What + " at byte " + strconv.Itoa(e.Offset) + ": expected " + e.Expected + ", found " + e.Found
}

// quoteLimit is how many bytes of the input an error quotes.
const quoteLimit = 40

// quote returns s in Go syntax, cut to quoteLimit bytes, so that hostile input
// can neither fill a log nor write to a terminal.
func quote[S ~string | ~[]byte](s S) string {
	if len(s) == 0 {
		return "nothing"
	}
	if len(s) <= quoteLimit {
		return strconv.Quote(string(s))
	}
	// One byte more than the limit lets cut see whether a character ends there.
	return strconv.Quote(cut(string(s[:quoteLimit+1]), quoteLimit)) + "..."
}

// cut returns the longest prefix of s of at most limit bytes that does not end
// inside a character.
func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	n := limit
	for n > 0 && n > limit-(utf8.UTFMax-1) && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
