package puppet

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"github.com/crankcase/crankcase/scenario/jsjson"
)

// ObjectBody is the body that the puppets give to a promise that they settle
// with an object.
const ObjectBody = `#"$0.Alleged: x"`

// Assemble turns a script's text into its bytes, for a guest that is to be
// tried with anything the ABI can say. Too many arguments are an error, missing ones are 0,
// and nothing is checked that the kernel checks.
func Assemble(script string) ([]byte, error) {
	ops, err := parse(script, false)
	if err != nil {
		return nil, fmt.Errorf("puppet: %w", err)
	}
	b, err := plainBlock(nil, ops, 0)
	if err != nil {
		return nil, fmt.Errorf("puppet: %w", err)
	}
	return b, nil
}

// Raw returns a message body that carries a script as its bytes.
func Raw(script []byte) []byte { return append([]byte("\x00P"), script...) }

// Arg returns a script as the text of a method's argument: 0P:hex, without quotes.
func Arg(script []byte) string { return "0P:" + hex.EncodeToString(script) }

// Body returns the smallcaps body of a call of method whose one argument is a
// script. method may hold anything that a JSON string can.
func Body(method string, script []byte) []byte {
	return []byte(`#[` + jsjson.Quote(method) + `,["` + Arg(script) + `"]]`)
}

func appendNumber(b []byte, n uint64) []byte {
	return binary.AppendUvarint(append(b, tagNumber), n)
}

func appendBytes[T string | []byte](b []byte, s T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendBlob[T string | []byte](b []byte, s T) []byte {
	return appendBytes(append(b, tagBlob), s)
}

// appendScriptBody adds the operand that becomes Body(method, script) when the
// puppet meets it, so that scripts in scripts do not double their length at each level.
func appendScriptBody(b []byte, method string, script []byte) []byte {
	return appendBytes(appendBytes(append(b, tagScriptBody), jsjson.Quote(method)), script)
}

func tooDeep() error { return fmt.Errorf("blocks are nested deeper than %d", maxBlocks) }

func plainBlock(b []byte, ops []statement, depth int) ([]byte, error) {
	if depth > maxBlocks {
		return nil, tooDeep()
	}
	for i := range ops {
		var err error
		if b, err = plainStatement(b, &ops[i], depth); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func plainStatement(b []byte, s *statement, depth int) ([]byte, error) {
	op := ops[s.name]
	b = append(b, op.code)
	switch op.code {
	case opSetReg, opAddReg:
		b = append(b, s.register)
	case opOn:
		b = append(b, s.delivery)
	}
	takesCode := op.code >= opOn && op.code <= opIfNe || op.code == opRun
	given := 0
	for i := range s.args {
		o := &s.args[i]
		var err error
		if takesCode && o.bare {
			var code []byte
			if code, err = plainBlock(nil, o.ops, depth+1); err == nil {
				b = appendBlob(b, code)
			}
		} else {
			b, err = plainOperand(b, o, 0)
		}
		if err != nil {
			return nil, err
		}
		given++
		if o.pair() {
			given++
		}
	}
	if given > op.args {
		return nil, fmt.Errorf("%s has %d arguments (a string, list, batch or script is two); %d given", s.name, op.args, given)
	}
	for ; given < op.args; given++ { // the puppet would take the next op for an operand
		b = appendNumber(b, 0)
	}
	return b, nil
}

func plainOperand(b []byte, o *operand, depth int) ([]byte, error) {
	if depth > maxOperands {
		return nil, fmt.Errorf("operands are nested deeper than %d", maxOperands)
	}
	var err error
	each := func(items []operand) {
		for i := range items {
			if err == nil {
				b, err = plainOperand(b, &items[i], depth+1)
			}
		}
	}
	switch o.kind {
	case number, register, slot, named:
		b = appendScalar(b, o)
	case answerSlot:
		b = binary.AppendUvarint(append(b, tagAnswerSlot), o.n)
	case text:
		b = appendBlob(b, o.b)
	case block:
		var code []byte
		if code, err = plainBlock(nil, o.ops, 0); err == nil {
			b = appendScriptBody(b, o.tag, code)
		}
	case list:
		b = binary.AppendUvarint(append(b, tagList), uint64(len(o.items)))
		each(o.items)
	case batch:
		b = binary.AppendUvarint(append(b, tagBatch), uint64(len(o.items)/4))
		for i := 0; i < len(o.items); i += 4 {
			r := o.items[i : i+4]
			// Readers of smallcaps want an object's body; x"" is for those who want none.
			if r[1].kind == number && r[1].n == settlements["object"] && r[2].kind == text && r[2].b == "" && !r[2].hex {
				each(r[:2])
				b = appendBlob(b, ObjectBody)
				each(r[3:])
				continue
			}
			each(r)
		}
	case capData:
		b = append(b, tagCapdata)
		each(o.items)
	case pointerOf:
		b = append(b, tagPointerOf)
		each(o.items)
	case lengthOf:
		b = append(b, tagLengthOf)
		each(o.items)
	}
	if err != nil {
		return nil, err
	}
	return b, nil
}

// appendScalar adds an operand that is the same in both dialects.
func appendScalar(b []byte, o *operand) []byte {
	switch o.kind {
	case register:
		return append(b, tagRegister, byte(o.n))
	case slot:
		return binary.AppendUvarint(append(b, tagSlot), o.n)
	case named:
		return append(b, variables[o.name].tag)
	}
	return appendNumber(b, o.n)
}
