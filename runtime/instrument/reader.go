package instrument

import (
	"fmt"
	"unicode/utf8"

	"github.com/crankcase/crankcase/fault"
)

// A reader decodes a module front to back. The first thing that is wrong is
// kept in err and makes every later read return zero, so that decoders check
// err where they would loop or allocate and need no check after each field.
//
// pos and end are offsets in the whole module: a refusal quotes them as they
// are. end is the end of the section or body being read.
type reader struct {
	b        []byte
	pos, end int
	err      *fault.Refusal

	// Where the reader is, for refusals.
	section     string
	function    int // -1 outside a body
	instruction string
}

// refuse records the first refusal, at offset off.
func (r *reader) refuse(off int, hint, format string, args ...any) {
	if r.err != nil {
		return
	}
	r.err = &fault.Refusal{Section: r.section, Function: r.function, Instruction: r.instruction, Offset: off,
		Reason: fmt.Sprintf(format, args...), Hint: hint}
	// Nothing more is read: every loop over input ends at once.
	r.pos = r.end
}

// left is the number of bytes that remain in the section or body.
func (r *reader) left() int { return r.end - r.pos }

func (r *reader) byte() byte {
	if r.pos >= r.end {
		r.refuse(r.pos, "", "ends too early")
		return 0
	}
	c := r.b[r.pos]
	r.pos++
	return c
}

// bytes returns the next n bytes of the module itself, not a copy.
func (r *reader) bytes(n uint32) []byte {
	if uint64(n) > uint64(r.left()) {
		r.refuse(r.pos, "", "%d bytes announced, %d left", n, r.left())
		return nil
	}
	p := r.b[r.pos : r.pos+int(n) : r.pos+int(n)]
	r.pos += int(n)
	return p
}

// u32 reads an unsigned LEB128 of at most 5 bytes. Padding is allowed, as the
// specification has it, unused bits must be zero.
func (r *reader) u32() uint32 {
	if r.pos < r.end && r.b[r.pos] < 0x80 {
		r.pos++
		return uint32(r.b[r.pos-1])
	}
	start := r.pos
	var v uint32
	for shift := 0; ; shift += 7 {
		c := r.byte()
		if r.err != nil {
			return 0
		}
		if shift == 28 {
			if c&0x80 != 0 {
				r.refuse(start, "", "integer representation too long")
				return 0
			}
			if c&0x70 != 0 {
				r.refuse(start, "", "integer too large")
				return 0
			}
		}
		v |= uint32(c&0x7f) << shift
		if c&0x80 == 0 {
			return v
		}
	}
}

// signed reads a signed LEB128 of the given width in bits (32, 33 or 64).
func (r *reader) signed(width int) int64 {
	start := r.pos
	last := (width - 1) / 7 * 7 // shift of the last byte that may be there
	var v int64
	for shift := 0; ; shift += 7 {
		c := r.byte()
		if r.err != nil {
			return 0
		}
		if shift == last {
			if c&0x80 != 0 {
				r.refuse(start, "", "integer representation too long")
				return 0
			}
			// The bits from the sign bit up must all be equal.
			unused := byte(0x7f) &^ (1<<(width-last-1) - 1)
			if c&unused != 0 && c&unused != unused {
				r.refuse(start, "", "integer too large")
				return 0
			}
		}
		v |= int64(c&0x7f) << shift
		if c&0x80 == 0 {
			if s := shift + 7; s < 64 {
				v = v << (64 - s) >> (64 - s) // extend the sign
			}
			return v
		}
	}
}

// name reads a name: a length and UTF-8.
func (r *reader) name() string {
	start := r.pos
	p := r.bytes(r.u32())
	if !utf8.Valid(p) {
		r.refuse(start, "", "name is not valid UTF-8")
		return ""
	}
	return string(p)
}

// count reads the length of a vector whose elements take at least size bytes
// each, and holds it against the limit and against what is left, so that the
// caller may allocate for it.
func (r *reader) count(what string, size, limit int) int {
	start := r.pos
	n := r.u32()
	if r.err != nil {
		return 0
	}
	if uint64(n) > uint64(limit) {
		r.refuse(start, "", "%d %s, at most %d are allowed", n, what, limit)
		return 0
	}
	if uint64(n)*uint64(size) > uint64(r.left()) {
		r.refuse(start, "", "%d %s announced, only %d bytes left", n, what, r.left())
		return 0
	}
	return int(n)
}
