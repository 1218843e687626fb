package crankcase

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/crankcase/crankcase/capdata"
)

// FormatValue shows a value, as capdata.Decode gives it, to people: a string as
// it is, a record with a line for each of its fields, anything else in one
// line, close to JavaScript. It is no format to be parsed.
func FormatValue(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case map[string]any:
		var b strings.Builder
		for i, name := range sortedNames(v) {
			if i > 0 {
				b.WriteByte('\n')
			}
			b.WriteString(name + ":")
			text, isText := v[name].(string)
			if !isText || !strings.Contains(text, "\n") {
				b.WriteByte(' ')
				inline(&b, v[name])
				continue
			}
			for line := range strings.Lines(text) {
				b.WriteString("\n  " + strings.TrimSuffix(line, "\n"))
			}
		}
		return b.String()
	}
	var b strings.Builder
	inline(&b, v)
	return b.String()
}

// inline shows a value in one line.
func inline(b *strings.Builder, v any) {
	switch v := v.(type) {
	case nil:
		b.WriteString("null")
	case capdata.Undefined:
		b.WriteString("undefined")
	case string:
		b.WriteString(strconv.Quote(v))
	case float64:
		b.WriteString(strconv.FormatFloat(v, 'g', -1, 64))
	case *big.Int:
		b.WriteString(v.String() + "n")
	case capdata.Symbol:
		fmt.Fprintf(b, "Symbol(%s)", string(v))
	case []any:
		b.WriteByte('[')
		for i, x := range v {
			if i > 0 {
				b.WriteString(", ")
			}
			inline(b, x)
		}
		b.WriteByte(']')
	case map[string]any:
		b.WriteByte('{')
		for i, name := range sortedNames(v) {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(name + ": ")
			inline(b, v[name])
		}
		b.WriteByte('}')
	case *capdata.Tagged:
		b.WriteString(v.Tag + "(")
		inline(b, v.Payload)
		b.WriteByte(')')
	case *capdata.Error:
		b.WriteString(v.Error())
	case capdata.Remotable[capdata.Kref]:
		b.WriteString("[" + strings.TrimSpace(v.Ref.String()+" "+v.Iface) + "]")
	case capdata.PromiseRef[capdata.Kref]:
		b.WriteString("[promise " + v.Ref.String() + "]")
	default:
		fmt.Fprint(b, v)
	}
}
