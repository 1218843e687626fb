package puppet

import (
	"encoding/hex"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/crankcase/crankcase/capdata"
	"github.com/crankcase/crankcase/scenario/jsjson"
)

// Nesting that the assembler takes. The puppet has room for 64 blocks; a check
// that the assembler adds may take one more.
const (
	maxBlocks   = 60
	maxOperands = 24
	maxBodies   = 500 // scripts in bodies of scripts
)

type token struct {
	text       string
	start, end int
	str        bool // a string, with its quotes
}

// kind says what an operand is.
type kind uint8

const (
	number   kind = iota // n
	register             // n
	slot                 // n
	answerSlot
	text      // b
	block     // ops, src, tag
	list      // items
	batch     // items, four an entry
	capData   // items: body, slots
	named     // name: a variable
	pointerOf // items[0], a pair
	lengthOf
)

type operand struct {
	kind  kind
	n     uint64
	b     string
	hex   bool // b was written x"..."
	name  string
	items []operand
	ops   []statement
	src   string // the text of a block without its braces
	tag   string // the method of @tag{...}; run without one
	bare  bool   // a block without a tag
}

func (o *operand) pair() bool {
	switch o.kind {
	case text, block, list, batch, capData:
		return true
	case named:
		return variables[o.name].pair
	}
	return false
}

type statement struct {
	name     string
	register byte // of set and add
	delivery byte // of on
	args     []operand
}

type parser struct {
	src      string
	scenario bool // the dialect of scenarios
	t        []token
	i        int
	blocks   int
	operands int
}

func parse(src string, scenario bool) ([]statement, error) {
	p := &parser{src: src, scenario: scenario}
	var err error
	if p.t, err = p.tokens(); err != nil {
		return nil, err
	}
	return p.block("")
}

func (p *parser) tokens() (out []token, err error) {
	s := p.src
	brackets, delimiters := "[]{}<>()&%", " \t\r\n,;[]{}<>()"
	if p.scenario {
		brackets = "[]{}<>()"
	}
	add := func(i, j int, str bool) int {
		out = append(out, token{s[i:j], i, j, str})
		return j
	}
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case c == ';' || c == '\n':
			i = add(i, i+1, false)
			out[len(out)-1].text = ";"
		case c == ' ' || c == '\t' || c == '\r' || c == ',':
			i++
		case strings.HasPrefix(s[i:], "//"):
			for i < len(s) && s[i] != '\n' {
				i++
			}
		case strings.IndexByte(brackets, c) >= 0:
			i = add(i, i+1, false)
		case c == '\'' || c == '"' || c == 'x' && i+1 < len(s) && s[i+1] == '"':
			j := i + 1
			if c == 'x' {
				j++
				c = '"'
			}
			for j < len(s) && s[j] != c {
				if s[j] == '\\' && c == '"' {
					j++
				}
				j++
			}
			if j >= len(s) {
				return nil, fmt.Errorf("string not closed at %d", jsjson.Length(s[:i]))
			}
			i = add(i, j+1, true)
		default:
			j := i
			for j < len(s) && strings.IndexByte(delimiters, s[j]) < 0 {
				j++
			}
			i = add(i, j, false)
		}
	}
	return out, nil
}

func (p *parser) peek() string {
	if p.i < len(p.t) {
		return p.t[p.i].text
	}
	return ""
}

func (p *parser) block(end string) (out []statement, err error) {
	if p.blocks++; p.blocks > maxBodies {
		return nil, fmt.Errorf("scripts are nested deeper than %d", maxBodies)
	}
	defer func() { p.blocks-- }()
	for {
		for p.peek() == ";" {
			p.i++
		}
		w := p.peek()
		if w == end {
			p.i++
			return out, nil
		}
		if w == "" {
			return nil, fmt.Errorf("block not closed: %s", p.src)
		}
		p.i++
		if _, ok := ops[w]; !ok || p.scenario && !scenarioOps[w] {
			return nil, fmt.Errorf("unknown op %s in %s", w, p.src)
		}
		s := statement{name: w}
		switch w {
		case "set", "add":
			n, ok := numbered(p.peek(), 'r')
			if !ok {
				return nil, fmt.Errorf("%s wants a register", w)
			}
			s.register = registerOf(n)
			p.i++
		case "on":
			if s.delivery = deliveries[p.peek()]; s.delivery == 0 {
				return nil, fmt.Errorf("on wants a delivery: %s", p.peek())
			}
			p.i++
		}
		for p.peek() != ";" && p.peek() != end && p.peek() != "" {
			o, err := p.operand()
			if err != nil {
				return nil, err
			}
			s.args = append(s.args, o)
		}
		out = append(out, s)
	}
}

func (p *parser) sequence(end string) (out []operand, err error) {
	for p.peek() != end {
		if p.peek() == "" {
			return nil, fmt.Errorf("%s missing", end)
		}
		if p.peek() == ";" {
			p.i++
			continue
		}
		o, err := p.operand()
		if err != nil {
			return nil, err
		}
		out = append(out, o)
	}
	p.i++
	return out, nil
}

func (p *parser) operand() (operand, error) {
	if p.operands++; p.operands > maxOperands+maxBodies {
		return operand{}, fmt.Errorf("operands are nested too deep")
	}
	defer func() { p.operands-- }()
	if p.i >= len(p.t) {
		return operand{}, fmt.Errorf("operand missing at the end of %s", p.src)
	}
	t := p.t[p.i]
	p.i++
	if t.str {
		return p.str(t.text)
	}
	w := t.text
	switch {
	case w == "{" || w[0] == '@':
		o := operand{kind: block, tag: "run", bare: w == "{"}
		open := t
		if !o.bare {
			o.tag = w[1:]
			if p.peek() != "{" {
				return operand{}, fmt.Errorf("@tag wants {")
			}
			open = p.t[p.i]
			p.i++
		}
		var err error
		if o.ops, err = p.block("}"); err != nil {
			return operand{}, err
		}
		o.src = trim(p.src[open.end:p.t[p.i-1].start])
		return o, nil
	case w == "[":
		items, err := p.sequence("]")
		return operand{kind: list, items: items}, err
	case w == "<":
		items, err := p.sequence(">")
		if err == nil && len(items)%4 != 0 {
			err = fmt.Errorf("a batch entry has four operands")
		}
		return operand{kind: batch, items: items}, err
	case w == "(":
		items, err := p.sequence(")")
		if err == nil && len(items) != 2 {
			err = fmt.Errorf("capdata has two operands")
		}
		return operand{kind: capData, items: items}, err
	case w == "&" || w == "%":
		o, err := p.operand()
		if err == nil && !o.pair() {
			err = fmt.Errorf("%s wants a pair", w)
		}
		k := pointerOf
		if w == "%" {
			k = lengthOf
		}
		return operand{kind: k, items: []operand{o}}, err
	}
	if v, ok := variables[w]; ok && (v.scenario || !p.scenario) {
		return operand{kind: named, name: w}, nil
	}
	if n, ok := numbered(w, 'r'); ok {
		return operand{kind: register, n: uint64(registerOf(n))}, nil
	}
	if n, ok := numbered(w, 's'); ok {
		return operand{kind: slot, n: slotOf(n)}, nil
	}
	if !p.scenario {
		if n, ok := numbered(w, 'a'); ok {
			return operand{kind: answerSlot, n: slotOf(n)}, nil
		}
		if n, ok := settlements[w]; ok {
			return operand{kind: number, n: n}, nil
		}
	}
	n, ok, err := parseVref(w)
	if err != nil {
		return operand{}, fmt.Errorf("bad operand %s in %s: %w", w, p.src, err)
	}
	if !ok {
		if n, ok = parseNumber(w); !ok {
			return operand{}, fmt.Errorf("bad operand %s in %s", w, p.src)
		}
	}
	return operand{kind: number, n: n}, nil
}

func (p *parser) str(w string) (operand, error) {
	switch {
	case w[0] == 'x' && p.scenario: // as JavaScript's Buffer: up to what is no hex; then its bytes are characters
		var b []byte
		for w = w[2 : len(w)-1]; len(w) >= 2; w = w[2:] {
			c, err := hex.DecodeString(w[:2])
			if err != nil {
				break
			}
			b = utf8.AppendRune(b, rune(c[0]))
		}
		return operand{kind: text, b: string(b), hex: true}, nil
	case w[0] == 'x':
		b, err := hex.DecodeString(w[2 : len(w)-1])
		if err != nil {
			err = fmt.Errorf("bad operand %s in %s: %w", w, p.src, err)
		}
		return operand{kind: text, b: string(b), hex: true}, err
	case w[0] == '\'':
		return operand{kind: text, b: w[1 : len(w)-1]}, nil
	}
	b := make([]byte, 0, len(w))
	for i := 1; i < len(w)-1; i++ {
		if w[i] == '\\' {
			i++
		}
		b = append(b, w[i])
	}
	return operand{kind: text, b: string(b)}, nil
}

// numbered splits a letter and decimal digits.
func numbered(w string, letter byte) (digits string, ok bool) {
	if len(w) < 2 || w[0] != letter || !allDigits(w[1:]) {
		return "", false
	}
	return w[1:], true
}

func allDigits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// registerOf takes the number modulo 16, in the floating point that the
// oracle's puppet computes in.
func registerOf(digits string) byte {
	f, err := strconv.ParseFloat(digits, 64)
	if err != nil { // beyond any float; JavaScript has NaN there, and no such register
		return 0
	}
	return byte(math.Mod(f, 16))
}

// slotOf returns the slot's number; a huge one is a slot that no delivery has.
func slotOf(digits string) uint64 {
	n, err := strconv.ParseUint(digits, 10, 64)
	if err != nil {
		return math.MaxUint64
	}
	return n
}

// parseVref reads the text form of a vref. Any sign may have the mark of
// durable, so that scripts can name what is malformed.
func parseVref(w string) (v uint64, ok bool, err error) {
	if w == "none" {
		return 0, true, nil
	}
	if len(w) < 3 {
		return 0, false, nil
	}
	k := strings.IndexByte("opd", w[0])
	s := strings.IndexByte("-+", w[1])
	digits := w[2:]
	durable := digits[0] == 'd'
	if durable {
		digits = digits[1:]
	}
	if k < 0 || s < 0 || !allDigits(digits) {
		return 0, false, nil
	}
	n := uint64(0)
	if digits = strings.TrimLeft(digits, "0"); digits != "" {
		if n, err = strconv.ParseUint(digits, 10, 60); err != nil {
			return 0, true, fmt.Errorf("the index does not fit 60 bits")
		}
	}
	v = uint64(capdata.Import(capdata.Kind(k), n)) | uint64(s)
	if durable {
		v |= 8
	}
	return v, true, nil
}

// parseNumber reads a decimal or hexadecimal number of any size, modulo 2^64.
func parseNumber(w string) (uint64, bool) {
	digits, negative := strings.CutPrefix(w, "-")
	base := 10
	if h, ok := strings.CutPrefix(digits, "0x"); ok {
		digits, base = h, 16
		for i := 0; i < len(h); i++ {
			if strings.IndexByte("0123456789abcdefABCDEF", h[i]) < 0 {
				return 0, false
			}
		}
	} else if !allDigits(digits) {
		return 0, false
	}
	z, ok := new(big.Int).SetString(digits, base)
	if !ok {
		return 0, false
	}
	n := z.And(z, new(big.Int).SetUint64(math.MaxUint64)).Uint64()
	if negative {
		n = -n
	}
	return n, true
}

// trim is JavaScript's trim, as far as a script's text has white space that
// is no part of a word.
func trim(s string) string { return strings.Trim(s, " \t\r\n\v\f") }
