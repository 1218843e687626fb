package puppet

import (
	"encoding/binary"
	"strconv"
	"strings"
)

// compiler turns a scenario's script into bytes that do what the script does in
// JavaScript, where operands have types, and an op that gets one of another type
// throws when it is met: that ends the delivery as a guest fault, as op trap
// does here. Types are known when a script is assembled, all but whether a number is 0.
type compiler struct {
	t *Translator
}

// class is the type that an operand has in JavaScript.
type class uint8

const (
	none    class = iota // no operand, or the second half of a pair: it counts as 0
	numeric              // BigInt
	textual              // string
	code                 // a block
	array                // list, $slots
	records              // batch
)

func classOf(o *operand) class {
	if o == nil {
		return none
	}
	switch o.kind {
	case text:
		return textual
	case block:
		return code
	case list:
		return array
	case batch:
		return records
	case named:
		switch o.name {
		case "$ans", "$body":
			return textual
		case "$slots":
			return array
		}
	}
	return numeric
}

// statementBuilder collects one op: what it checks first, and whether it throws.
type statementBuilder struct {
	c      *compiler
	flat   []*operand // flattened arguments; nil stands for the length of a pair
	guards []byte
	throws bool
	depth  int
	err    error
}

func (s *statementBuilder) at(i int) *operand {
	if i < len(s.flat) {
		return s.flat[i]
	}
	return nil
}

func (c *compiler) block(b []byte, ops []statement, depth int) ([]byte, error) {
	if depth > maxBlocks {
		return nil, tooDeep()
	}
	for i := range ops {
		s := &statementBuilder{c: c, depth: depth}
		for k := range ops[i].args {
			o := &ops[i].args[k]
			s.throws = s.throws || holdsCapdata(o)
			s.flat = append(s.flat, o)
			if o.pair() {
				s.flat = append(s.flat, nil)
			}
		}
		out := s.compile(&ops[i])
		if s.err != nil {
			return nil, s.err
		}
		if s.throws {
			b = append(b, opTrap)
			continue
		}
		b = append(append(b, s.guards...), out...)
	}
	return b, nil
}

// holdsCapdata says whether evaluating o meets capdata, which the oracle's
// puppet has no value for.
func holdsCapdata(o *operand) bool {
	if o.kind == capData {
		return true
	}
	for i := range o.items {
		if holdsCapdata(&o.items[i]) {
			return true
		}
	}
	return false
}

// number adds an argument that has to be a number.
func (s *statementBuilder) number(b []byte, o *operand) []byte {
	switch classOf(o) {
	case none:
		return appendNumber(b, 0)
	case numeric:
		return appendScalar(b, o)
	}
	s.throws = true
	return b
}

// wantZero makes the op throw unless o, a number in the place of a pair, is 0.
func (s *statementBuilder) wantZero(o *operand) {
	if o.kind == number {
		s.throws = s.throws || o.n != 0
		return
	}
	s.guards = appendNumber(appendScalar(append(s.guards, opIfNe), o), 0)
	s.guards = appendBlob(s.guards, []byte{opTrap})
}

// text adds a pair that has to be text; the number 0 is the empty one. A body
// may have a script in it.
func (s *statementBuilder) text(b []byte, o *operand, body bool) []byte {
	switch classOf(o) {
	case none:
		return appendBlob(b, "")
	case textual:
		if o.kind == named {
			return appendScalar(b, o)
		}
		if body {
			return appendBlob(b, s.c.t.Body(o.b))
		}
		return appendBlob(b, o.b)
	case code:
		return s.c.scriptBody(s, b, o)
	case numeric:
		s.wantZero(o)
		return appendBlob(b, "")
	}
	s.throws = true
	return b
}

func (c *compiler) scriptBody(s *statementBuilder, b []byte, o *operand) []byte {
	script, err := c.block(nil, o.ops, 0)
	if err != nil {
		s.err = err
		return b
	}
	return appendScriptBody(b, o.tag, c.t.remember(script, scriptLiteral(o.src)))
}

// refs adds a pair that has to be a list of numbers; the number 0 is the empty one.
func (s *statementBuilder) refs(b []byte, o *operand) []byte {
	switch classOf(o) {
	case none:
		return append(b, tagList, 0)
	case numeric:
		s.wantZero(o)
		return append(b, tagList, 0)
	case array:
		if o.kind == named {
			return appendScalar(b, o)
		}
		b = binary.AppendUvarint(append(b, tagList), uint64(len(o.items)))
		for i := range o.items {
			b = s.number(b, &o.items[i])
		}
		return b
	}
	s.throws = true
	return b
}

func (s *statementBuilder) batch(b []byte, o *operand) []byte {
	if classOf(o) != records {
		s.throws = true
		return b
	}
	b = binary.AppendUvarint(append(b, tagObjectBatch), uint64(len(o.items)/4))
	for i := 0; i < len(o.items); i += 4 {
		r := o.items[i : i+4]
		b = s.number(b, &r[0])
		b = s.number(b, &r[1])
		switch how := r[1]; {
		case how.kind == number && how.n > settlements["object"]:
			s.throws = true
		case how.kind == number && how.n == settlements["object"]: // the body is not looked at
			b = appendBlob(b, "")
		default:
			b = s.text(b, &r[2], false)
		}
		b = s.refs(b, &r[3])
	}
	return b
}

// code adds a block as code. ok is false if o is no block.
func (s *statementBuilder) code(b []byte, o *operand) (out []byte, ok bool) {
	if classOf(o) != code {
		return b, false
	}
	script, err := s.c.block(nil, o.ops, s.depth+1)
	if err != nil {
		s.err = err
		return b, true
	}
	return appendBlob(b, script), true
}

func (s *statementBuilder) compile(st *statement) []byte {
	op := ops[st.name].code
	b := []byte{op}
	switch op {
	case opSend:
		b = s.number(b, s.at(0))
		b = s.text(b, s.at(1), true)
		b = s.refs(b, s.at(3))
		return s.number(b, s.at(5))
	case opSubscribe:
		return s.number(b, s.at(0))
	case opResolve:
		return s.batch(b, s.at(0))
	case opExit:
		return s.exit()
	case opGet, opNextKey:
		return appendNumber(appendNumber(s.text(b, s.at(0), false), 0), 0)
	case opSet:
		return s.text(s.text(b, s.at(0), false), s.at(2), false)
	case opDelete:
		return s.text(b, s.at(0), false)
	case opDrop, opRetireImp, opRetireExp, opAbandon:
		return s.refs(b, s.at(0))
	case opReturn:
		if k := classOf(s.at(0)); k != none && k != numeric { // not 0
			return appendNumber(b, 1)
		}
		return s.number(b, s.at(0))
	case opSetReg, opAddReg:
		return s.number(append(b, st.register), s.at(0))
	case opOn:
		b, ok := s.code(append(b, st.delivery), s.at(0))
		s.throws = s.throws || !ok
		return b
	case opRun:
		b, ok := s.code(b, s.at(0))
		s.throws = s.throws || !ok
		return b
	case opRepeat:
		return s.repeat(b)
	case opIfEq, opIfNe:
		return s.branch(b, op)
	case opEcho, opFill:
		return s.number(b, s.at(0))
	case opBurn:
		if k := classOf(s.at(0)); k != none && k != numeric {
			return nil // it burns nothing there, and asks for no number
		}
		return s.number(b, s.at(0))
	case opPrint:
		return s.print(b)
	case opTrap:
		return b
	}
	// console: a line whatever the echo mask is
	return s.text([]byte{opLog}, s.at(1), false)
}

// exit takes any failure but 0 for 1: the ABI knows no other.
func (s *statementBuilder) exit() []byte {
	rest := s.refs(s.text(nil, s.at(1), false), s.at(3))
	call := func(b []byte, failure uint64) []byte {
		return append(appendNumber(append(b, opExit), failure), rest...)
	}
	o := s.at(0)
	switch {
	case classOf(o) == none || classOf(o) == numeric && o.kind == number && o.n == 0:
		return call(nil, 0)
	case classOf(o) != numeric || o.kind == number:
		return call(nil, 1)
	}
	b := appendNumber(appendScalar([]byte{opIfEq}, o), 0)
	b = appendBlob(b, call(nil, 0))
	b = appendNumber(appendScalar(append(b, opIfNe), o), 0)
	return appendBlob(b, call(nil, 1))
}

func (s *statementBuilder) repeat(b []byte) []byte {
	o := s.at(0)
	if k := classOf(o); k == none || k != numeric {
		return nil // not more than 0
	}
	b = appendScalar(b, o)
	b, ok := s.code(b, s.at(1))
	if !ok { // a block is only asked for when it is to run
		return appendBlob(b, []byte{opTrap})
	}
	return b
}

func (s *statementBuilder) branch(b []byte, op byte) []byte {
	x, y := s.at(0), s.at(1)
	numbers := func(o *operand) bool { k := classOf(o); return k == none || k == numeric }
	if numbers(x) && numbers(y) {
		b = s.number(s.number(b, x), y)
	} else { // a number is never equal to what is none
		b = appendNumber(appendNumber(b, 0), 1)
	}
	out, ok := s.code(b, s.at(2))
	if !ok {
		return appendBlob(b, []byte{opTrap})
	}
	return out
}

// print shows any value as JavaScript's template strings do.
func (s *statementBuilder) print(b []byte) []byte {
	o := s.at(0)
	switch classOf(o) {
	case none, numeric:
		return s.number(b, o)
	case textual:
		return s.text([]byte{opSay}, o, false)
	case code, records:
		return appendBlob([]byte{opSay}, "[object Object]")
	}
	if shown, ok := staticText(o); ok {
		return appendBlob([]byte{opSay}, shown)
	}
	if flat, ok := flatten(o); ok {
		o = &operand{kind: list, items: flat}
	}
	return s.refs([]byte{opNumbers}, o)
}

// flatten takes lists in a list apart: joined by commas they read the same, unless one is
// empty.
func flatten(o *operand) (out []operand, ok bool) {
	if o.kind != list {
		return nil, false
	}
	for i := range o.items {
		switch x := &o.items[i]; {
		case classOf(x) == numeric:
			out = append(out, *x)
		case x.kind == list && len(x.items) > 0:
			inner, ok := flatten(x)
			if !ok {
				return nil, false
			}
			out = append(out, inner...)
		default:
			return nil, false
		}
	}
	return out, true
}

// staticText returns what JavaScript shows of a list whose parts are all known.
func staticText(o *operand) (string, bool) {
	var parts []string
	for i := range o.items {
		switch x := &o.items[i]; x.kind {
		case number:
			parts = append(parts, strconv.FormatUint(x.n, 10))
		case text:
			parts = append(parts, x.b)
		case block, batch:
			parts = append(parts, "[object Object]")
		case list:
			inner, ok := staticText(x)
			if !ok {
				return "", false
			}
			parts = append(parts, inner)
		default:
			return "", false
		}
	}
	return strings.Join(parts, ","), o.kind == list
}
