package hostfuncs

import (
	"fmt"
	"strings"
)

// Console is where a guest's console goes. level is 0 debug, 1 log, 2 info, 3
// warn, 4 error, or whatever else the guest said; text is valid UTF-8, as the
// guest wrote it but for what was cut or replaced. A Console must not wait for
// the guest's kernel. What it does cannot be sensed by the guest.
type Console func(level uint32, text string)

// maxConsoleText is where a console text is cut, in bytes.
const maxConsoleText = 64 << 10

// Levels of what a guest writes to its standard output and error.
const (
	levelLog   = 1
	levelError = 4
)

// consoleLog is console.log. As a black hole it looks at nothing.
func (g *Guest) consoleLog(stack []uint64) error {
	if g.console == nil {
		return nil
	}
	g.view()
	text := g.appendText(nil, arg(stack, 1), arg(stack, 2))
	g.show(uint32(stack[0]), text)
	return nil
}

// appendText appends a range of memory to a console text, or a note that it is
// no memory, up to maxConsoleText in all.
func (g *Guest) appendText(text []byte, ptr, n uint64) []byte {
	if !g.inside(ptr, n) {
		return fmt.Appendf(text, "(unreadable %#x+%d)", ptr, n)
	}
	return append(text, g.bytes(ptr, min(n, uint64(max(maxConsoleText-len(text), 0))))...)
}

// show gives a text to the console, whose panic is not the crank's matter.
func (g *Guest) show(level uint32, text []byte) {
	defer func() { _ = recover() }()
	g.console(level, strings.ToValidUTF8(string(text), "\ufffd"))
}
