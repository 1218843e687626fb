package puppet

import (
	"encoding/hex"
	"strings"

	"github.com/crankcase/crankcase/scenario/jsjson"
)

// A Translator takes the scripts of one scenario from the form in which a
// scenario has them, text in strings that begin with 0T:, to the form that the
// Wasm puppet reads, hex in strings that begin with 0P:, and remembers what was
// what. The zero value is ready. It is not safe for concurrent use.
type Translator struct {
	literals map[string]string // hex of a script: the JSON string it came from, without its quotes
}

// scriptLiteral is the text of a JSON string that carries a script's text,
// without its quotes.
func scriptLiteral(src string) string {
	q := jsjson.Quote("0T:" + src)
	return q[1 : len(q)-1]
}

// Script assembles a scenario's script. The result does in the Wasm puppet
// what the text does in the oracle's: its ops are fewer, arguments too many are
// nothing, and an operand of a wrong type makes its op a guest fault when the puppet meets it.
// The error's text is the oracle's.
func (t *Translator) Script(src string) ([]byte, error) {
	ops, err := parse(src, true)
	if err != nil {
		return nil, err
	}
	return (&compiler{t}).block(nil, ops, 0)
}

// Message returns the body of a message that calls method with a script.
func (t *Translator) Message(method, src string) ([]byte, error) {
	script, err := t.Script(src)
	if err != nil {
		return nil, err
	}
	return Body(method, t.remember(script, scriptLiteral(src))), nil
}

// Body takes a body as a scenario has it and returns it as the Wasm puppet
// wants it: the script that the oracle's puppet would find in it becomes hex.
// A script that does not parse becomes one that traps, since that is what
// comes of it there.
func (t *Translator) Body(body string) string {
	if !strings.HasPrefix(body, "#") {
		return body
	}
	for i := 0; ; {
		k := strings.Index(body[i:], `"0T:`)
		if k < 0 {
			break
		}
		i += k
		if end := stringEnd(body, i+1); end > 0 {
			literal := body[i+1 : end-1]
			src, err := jsjson.Unquote(body[i:end])
			if err != nil {
				return body[:i] + `"0P:` + unreadable + `"` + body[end:]
			}
			return body[:i] + `"` + Arg(t.remember(t.inBody(src[len("0T:"):]), literal)) + `"` + body[end:]
		}
		i++
	}
	// A script is also taken without its mark, as the first argument of run.
	const call = `#["run",["`
	if !strings.HasPrefix(body, call) {
		return body
	}
	end := stringEnd(body, len(call))
	if end == 0 || end == len(call)+1 || strings.HasPrefix(body[len(call):], "0P:") {
		return body
	}
	carried := unreadable
	if src, err := jsjson.Unquote(body[len(call)-1 : end]); err == nil {
		carried = hex.EncodeToString(t.inBody(src))
	}
	return call + "0Q:" + carried + ":" + body[len(call):]
}

// unreadable stands where a script's hex would, if the string that carries the
// script is no JSON. The oracle's puppet throws when it reads it, before it logs
// the delivery; a script that does not parse it meets only when it is to run it.
const unreadable = "!"

// inBody assembles a script that stands in a body.
func (t *Translator) inBody(src string) []byte {
	script, err := t.Script(src)
	if err != nil {
		return []byte{opTrap}
	}
	return script
}

// remember keeps what a script came from, and returns the script, made
// different from all that came from another text: op 0 does nothing.
func (t *Translator) remember(script []byte, literal string) []byte {
	if t.literals == nil {
		t.literals = map[string]string{}
	}
	for {
		h := hex.EncodeToString(script)
		have, ok := t.literals[h]
		if ok && have != literal {
			script = append(script, 0)
			continue
		}
		t.literals[h] = literal
		return script
	}
}

// Original puts the text of scripts back into s, where they stand whole in a
// form that this Translator made.
func (t *Translator) Original(s string) string {
	var b strings.Builder
	for {
		i := strings.Index(s, `"0`)
		if i < 0 || len(s)-i < 4 {
			b.WriteString(s)
			return b.String()
		}
		b.WriteString(s[:i+1])
		s = s[i+1:]
		digits := 0
		if s[2] == ':' && (s[1] == 'P' || s[1] == 'Q') {
			for digits < len(s)-3 && strings.IndexByte("0123456789abcdef", s[3+digits]) >= 0 {
				digits++
			}
		}
		rest := s[min(len(s), 3+digits):]
		if s[1] == 'Q' && s[2] == ':' && strings.HasPrefix(rest, ":") {
			s = rest[1:]
		} else if literal, ok := t.literals[s[min(3, len(s)):min(len(s), 3+digits)]]; ok && s[1] == 'P' && s[2] == ':' && strings.HasPrefix(rest, `"`) {
			b.WriteString(literal)
			s = rest
		}
	}
}

// Normal returns a body as logs and dumps show it: strings that are scripts
// read "...".
func Normal(body string) string {
	var b strings.Builder
	for {
		i := strings.Index(body, `"0`)
		if i < 0 || len(body)-i < 4 {
			b.WriteString(body)
			return b.String()
		}
		b.WriteString(body[:i])
		body = body[i:]
		end := 0
		if (body[2] == 'P' || body[2] == 'T') && body[3] == ':' {
			end = stringEnd(body, 1)
		}
		if end > 0 {
			b.WriteString(`"..."`)
			body = body[end:]
			continue
		}
		b.WriteByte('"')
		if body[2] == 'Q' && body[3] == ':' {
			n := 4
			if strings.HasPrefix(body[n:], unreadable) {
				n++
			}
			for n < len(body) && strings.IndexByte("0123456789abcdef", body[n]) >= 0 {
				n++
			}
			if n < len(body) && body[n] == ':' {
				body = body[n+1:]
				continue
			}
		}
		body = body[1:]
	}
}

// stringEnd returns where the JSON string ends whose text begins at i, after
// its closing quote, or 0 if it does not. A backslash quotes any character that does not
// end a line: that is how the oracle's regular expressions find strings.
func stringEnd(s string, i int) int {
	for i < len(s) {
		switch s[i] {
		case '"':
			return i + 1
		case '\\':
			i++
			if i >= len(s) || s[i] == '\n' || s[i] == '\r' || strings.HasPrefix(s[i:], "\u2028") || strings.HasPrefix(s[i:], "\u2029") {
				return 0
			}
		}
		i++
	}
	return 0
}
